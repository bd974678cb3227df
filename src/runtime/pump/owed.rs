//! What ends of runs and missed deadlines owe to incidents. The debt is a row of the index, made by the very event; once
//! the incident's own event is durable it is written down as paid. Whatever stops this half way is told again, once.

use super::Pump;
use crate::base::ids::{IncidentId, RunId};
use crate::base::level::Outcome;
use crate::base::value::Value;
use crate::engine::event::{Ended, Event, Recorded, Tells};
use crate::engine::project::{OWED, owed_run};
use crate::engine::run::Run;
use crate::engine::scope;
use crate::escalation::decide::Input;
use crate::model::runbook::Runbook;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::incidents::live::Live;
use crate::runtime::incidents::past;
use crate::runtime::index::judged_stream;
use crate::runtime::recover;
use crate::runtime::shelf::BUNDLE;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::schedule::project::owed as owed_deadline;
use crate::store::{Batch, codec};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Debts that are written down as paid together.
const TOGETHER: usize = 100;
/// Of what a response says of itself, bytes that ride in the incident's event.
const TOLD: usize = 2_000;

/// A debt that was told, and the incident whose event pays it.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    key: Vec<u8>,
    by: Option<IncidentId>,
}

impl Pump {
    /// Tells incidents what an earlier owner left untold.
    pub(super) fn pay_debts(&mut self, now: Timestamp) {
        let rows = self.journal.scan(OWED, &[], &[], false, usize::MAX).unwrap_or_else(|error| {
            tracing::error!(%error, "what incidents have not been told of can't be read");
            Vec::new()
        });
        for (key, value) in rows {
            if self.paid.iter().any(|paid| paid.key == key) {
                continue;
            }
            let text = String::from_utf8_lossy(&key).into_owned();
            let value: Value = serde_json::from_slice(&value).unwrap_or_default();
            if let Some(run) = text.strip_prefix("run/").and_then(|run| RunId::parse(run).ok()) {
                self.tell_end(run, true, now);
            } else if let Some((id, nominal)) = text.strip_prefix("deadline/").and_then(|text| text.rsplit_once('/')) {
                if let (Some(id), Some(nominal)) = (ScheduleId::parse(id), Nominal::parse(nominal)) {
                    self.deadline_missed(&id, nominal, run_of(&value), true, now);
                } else {
                    tracing::error!(key = text, "this debt to an incident does not read");
                }
            } else {
                tracing::error!(key = text, "this debt to an incident does not read");
            }
        }
    }

    /// A run has ended and says something to incidents. `again` = an earlier owner may have told them.
    pub(super) fn tell_end(&mut self, id: RunId, again: bool, now: Timestamp) {
        let key = owed_run(id);
        match self.tell_of(id, again, now) {
            Ok(by) => self.paid.push(Paid { key, by }),
            Err(why) => tracing::error!(run = %id, %why, "what this run says to incidents can't be read"),
        }
    }

