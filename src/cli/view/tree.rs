//! The tree: every step where it stands in the text, with how it stands in the run.

use super::fold::View;
use super::ink::{LONGEST, Line, Tone};
use super::node::Node;
use super::step_row::{PENDING, below, mark, mark_line, standing};
use super::words::{between, human, short};
use crate::api::wire::OutlineStep;
use crate::base::address::{Lane, Place};
use crate::base::ids::StepId;
use crate::diagnostic::render::Style;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The last lines of what runs, by place.
pub type Tails = BTreeMap<String, Vec<String>>;

/// Items of a `foreach` that are listed even when nothing is to be said of them.
const QUIET_ITEMS: usize = 12;

/// A line and how much it is missed when the terminal is too low: 0 = very much.
struct Row {
    line: Line,
    rank: u8,
}

/// What every part of a drawing needs.
struct Brush<'a> {
    view: &'a View,
    style: Style,
    now: Timestamp,
    tails: &'a Tails,
    rows: Vec<Row>,
}

impl View {
    /// The run as it stands, in at most `height` lines of `style.width` columns; what matters least is left out first.
    #[must_use]
    pub fn render(&self, height: usize, style: Style, now: Timestamp, tails: &Tails) -> Vec<Line> {
        let mut rows = self.rows(style, now, tails);
        for row in &mut rows {
            row.line = std::mem::take(&mut row.line).cut(style.width, style);
        }
        fit(rows, height)
    }

    /// The whole run, long lines folded, with its summary once it ended: what stays on the screen.
    #[must_use]
    pub fn page(&self, style: Style, now: Timestamp) -> Vec<Line> {
        let rows = self.rows(style, now, &Tails::new());
        let mut lines: Vec<Line> = rows.into_iter().map(|row| row.line).collect();
        lines.extend(self.summary(style));
        lines
    }

    /// The whole run without its summary.
    #[must_use]
    pub fn tree(&self, style: Style, now: Timestamp) -> Vec<Line> {
        self.rows(style, now, &Tails::new()).into_iter().map(|row| row.line).collect()
    }

    fn rows(&self, style: Style, now: Timestamp, tails: &Tails) -> Vec<Row> {
        let mut brush = Brush { view: self, style, now, tails, rows: Vec::new() };
        brush.head();
        brush.list(None, Lane::Body(1), &self.outline.steps, 0, "");
        let extra = [(Lane::OnFailure, &self.outline.on_failure), (Lane::Finally, &self.outline.finally)];
        for (lane, steps) in extra {
            let begun = self.lanes.get(&None).is_some_and(|lanes| lanes.contains(&lane));
            if begun || (lane == Lane::Finally && !steps.is_empty() && self.ended.is_none()) {
                let word = if lane == Lane::Finally { "finally" } else { "on failure" };
                brush.rows.push(Row { line: Line::new(word, Tone::Dim), rank: 3 });
                brush.list(None, lane, steps, 0, "");
            }
        }
        brush.rows
    }
}

