//! Incidents and silences in the shapes that are sent.

use crate::api::wire::{BreachRow, DutyRow, IncidentDetail, IncidentRow, Moment, PageRow, ResponseRow, SilenceRow};
use crate::escalation::event::{Clock, Part};
use crate::escalation::state::{Incident, Ordered, Response};
use crate::escalation::{evolve::word, report};
use crate::model::escalation::Escalation;
use crate::model::silence::Silence;
use crate::runtime::incidents::ladder;
use crate::service::IncidentView;

/// An incident in a line.
#[must_use]
pub fn incident_row(view: &IncidentView) -> IncidentRow {
    let (state, policy) = (&view.state, ladder(&view.book));
    let (at, opened) = (view.at, &view.opening);
    let taken = state.ack.as_ref();
    let until = state.snooze.as_ref().map(|snooze| snooze.until).or(state.mute.as_ref().map(|mute| mute.until));
    let ending = state.ending.as_ref();
    IncidentRow {
        incident: opened.id.to_string(),
        status: state.status().word().to_owned(),
        severity: state.severity.clone(),
        title: opened.trouble.title.clone(),
        key: opened.trouble.key.clone(),
        kind: state.kind.clone(),
        owner: state.owner.as_ref().map(ToString::to_string),
        opened: at,
        count: state.count,
        level: state.level,
        level_name: policy.levels.get(&state.level).map(|level| level.name.clone()),
        taken_by: taken.map(|ack| ack.who.as_ref().map_or_else(|| ack.actor.id.clone(), ToString::to_string)),
        taken: taken.map(|ack| ack.at),
        until,
        resolved: ending.map(|ending| ending.at),
        reason: ending.map(|ending| ending.reason.clone()),
        recurs: opened.recurs.map(|(before, _)| before.to_string()),
        times: opened.recurs.map(|(_, times)| times),
        version: state.version,
        next: view.next,
        next_breach: view.next_breach.map(|(clock, by)| breach(clock, by)),
    }
}

/// An incident in full.
#[must_use]
pub fn incident(view: &IncidentView) -> IncidentDetail {
    let (state, policy) = (&view.state, ladder(&view.book));
    let trouble = state.opened.as_ref().map(|(_, opened)| opened.trouble.clone());
    let moments = view.events.iter().map(|(_, recorded)| Moment {
        at: recorded.at,
        what: word(&recorded.event).to_owned(),
        text: report::line(recorded),
    });
    IncidentDetail {
        row: incident_row(view),
        text: state.text.clone().or_else(|| trouble.as_ref().map(|trouble| trouble.text.clone())).unwrap_or_default(),
        labels: trouble.as_ref().map(|trouble| trouble.labels.clone()).unwrap_or_default(),
        source: trouble.map(|trouble| trouble.source.word().to_owned()).unwrap_or_default(),
        timeline: moments.collect(),
        pages: state.pages.values().map(page).collect(),
        responses: state.responses.iter().map(response).collect(),
        duties: duties(policy, state),
        breaches: state.breaches.iter().map(|(clock, by, _)| breach(*clock, *by)).collect(),
    }
}

fn page(ordered: &Ordered) -> PageRow {
    let page = &ordered.page;
    let (fate, note, settled) = match &ordered.fate {
        Some((fate, note, at)) => (fate.word(), note.clone(), Some(*at)),
        None => ("ordered", String::new(), None),
    };
    PageRow {
        number: page.number,
        at: ordered.at,
        level: page.level,
        who: page.who.as_ref().map(ToString::to_string),
        channel: page.channel.to_string(),
        address: page.address.clone(),
        what: page.what.word().to_owned(),
        fate: fate.to_owned(),
        note,
        settled,
    }
}

fn response(response: &Response) -> ResponseRow {
    let ended = response.ended.as_ref();
    ResponseRow {
        run: response.run.to_string(),
        runbook: response.runbook.to_string(),
        part: match response.part {
            Part::Gather => "gather".into(),
            Part::Try => "try".into(),
        },
        at: response.at,
        outcome: ended.map(|ended| ended.outcome.map_or_else(|| "never started".to_owned(), |how| how.to_string())),
        text: ended.map(|ended| ended.text.clone()).unwrap_or_default(),
    }
}

/// The duties of every level that was entered.
fn duties(policy: &Escalation, state: &Incident) -> Vec<DutyRow> {
    let entered = state.rungs.keys().filter_map(|level| Some((*level, policy.levels.get(level)?)));
    let of = |(level, rung): (u32, &crate::model::escalation::LadderLevel)| {
        let duty = |(index, text): (u32, &String)| {
            let done = state.checklist.get(&(level, index));
            let by = done.map(|(actor, _)| actor.id.clone());
            let at = done.map(|(_, at)| *at);
            DutyRow { level, number: index + 1, text: text.clone(), done: done.is_some(), by, at }
        };
        (0..).zip(&rung.duties).map(duty).collect::<Vec<_>>()
    };
    entered.flat_map(of).collect()
}

fn breach(clock: Clock, by: jiff::Timestamp) -> BreachRow {
    let clock = match clock {
        Clock::Response => "response",
        Clock::Escalation => "escalation",
    };
    BreachRow { clock: clock.to_owned(), by }
}

/// A silence.
#[must_use]
pub fn silence(silence: Silence) -> SilenceRow {
    let Silence { id, matches, from, until, actor, reason } = silence;
    SilenceRow { silence: id, matches, from, until, by: actor.id, reason }
}
