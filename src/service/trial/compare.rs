//! What came of a test, held against what it expects.

use super::{Miss, suggest, trace};
use crate::base::span::Span;
use crate::base::value::{Map, Value, plain};
use crate::diagnostic::Spot;
use crate::engine::scope::failed_steps;
use crate::lang::Loaded;
use crate::model::runbook::Runbook;
use crate::model::test::{ExpectStep, Listed, Said, StepPath, Test, Written, resolve};
use crate::runtime::trial::{Halt, Played, Spoken};
use std::fmt::Display;
use std::sync::Arc;

/// Everything that is not as expected, in the order written.
pub(super) fn misses(loaded: &Loaded, test: &Test, runbook: &Arc<Runbook>, played: &Played) -> Vec<Miss> {
    let all = Compare { loaded, test, runbook, played };
    // What was not played to its end is held against nothing: only the reason counts.
    if let Some(halt) = &played.halt {
        return all.halted(halt);
    }
    let mut misses = all.ending();
    misses.extend(all.steps());
    misses.extend(all.order());
    misses.extend(all.words());
    misses.sort_by_key(|miss| miss.spot);
    misses
}

struct Compare<'a> {
    loaded: &'a Loaded,
    test: &'a Test,
    runbook: &'a Arc<Runbook>,
    played: &'a Played,
}

pub(super) fn miss(spot: Spot, what: &str, expected: impl Display, found: impl Display) -> Miss {
    let notes = vec![("expected", expected.to_string()), ("was", found.to_string())];
    Miss { spot, message: format!("`{what}` is not as expected"), notes }
}

