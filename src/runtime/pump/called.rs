//! What calls from within: the start of the daemon, the end of a run, a file. Each is asked for again until it is known
//! to be durable, and counts once: its key is in the journal with the first event of its run (invariant 4).

use super::Pump;
use super::trouble::{Tidings, of_silence, silence_key};
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value, json};
use crate::engine::project::{BY_RUNBOOK, ENDED, STARTED};
use crate::engine::run::Run;
use crate::expr::Scope;
use crate::model::called::Watched;
use crate::model::trigger::{Trigger, TriggerKind};
use crate::model::trouble::Source;
use crate::runtime::recover;
use crate::runtime::schedules::{Armed, ledger};
use crate::schedule::call::Call;
use crate::schedule::decide::Input;
use crate::schedule::key::ScheduleId;
use crate::store::Row;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of a runbook whose ends are looked at again, the newest.
const LOOKED_BACK: usize = 1_000;
/// How long ago a run may have ended to be looked at again.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// Bytes of names in one event about files.
const NAMES: usize = 32 * 1024;

/// Who is called from within.
#[derive(Debug, Default)]
pub(super) struct Callees {
    /// By the runbook whose runs end.
    ended: BTreeMap<Name, Vec<ScheduleId>>,
    /// Those that the start of this daemon calls; `None` = it has not begun to obey its book.
    startup: Option<Vec<ScheduleId>>,
}

impl Pump {
    /// The book has changed: who is called, and by what.
    pub(super) fn arm_callees(&mut self, armed: &[Armed]) {
        self.callees.ended.clear();
        let mut startup = Vec::new();
        for armed in armed {
            match armed.trigger().map(|trigger| &trigger.kind) {
                Some(TriggerKind::RunEnded { runbook, .. }) => {
                    self.callees.ended.entry(runbook.clone()).or_default().push(armed.spec.id.clone());
                }
                Some(TriggerKind::Startup) => startup.push(armed.spec.id.clone()),
                Some(_) | None => {}
            }
        }
        // One that comes later has not seen the daemon start.
        self.callees.startup.get_or_insert(startup);
    }

    /// Everything that may not have been called yet, though it should have been.
    pub(super) fn call_what_is_owed(&mut self, now: Timestamp) {
        let epoch = self.journal.epoch().to_string();
        // Before the book is obeyed nothing is owed by the start.
        let startup = self.callees.startup.as_mut().map(std::mem::take).unwrap_or_default();
        for id in startup {
            let key = Digest::of_parts(&[b"startup", epoch.as_bytes()]);
            if ledger::called(self.journal.as_ref(), &id, &key).is_none() {
                self.call(&id, key, &Map::new(), None, 0);
                self.callees.startup.get_or_insert_default().push(id);
            }
        }
        let ended: Vec<(Name, Vec<ScheduleId>)> = self.callees.ended.clone().into_iter().collect();
        for (runbook, ids) in ended {
            let since = ids.iter().filter_map(|id| Some(self.schedules.state(id)?.life.as_ref()?.beat)).min();
            let Some(since) = since else { continue };
            let since = since.max(now.checked_sub(LOOK_BACK).unwrap_or(since));
            for run in self.ends(&runbook, since) {
                self.call_for_end(&runbook, run);
            }
        }
    }

    /// Runs of a runbook that have ended since, of the newest.
    fn ends(&self, runbook: &Name, since: Timestamp) -> Vec<RunId> {
        let from = [runbook.as_str().as_bytes(), &[0]].concat();
        let to = [runbook.as_str().as_bytes(), &[1]].concat();
        let found = self.journal.scan(BY_RUNBOOK, &from, &to, true, LOOKED_BACK).unwrap_or_default();
        let mut runs = Vec::new();
        for (key, _) in found {
            let Some(id) = key.get(from.len()..) else { continue };
            let Ok(run) = RunId::parse(&String::from_utf8_lossy(id)) else { continue };
            let row = self.journal.get(&Row { tree: ENDED, key: id.to_vec() }).ok().flatten();
            let row: Option<Value> = row.and_then(|row| serde_json::from_slice(&row).ok());
            let at: Option<Timestamp> = row.and_then(|row| row["at"].as_str()?.parse().ok());
            runs.extend(at.filter(|at| *at > since).map(|_| run));
        }
        runs.reverse();
        runs
    }

