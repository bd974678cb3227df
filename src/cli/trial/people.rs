//! A line for each test; of those that did not pass, what was expected, what was, and what happened.

use super::{Session, millis, span};
use crate::base::span::Span;
use crate::cli::view::{Line as Ink, Tone};
use crate::diagnostic::render::Style;
use crate::service::trial::{Line, Miss, Tried, Verdict};
use unicode_width::UnicodeWidthStr;

/// Most lines of a timeline that are shown.
const LINES: usize = 40;

/// How everything went, as text.
#[must_use]
pub fn told(session: &Session, style: Style) -> String {
    let mut lines = Vec::new();
    let mut file = String::new();
    for tried in &session.tried {
        let Some(test) = session.tests.all().get(tried.index) else { continue };
        let name = &session.tests.loaded().sources.get(test.spot.file).name;
        if *name != file {
            file.clone_from(name);
            lines.push(Ink::new(name, Tone::Strong));
        }
        lines.push(one(tried, &test.title));
        if let Verdict::Failed { misses, timeline } = &tried.verdict {
            for miss in misses {
                lines.extend(of_miss(session, miss, style));
            }
            lines.extend(happened(timeline, style));
        }
    }
    if !lines.is_empty() {
        lines.push(Ink::default());
    }
    lines.push(summary(session));
    lines.iter().map(|line| line.text(style) + "\n").collect()
}

fn one(tried: &Tried, title: &str) -> Ink {
    let (word, tone) = match &tried.verdict {
        Verdict::Passed => ("ok", Tone::Good),
        Verdict::Failed { .. } => ("FAILED", Tone::Bad),
    };
    let line = Ink::new(&format!("  {word:<8}"), tone).and(title, Tone::Plain);
    line.and(&format!("  ({} in {})", span(tried.took), millis(tried.real)), Tone::Dim)
}

fn of_miss(session: &Session, miss: &Miss, style: Style) -> Vec<Ink> {
    let head = Ink::new(&format!("    {}: ", session.tests.place(miss.spot)), Tone::Dim).and(&miss.message, Tone::Bad);
    let mut lines = head.fold(style.width, 6);
    let wide = miss.notes.iter().map(|(word, _)| word.width()).max().unwrap_or(0);
    for (word, text) in &miss.notes {
        let line = Ink::new(&format!("      {word:<wide$}  "), Tone::Dim);
        // What is to be copied is not folded.
        let whole = line.and(text.trim_end(), if *word == "write" { Tone::Good } else { Tone::Plain });
        lines.extend(if *word == "write" { vec![whole] } else { whole.fold(style.width, 8 + wide) });
    }
    lines
}

/// What happened, oldest first; of much, the end.
fn happened(timeline: &[Line], style: Style) -> Vec<Ink> {
    if timeline.is_empty() {
        return Vec::new();
    }
    let left_out = timeline.len().saturating_sub(LINES);
    let shown = &timeline[left_out..];
    let mut lines = vec![Ink::new("    what happened", Tone::Dim)];
    if left_out > 0 {
        lines.push(Ink::new(&format!("      ({left_out} lines before these: `--json` has all)"), Tone::Dim));
    }
    let ats: Vec<String> = shown.iter().map(|line| at(line.at)).collect();
    let places = shown.iter().map(|line| line.place.width()).max().unwrap_or(0).min(40);
    let words = shown.iter().map(|line| line.word.width()).max().unwrap_or(0);
    let wide = ats.iter().map(|at| at.width()).max().unwrap_or(0);
    for (line, at) in shown.iter().zip(&ats) {
        let tone = if line.bad { Tone::Bad } else { Tone::Plain };
        let ink = Ink::new(&format!("      {at:>wide$}  "), Tone::Dim)
            .and(&format!("{:<places$}  ", line.place), Tone::Plain)
            .and(&format!("{:<words$}  ", line.word), tone)
            .and(&line.what, Tone::Dim);
        lines.push(ink.cut(style.width, style));
    }
    lines
}

fn at(at: Span) -> String {
    span(at)
}

fn summary(session: &Session) -> Ink {
    let all = session.tried.len();
    let failed = session.failed();
    let passed = all - failed;
    let took = session.tried.iter().fold(0, |sum: u64, tried| sum.saturating_add(tried.took.millis()));
    let mut line = Ink::new(&format!("{}: ", many(all, "test")), Tone::Strong)
        .and(&format!("{passed} passed"), if passed > 0 { Tone::Good } else { Tone::Plain });
    if failed > 0 {
        line = line.and(&format!(", {failed} failed"), Tone::Bad);
    }
    if session.unreadable > 0 {
        line = line.and(&format!(", {} in files of tests", many(session.unreadable, "error")), Tone::Bad);
    }
    line.and(&format!("; {} of virtual time in {}", span(Span::from_millis(took)), millis(session.real)), Tone::Dim)
}

fn many(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}
