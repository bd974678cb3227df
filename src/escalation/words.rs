//! The words of a page: what a person reads at 3 am, before any channel has given it its form.

use crate::base::level::{Level, Outcome};
use crate::base::limits::MAX_PAGE;
use crate::escalation::event::{Page, Part, What};
use crate::escalation::ladder::Ladder;
use crate::escalation::state::Incident;
use crate::escalation::text::{between, cut, first_line};
use crate::model::escalation::Escalation;
use crate::model::message::{Action, Message, Verb};
use jiff::Timestamp;
use std::fmt::Write;

/// Lines of what a run left behind that a message carries.
const LINES: usize = 12;

/// Where a message leads, and what its buttons send back.
pub struct Links<'a> {
    /// The page of the incident; `None` where the daemon has no public address.
    pub incident: Option<String>,
    /// For a verb and the version of the incident that the message shows: what a button or a reply sends back, signed by
    /// the daemon, and a link that shows it and asks once more. `None` = the message has no such button.
    pub act: &'a dyn Fn(Verb, u64) -> Option<(String, Option<String>)>,
}

/// The message of a page, as the incident is now.
#[must_use]
pub fn words(policy: &Escalation, incident: &Incident, page: &Page, links: &Links<'_>) -> Message {
    let ladder = Ladder { policy, incident };
    let Some((opened_at, opened)) = &incident.opened else { return nothing(page) };
    let trouble = &opened.trouble;
    let ordered = incident.pages.get(&page.number);
    let version = ordered.map_or(incident.version, |ordered| ordered.version);
    let happened = match (page.what, &incident.ending) {
        (What::End, Some(ending)) => ending.at,
        _ => *opened_at,
    };
    let severity = policy.severities.get(&incident.severity).map_or(String::new(), |known| known.title.clone());
    let component = trouble.labels.get("component").cloned().unwrap_or_else(|| "Unknown".to_owned());
    let mut fields = vec![
        ("Severity".to_owned(), format!("{} {severity}", incident.severity).trim_end().to_owned()),
        ("Component".to_owned(), component),
        ("Timestamp".to_owned(), happened.to_string()),
        ("Incident".to_owned(), opened.id.to_string()),
        ("State".to_owned(), state(incident)),
    ];
    if let Some(level) = ladder.level(incident.level) {
        fields.push(("Level".to_owned(), format!("{} {}", incident.level, level.name)));
    }
    let verbs: &[(Verb, &str)] = match page.what {
        What::Call | What::Reminder | What::CatchAll => {
            &[(Verb::Acknowledge, "Acknowledge"), (Verb::Escalate, "Escalate"), (Verb::Resolve, "Resolve")]
        }
        What::Opening | What::Climb => &[(Verb::Acknowledge, "Acknowledge")],
        What::Taken | What::End => &[],
    };
    let open = incident.ending.is_none();
    let actions = verbs.iter().filter(|_| open).filter_map(|(verb, label)| {
        let (token, link) = (links.act)(*verb, version)?;
        Some(Action { verb: *verb, label: (*label).to_owned(), link, token })
    });
    Message {
        key: format!("{}/{}", opened.id, page.number),
        thread: Some(opened.id.to_string()),
        severity: Some(incident.severity.clone()),
        level: colour(policy, incident, page.what),
        title: trouble.title.clone(),
        text: cut(text(ladder, page, ordered.map_or(*opened_at, |ordered| ordered.at)), MAX_PAGE),
        fields,
        at: happened,
        link: links.incident.clone().or_else(|| trouble.link.clone()),
        actions: actions.collect(),
        perhaps_again: false,
    }
}

/// A page of an incident that was never opened: there is none, and it says so rather than nothing.
fn nothing(page: &Page) -> Message {
    Message {
        key: format!("{}", page.number),
        thread: None,
        severity: None,
        level: Level::Critical,
        title: "An incident without a beginning".to_owned(),
        text: String::new(),
        fields: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        link: None,
        actions: Vec::new(),
        perhaps_again: false,
    }
}

/// How bad it looks: the two worst severities red, the third yellow, the rest and what is over green.
fn colour(policy: &Escalation, incident: &Incident, what: What) -> Level {
    let rank = policy.severities.keys().position(|known| *known == incident.severity);
    match (what, rank) {
        (What::End, _) => Level::Ok,
        (_, Some(0 | 1) | None) => Level::Critical,
        (_, Some(2)) => Level::Warning,
        (_, Some(_)) => Level::Notice,
    }
}

