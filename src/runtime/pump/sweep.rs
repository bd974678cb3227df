//! The sweep, at the start and each minute: what nobody would come back to is taken up, counted, said aloud.

use super::Pump;
use crate::base::ids::RunId;
use crate::engine::project::UNFINISHED;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::driver::Witness;
use crate::runtime::recover;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How often everything unfinished is looked at.
const EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How many repairs are remembered; each was in the log.
const KEPT: usize = 1_000;

/// What the last sweep came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// When it was made.
    pub at: Option<Timestamp>,
    /// To what nobody comes back, and why; a sentence each.
    pub failing: Vec<String>,
}

impl Pump {
    /// What the last sweep came to.
    pub(super) fn proof(&self) -> Proof {
        // One that has been dealt with, whoever did, is no trouble any more.
        let aside = self.tally.all_set_aside().into_iter();
        let aside = aside.filter(|(run, _)| recover::is_unfinished(self.journal.as_ref(), *run));
        let runs = aside.map(|(run, why)| format!("run {run} is set aside: {why}"));
        let schedules = self.schedules_aside.iter().map(|(id, why)| format!("schedule {id} is set aside: {why}"));
        let clock = self.clock_unset.then(|| "the clock of this machine was never set: schedules wait".to_owned());
        let more = runs.chain(schedules).chain(clock).chain(self.perform.troubles());
        Proof { at: self.swept, failing: self.failing.iter().cloned().chain(more).collect() }
    }

    pub(super) fn sweep_when_due(&mut self, now: Timestamp) {
        let fresh = |at: Timestamp| at <= now && now.duration_since(at) < EVERY;
        if !self.swept.is_some_and(fresh) {
            self.sweep(now);
        }
    }

    /// Proves that somebody comes back to everything, and puts right what is not so.
    pub fn sweep(&mut self, now: Timestamp) {
        self.swept = Some(now);
        let (mut orders, mut repairs) =
            recover::take_up_forgotten(&mut self.driver, self.journal.as_ref(), &self.shelf, now);
        let (incidents, failing) = self.take_up_forgotten_incidents();
        repairs.extend(incidents);
        self.failing = failing;
        if let Err(error) = self.journal.scan(UNFINISHED, &[], &[], false, 1) {
            self.failing.push(format!("the unfinished runs can't be read: {error}"));
        }
        let journal = self.journal.as_ref();
        let perform = self.perform.as_ref();
        let witness = Witness {
            has: &|run, place, attempt| perform.has(run, place, attempt),
            unfinished: &|run| recover::is_unfinished(journal, run),
            group: &|name| recover::read_group(journal, name).ok(),
        };
        let (more, repaired) = self.driver.sweep(&mut self.suspects, &witness, now);
        orders.extend(more);
        repairs.extend(repaired);
        for repair in &repairs {
            tracing::error!(%repair, "the sweep put something right");
        }
        self.untold.extend(repairs.iter().cloned());
        self.tell_repairs(now);
        self.tell_of_all_set_aside(now);
        self.tell_questions(now);
        self.pay_debts(now);
        self.settle_debts(now, true);
        self.repairs.extend(repairs);
        self.repairs.drain(..self.repairs.len().saturating_sub(KEPT));
        self.carry_out(orders);
        self.call_what_is_owed(now);
    }

    /// A run is not driven any further: whoever asks for it learns that, and somebody has to look.
    pub(super) fn tell_set_aside(&mut self, run: RunId, why: String) {
        self.tally.set_aside(run, why);
        let now = self.looked;
        self.tell_of_all_set_aside(now);
    }

    /// Incidents of runs that were set aside, as soon as there is a ladder to climb.
    pub(super) fn tell_of_all_set_aside(&mut self, now: Timestamp) {
        if self.without_incidents || self.live.is_none() {
            return;
        }
        for (run, why) in self.tally.all_set_aside() {
            if self.told_aside.contains(&format!("engine/run/{run}")) {
                continue;
            }
            let begun = recover::read_run(self.journal.as_ref(), run).ok().flatten();
            let name = begun.map_or_else(|| "a run".to_owned(), |begun| begun.started.runbook.to_string());
            let title = format!("{name}: run {run} can't go on");
            let text =
                format!("{why}\n\nWhat its steps have started may still be at work, and what it holds stays held.");
            self.open_set_aside(("run", run.to_string()), name, title, text, now);
        }
        for why in self.perform.troubles() {
            let which = why.split(' ').nth(1).unwrap_or_default().to_owned();
            let title = "what minds the processes of steps does not answer".to_owned();
            let text = format!(
                "{why}.\n\nIts process is named in the log of the daemon; `kill -CONT` lets a stopped one go on."
            );
            self.open_set_aside(("keeper", which), "stepladder".to_owned(), title, text, now);
        }
        for (id, why) in self.schedules_aside.clone() {
            let title = format!("{id}: the schedule can't be read and starts nothing");
            let text = format!("{why}\n\n`stepladder doctor --repair`, while no daemon runs, lets it begin anew.");
            self.open_set_aside(("schedule", id.to_string()), id.runbook.to_string(), title, text, now);
        }
    }

    fn open_set_aside(
        &mut self,
        (part, which): (&str, String),
        runbook: String,
        title: String,
        text: String,
        now: Timestamp,
    ) {
        let key = format!("engine/{part}/{which}");
        if !self.told_aside.insert(key.clone()) {
            return;
        }
        let labels = [("component", "stepladder".to_owned()), ("runbook", runbook)];
        let trouble = Trouble {
            key,
            title,
            text,
            severity: Some("P2".to_owned()),
            kind: Some("engine".to_owned()),
            labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            owner: None,
            source: Source::Engine { part: part.to_owned() },
            link: None,
        };
        self.trouble(trouble, None, None, now);
    }

    /// What had to be put right is a fault of ours: somebody has to know of it.
    fn tell_repairs(&mut self, now: Timestamp) {
        if self.without_incidents || self.live.is_none() {
            return;
        }
        let repairs = std::mem::take(&mut self.untold);
        if repairs.is_empty() {
            return;
        }
        let text = format!(
            "It is put right, and what it was about goes on. Please tell the developers, with the log of that time.\n\n{}",
            repairs.join("\n")
        );
        let trouble = Trouble {
            key: "engine/sweep".to_owned(),
            title: "stepladder had lost sight of something".to_owned(),
            text,
            severity: Some("P3".to_owned()),
            kind: Some("engine".to_owned()),
            labels: BTreeMap::from([("component".to_owned(), "stepladder".to_owned())]),
            owner: None,
            source: Source::Engine { part: "sweep".to_owned() },
            link: None,
        };
        self.trouble(trouble, None, None, now);
    }
}