impl Brush<'_> {
    fn head(&mut self) {
        let view = self.view;
        let mut line = Line::new(&view.outline.runbook, Tone::Strong);
        if view.outline.title != view.outline.runbook {
            line = line.and("  ", Tone::Plain).and(&view.outline.title, Tone::Plain);
        }
        if !view.run.is_empty() {
            line = line.and(&format!("  run {}", short(&view.run)), Tone::Dim);
        }
        if let Some(run) = &view.repeats {
            line = line.and(&format!(", again what failed in {}", short(run)), Tone::Dim);
        }
        if view.dry {
            line = line.and("  dry run: nothing is changed", Tone::Notice);
        }
        if let (Some(started), None) = (view.started, &view.ended) {
            line = line.and(&format!("  {}", human(between(started, self.now))), Tone::Busy);
        }
        self.push(line, 0, 0);
        if let Some(queued) = &view.queued {
            let holders: Vec<&str> = queued.holders.iter().map(|run| short(run)).collect();
            let since = human(between(queued.since, self.now));
            let held = if holders.is_empty() { String::new() } else { format!(", held by run {}", holders.join(", ")) };
            self.push(Line::new(&format!("waits for group {}{held}, for {since}", queued.group), Tone::Notice), 0, 0);
        }
        if let (Some((actor, reason)), None) = (&view.cancel, &view.ended) {
            self.push(Line::new(&format!("being cancelled by {actor}: {reason}"), Tone::Warning), 0, 0);
        }
        if view.timed_out {
            self.push(Line::new("the run passed its timeout", Tone::Bad), 0, 0);
        }
    }

    /// Adds a line, folded where the terminal ends.
    fn push(&mut self, line: Line, indent: usize, rank: u8) {
        let folded = line.bounded(LONGEST, self.style).fold(self.style.width, indent);
        self.rows.extend(folded.into_iter().map(|line| Row { line, rank }));
    }

    /// The steps of one list, in the order written.
    fn list(&mut self, parent: Option<&Place>, lane: Lane, steps: &[OutlineStep], depth: usize, word: &str) {
        for step in steps {
            let Ok(id) = StepId::parse(&step.id) else { continue };
            self.step(step, &Place::within(parent, lane, id), depth, word);
        }
    }

    fn step(&mut self, step: &OutlineStep, place: &Place, depth: usize, word: &str) {
        let view = self.view;
        let node = view.nodes.get(place);
        let indent = depth * 2;
        let sign = node.map_or(PENDING, |node| mark(node, self.now));
        let tone = if node.is_some() { Tone::Plain } else { Tone::Dim };
        let mut head = Line::new(&" ".repeat(indent), Tone::Plain).join(mark_line(sign, self.style));
        if !word.is_empty() {
            head = head.and(&format!("{word}: "), Tone::Dim);
        }
        head = head.and(&step.title, tone);
        let Some(node) = node else {
            // A run that ended has nothing to come: what has no event was never to run.
            if view.ended.is_none() {
                self.push(head, indent + 4, 4);
            }
            return;
        };
        let rank = rank(node);
        self.headed(head, standing(step, node, self.now), indent, rank);
        let inner = indent + self.sign_width();
        for line in below(step, node, self.style) {
            self.push(Line::new(&" ".repeat(inner), Tone::Plain).join(line), inner + 2, rank + 1);
        }
        self.tail(place, inner);
        if step.foreach && node.items.is_some() {
            self.items(step, place, node, depth + 1);
        } else {
            self.inside(step, place, depth + 1);
        }
    }

    /// A title with what stands behind it: on one line where it fits, else below.
    fn headed(&mut self, head: Line, words: Vec<Line>, indent: usize, rank: u8) {
        let mut one = head.clone();
        for word in &words {
            one = one.and("  ", Tone::Plain).join(word.clone());
        }
        if one.width() <= self.style.width {
            self.push(one, indent, rank);
            return;
        }
        let inner = indent + self.sign_width();
        self.push(head, inner, rank);
        let mut rest = Line::new(&" ".repeat(inner), Tone::Plain);
        for (number, word) in words.into_iter().enumerate() {
            rest = rest.and(if number > 0 { "  " } else { "" }, Tone::Plain).join(word);
        }
        self.push(rest, inner, rank);
    }

    fn sign_width(&self) -> usize {
        if self.style.unicode { 2 } else { 5 }
    }

    fn tail(&mut self, place: &Place, indent: usize) {
        let bar = if self.style.unicode { "│ " } else { "| " };
        for line in self.tails.get(&place.to_string()).into_iter().flatten() {
            let line = Line::new(&" ".repeat(indent), Tone::Plain).and(bar, Tone::Dim).and(line, Tone::Dim);
            self.rows.push(Row { line: line.cut(self.style.width, self.style), rank: 2 });
        }
    }

    /// The lists inside a step that anything happened in; of those that are run again, the last pass.
    fn inside(&mut self, step: &OutlineStep, place: &Place, depth: usize) {
        let view = self.view;
        let lanes: Vec<Lane> = view.lanes.get(&Some(place.clone())).into_iter().flatten().copied().collect();
        let last = |wanted: fn(&Lane) -> bool| lanes.iter().copied().rfind(wanted);
        match last(|lane| matches!(lane, Lane::Body(_))) {
            Some(lane) => self.list(Some(place), lane, &step.body, depth, ""),
            None if view.ended.is_none() && view.nodes.get(place).is_some_and(|node| node.end().is_none()) => {
                self.list(Some(place), Lane::Body(1), &step.body, depth, "");
            }
            None => {}
        }
        if let Some(lane) = last(|lane| matches!(lane, Lane::Until(_))) {
            self.list(Some(place), lane, &step.until, depth, "probe");
        }
        for lane in &lanes {
            if let Lane::Try(number) = lane {
                let at = usize::try_from(*number).unwrap_or_default().saturating_sub(1);
                let tried = step.tries.get(at..=at).unwrap_or_default();
                self.list(Some(place), *lane, tried, depth, "remedy");
            }
        }
        if let Some(lane @ Lane::Round(number)) = last(|lane| matches!(lane, Lane::Round(_))) {
            self.list(Some(place), lane, &step.round, depth, &format!("round {number}"));
        }
        let named = [
            (Lane::Recover, &step.recover, "recover"),
            (Lane::OnError, &step.on_error, "on error"),
            (Lane::Undo, &step.undo, "undo"),
        ];
        for (lane, steps, word) in named {
            if lanes.contains(&lane) {
                self.list(Some(place), lane, steps, depth, word);
            }
        }
    }

    /// The items of a `foreach`: those under way and those that went wrong; the others where there are few.
    fn items(&mut self, step: &OutlineStep, place: &Place, node: &Node, depth: usize) {
        let items = node.items.as_deref().unwrap_or_default();
        let (indent, mut good, mut rest) = (" ".repeat(depth * 2), 0usize, 0usize);
        for (number, name) in items.iter().enumerate() {
            let here = place.item(u32::try_from(number).unwrap_or(u32::MAX));
            let found = self.view.nodes.get(&here);
            let quiet = found.is_none_or(|node| node.end().is_some_and(|end| end.level == "ok"));
            if quiet && items.len() > QUIET_ITEMS {
                if found.is_some() {
                    good += 1;
                } else {
                    rest += 1;
                }
                continue;
            }
            let sign = found.map_or(PENDING, |node| mark(node, self.now));
            let head = Line::new(&indent, Tone::Plain).join(mark_line(sign, self.style)).and(name, Tone::Plain);
            let rank = found.map_or(4, rank);
            self.headed(head, found.map(|node| standing(step, node, self.now)).unwrap_or_default(), depth * 2, rank);
            let inner = depth * 2 + self.sign_width();
            for line in found.map(|node| below(step, node, self.style)).unwrap_or_default() {
                self.push(Line::new(&" ".repeat(inner), Tone::Plain).join(line), inner + 2, rank + 1);
            }
            self.tail(&here, inner);
            if found.is_some() {
                self.inside(step, &here, depth + 1);
            }
        }
        let said: Vec<String> = [(good, "good"), (rest, "to come")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        if !said.is_empty() {
            self.push(Line::new(&format!("{indent}{}", said.join(", ")), Tone::Dim), depth * 2, 2);
        }
    }
}

