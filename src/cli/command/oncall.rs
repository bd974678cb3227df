//! `oncall`: who is on call, until when, who is next, why, and how they are reached. From the book alone.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::cli::args::Oncall;
use crate::cli::command::next::{Day, instant};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use crate::cli::{output, shelf};
use crate::diagnostic::closest;
use crate::lang::Loaded;
use crate::model::escalation::Escalation;
use crate::model::oncall::{Duty, Nobody, Shift, Why, shifts, who};
use crate::model::reach::{Plan, PlanStep, reach};
use crate::runtime::clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::fmt::Write as _;

/// How far is looked for the end of a shift, in days: near first.
const LOOKS: [i64; 3] = [14, 90, 400];

/// One rotation now, as `oncall --json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    rotation: String,
    at: Timestamp,
    zone: String,
    #[serde(flatten)]
    duty: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Who>,
    reach: Vec<Way>,
}

/// Somebody on call, or the reason that nobody is.
#[derive(Debug, Serialize, PartialEq)]
struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nobody: Option<String>,
}

/// How a person is reached for a severity.
#[derive(Debug, Serialize)]
struct Way {
    severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_until: Option<Timestamp>,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    /// From when the person may be paged on.
    #[serde(skip)]
    wait: Span,
    after: String,
    channel: String,
    address: String,
}

/// One shift, as `oncall --days N --json` prints it.
#[derive(Debug, Serialize)]
struct ShiftRow {
    rotation: String,
    from: Timestamp,
    to: Timestamp,
    zone: String,
    #[serde(flatten)]
    duty: Who,
}

/// Shows who is on call.
pub fn run(args: &Oncall, settings: &Settings) -> Result<Exit, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let ladder = loaded.book.escalation.as_ref().ok_or_else(|| {
        Trouble::new("nobody is on call: this book has no escalation.yaml")
            .help("`docs/escalation.md` says how to begin one")
    })?;
    note_errors(&loaded);
    let zone = crate::base::zone::zone(&loaded.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let at = match &args.at {
        Some(text) => instant(text, &zone, Day::Today, "--at")?,
        None => clock::now(),
    };
    let (rotations, person) = wanted(ladder, args.name.as_deref())?;
    if let Some(days) = args.days {
        return listed(ladder, &rotations, person, (at, days), args.json, settings);
    }
    if args.json {
        for name in &rotations {
            line(&row(ladder, name, at))?;
        }
    } else {
        output::data(&table(&rows(ladder, &rotations, at), settings.out))?;
        output::data(&people(ladder, &rotations, person, at, settings, &zone))?;
    }
    let empty = person.is_none() && rotations.iter().any(|name| who(ladder, name.as_str(), at).is_err());
    Ok(if empty { Exit::Warning } else { Exit::Fine })
}

/// The ladder is shown as far as it can be read; that it is wrong is said.
fn note_errors(loaded: &Loaded) {
    let wrong = loaded.findings.files_with_errors();
    let bad = loaded.sources.iter().find(|(id, source)| source.name.ends_with("escalation.yaml") && wrong.contains(id));
    if let Some((_, source)) = bad {
        output::aside(&format!(
            "note: `{}` does not pass its checks; `stepladder check` shows what is wrong",
            source.name
        ));
    }
}

/// The rotations that are asked for; those of a person, and that person.
fn wanted<'a>(ladder: &'a Escalation, name: Option<&str>) -> Result<(Vec<&'a Name>, Option<&'a Name>), Trouble> {
    let Some(name) = name else {
        if ladder.on_call.is_empty() {
            return Err(
                Trouble::new("the ladder has no rotation").help("declare one in escalation.yaml, below `on_call:`")
            );
        }
        return Ok((ladder.on_call.keys().collect(), None));
    };
    let name = name.strip_prefix("on_call.").unwrap_or(name);
    if let Some((rotation, _)) = ladder.on_call.iter().find(|(known, _)| known.as_str() == name) {
        return Ok((vec![rotation], None));
    }
    if let Some((person, _)) = ladder.contacts.iter().find(|(known, _)| known.as_str() == name) {
        return Ok((ladder.on_call.keys().collect(), Some(person)));
    }
    let known = ladder.on_call.keys().chain(ladder.contacts.keys()).map(Name::as_str);
    let help = match closest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the ladder has {}", known.collect::<Vec<_>>().join(", ")),
    };
    Err(Trouble::new(format!("`{name}` is no rotation and no contact")).help(help))
}

