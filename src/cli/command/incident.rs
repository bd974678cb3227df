//! `incidents`, `incident`, `ack`: trouble that people are told of.

mod weekly;

use crate::api::wire::{ActRequest, IncidentDetail, IncidentRow, OpenRequest, PageRow, ReportFormat};
use crate::base::span::Span;
use crate::cli::args::{Ack, Incident, IncidentWhat, Incidents};
use crate::cli::command::next::clock_time;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, ago, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Lists incidents.
pub async fn list(args: &Incidents, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    if args.weekly {
        let statistics = door.statistics(args.weeks).await?;
        if args.json {
            json(&statistics)?;
        } else {
            output::data(&weekly::page(&statistics, settings.out))?;
        }
        return Ok(Exit::Fine);
    }
    let rows = door.incidents(args.all, args.limit.max(1)).await?;
    if args.json {
        rows.iter().try_for_each(json)?;
    } else if rows.is_empty() {
        let hint = if args.all { "there never was an incident" } else { "nothing is wrong: no incident is open" };
        output::aside(hint);
    } else {
        let head = ["severity", "status", "level", "opened", "title", "id"].map(|word| Cell::new(word, Tone::Dim));
        let mut cells = vec![head.to_vec()];
        cells.extend(rows.iter().map(|row| line(row, clock::now())));
        output::data(&table(&cells, settings.out))?;
    }
    Ok(Exit::Fine)
}

fn line(row: &IncidentRow, now: Timestamp) -> Vec<Cell> {
    let tone = match row.status.as_str() {
        "triggered" => Tone::Bad,
        "acknowledged" | "snoozed" | "muted" => Tone::Warning,
        _ => Tone::Dim,
    };
    let status = match &row.taken_by {
        Some(by) if row.status == "acknowledged" => format!("taken by {by}"),
        Some(_) | None => row.status.clone(),
    };
    let level = match &row.level_name {
        Some(name) => format!("{} {name}", row.level),
        None => row.level.to_string(),
    };
    let count = if row.count > 1 { format!(" ({} times)", row.count) } else { String::new() };
    vec![
        Cell::new(&row.severity, tone),
        Cell::new(&status, tone),
        Cell::new(&level, Tone::Plain),
        Cell::new(&ago(row.opened, now), Tone::Dim),
        Cell::new(&format!("{}{count}", row.title), Tone::Plain),
        Cell::new(short(&row.incident), Tone::Dim),
    ]
}

/// Takes an incident.
pub async fn ack(args: &Ack, settings: &Settings) -> Result<Exit, Trouble> {
    let asked = ActRequest { reason: args.note.clone(), who: args.who.clone(), ..ActRequest::default() };
    let whose = args.who.as_ref().map_or_else(|| "is yours".to_owned(), |who| format!("is {who}'s"));
    act(settings, &args.which.incident, "ack", asked, &whose).await
}

/// Does what is to be done about one.
pub async fn run(args: &Incident, settings: &Settings) -> Result<Exit, Trouble> {
    let plain = ActRequest::default;
    match &args.what {
        IncidentWhat::Show { which, json } => show(&which.incident, *json, settings).await,
        IncidentWhat::Report { which, html, json } => {
            let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
            let format = match (html, json) {
                (true, _) => ReportFormat::Html,
                (false, true) => ReportFormat::Json,
                (false, false) => ReportFormat::Markdown,
            };
            output::data(&door.report(&which.incident, format).await?)?;
            Ok(Exit::Fine)
        }
        IncidentWhat::Open { title, severity, key, kind, text, labels, owner } => {
            let labels = pairs(labels)?;
            let (title, severity, key, kind) = (title.clone(), severity.clone(), key.clone(), kind.clone());
            let (text, owner) = (text.clone(), owner.clone());
            open(settings, &OpenRequest { title, text, severity, key, kind, labels, owner }).await
        }
        IncidentWhat::Unack { which, reason } => {
            let asked = ActRequest { reason: reason.clone(), ..plain() };
            act(settings, &which.incident, "unack", asked, "is nobody's again: it climbs on").await
        }
        IncidentWhat::Snooze { which, time, reason } => {
            let until = Some(in_future(time, "TIME")?);
            let asked = ActRequest { until, reason: reason.clone(), ..plain() };
            act(settings, &which.incident, "snooze", asked, &format!("is left alone for {time}")).await
        }
        IncidentWhat::Assign { which, to } => {
            let asked = ActRequest { to: Some(to.clone()), ..plain() };
            act(settings, &which.incident, "assign", asked, &format!("is for {to} now")).await
        }
        IncidentWhat::Severity { which, to, reason } => {
            let asked = ActRequest { to: Some(to.clone()), reason: reason.clone(), ..plain() };
            act(settings, &which.incident, "severity", asked, &format!("is {to} now")).await
        }
        IncidentWhat::Classify { which, to } => {
            let asked = ActRequest { to: Some(to.clone()), ..plain() };
            act(settings, &which.incident, "classify", asked, &format!("is of type {to} now")).await
        }
        IncidentWhat::Escalate { which, reason } => {
            let asked = ActRequest { reason: reason.clone(), ..plain() };
            act(settings, &which.incident, "escalate", asked, "goes to the next level").await
        }
        IncidentWhat::Note { which, text } => {
            let asked = ActRequest { reason: text.clone(), ..plain() };
            act(settings, &which.incident, "note", asked, "has your note").await
        }
        IncidentWhat::Duty { which, level, number, undo } => {
            let asked = ActRequest { level: Some(*level), number: Some(*number), undone: *undo, ..plain() };
            let how = if *undo { "to be done again" } else { "done" };
            act(settings, &which.incident, "duty", asked, &format!("has duty {level}.{number} {how}")).await
        }
        IncidentWhat::Resolve { which, reason } => {
            let asked = ActRequest { reason: reason.clone(), ..plain() };
            act(settings, &which.incident, "resolve", asked, "is over").await
        }
    }
}

