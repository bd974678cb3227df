//! Schedules: looked at when they are due, their rows made durable, their runs started in the same batch.

use super::{Message, Next, Pump};
use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::base::limits;
use crate::engine::decide::Input;
use crate::runtime::driver::ScheduleEvents;
use crate::runtime::index::schedule_stream;
use crate::runtime::schedules::{Armed, Heard, Planned, Standing, Start, World, ledger};
use crate::schedule::backfill::Backfill;
use crate::schedule::call::Call;
use crate::schedule::decide::{Input as ScheduleInput, Obstacle};
use crate::schedule::event::Instant;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::schedule::project::LEDGER;
use crate::schedule::state::Schedule;
use crate::store::codec::{CodecError, encode_schedule};
use crate::store::{AppendError, Batch, Guard, Row, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Adds the events of a schedule to a batch, and that the rows of its instants are not there yet (invariant 4).
pub(super) fn add(batch: &mut Batch, row: &ScheduleEvents) -> Result<(), CodecError> {
    let stream = schedule_stream(&row.id);
    batch.guards.push(Guard::At(stream.clone(), row.base));
    let absent = |nominal: &Nominal| Guard::Absent(Row { tree: LEDGER, key: row.id.row(*nominal) });
    batch.guards.extend(row.fresh.iter().map(absent));
    let events = row.events.iter().map(encode_schedule);
    batch.appends.push((stream, events.collect::<Result<_, _>>()?));
    Ok(())
}

impl Pump {
    /// These are the schedules of the book: what is new is read from its stream, what is not among them is withdrawn.
    pub(super) fn arm(&mut self, armed: Vec<Armed>, now: Timestamp) {
        let ids: BTreeSet<ScheduleId> = armed.iter().map(|armed| armed.spec.id.clone()).collect();
        self.arm_callees(&armed);
        // Of a trigger that is gone from the book nobody expects anything any more.
        self.schedules_aside.retain(|id, _| ids.contains(id));
        for armed in armed {
            let id = armed.spec.id.clone();
            let known = self.schedules.has(&id);
            let state = if known { Ok(Schedule::default()) } else { ledger::read_schedule(self.journal.as_ref(), &id) };
            match state {
                Ok(state) => self.schedules.arm(armed, || state),
                Err(why) => self.set_schedule_aside(&id, why),
            }
            if !known {
                self.too_often_before(&id, now);
            }
        }
        for id in self.schedules.others(&ids) {
            if let Some(armed) = self.schedules.armed(&id) {
                self.schedules.arm(Armed { standing: Standing::Withdrawn, ..Armed::clone(&armed) }, Schedule::default);
                self.schedules.ask(&id, ScheduleInput::Withdraw, None);
            }
        }
        self.call_what_is_owed(now);
        self.look_at_schedules(now);
    }

    /// Somebody makes up for an instant. Where no daemon obeys the trigger it is taken in for that alone.
    pub(super) fn backfill(&mut self, armed: Armed, fill: Backfill, told: Heard, now: Timestamp) {
        let id = armed.spec.id.clone();
        if armed.standing == Standing::Asked && !self.schedules.has(&id) {
            match ledger::read_schedule(self.journal.as_ref(), &id) {
                Ok(state) => self.schedules.arm(armed, || state),
                Err(why) => return told.badly(Obstacle::Failed(format!("schedule `{id}` can't be read: {why}"))),
            }
        }
        self.ask_schedule(&id, ScheduleInput::Backfill(Box::new(fill)), told, now);
    }

    /// Something for a schedule.
    pub(super) fn ask_schedule(&mut self, id: &ScheduleId, input: ScheduleInput, told: Heard, now: Timestamp) {
        if !self.schedules.has(id) {
            told.badly(Obstacle::Failed(format!("there is no schedule `{id}`")));
            return;
        }
        self.schedules.ask(id, input, Some(told));
        self.look_at_schedule(id, now);
    }

    /// Whether there is room for runs that the clock starts: said once, when it changes.
    pub(super) fn heed_space(&mut self, tight: Option<String>) {
        match (&self.tight, &tight) {
            (None, Some(why)) => tracing::error!(%why, "schedules start nothing until there is room"),
            (Some(_), None) => tracing::info!("there is room again: schedules go on"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.tight = tight;
    }

    /// Looks at every schedule that is due. By a clock that nobody has set nothing is.
    pub(super) fn look_at_schedules(&mut self, now: Timestamp) {
        let unset = i16::try_from(limits::FIRST_YEAR).is_ok_and(|first| now.to_zoned(TimeZone::UTC).year() < first);
        if unset != self.clock_unset {
            self.clock_unset = unset;
            if unset {
                tracing::error!(%now, "the clock of this machine was never set: schedules wait until it is");
            } else {
                tracing::warn!(%now, "the clock of this machine is set: schedules go on");
            }
        }
        if unset {
            return;
        }
        for id in self.schedules.due(now) {
            self.look_at_schedule(&id, now);
        }
    }

    fn look_at_schedule(&mut self, id: &ScheduleId, now: Timestamp) {
        let Some(armed) = self.schedules.armed(id) else { return };
        let full = self.full.clone().or_else(|| self.tight.clone());
        let (node, journal) = (self.node.clone(), Arc::clone(&self.journal));
        let probe = Instant { nominal: Nominal::Utc(now), at: now };
        let ready = |call: Option<&Call>| {
            if let Some(why) = &full {
                return Err(Obstacle::NoSpace(why.clone()));
            }
            let start = Start { run: RunId::new(0, 0), due: probe, call: call.cloned(), by: None };
            armed.first(&start, &node, now).map(drop).map_err(Obstacle::Failed)
        };
        let world = World {
            ready: &ready,
            called: &|key| ledger::called(journal.as_ref(), id, key),
            has_row: &|nominal| ledger::has_row(journal.as_ref(), id, nominal),
            row: &|due| ledger::had(journal.as_ref(), id, due),
            ended: &|run| ledger::ended(journal.as_ref(), run),
        };
        match self.schedules.decide(id, &world, now) {
            Ok(Some(planned)) => self.carry_out_schedule(&armed, planned, now),
            Ok(None) => {}
            Err(why) => self.set_schedule_aside(id, why.to_string()),
        }
    }

    /// It starts nothing until its stream can be read again: said in the log, and by every sweep.
    fn set_schedule_aside(&mut self, id: &ScheduleId, why: String) {
        tracing::error!(schedule = %id, %why, "a schedule is set aside: it starts nothing, everything else goes on");
        self.schedules_aside.insert(id.clone(), why);
        self.tell_of_all_set_aside(self.looked);
    }

    fn carry_out_schedule(&mut self, armed: &Armed, planned: Planned, now: Timestamp) {
        let Planned { row, start } = planned;
        let id = row.id.clone();
        let Some(start) = start else { return self.append_schedule(&row) };
        match armed.first(&start, &self.node, now) {
            Ok(first) => {
                let orders = self.driver.start_due(Arc::clone(&armed.book), first, row, now);
                if orders.is_empty() {
                    self.read_schedule_again(&id, None, now);
                }
                self.carry_out(orders);
            }
            Err(why) => {
                tracing::error!(schedule = %id, %why, "a run could not be started, though it could be a moment ago");
                self.read_schedule_again(&id, None, now);
            }
        }
    }

    /// A batch of a schedule alone.
    fn append_schedule(&mut self, row: &ScheduleEvents) {
        let mut batch = Batch { guards: vec![Guard::Lease(self.journal.epoch())], ..Batch::default() };
        let (sender, id) = (self.sender.clone(), row.id.clone());
        let answer = move |result| {
            let _ = sender.send(Message::Scheduled { id, result });
        };
        match add(&mut batch, row) {
            Ok(()) => self.outbox.push((batch, Box::new(answer))),
            Err(error) => answer(Err(AppendError::Refused(error.to_string()))),
        }
    }

    /// A batch of a schedule alone was taken, or not.
    pub(super) fn schedule_answered(
        &mut self,
        id: &ScheduleId,
        result: Result<Vec<Version>, AppendError>,
        now: Timestamp,
    ) -> Next {
        match result {
            Ok(_) => {
                self.full = None;
                self.schedule_landed(id, now);
            }
            Err(AppendError::Broken(why)) => {
                tracing::error!(%why, "the journal did not take a batch; its runs are left to the next owner");
                (self.broken)(&why);
                return Next::End;
            }
            Err(error @ AppendError::Full(_)) => {
                self.full = Some(error.to_string());
                self.read_schedule_again(id, None, now);
            }
            Err(error) => {
                tracing::warn!(schedule = %id, %error, "what the journal holds of the schedule is read again");
                self.read_schedule_again(id, None, now);
            }
        }
        Next::Go
    }

    /// The batch of a schedule is durable.
    pub(super) fn schedule_landed(&mut self, id: &ScheduleId, now: Timestamp) {
        let (cancels, fired) = self.schedules.landed(id);
        for (nominal, run) in &fired.missed {
            tracing::error!(schedule = %id, %nominal, "the deadline has passed, and its run has not ended well");
            self.deadline_missed(id, *nominal, *run, false, now);
        }
        for nominal in &fired.met {
            self.deadline_met(id, *nominal, now);
        }
        if fired.back {
            self.heartbeat_is_back(id, now);
        }
        for by in &fired.silent {
            self.heartbeat_missed(id, *by, now);
        }
        for (nominal, why) in &fired.failed {
            tracing::error!(schedule = %id, %nominal, why, "what was due could not be started");
        }
        if fired.storm {
            self.too_often(id, now);
        }
        self.tally.fired(&fired);
        for run in cancels {
            let (actor, reason) = (Actor::engine("schedule"), "the next is due, and `overlap: replace`".to_owned());
            let orders = self.driver.input(run, Input::Cancel { actor, reason }, now);
            self.carry_out(orders);
        }
    }

    /// The journal is the truth about a schedule; `run` may have begun all the same.
    pub(super) fn read_schedule_again(&mut self, id: &ScheduleId, run: Option<RunId>, now: Timestamp) {
        if let Some(run) = run.and_then(|run| self.driver.run(run)) {
            self.schedules.began(&run.started);
        }
        match ledger::read_schedule(self.journal.as_ref(), id) {
            Ok(state) => self.schedules.reread(id, state, "the journal did not take it; try again", now),
            Err(why) => {
                self.schedules.lose(id, &why);
                self.set_schedule_aside(id, why);
            }
        }
    }
}
