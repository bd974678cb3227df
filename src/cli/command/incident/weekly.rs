//! What weeks held of incidents on the screen: a line for each week, and all of them in full.

use crate::api::wire::{IncidentFigures, IncidentStatistics, Lengths};
use crate::cli::table::{Cell, table};
use crate::cli::view::Tone;
use crate::diagnostic::render::Style;
use crate::escalation::text::length;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The figures as text.
pub(super) fn page(statistics: &IncidentStatistics, style: Style) -> String {
    let head = [
        "week",
        "opened",
        "open",
        "recurred",
        "to ack",
        "p90",
        "to resolve",
        "p90",
        "pages",
        "off hours",
        "at night",
        "breaches",
    ];
    let mut cells = vec![head.map(|word| Cell::new(word, Tone::Dim)).to_vec()];
    cells.extend(statistics.weeks.iter().map(|week| line(&week.week, &week.figures)));
    cells.push(line("all", &statistics.total));
    let mut text = table(&cells, style);
    let _ = writeln!(
        text,
        "an incident counts in the week it was opened in, by the clocks of {}; times: half of them, nine of ten were not longer",
        statistics.zone
    );
    if let Some(since) = statistics.only_since {
        let _ = writeln!(text, "there are more than are counted: those opened before {since:.0} are left out");
    }
    if statistics.unread > 0 {
        let _ = writeln!(text, "{} can't be read and do not count: `stepladder doctor` says more", statistics.unread);
    }
    let total = &statistics.total;
    if total.opened > 0 {
        in_full(&mut text, total, style);
    }
    text
}

fn line(week: &str, figures: &IncidentFigures) -> Vec<Cell> {
    let bad = |count: u64, tone: Tone| Cell::new(&shown(count), if count > 0 { tone } else { Tone::Dim });
    let plain = |text: &str| Cell::new(text, Tone::Plain);
    let times = |times: &Option<Lengths>| {
        let both = times.as_ref().map(|times| [times.median_seconds, times.p90_seconds]);
        both.map_or(["-".to_owned(), "-".to_owned()], |both| both.map(span))
    };
    let ([ack, ack90], [end, end90]) = (times(&figures.to_acknowledge), times(&figures.to_resolve));
    vec![
        plain(week),
        plain(&shown(figures.opened)),
        bad(figures.open, Tone::Bad),
        bad(figures.recurred, Tone::Warning),
        plain(&ack),
        plain(&ack90),
        plain(&end),
        plain(&end90),
        plain(&shown(figures.pages)),
        bad(figures.out_of_hours, Tone::Warning),
        bad(figures.at_night, Tone::Warning),
        bad(figures.breaches.values().sum(), Tone::Bad),
    ]
}

fn shown(count: u64) -> String {
    if count == 0 { "-".to_owned() } else { count.to_string() }
}

fn span(seconds: i64) -> String {
    length(SignedDuration::from_secs(seconds))
}

/// All weeks together.
fn in_full(text: &mut String, total: &IncidentFigures, style: Style) {
    text.push('\n');
    let mut fact = |name: &str, what: String| {
        if !what.is_empty() {
            let _ = writeln!(text, "{name:<12} {what}");
        }
    };
    fact("severity", counts(&total.by_severity));
    fact("type", counts(&total.by_type));
    fact("ended", counts(&total.ended));
    fact("breaches", counts(&total.breaches));
    let ladder = [("late", total.late), ("nobody there", total.gaps), ("ladder ended", total.exhausted)];
    let ladder: BTreeMap<String, u64> =
        ladder.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| (word.to_owned(), count)).collect();
    fact("levels", counts(&ladder));
    for (channel, fates) in &total.messages {
        fact(&format!("by {channel}"), counts(fates));
    }
    let mut section = |head: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let mut cells = vec![head.iter().map(|word| Cell::new(word, Tone::Dim)).collect::<Vec<_>>()];
            cells.extend(rows.iter().map(|row| row.iter().map(|text| Cell::new(text, Tone::Plain)).collect()));
            let _ = write!(text, "\n{}", table(&cells, style));
        }
    };
    let people = total.people.iter().map(|one| {
        let counts = [one.pages, one.failed, one.out_of_hours, one.at_night, one.taken].map(shown);
        std::iter::once(one.who.clone()).chain(counts).collect()
    });
    section(&["who", "pages", "failed", "off hours", "at night", "taken"], people.collect());
    let noisiest = total.noisiest.iter().map(|one| {
        let counts = [one.incidents, one.told, one.pages].map(shown);
        [one.source.clone(), one.name.clone()].into_iter().chain(counts).collect()
    });
    section(&["told of by", "name", "incidents", "times", "pages"], noisiest.collect());
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