/// Where it stands, in a line.
fn state(incident: &Incident) -> String {
    if let Some(ending) = &incident.ending {
        return format!("resolved by {} ({})", ending.actor.id, ending.how.word());
    }
    if let Some(snooze) = &incident.snooze {
        return format!("left alone until {} ({})", snooze.until, snooze.actor.id);
    }
    if let Some(ack) = &incident.ack {
        return format!("taken by {}", ack.who.as_ref().map_or(ack.actor.id.as_str(), |who| who.as_str()));
    }
    format!("{}, told of {}", incident.status().word(), times(incident.count))
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The text: why it comes, what is wrong, what was tried, what there is to do.
fn text(ladder: Ladder<'_>, page: &Page, at: Timestamp) -> String {
    let incident = ladder.incident;
    let Some((opened_at, opened)) = &incident.opened else { return String::new() };
    let mut text = String::new();
    let age = between(*opened_at, at);
    let line = match page.what {
        What::Call => "Somebody has to answer.".to_owned(),
        What::Reminder => format!("Still unanswered after {age}."),
        What::CatchAll => format!("Nobody has answered for {age}, and the ladder ends here."),
        What::Opening => "For information: this is open.".to_owned(),
        What::Climb => {
            format!("For information: nobody has answered for {age}; it has reached level {}.", incident.level)
        }
        What::Taken => "For information: somebody has taken it.".to_owned(),
        What::End => match &incident.ending {
            Some(ending) => {
                format!("For information: it is over after {}. {}", between(*opened_at, ending.at), ending.reason)
            }
            None => "For information: it is over.".to_owned(),
        },
    };
    let _ = writeln!(text, "{line}");
    if let Some((before, number)) = opened.recurs {
        let _ = writeln!(text, "It is back: time {number} with this key, after incident {before}.");
    }
    if let Some((silence, since)) = incident.muted_before.as_ref().filter(|_| incident.ending.is_none()) {
        let _ = writeln!(text, "It had been muted by {silence}; that ended at {since}.");
    }
    let described = incident.text.as_ref().unwrap_or(&opened.trouble.text);
    if !described.trim().is_empty() {
        let _ = writeln!(text, "\n{}", described.trim_end());
    }
    tried(&mut text, incident);
    if page.is_a_call() && incident.ending.is_none() {
        checklist(&mut text, ladder, page.level);
        let _ = writeln!(text, "\nTo take it: a button, a link or a reply, or `stepladder ack {}`.", opened.id);
    }
    text.truncate(text.trim_end().len());
    text
}

/// What runbooks have done about it, with what they left behind.
fn tried(text: &mut String, incident: &Incident) {
    if incident.responses.is_empty() && incident.passed.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nWhat was tried:");
    for known in &incident.responses {
        let how = match (&known.ended, &known.stopping) {
            (Some(ended), _) => format!(
                "{} after {}",
                ended.outcome.map_or("could not start", Outcome::as_str),
                between(known.at, ended.at)
            ),
            (None, Some(reason)) => format!("is being cancelled: {reason}"),
            (None, None) => "is still going on".to_owned(),
        };
        let part = if known.part == Part::Gather { "gathers" } else { "mends" };
        let _ = writeln!(text, "- {} ({part}, run {}) {how}", known.runbook, known.run);
        let said = known.ended.iter().flat_map(|ended| ended.text.lines()).filter(|line| !line.trim().is_empty());
        for line in said.take(LINES) {
            let _ = writeln!(text, "    {line}");
        }
    }
    for passed in &incident.passed {
        let _ = writeln!(text, "- {} was left out: {}", passed.runbook, first_line(&passed.reason));
    }
}

/// The duties of a level, with what is done of them.
fn checklist(text: &mut String, ladder: Ladder<'_>, number: u32) {
    let Some(level) = ladder.level(number).filter(|level| !level.duties.is_empty()) else { return };
    let _ = writeln!(text, "\nTo do at level {number} ({}):", level.name);
    for (index, duty) in (0u32..).zip(&level.duties) {
        let done = if ladder.incident.checklist.contains_key(&(number, index)) { 'x' } else { ' ' };
        let _ = writeln!(text, "[{done}] {duty}");
    }
}