    fn tell_of(&mut self, id: RunId, again: bool, now: Timestamp) -> Result<Option<IncidentId>, String> {
        let run = recover::read_run(self.journal.as_ref(), id)?.ok_or("it is gone")?;
        let ended = run.ended().ok_or("it has not ended")?;
        let Some(tells) = ended.tells.clone() else { return Ok(None) };
        let digest = *run.started.texts.get(BUNDLE).ok_or("it is pinned to no texts")?;
        let book = self.shelf.book(self.journal.as_ref(), &digest).map_err(|error| error.to_string())?;
        let name = &run.started.runbook;
        let runbook = book.runbooks.get(name).cloned().ok_or("its runbook does not pass this binary's checks")?;
        let source = Source::Run { runbook: name.clone(), run: id };
        let most = runbook.incident.in_a_row.max(runbook.incident.clear).max(1) as usize;
        let verdicts = |pump: &Self, key: &str| {
            past::verdicts(pump.journal.as_ref(), key, most).map_err(|error| error.to_string())
        };
        match tells {
            Tells::Response { incident } => {
                let (outcome, level, text) = (Some(ended.outcome), ended.level, told_of(ended));
                if self.incidents.has(incident) {
                    self.incidents.ask(incident, Input::Responded { run: id, outcome, level, text }, None);
                    self.look_at_incident(incident, now);
                }
                Ok(Some(incident))
            }
            Tells::Good { key } => {
                if self.incidents.of_key(&key).is_none() {
                    return Ok(None);
                }
                let good = verdicts(self, &key)?.into_iter().take_while(|bad| !bad).count();
                if good < runbook.incident.clear.max(1) as usize {
                    return Ok(None);
                }
                let reason = match good {
                    1 => format!("run {id} of `{name}` ended well"),
                    more => format!("{more} runs of `{name}` in a row ended well, the last is {id}"),
                };
                Ok(self.cleared(&key, source, reason, now))
            }
            Tells::Bad { key, severity } => {
                let open = self.incidents.of_key(&key);
                if again && self.was_told(&key, &source)? {
                    return Ok(open);
                }
                let bad = verdicts(self, &key)?.into_iter().take_while(|bad| *bad).count();
                if open.is_none() && bad < runbook.incident.in_a_row.max(1) as usize {
                    return Ok(None);
                }
                let trouble = trouble_of(&runbook, &run, ended, key.clone(), severity, source);
                self.trouble(trouble, Some(Live { book, digest }), None, now);
                Ok(self.incidents.of_key(&key))
            }
        }
    }

    /// Whether the last incident of a key has been told of its trouble by that source.
    fn was_told(&self, key: &str, source: &Source) -> Result<bool, String> {
        let journal = self.journal.as_ref();
        let Some(last) = past::last_of_key(journal, key)? else { return Ok(false) };
        let Some((_, opened)) = last.opened else { return Ok(false) };
        Ok(past::has_told(&past::read_events(journal, opened.id, 0)?, source))
    }

    /// The deadline of a due instant has passed.
    pub(super) fn deadline_missed(
        &mut self,
        id: &ScheduleId,
        nominal: Nominal,
        run: Option<RunId>,
        again: bool,
        now: Timestamp,
    ) {
        let key = format!("deadline/{id}");
        let source = Source::Deadline {
            runbook: id.runbook.clone(),
            trigger: id.trigger.to_string(),
            due: self.due_of(id, nominal, now),
        };
        let told = again && self.was_told(&key, &source).unwrap_or_default();
        if !told {
            let armed = self.schedules.armed(id);
            let severity = armed.as_ref().and_then(|armed| armed.spec.deadline.as_ref()?.severity.clone());
            let runbook = armed.as_ref().map(|armed| Arc::clone(&armed.book));
            let text = match run {
                Some(run) => format!("run {run} had not ended well by then"),
                None => "no run was started for it".to_owned(),
            };
            let trouble = Trouble {
                key: key.clone(),
                title: format!("{}: the run due at {nominal} missed its deadline", id.runbook),
                text,
                severity: severity.or_else(|| Some("P3".to_owned())),
                kind: runbook.as_ref().and_then(|runbook| runbook.incident.kind.clone()),
                labels: runbook.as_ref().map(|runbook| labels(runbook)).unwrap_or_default(),
                owner: runbook.and_then(|runbook| runbook.owner.clone()),
                source,
                link: None,
            };
            self.trouble(trouble, None, None, now);
        }
        let by = self.incidents.of_key(&key);
        self.paid.push(Paid { key: owed_deadline(id, &nominal), by });
    }

    /// A run that was due has ended well by its deadline: whatever was missed before is made good.
    pub(super) fn deadline_met(&mut self, id: &ScheduleId, nominal: Nominal, now: Timestamp) {
        let source = Source::Deadline {
            runbook: id.runbook.clone(),
            trigger: id.trigger.to_string(),
            due: self.due_of(id, nominal, now),
        };
        self.cleared(&format!("deadline/{id}"), source, format!("the run due at {nominal} kept its deadline"), now);
    }

