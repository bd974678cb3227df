//! The report of an incident: Markdown for people and wikis, HTML for mail, JSON for programs, from the figures that the
//! events add up to.

use crate::api::wire::{BreachRow, DutyRow, IncidentDetail, IncidentReport, LevelNote, LevelTime, ReportLine};
use crate::escalation::event::PageFate;
use crate::escalation::report::{Duties, Report};
use crate::escalation::text::length;
use std::fmt::Write;

/// The report as Markdown.
#[must_use]
pub fn markdown(detail: &IncidentDetail, report: &Report) -> String {
    let row = &detail.row;
    let mut text = format!("# {} {}\n\n", row.severity, one_line(&row.title));
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "- **{name}**: {value}");
    };
    fact("Incident", row.incident.clone());
    fact("State", row.status.clone());
    fact("Opened", format!("{:.0}", report.opened));
    let times = if row.count == 1 { "once".to_owned() } else { format!("{} times", row.count) };
    fact("Told of by", format!("{}, {times}", detail.source));
    let span = |span: Option<jiff::SignedDuration>| span.map_or_else(|| "not yet".to_owned(), length);
    fact("Time to acknowledge", span(report.to_acknowledge));
    fact("Time to resolve", span(report.to_resolve));
    if let Some(at) = row.resolved {
        let why = row.reason.as_deref().map(one_line).filter(|why| !why.is_empty());
        fact("Ended", why.map_or_else(|| format!("{at:.0}"), |why| format!("{at:.0}, {why}")));
    }
    for (level, time) in &report.levels {
        fact(&format!("On level {level}"), length(*time));
    }
    let pages: Vec<String> = report
        .pages
        .iter()
        .map(|(fate, count)| format!("{count} {}", fate.map_or("on their way", PageFate::word)))
        .collect();
    fact("Messages", if pages.is_empty() { "none".to_owned() } else { pages.join(", ") });
    list(
        &mut text,
        "Promises not kept",
        report.breaches.iter().map(|(clock, by)| format!("{} by {by:.0}", clock.word())),
    );
    list(&mut text, "Late", report.late.iter().map(|(level, late)| format!("level {level}: {late}")));
    list(&mut text, "Nobody there", report.gaps.iter().map(|(level, why)| format!("level {level}: {why}")));
    if !detail.text.trim().is_empty() {
        let _ = write!(text, "\n## What was said\n\n```text\n{}\n```\n", detail.text.trim().replace("```", "'''"));
    }
    let tried = detail.responses.iter().map(|response| {
        let how = response.outcome.as_deref().unwrap_or("is at work");
        format!("{} ({}): {how}, run {}", response.runbook, response.part, response.run)
    });
    list(&mut text, "What was tried", tried);
    let duties = report.checklist.iter().flat_map(|level| {
        level.duties.iter().map(|(duty, done)| {
            let by = done.as_ref().map(|(by, at)| format!(" ({by}, {at:.0})")).unwrap_or_default();
            let tick = if done.is_some() { "x" } else { " " };
            format!("[{tick}] {} {}: {duty}{by}", level.level, level.name)
        })
    });
    list(&mut text, "Duties", duties);
    let moments = report.timeline.iter().map(|line| format!("{:.0} (+{}) {}", line.at, length(line.after), line.text));
    list(&mut text, "Timeline", moments.map(|line| one_line(&line)));
    text
}

/// The report for programs.
#[must_use]
pub fn told(detail: IncidentDetail, report: Report) -> IncidentReport {
    let IncidentDetail { row, text, labels, source, responses, .. } = detail;
    let seconds = |span: jiff::SignedDuration| span.as_secs();
    let note = |(level, text): (u32, String)| LevelNote { level, text };
    let pages = report.pages.into_iter();
    let pages = pages.map(|(fate, count)| (fate.map_or("ordered", PageFate::word).to_owned(), u64::from(count)));
    let breach = |(clock, by): (crate::escalation::event::Clock, _)| BreachRow { clock: clock.word().into(), by };
    let line = |line: crate::escalation::report::Line| ReportLine {
        at: line.at,
        after_seconds: seconds(line.after),
        text: line.text,
    };
    IncidentReport {
        row,
        text,
        labels,
        source,
        to_acknowledge_seconds: report.to_acknowledge.map(seconds),
        to_resolve_seconds: report.to_resolve.map(seconds),
        levels: report
            .levels
            .iter()
            .map(|(level, time)| LevelTime { level: *level, seconds: seconds(*time) })
            .collect(),
        pages: pages.collect(),
        late: report.late.into_iter().map(note).collect(),
        gaps: report.gaps.into_iter().map(note).collect(),
        breaches: report.breaches.into_iter().map(breach).collect(),
        responses,
        checklist: report.checklist.into_iter().flat_map(duties).collect(),
        timeline: report.timeline.into_iter().map(line).collect(),
    }
}

fn duties(Duties { level, duties, .. }: Duties) -> Vec<DutyRow> {
    let duty = |(number, (text, done)): (u32, (String, Option<(String, jiff::Timestamp)>))| {
        let (done, by, at) = match done {
            Some((by, at)) => (true, Some(by), Some(at)),
            None => (false, None, None),
        };
        DutyRow { level, number, text, done, by, at }
    };
    (1..).zip(duties).map(duty).collect()
}

/// The report as a page of HTML.
#[must_use]
pub fn html(detail: &IncidentDetail, report: &Report) -> String {
    let mut body = String::new();
    let (mut in_list, mut in_code) = (false, false);
    for line in markdown(detail, report).lines() {
        if line.starts_with("```") {
            body.push_str(if in_code { "</pre>\n" } else { "<pre>" });
            in_code = !in_code;
            continue;
        }
        let item = line.strip_prefix("- ").filter(|_| !in_code);
        if in_list && item.is_none() {
            body.push_str("</ul>\n");
        }
        if item.is_some() && !in_list {
            body.push_str("<ul>\n");
        }
        in_list = item.is_some();
        let _ = match (item, line.strip_prefix("# "), line.strip_prefix("## ")) {
            _ if in_code => writeln!(body, "{}", escaped(line)),
            (Some(item), ..) => writeln!(body, "<li>{}</li>", escaped(&item.replace("**", ""))),
            (None, Some(title), _) => writeln!(body, "<h1>{}</h1>", escaped(title)),
            (None, None, Some(title)) => writeln!(body, "<h2>{}</h2>", escaped(title)),
            (None, None, None) => writeln!(body, "{}", escaped(line)),
        };
    }
    if in_list {
        body.push_str("</ul>\n");
    }
    format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Incident</title>\n{body}</html>\n")
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (index, line) in lines.enumerate() {
        if index == 0 {
            let _ = write!(text, "\n## {title}\n\n");
        }
        let _ = writeln!(text, "- {line}");
    }
}

/// Without line breaks, which would end an item.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text in a page: nothing in it is markup.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