impl Compare<'_> {
    fn halted(&self, halt: &Halt) -> Vec<Miss> {
        let spot = self.test.spot;
        let one = |message: String, notes| vec![Miss { spot, message, notes }];
        match halt {
            Halt::NotStarted(why) => one(format!("the run could not be started: {why}"), Vec::new()),
            Halt::Waits(waits) => {
                let notes = waits.iter().map(|wait| ("waits", wait.clone())).collect();
                one("the run would wait for ever".into(), notes)
            }
            Halt::Endless(at) => one(format!("the run had come to no end {at} after its start"), Vec::new()),
            Halt::Broken(why) => one(why.clone(), Vec::new()),
            Halt::NoLevel1 => vec![super::ladder::no_level_1(spot)],
            Halt::NotGiven(asked) => {
                let of = |asked| suggest::not_given(self.loaded, self.runbook, self.test, asked);
                asked.iter().map(of).collect()
            }
        }
    }

    /// How the run as a whole ended.
    fn ending(&self) -> Vec<Miss> {
        let expect = &self.test.expect;
        let mut misses = Vec::new();
        let Some(run) = self.played.runs.first() else { return misses };
        let Some(ended) = run.run.ended() else { return misses };
        if let Some(outcome) = expect.outcome.as_ref().filter(|outcome| outcome.value != ended.outcome) {
            let found = format!("{} ({})", ended.outcome, ended.reason);
            misses.push(miss(outcome.spot, "outcome", outcome.value, found));
        }
        if let Some(level) = expect.level.as_ref().filter(|level| level.value != ended.level) {
            misses.push(miss(level.spot, "level", level.value, format!("{} ({})", ended.level, ended.reason)));
        }
        if let Some(reason) = expect.reason.as_ref().filter(|reason| !ended.reason.contains(&reason.value)) {
            misses.push(miss(reason.spot, "reason", format!("text with `{}`", reason.value), &ended.reason));
        }
        if let Some(step) = &expect.failed_step {
            let failed = failed_steps(&run.runbook, &run.run);
            let found = failed.first().map_or("no step failed", String::as_str);
            if found != step.value {
                misses.push(miss(step.spot, "failed_step", &step.value, found));
            }
        }
        for (name, want) in &expect.outputs {
            let found = ended.outputs.get(&name.value).unwrap_or(&Value::Null);
            if !is_met(want, found) {
                misses.push(miss(name.spot, &format!("outputs.{}", name.value), shown(want), shown(found)));
            }
        }
        let took = trace::took(self.played);
        if let Some(bounds) = &expect.took {
            let (least, most) = (bounds.value.at_least, bounds.value.at_most);
            if took < least || most.is_some_and(|most| took > most) {
                let show = |span: Span| if span == Span::ZERO { "0s".to_owned() } else { span.to_string() };
                let wanted = match most {
                    Some(most) if most == least => show(least),
                    Some(most) => format!("{} to {}", show(least), show(most)),
                    None => format!("at least {}", show(least)),
                };
                misses.push(miss(bounds.spot, "took", wanted, show(took)));
            }
        }
        misses
    }

    fn path(&self, step: &Written<String>) -> Option<StepPath> {
        resolve(&self.loaded.book, self.runbook, &step.value).ok().map(|(path, _)| path)
    }

    /// How single steps ended.
    fn steps(&self) -> Vec<Miss> {
        self.test.expect.steps.iter().flat_map(|step| self.step(step)).collect()
    }

    fn step(&self, want: &ExpectStep) -> Vec<Miss> {
        let (name, spot) = (&want.step.value, want.step.spot);
        let found = self.path(&want.step).and_then(|path| trace::ending(self.played, &path));
        let Some(found) = found else {
            let wanted = want.outcome.map_or("an end", |outcome| outcome.as_str());
            return vec![miss(spot, &format!("steps.{name}"), wanted, "it was never reached")];
        };
        let ended = found.ended;
        let failure = ended.failure.as_ref().map(|failure| failure.message.as_str());
        let why = failure.or(ended.reason.as_deref()).unwrap_or_default();
        let because = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let mut misses = Vec::new();
        if let Some(outcome) = want.outcome.filter(|outcome| *outcome != ended.outcome) {
            misses.push(miss(spot, &format!("steps.{name}"), outcome, format!("{}{because}", ended.outcome)));
        }
        if let Some(level) = want.level.filter(|level| *level != ended.level) {
            misses.push(miss(spot, &format!("steps.{name}.level"), level, format!("{}{because}", ended.level)));
        }
        if let Some(reason) = want.reason.as_ref().filter(|reason| !why.contains(reason.as_str())) {
            misses.push(miss(spot, &format!("steps.{name}.reason"), format!("text with `{reason}`"), why));
        }
        if let Some(attempts) = want.attempts.filter(|attempts| *attempts != found.attempts) {
            misses.push(miss(spot, &format!("steps.{name}.attempts"), attempts, found.attempts));
        }
        for (field, value) in &want.output {
            let has = found.output.get(field).unwrap_or(&Value::Null);
            if !is_met(value, has) {
                misses.push(miss(spot, &format!("steps.{name}.output.{field}"), shown(value), shown(has)));
            }
        }
        misses
    }

    /// Which steps ran.
    fn order(&self) -> Vec<Miss> {
        let Some(ran) = &self.test.expect.ran else { return Vec::new() };
        match &ran.value {
            Listed::Exactly(want) => {
                let found = self.played.runs.first().map(trace::ran).unwrap_or_default();
                let want: Vec<String> = want.iter().filter_map(|step| Some(self.path(step)?.1.to_string())).collect();
                if want == found {
                    return Vec::new();
                }
                let mut one = miss(ran.spot, "ran", list(&want), list(&found));
                one.notes.extend(difference(&want, &found));
                vec![one]
            }
            Listed::Partly { includes, never } => {
                let began =
                    |step: &Written<String>| self.path(step).is_some_and(|path| trace::did_begin(self.played, &path));
                let missing = includes.iter().filter(|step| !began(step));
                let missing = missing.map(|step| (step, "did not run, and should have"));
                let extra = never.iter().filter(|step| began(step)).map(|step| (step, "ran, and should not have"));
                let said = |(step, what): (&Written<String>, &str)| {
                    let ended = self.path(step).and_then(|path| trace::ending(self.played, &path));
                    let why = ended.map(|ending| {
                        let reason = ending.ended.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
                        ("was", format!("{}{reason}", ending.ended.outcome))
                    });
                    let message = format!("`{}` {what}", step.value);
                    Miss { spot: step.spot, message, notes: why.into_iter().collect() }
                };
                missing.chain(extra).map(said).collect()
            }
        }
    }

    /// What was said to people.
    fn words(&self) -> Vec<Miss> {
        let expect = &self.test.expect;
        let mut misses = Vec::new();
        for (what, pages, listed) in [("notified", false, &expect.notified), ("paged", true, &expect.paged)] {
            let Some(listed) = listed else { continue };
            let spoken: Vec<&Spoken> = self.played.spoken.iter().filter(|spoken| spoken.pages == pages).collect();
            let folded = folded(&spoken);
            misses.extend(messages(what, listed, &spoken, &folded));
        }
        misses
    }
}

/// The same without what was said twice in a row.
fn folded<'a>(spoken: &[&'a Spoken]) -> Vec<&'a Spoken> {
    let mut folded: Vec<&Spoken> = Vec::new();
    for one in spoken {
        let differs = |last: &&Spoken| Spoken { at: one.at, ..(**last).clone() } != **one;
        if folded.last().is_none_or(differs) {
            folded.push(one);
        }
    }
    folded
}