/// The zone of a rotation's times.
fn zone_of(ladder: &Escalation, rotation: &Name) -> TimeZone {
    ladder.rotations.get(rotation).map_or(TimeZone::UTC, |rotation| rotation.zone.clone())
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %F %H:%M %:z").to_string()
}

fn told(ladder: &Escalation, duty: &Result<Duty, Nobody>) -> Who {
    match duty {
        Ok(duty) => Who {
            contact: Some(duty.who.to_string()),
            name: ladder.contacts.get(&duty.who).map(|contact| contact.name.clone()),
            why: Some(duty.why.word()),
            calendar: match &duty.why {
                Why::Holiday(calendar) => Some(calendar.to_string()),
                Why::Rotation | Why::Override => None,
            },
            nobody: None,
        },
        Err(nobody) => Who { contact: None, name: None, why: None, calendar: None, nobody: Some(nobody.to_string()) },
    }
}

/// Why, in words.
fn reason(duty: &Result<Duty, Nobody>) -> String {
    match duty {
        Ok(Duty { why: Why::Holiday(calendar), .. }) => format!("holiday: {calendar}"),
        Ok(duty) => duty.why.word().to_owned(),
        Err(Nobody::OutsideHours(_)) => "outside of its `hours`".into(),
        Err(Nobody::NotYet(_)) => "its `since` has not come".into(),
        Err(nobody @ (Nobody::NoRotation(_) | Nobody::NoMembers(_))) => nobody.to_string(),
    }
}

/// The shift at an instant and the one after it.
fn now_and_next(ladder: &Escalation, rotation: &Name, at: Timestamp) -> (Result<Duty, Nobody>, Option<Shift>) {
    let next = LOOKS.into_iter().find_map(|days| {
        let end = at.checked_add(SignedDuration::from_hours(days * 24)).ok()?;
        shifts(ladder, rotation.as_str(), at, end).into_iter().nth(1)
    });
    (who(ladder, rotation.as_str(), at), next)
}

fn row(ladder: &Escalation, rotation: &Name, at: Timestamp) -> Row {
    let (duty, next) = now_and_next(ladder, rotation, at);
    let ways = duty.as_ref().map(|duty| ways(ladder, &duty.who, at)).unwrap_or_default();
    Row {
        rotation: rotation.to_string(),
        at,
        zone: zone_of(ladder, rotation).iana_name().unwrap_or("UTC").to_owned(),
        duty: told(ladder, &duty),
        until: next.as_ref().map(|next| next.from),
        next: next.map(|next| told(ladder, &next.duty)),
        reach: ways,
    }
}

fn ways(ladder: &Escalation, contact: &Name, at: Timestamp) -> Vec<Way> {
    let way = |severity: &String| {
        let Plan { steps, quiet_until } = reach(ladder, contact, severity, at);
        let quiet = quiet_until.map_or(0, |until| until.as_millisecond() - at.as_millisecond());
        let quiet = u64::try_from(quiet).unwrap_or_default();
        let step = |step: PlanStep| Step {
            wait: Span::from_millis(step.after.millis().saturating_sub(quiet)),
            after: if step.after == Span::ZERO { "0s".into() } else { step.after.to_string() },
            channel: step.channel.to_string(),
            address: step.address,
        };
        Way { severity: severity.clone(), quiet_until, steps: steps.into_iter().map(step).collect() }
    };
    ladder.severities.keys().map(way).collect()
}

fn rows(ladder: &Escalation, rotations: &[&Name], at: Timestamp) -> Vec<Vec<Cell>> {
    let head = ["rotation", "on call", "until", "then", "why"].map(|word| Cell::new(word, Tone::Dim));
    let mut cells = vec![head.to_vec()];
    for name in rotations {
        let (duty, next) = now_and_next(ladder, name, at);
        let shown =
            |duty: &Result<Duty, Nobody>| duty.as_ref().map_or("nobody".to_owned(), |duty| duty.who.to_string());
        let until = next.as_ref().map_or("further notice".to_owned(), |next| local(next.from, &zone_of(ladder, name)));
        let then = next.map(|next| shown(&next.duty)).unwrap_or_default();
        let tone = if duty.is_ok() { Tone::Plain } else { Tone::Warning };
        cells.push(vec![
            Cell::new(name.as_str(), tone),
            Cell::new(&shown(&duty), tone),
            Cell::new(&until, Tone::Plain),
            Cell::new(&then, Tone::Plain),
            Cell::new(&reason(&duty), if duty.is_ok() { Tone::Dim } else { Tone::Warning }),
        ]);
    }
    cells
}

