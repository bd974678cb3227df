//! Findings for people: the line shown, the place marked, the reason and a way out.

use super::excerpt::{Excerpt, Mark};
use super::wrap::{showable, wrap};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Sources, Spot};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeCharacters, ThemeStyles};
use std::fmt;

/// How text for people is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours.
    pub color: bool,
    /// With more than ASCII (our own words and drawing; what the operator wrote is shown as it is).
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Least width that is drawn for; below it the terminal has to wrap.
const NARROW: usize = 40;
/// Least room for a label beside its mark.
const LABEL: usize = 18;

/// Every finding in the order of places, and a last line that counts them; empty where there is none.
#[must_use]
pub fn people(sources: &Sources, findings: &Diagnostics, style: Style) -> String {
    let style = Style { width: style.width.max(NARROW), ..style };
    let handler = handler(style);
    let mut text = String::new();
    for finding in findings.sorted() {
        let page = Page::new(sources, finding, style);
        // Writing to a string does not fail, and the excerpt holds every span it was made from.
        if handler.render_report(&mut text, &page).is_err() {
            text.push_str(&finding.message);
        }
        text.push('\n');
    }
    if let Some(line) = summary(findings) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning in 3 files`, with where to read on; nothing where there is no finding.
#[must_use]
pub fn summary(findings: &Diagnostics) -> Option<String> {
    let sorted = findings.sorted();
    let first = sorted.iter().min_by_key(|finding| finding.severity)?;
    let errors = sorted.iter().filter(|finding| finding.severity == Severity::Error).count();
    let mut files: Vec<_> = sorted.iter().map(|finding| finding.spot.file).collect();
    files.dedup();
    let counts: Vec<String> = [(errors, "error"), (sorted.len() - errors, "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| count(number, word))
        .collect();
    let (counts, files, code) = (counts.join(", "), count(files.len(), "file"), first.code.as_str());
    Some(format!("{counts} in {files}; `stepladder explain {code}` says more"))
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

fn handler(style: Style) -> GraphicalReportHandler {
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let characters = if style.unicode {
        characters
    } else {
        ThemeCharacters { error: "error".into(), warning: "warning".into(), underline: '~', ..characters }
    };
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_links(false)
        .with_width(style.width)
        .with_wrap_lines(false)
        .with_context_lines(0)
        .tab_width(super::excerpt::TAB)
}

/// One finding as miette reads it.
#[derive(Debug)]
struct Page {
    title: String,
    severity: Severity,
    help: Option<String>,
    excerpt: Excerpt,
    labels: Vec<LabeledSpan>,
}

impl Page {
    fn new(sources: &Sources, finding: &Diagnostic, style: Style) -> Self {
        let file = finding.spot.file;
        let (here, elsewhere): (Vec<_>, Vec<_>) = finding.notes.iter().partition(|note| note.spot.file == file);
        let texts: Vec<&str> =
            std::iter::once(finding.label.as_str()).chain(here.iter().map(|note| note.text.as_str())).collect();
        let spots: Vec<Spot> = std::iter::once(finding.spot).chain(here.iter().map(|note| note.spot)).collect();
        let gutter = 4 + spots.iter().map(|spot| sources.line_column(*spot).0.to_string().len()).max().unwrap_or(1);
        let room = style.width.saturating_sub(gutter);
        let (excerpt, marks) = Excerpt::new(sources, file, &spots, room, style.unicode);
        let labels = marks.iter().zip(texts).enumerate();
        let labels = labels.map(|(index, (mark, text))| label(mark, text, room, style.unicode, index == 0)).collect();
        let shown = |text: &str, width: usize| wrap(&showable(text, style.unicode), width);
        let notes = elsewhere.iter().map(|note| {
            let (line, column) = sources.line_column(note.spot);
            format!("see {}:{line}:{column}: {}", sources.get(note.spot.file).name, note.text)
        });
        let help: Vec<String> = finding.help.iter().cloned().chain(notes).collect();
        let title = format!("{} {}", finding.code.as_str(), finding.message);
        Self {
            title: shown(&title, style.width.saturating_sub(if style.unicode { 4 } else { 10 })),
            severity: finding.severity,
            help: (!help.is_empty()).then(|| shown(&help.join("\n"), style.width.saturating_sub(8))),
            excerpt,
            labels,
        }
    }
}

fn label(mark: &Mark, text: &str, room: usize, unicode: bool, primary: bool) -> LabeledSpan {
    let middle = mark.shown_at + mark.span.len() / 2 + 4;
    let text = wrap(&showable(text, unicode), room.saturating_sub(middle).max(LABEL));
    let span = (mark.span.start, mark.span.len());
    if primary {
        LabeledSpan::new_primary_with_span(Some(text), span)
    } else {
        LabeledSpan::new_with_span(Some(text), span)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Page {}

impl miette::Diagnostic for Page {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