/// How much a step is missed: under way and wrong ones most, good ones least.
fn rank(node: &Node) -> u8 {
    match node.end() {
        None => 0,
        Some(_) if node.is_bad() => 1,
        Some(_) if node.is_lifted() => 2,
        Some(_) => 5,
    }
}

/// At most `height` lines: the least missed go first, of those the earliest.
fn fit(rows: Vec<Row>, height: usize) -> Vec<Line> {
    if rows.len() <= height {
        return rows.into_iter().map(|row| row.line).collect();
    }
    let room = height.saturating_sub(1);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // What is to come is wanted from the top, what is done from the bottom.
    order.sort_by_key(|at| match rows[*at].rank {
        4 => (4, *at),
        rank if rank >= 5 => (rank, rows.len() - at),
        rank => (rank, *at),
    });
    let mut kept: Vec<usize> = order.into_iter().take(room).collect();
    kept.sort_unstable();
    let hidden = rows.len() - kept.len();
    let mut rows: Vec<Option<Line>> = rows.into_iter().map(|row| Some(row.line)).collect();
    let mut lines: Vec<Line> = kept.iter().filter_map(|at| rows[*at].take()).collect();
    lines.push(Line::new(&format!("{hidden} more lines; all of them at the end"), Tone::Dim));
    lines.truncate(height);
    lines
}