/// How those who are on call are reached, severities that are alike together.
fn people(
    ladder: &Escalation,
    rotations: &[&Name],
    person: Option<&Name>,
    at: Timestamp,
    settings: &Settings,
    zone: &TimeZone,
) -> String {
    let on_call = rotations.iter().filter_map(|name| who(ladder, name.as_str(), at).ok()).map(|duty| duty.who);
    let names: std::collections::BTreeSet<Name> = match person {
        Some(person) => [person.clone()].into(),
        None => on_call.collect(),
    };
    let mut text = String::new();
    for name in &names {
        let Some(contact) = ladder.contacts.get(name) else { continue };
        let mut alike: Vec<(String, Vec<String>)> = Vec::new();
        for way in ways(ladder, name, at) {
            let shown = shown(&way, zone);
            match alike.iter_mut().find(|(known, _)| *known == shown) {
                Some((_, severities)) => severities.push(way.severity),
                None => alike.push((shown, vec![way.severity])),
            }
        }
        let cells: Vec<Vec<Cell>> = alike
            .iter()
            .map(|(way, severities)| {
                vec![Cell::new(&format!("  {}", severities.join(", ")), Tone::Dim), Cell::new(way, Tone::Plain)]
            })
            .collect();
        let _ = write!(text, "\n{name}, {}\n{}", contact.name, table(&cells, settings.out));
    }
    text
}

/// A way in words: what goes out together, and how long after the page, or after the quiet hours.
fn shown(way: &Way, zone: &TimeZone) -> String {
    let mut parts: Vec<(Span, Vec<String>)> = Vec::new();
    for step in &way.steps {
        let by = format!("{} {}", step.channel, step.address);
        match parts.last_mut().filter(|(wait, _)| *wait == step.wait) {
            Some((_, list)) => list.push(by),
            None => parts.push((step.wait, vec![by])),
        }
    }
    let told = parts.iter().map(|(wait, list)| {
        let list = list.join(", ");
        if *wait == Span::ZERO { list } else { format!("after {wait} {list}") }
    });
    let told: Vec<String> = told.collect();
    let quiet = way.quiet_until.map(|until| format!("quiet until {}: ", local(until, zone))).unwrap_or_default();
    if told.is_empty() { "cannot be reached".into() } else { format!("{quiet}{}", told.join("; ")) }
}

/// The shifts of some days.
fn listed(
    ladder: &Escalation,
    rotations: &[&Name],
    person: Option<&Name>,
    (at, days): (Timestamp, u16),
    json: bool,
    settings: &Settings,
) -> Result<Exit, Trouble> {
    let end = at.checked_add(SignedDuration::from_hours(i64::from(days) * 24));
    let end = end.map_err(|_| Trouble::new("--days: that is after the end of time").help("ask for fewer days"))?;
    let theirs =
        |duty: &Result<Duty, Nobody>| person.is_none_or(|person| duty.as_ref().is_ok_and(|duty| duty.who == *person));
    let mut cells = Vec::new();
    for name in rotations {
        let zone = zone_of(ladder, name);
        let all = shifts(ladder, name.as_str(), at, end);
        for shift in all.into_iter().filter(|shift| theirs(&shift.duty)) {
            if json {
                line(&ShiftRow {
                    rotation: name.to_string(),
                    from: shift.from,
                    to: shift.to,
                    zone: zone.iana_name().unwrap_or("UTC").to_owned(),
                    duty: told(ladder, &shift.duty),
                })?;
                continue;
            }
            let tone = if shift.duty.is_ok() { Tone::Plain } else { Tone::Warning };
            let who = shift.duty.as_ref().map_or("nobody".to_owned(), |duty| duty.who.to_string());
            cells.push(vec![
                Cell::new(name.as_str(), Tone::Dim),
                Cell::new(&local(shift.from, &zone), tone),
                Cell::new(&local(shift.to, &zone), tone),
                Cell::new(&who, tone),
                Cell::new(&reason(&shift.duty), Tone::Dim),
            ]);
        }
    }
    if !json && cells.is_empty() {
        output::aside("no shift in that time");
    } else if !json {
        output::data(&table(&cells, settings.out))?;
    }
    Ok(Exit::Fine)
}

fn line(row: &impl Serialize) -> Result<(), Trouble> {
    output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)
}
