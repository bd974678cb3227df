//! What came of a test of the ladder, held against what it expects; and what happened, line by line.

use super::compare::{messages, miss};
use super::{Line, Miss};
use crate::base::span::Span;
use crate::diagnostic::Spot;
use crate::escalation::event::{Event, PageFate, Recorded};
use crate::escalation::rehearsal::{Stop, between, levels};
use crate::escalation::report;
use crate::escalation::state::Status;
use crate::model::test::Test;
use crate::runtime::trial::{Climbed, Spoken};

/// Everything that is not as expected, in the order written.
pub(super) fn misses(test: &Test, climbed: &Climbed) -> Vec<Miss> {
    let (expect, incident) = (&test.expect, &climbed.rehearsed.incident);
    let mut misses = Vec::new();
    for (what, pages, listed) in [("notified", false, &expect.notified), ("paged", true, &expect.paged)] {
        let Some(listed) = listed else { continue };
        let (all, folded) = (climbed.spoken(pages, false), climbed.spoken(pages, true));
        let (all, folded): (Vec<&Spoken>, Vec<&Spoken>) = (all.iter().collect(), folded.iter().collect());
        misses.extend(messages(what, listed, &all, &folded));
    }
    let entered = levels(&climbed.rehearsed.events);
    for (level, want) in &expect.incident.levels {
        let found = entered.get(&level.value);
        if found != want.as_ref() {
            let shown = |at: Option<&Span>| at.map_or_else(|| "never".to_owned(), |at| moment(*at));
            misses.push(miss(level.spot, &format!("levels.{}", level.value), shown(want.as_ref()), shown(found)));
        }
    }
    if let Some(status) = &expect.incident.status {
        let found = incident.status();
        if found.word() != status.value {
            let why = match (found, climbed.rehearsed.stop) {
                (Status::Triggered, Stop::Unanswered) => " (nobody answered, to the end of the ladder)",
                _ => "",
            };
            misses.push(miss(status.spot, "status", &status.value, format!("{}{why}", found.word())));
        }
    }
    if let Some(breached) = &expect.incident.breached {
        let found: Vec<&str> = incident.breaches.iter().map(|(clock, ..)| clock.word()).collect();
        if breached.value != found {
            let list = |words: &[&str]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
            let want: Vec<&str> = breached.value.iter().map(String::as_str).collect();
            misses.push(miss(breached.spot, "breached", list(&want), list(&found)));
        }
    }
    // What a person of the test did and the incident refused makes the rest of it mean something else.
    for (at, why) in &climbed.rehearsed.refused {
        let message = format!("somebody was refused {} after the opening: {why}", moment(between(climbed.began, *at)));
        misses.push(Miss { spot: test.spot, message, notes: Vec::new() });
    }
    misses.sort_by_key(|miss| miss.spot);
    misses
}

/// That the test does not say what level 1 comes to.
pub(super) fn no_level_1(spot: Spot) -> Miss {
    let message = "the ladder has a level that runs something, and the test does not say what that comes to".to_owned();
    Miss { spot, message, notes: vec![("write", "given: { level_1: { fails: 2m } }, or ok: 2m, or hangs".to_owned())] }
}

/// How long it took, in virtual time.
pub(super) fn took(climbed: &Climbed) -> Span {
    climbed.rehearsed.events.last().map_or(Span::ZERO, |last| between(climbed.began, last.at))
}

/// Everything that happened, oldest first.
pub(super) fn timeline(climbed: &Climbed) -> Vec<Line> {
    let events = &climbed.rehearsed.events;
    // Whom a round is for and that a provider has a page is said by the pages.
    let tells = |recorded: &&Recorded| {
        !matches!(recorded.event, Event::Round { .. } | Event::Settled { fate: PageFate::Accepted, .. })
    };
    let line = |recorded: &Recorded| {
        let at = between(climbed.began, recorded.at);
        Line { at, place: String::new(), word: report::line(recorded), what: String::new(), bad: false }
    };
    events.iter().filter(tells).map(line).collect()
}

fn moment(at: Span) -> String {
    if at == Span::ZERO { "0s".to_owned() } else { at.to_string() }
}