    /// A run has ended, which is durable.
    pub(super) fn run_ended(&mut self, run: RunId) {
        if self.callees.ended.is_empty() {
            return;
        }
        let row = self.journal.get(&Row { tree: STARTED, key: run.to_string().into_bytes() }).ok().flatten();
        let row: Option<Value> = row.and_then(|row| serde_json::from_slice(&row).ok());
        let runbook = row.and_then(|row| Name::parse(row["runbook"].as_str()?).ok());
        if let Some(runbook) = runbook {
            self.call_for_end(&runbook, run);
        }
    }

    fn call_for_end(&mut self, runbook: &Name, run: RunId) {
        let key = Digest::of_parts(&[b"run", run.to_string().as_bytes()]);
        let ids = self.callees.ended.get(runbook).cloned().unwrap_or_default();
        let missing = |id: &ScheduleId| ledger::called(self.journal.as_ref(), id, &key).is_none();
        let ids: Vec<ScheduleId> = ids.into_iter().filter(missing).collect();
        if ids.is_empty() {
            return;
        }
        let Ok(Some(of)) = recover::read_run(self.journal.as_ref(), run) else { return };
        let Some(came) = end_of(&of).filter(|_| !of.started.dry) else { return };
        let Some((_, at)) = ledger::ended(self.journal.as_ref(), run) else { return };
        for id in ids {
            let life = self.schedules.state(&id).and_then(|state| state.life.as_ref());
            let (begun, paused) = (life.map(|life| life.beat), life.is_some_and(|life| life.paused.is_some()));
            let wanted = self.schedules.armed(&id).is_some_and(|armed| wants(&armed, &came));
            if wanted && begun.is_some_and(|begun| at > begun) {
                self.call(&id, key, &came, Some(at), of.started.depth + 1);
                if !paused {
                    self.too_deep(&id, &of, self.looked);
                }
            }
        }
    }

    /// The files that a trigger watches, as they are now, each with what tells one state of it from another.
    pub(super) fn files_seen(
        &mut self,
        id: &ScheduleId,
        files: &BTreeMap<String, String>,
        unsettled: &BTreeSet<String>,
    ) {
        let Some(armed) = self.schedules.armed(id) else { return };
        let Some(watched) = armed.trigger().and_then(Trigger::watched) else { return };
        let Some(state) = self.schedules.state(id) else { return };
        let Some(life) = state.life.as_ref() else { return };
        let gone = state.files.keys().filter(|name| !files.contains_key(*name) && !unsettled.contains(*name));
        let gone = gone.map(|name| (name.clone(), None));
        let fresh = files.iter().filter(|(name, stamp)| state.files.get(*name) != Some(*stamp));
        let fresh = fresh.map(|(name, stamp)| (name.clone(), Some(stamp.clone())));
        let changes: Vec<(String, Option<String>)> = gone.chain(fresh).collect();
        let (first, before) = (!life.seen, state.files.clone());
        let mut seen = Vec::new();
        for (name, stamp) in changes {
            let word = match (&stamp, before.contains_key(&name)) {
                (None, _) => "removed",
                (Some(_), true) => "changed",
                (Some(_), false) => "created",
            };
            if first || !counts(&watched, word) {
                seen.push((name, stamp));
                continue;
            }
            let was = before.get(&name).map(String::as_str).unwrap_or_default();
            let now = stamp.as_deref().unwrap_or_default();
            let key = Digest::of_parts(&[b"file", name.as_bytes(), was.as_bytes(), now.as_bytes()]);
            let mut came = Map::new();
            let short = name.rsplit('/').next().unwrap_or_default();
            came.insert("file".into(), json!({ "path": name, "name": short, "change": word }));
            self.call_with(id, key, &came, None, 0, Some((name, stamp)));
        }
        let mut piece = Vec::new();
        let mut size = 0;
        for (name, stamp) in seen {
            size += name.len() + 64;
            piece.push((name, stamp));
            if size >= NAMES {
                size = 0;
                self.schedules.ask(id, Input::Seen(std::mem::take(&mut piece)), None);
            }
        }
        if first {
            tracing::info!(schedule = %id, count = files.len(), "the files that are there are known");
        }
        if first || !piece.is_empty() {
            self.schedules.ask(id, Input::Seen(piece), None);
        }
    }

