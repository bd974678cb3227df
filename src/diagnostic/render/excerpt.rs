//! The lines of a text that a finding shows, cut to the terminal: what miette reads instead of the whole file.

use super::wrap::{is_control, stand_in};
use crate::diagnostic::{FileId, Sources, Spot};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// Columns left of a mark that are kept when a line has to be cut.
const LEAD: usize = 12;
/// How wide a tab is shown.
pub(super) const TAB: usize = 4;

/// The lines that some spots of one file lie on.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    lines: Vec<Line>,
    /// Where each mark begins in `text`, and its column in the file, from 0.
    columns: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Line {
    /// From 0, as miette counts.
    number: usize,
    /// Where it is in `Excerpt::text`, its line break included.
    at: Range<usize>,
}

/// A spot on the excerpt.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// Where it is in the excerpt's text.
    pub(super) span: Range<usize>,
    /// The column it is shown at, from 0.
    pub(super) shown_at: usize,
}

impl Excerpt {
    /// The excerpt for `spots`, all in `file`, with a mark for each; `width` is what a line may take.
    /// The line of the first spot comes first, with those next to it: it is what the finding is about.
    pub(super) fn new(
        sources: &Sources,
        file: FileId,
        spots: &[Spot],
        width: usize,
        unicode: bool,
    ) -> (Self, Vec<Mark>) {
        let source = sources.get(file);
        let places: Vec<Place> = spots.iter().map(|spot| Place::of(&source.text, *spot)).collect();
        let mut numbers: Vec<usize> = places.iter().map(|place| place.line).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let main = places.first().map_or(0, |place| place.line);
        let next_to_main =
            |number: &usize| (*number.min(&main)..=*number.max(&main)).all(|line| numbers.binary_search(&line).is_ok());
        let (near, far): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| next_to_main(number));
        let mut excerpt =
            Self { name: source.name.clone(), text: String::new(), lines: Vec::new(), columns: Vec::new() };
        let mut marks = vec![Mark { span: 0..0, shown_at: 0 }; spots.len()];
        for number in near.into_iter().chain(far) {
            let here = || places.iter().enumerate().filter(|(_, place)| place.line == number);
            let Some((_, first)) = here().min_by_key(|(_, place)| place.columns.start) else { continue };
            let from = cut(first, width);
            let start = excerpt.text.len();
            let offsets = show(&mut excerpt.text, first.text, from, width, unicode);
            for (index, place) in here() {
                let at = |column: usize| {
                    offsets.get(column.saturating_sub(from)).or(offsets.last()).copied().unwrap_or(start)
                };
                let span = at(place.columns.start)..at(place.columns.end);
                let shown_at = excerpt.text[start..span.start].chars().map(columns).sum();
                excerpt.columns.push((span.start, place.columns.start));
                marks[index] = Mark { span, shown_at };
            }
            excerpt.lines.push(Line { number, at: start..excerpt.text.len() });
        }
        (excerpt, marks)
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.iter().rposition(|line| line.at.start <= offset).unwrap_or(0)
    }
}

/// A spot as a line and columns of characters; what goes past its first line is left out.
struct Place<'a> {
    line: usize,
    text: &'a str,
    columns: Range<usize>,
}

impl<'a> Place<'a> {
    fn of(text: &'a str, spot: Spot) -> Self {
        let back = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let mut start = back(spot.start);
        // The end of the text, behind its last line break, is shown at the end of the last line that has something.
        if start == text.len() {
            start = text.trim_end().len();
        }
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let column = |at: usize| text[line_start..at.min(line_start + line.len()).max(line_start)].chars().count();
        let (first, last) = (column(start), column(back(spot.end.max(start))));
        Self { line: text[..start].matches('\n').count(), text: line, columns: first..last.max(first) }
    }
}

/// The column a line is shown from: 0 where it fits.
fn cut(place: &Place, width: usize) -> usize {
    let long: usize = place.text.chars().map(columns).sum();
    let fits = long <= width || place.columns.end + 1 < width;
    if fits { 0 } else { place.columns.start.saturating_sub(LEAD) }
}

/// Appends the line from column `from` on, cut behind `width`; returns where each shown character begins, and the end.
fn show(text: &mut String, line: &str, from: usize, width: usize, unicode: bool) -> Vec<usize> {
    let dots = if unicode { "…" } else { "..." };
    let mut offsets = Vec::new();
    let mut used = 0;
    let mut chars = line.chars().skip(from).peekable();
    if from > 0 {
        text.push_str(dots);
        used += dots.chars().count();
    }
    while let Some(c) = chars.next() {
        if used + columns(c) + dots.chars().count() > width && chars.peek().is_some() {
            offsets.push(text.len());
            text.push_str(dots);
            text.push('\n');
            return offsets;
        }
        offsets.push(text.len());
        used += columns(c);
        if is_control(c) { text.push_str(stand_in(unicode)) } else { text.push(c) }
    }
    offsets.push(text.len());
    text.push('\n');
    offsets
}

fn columns(c: char) -> usize {
    if c == '\t' { TAB } else { c.width().unwrap_or(1) }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (first, last) = (self.line_of(span.offset()), self.line_of(span.offset() + span.len()));
        let (Some(top), Some(bottom)) = (self.lines.get(first), self.lines.get(last)) else {
            return Err(MietteError::OutOfBounds);
        };
        let count = last - first;
        // Lines that are not next to one another are no one excerpt.
        if top.number + count != bottom.number {
            return Err(MietteError::OutOfBounds);
        }
        let data = &self.text.as_bytes()[top.at.start..bottom.at.end];
        let at = SourceSpan::from((top.at.start, data.len()));
        let column = self.columns.iter().find(|(start, _)| *start == span.offset()).map_or(0, |(_, column)| *column);
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, at, top.number, column, count + 1)))
    }
}