async fn act(settings: &Settings, incident: &str, verb: &str, asked: ActRequest, done: &str) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let reply = door.act(incident, verb, &asked).await;
    door.close().await;
    output::aside(&format!("incident {} {done}", short(&reply?.incident)));
    Ok(Exit::Fine)
}

async fn open(settings: &Settings, asked: &OpenRequest) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let reply = door.open_incident(asked).await;
    door.close().await;
    let reply = reply?;
    let said = if reply.opened { "incident opened" } else { "added to the open incident" };
    output::aside(&format!("{said}; `stepladder incident show {}` says how it stands", short(&reply.incident)));
    output::line(&reply.incident)?;
    Ok(Exit::Fine)
}

async fn show(incident: &str, as_json: bool, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let detail = door.incident(incident).await?;
    if as_json {
        json(&detail)?;
    } else {
        output::data(&shown(&detail, &TimeZone::system(), clock::now(), settings.out))?;
    }
    Ok(Exit::Fine)
}

/// An incident on the screen: what it is, what happened, who was told, what was tried, what is to be done.
fn shown(detail: &IncidentDetail, zone: &TimeZone, now: Timestamp, style: Style) -> String {
    let row = &detail.row;
    let mut text = format!("{} {} · {}\n", row.severity, row.title, row.status);
    let at = |at: Timestamp| {
        let local = zone.to_datetime(at);
        format!("{} {}", local.date(), clock_time(local))
    };
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    fact("incident", &row.incident);
    fact("key", &row.key);
    fact("opened", &format!("{} ({}), told of by: {}", at(row.opened), ago(row.opened, now), detail.source));
    if row.count > 1 {
        fact("told", &format!("{} times", row.count));
    }
    row.owner.iter().for_each(|owner| fact("owner", owner));
    row.kind.iter().for_each(|kind| fact("type", kind));
    if let (Some(recurs), Some(times)) = (&row.recurs, row.times) {
        fact("recurs", &format!("time {times} in a row, the one before is {}", short(recurs)));
    }
    if !detail.labels.is_empty() {
        let labels: Vec<String> = detail.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        fact("labels", &labels.join(" "));
    }
    if let Some(next) = row.next.filter(|_| row.resolved.is_none()) {
        fact("next", &format!("something is due at {}", at(next)));
    }
    if let Some(breach) = &row.next_breach {
        fact("promised", &format!("{} by {}", breach.clock, at(breach.by)));
    }
    for line in detail.text.lines() {
        let _ = writeln!(text, "  │ {line}");
    }
    section(&mut text, "Timeline", detail.timeline.iter().map(|moment| format!("{}  {}", at(moment.at), moment.text)));
    section(
        &mut text,
        "Tried",
        detail.responses.iter().map(|response| {
            let how = response.outcome.as_deref().unwrap_or("is at work");
            format!("{} {} ({}), run {}", response.runbook, how, response.part, short(&response.run))
        }),
    );
    if !detail.pages.is_empty() {
        text.push_str("\nTold\n");
        let head = ["at", "level", "who", "by", "what", "came of it"].map(|word| Cell::new(word, Tone::Dim));
        let mut cells = vec![head.to_vec()];
        cells.extend(detail.pages.iter().map(|page| page_line(page, &at(page.at))));
        text.push_str(&table(&cells, style));
    }
    section(
        &mut text,
        "Duties",
        detail.duties.iter().map(|duty| {
            let by = duty.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
            let tick = if duty.done { "x" } else { " " };
            format!("[{tick}] {}.{} {}{by}", duty.level, duty.number, duty.text)
        }),
    );
    section(
        &mut text,
        "Promises not kept",
        detail.breaches.iter().map(|breach| format!("{} by {}", breach.clock, at(breach.by))),
    );
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (index, line) in lines.enumerate() {
        if index == 0 {
            let _ = writeln!(text, "\n{title}");
        }
        let _ = writeln!(text, "  {line}");
    }
}

fn page_line(page: &PageRow, at: &str) -> Vec<Cell> {
    let tone = match page.fate.as_str() {
        "failed" => Tone::Bad,
        "accepted" | "delivered" | "read" => Tone::Good,
        _ => Tone::Dim,
    };
    let note = if page.note.is_empty() { String::new() } else { format!(": {}", page.note) };
    let level = if page.level == 0 { "all".to_owned() } else { page.level.to_string() };
    vec![
        Cell::new(at, Tone::Dim),
        Cell::new(&level, Tone::Plain),
        Cell::new(page.who.as_deref().unwrap_or("-"), Tone::Plain),
        Cell::new(&format!("{}:{}", page.channel, page.address), Tone::Plain),
        Cell::new(&page.what, Tone::Dim),
        Cell::new(&format!("{}{note}", page.fate), tone),
    ]
}

/// `name=value`, several.
pub(super) fn pairs(written: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Trouble::new(format!("`{text}` is no label")).help("write NAME=VALUE, as in component=sip")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    written.iter().map(pair).collect()
}

/// That span from now on.
pub(super) fn in_future(text: &str, what: &str) -> Result<Timestamp, Trouble> {
    let span = Span::parse(text).map_err(|reason| Trouble::new(format!("{what}: {reason}")))?;
    let at = clock::now().checked_add(jiff::SignedDuration::from(span));
    at.map_err(|_| Trouble::new(format!("{what}: `{text}` is too long")))
}

fn json(value: &impl serde::Serialize) -> Result<(), Trouble> {
    output::line(&serde_json::to_string(value).map_err(|reason| Trouble::new(reason.to_string()))?)
}