    /// The instant of that name; as the zone of its trigger has it, where its trigger is still there.
    fn due_of(&self, id: &ScheduleId, nominal: Nominal, now: Timestamp) -> Timestamp {
        match nominal {
            Nominal::Utc(at) => at,
            Nominal::Local { time, again } => {
                let zone = self.schedules.armed(id).map_or(TimeZone::UTC, |armed| armed.spec.table.zone.clone());
                let found = zone.to_ambiguous_timestamp(time);
                let found = if again { found.later() } else { found.compatible() };
                found.unwrap_or(now)
            }
        }
    }

    /// Events of a run are durable: what its end says to incidents is told.
    pub(super) fn heed_end(&mut self, run: RunId, events: &[(u64, Recorded)], now: Timestamp) {
        let says =
            |(_, recorded): &(u64, Recorded)| matches!(&recorded.event, Event::Ended(ended) if ended.tells.is_some());
        if !self.without_incidents && events.iter().any(says) {
            self.tell_end(run, false, now);
        }
    }

    /// Writes down what was told, once the events that say so are durable.
    pub(super) fn settle_debts(&mut self, now: Timestamp, all: bool) {
        if self.paid.is_empty() || (!all && self.paid.len() < TOGETHER) {
            return;
        }
        let paid = std::mem::take(&mut self.paid);
        let (open, done): (Vec<Paid>, Vec<Paid>) =
            paid.into_iter().partition(|paid| paid.by.is_some_and(|id| self.incidents.is_moving(id)));
        self.paid = open;
        if done.is_empty() {
            return;
        }
        let keys: Vec<String> = done.into_iter().map(|paid| String::from_utf8_lossy(&paid.key).into_owned()).collect();
        match codec::encode_judged(now, &keys) {
            Ok(bytes) => {
                let batch = Batch { appends: vec![(judged_stream(now), vec![bytes])], ..Batch::default() };
                let untaken = |result| {
                    if let Err(error) = result {
                        tracing::warn!(%error, "what incidents were told is not written down; it is told again after a restart");
                    }
                };
                self.outbox.push((batch, Box::new(untaken)));
            }
            Err(error) => tracing::error!(%error, "what incidents were told can't be written down; it is told again"),
        }
    }
}

fn run_of(value: &Value) -> Option<RunId> {
    RunId::parse(value.get("run")?.as_str()?).ok()
}

/// What a response says of itself: why it ended so, and its outputs.
pub(super) fn told_of(ended: &Ended) -> String {
    let mut text = ended.reason.clone();
    for (name, value) in &ended.outputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, "\n{name}: {value}");
    }
    text.truncate(text.floor_char_boundary(TOLD));
    text
}

/// The labels of a runbook's troubles: its own, and its name.
pub(super) fn labels(runbook: &Runbook) -> BTreeMap<String, String> {
    let mut labels = runbook.labels.clone();
    labels.insert("runbook".to_owned(), runbook.name.to_string());
    labels
}

fn trouble_of(
    runbook: &Runbook,
    run: &Run,
    ended: &Ended,
    key: String,
    severity: Option<String>,
    source: Source,
) -> Trouble {
    let failed = scope::failed_steps(runbook, run);
    let mut text = ended.reason.clone();
    if !failed.is_empty() {
        let _ = write!(text, "\nfailed: {}", failed.join(", "));
    }
    if let Some(description) = &runbook.description {
        let _ = write!(text, "\n\n{}", description.trim());
    }
    let word = match ended.outcome {
        Outcome::Failed => "failed".to_owned(),
        outcome @ (Outcome::Succeeded
        | Outcome::Recovered
        | Outcome::Skipped
        | Outcome::Unreached
        | Outcome::Cancelled
        | Outcome::Interrupted) => format!("{outcome}, {}", ended.level),
    };
    Trouble {
        key,
        title: format!("{}: {word}", runbook.shown()),
        text,
        severity,
        kind: runbook.incident.kind.clone(),
        labels: labels(runbook),
        owner: runbook.owner.clone(),
        source,
        link: None,
    }
}