/// What of a list of messages is not as expected; `folded` is what a plain list is held against.
pub(super) fn messages(
    what: &str,
    listed: &Written<Listed<Said>>,
    spoken: &[&Spoken],
    folded: &[&Spoken],
) -> Vec<Miss> {
    match &listed.value {
        Listed::Exactly(want) => {
            let good =
                want.len() == folded.len() && want.iter().zip(folded).all(|(want, one)| is_said(&want.value, one));
            if good {
                return Vec::new();
            }
            let want: Vec<String> = want.iter().map(|want| wanted(&want.value)).collect();
            let found: Vec<String> = folded.iter().map(|one| said(one)).collect();
            vec![miss(listed.spot, what, list(&want), list(&found))]
        }
        Listed::Partly { includes, never } => {
            let found = || list(&spoken.iter().map(|one| said(one)).collect::<Vec<_>>());
            let is_there = |want: &Written<Said>| spoken.iter().any(|one| is_said(&want.value, one));
            let missing = includes.iter().filter(|want| !is_there(want));
            let missing = missing.map(|want| (want, "has nothing like this", "expected"));
            let extra = never.iter().filter(|want| is_there(want));
            let extra = extra.map(|want| (want, "has what it should never have", "never"));
            let told = |(want, wrong, word): (&Written<Said>, &str, &'static str)| Miss {
                spot: want.spot,
                message: format!("`{what}` {wrong}"),
                notes: vec![(word, wanted(&want.value)), ("was", found())],
            };
            missing.chain(extra).map(told).collect()
        }
    }
}

fn is_said(want: &Said, found: &Spoken) -> bool {
    let contains = |want: &Option<String>, text: Option<&str>| {
        want.as_ref().is_none_or(|want| text.is_some_and(|text| text.contains(want.as_str())))
    };
    let equals = |want: &Option<String>, text: Option<&str>| want.is_none() || want.as_deref() == text;
    want.at.is_none_or(|at| at == found.at)
        && want.channel.as_ref().is_none_or(|channel| found.channels.contains(channel))
        && want.contact.as_ref().is_none_or(|contact| found.contacts.contains(contact))
        && want
            .by
            .iter()
            .all(|way| found.channels.iter().any(|channel| channel.split(':').next() == Some(way.as_str())))
        && equals(&want.severity, found.severity.as_deref())
        && equals(&want.key, found.key.as_deref())
        && contains(&want.title, found.title.as_deref())
        && contains(&want.message, Some(&found.message))
}

fn wanted(want: &Said) -> String {
    let mut parts = Vec::new();
    parts.extend(want.at.map(|at| format!("at {at}")));
    parts.extend(want.severity.clone());
    parts.extend(want.channel.iter().chain(&want.contact).map(|to| format!("to {to}")));
    parts.extend(want.by.iter().map(|way| format!("by {way}")));
    parts.extend(want.key.as_ref().map(|key| format!("of {key}")));
    parts.extend(want.title.iter().chain(&want.message).map(|text| format!("\"{text}\"")));
    if parts.is_empty() { "anything".into() } else { parts.join(" ") }
}

fn said(found: &Spoken) -> String {
    let at = if found.at == Span::ZERO { "0s".to_owned() } else { found.at.to_string() };
    let to = match found.contacts.as_slice() {
        // A person, and the ways they were told by.
        [contact] if found.step.is_none() => format!(" to {contact} by {}", found.channels.join(", ")),
        contacts => {
            let to: Vec<&str> = found.channels.iter().chain(contacts).map(String::as_str).collect();
            if to.is_empty() { String::new() } else { format!(" to {}", to.join(", ")) }
        }
    };
    let severity = found.severity.as_ref().map_or(String::new(), |severity| format!(" {severity}"));
    let title = found.title.as_ref().map_or(String::new(), |title| format!(" \"{title}\""));
    let message = if found.step.is_none() { String::new() } else { format!(" \"{}\"", found.message.trim_end()) };
    format!("at {at}{severity}{to}{title}{message}")
}

/// Where two lists part.
fn difference(want: &[String], found: &[String]) -> Option<(&'static str, String)> {
    let at = (0..want.len().max(found.len())).find(|at| want.get(*at) != found.get(*at))?;
    Some((
        "differs",
        match (want.get(at), found.get(at)) {
            (Some(want), Some(found)) => format!("as number {}: `{found}` instead of `{want}`", at + 1),
            (Some(want), None) => format!("`{want}` did not run after that"),
            (None, Some(found)) => format!("`{found}` ran after that"),
            (None, None) => String::new(),
        },
    ))
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "nothing".into() } else { items.join(", ") }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => plain(value),
    }
}

/// Whether a value is what was wanted: of maps what is written, numbers by their value.
fn is_met(want: &Value, found: &Value) -> bool {
    match (want, found) {
        (Value::Number(want), Value::Number(found)) => want == found || want.as_f64() == found.as_f64(),
        (Value::Object(want), Value::Object(found)) => contains(want, found),
        (Value::Array(want), Value::Array(found)) => {
            want.len() == found.len() && want.iter().zip(found).all(|(want, found)| is_met(want, found))
        }
        (want, found) => want == found,
    }
}

fn contains(want: &Map<String, Value>, found: &Map<String, Value>) -> bool {
    want.iter().all(|(key, want)| is_met(want, found.get(key).unwrap_or(&Value::Null)))
}