    fn call(&mut self, id: &ScheduleId, key: Digest, came: &Map<String, Value>, at: Option<Timestamp>, depth: u32) {
        self.call_with(id, key, came, at, depth, None);
    }

    fn call_with(
        &mut self,
        id: &ScheduleId,
        key: Digest,
        came: &Map<String, Value>,
        at: Option<Timestamp>,
        depth: u32,
        file: Option<(String, Option<String>)>,
    ) {
        let Some(armed) = self.schedules.armed(id) else { return };
        let inputs = match armed.inputs(&Scope::of(came.clone())) {
            Ok(inputs) => inputs,
            Err(why) => {
                // It is called all the same, so that its row says why nothing came of it.
                tracing::error!(schedule = %id, %why, "a run can't be given what its trigger says");
                Map::new()
            }
        };
        self.tally.called(armed.spec.kind);
        let call = Call { key, subject: None, inputs, about: came.clone(), at, depth, file };
        self.schedules.ask(id, Input::Called(Box::new(call)), None);
    }

    /// The call that had to come by then has not.
    pub(super) fn heartbeat_missed(&mut self, id: &ScheduleId, by: Timestamp, now: Timestamp) {
        self.tally.heartbeat_missed();
        let heartbeat = self.schedules.armed(id).and_then(|armed| armed.trigger()?.heartbeat());
        tracing::error!(schedule = %id, %by, "the call that had to come has not come");
        if let Some(heartbeat) = heartbeat {
            self.tidings(Tidings::Began(Box::new(of_silence(id, &heartbeat, by))), now);
        }
    }

    /// It has come again.
    pub(super) fn heartbeat_is_back(&mut self, id: &ScheduleId, now: Timestamp) {
        let heartbeat = self.schedules.armed(id).and_then(|armed| armed.trigger()?.heartbeat());
        if let Some(heartbeat) = heartbeat {
            let source = Source::Heartbeat { path: heartbeat.path.to_string() };
            self.tidings(Tidings::Over { key: silence_key(id), source }, now);
        }
    }
}

/// How a run ended, for who maps it to inputs.
fn end_of(run: &Run) -> Option<Map<String, Value>> {
    let ended = run.ended()?;
    let told = json!({
        "id": run.started.run.to_string(),
        "runbook": run.started.runbook.as_str(),
        "outcome": ended.outcome.as_str(),
        "level": ended.level.as_str(),
        "reason": ended.reason,
        "outputs": ended.outputs,
    });
    Some(Map::from_iter([("run".to_owned(), told)]))
}

fn wants(armed: &Armed, came: &Map<String, Value>) -> bool {
    let Some(TriggerKind::RunEnded { outcome, .. }) = armed.trigger().map(|trigger| &trigger.kind) else {
        return false;
    };
    let how = came.get("run").and_then(|run| run["outcome"].as_str()).unwrap_or_default();
    outcome.is_empty() || outcome.iter().any(|word| word == how)
}

fn counts(watched: &Watched, word: &str) -> bool {
    match word {
        "created" => watched.created,
        "changed" => watched.changed,
        _ => watched.removed,
    }
}
