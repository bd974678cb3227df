//! A batch was refused, or nobody can say whether it was taken: the heads are read, then it is decided again.
//!
//! What the journal holds is the truth, and what is still on its way comes on top of it. Nothing here
//! orders an effect that a durable event does not ask for.

use super::{Driver, InFlight, Order, Origin, child_ended};
use crate::base::ids::Name;
use crate::base::planted::{self, Bug};
use crate::engine::group::Group;
use crate::engine::run::Run;
use jiff::Timestamp;

/// What the journal holds of the streams of a batch.
#[derive(Debug)]
pub struct Heads {
    /// The run; `None` = its stream is empty.
    pub run: Option<Run>,
    /// Its groups.
    pub groups: Vec<(Name, Group)>,
    /// The version of the schedule that starts the run; 0 without one.
    pub schedule: u64,
}

impl Driver {
    /// Whether the streams of a batch are where it left from: only something beside them can have refused it.
    #[must_use]
    pub fn is_unmoved(&self, number: u64, heads: &Heads) -> bool {
        let Some(InFlight { flight, .. }) = self.flights.get(&number) else { return false };
        let run = heads.run.as_ref().map_or(0, |run| run.version);
        let group = |(name, base, _): &(Name, u64, Vec<_>)| {
            heads.groups.iter().any(|(other, group)| other == name && group.version == *base)
        };
        let schedule = flight.schedule.as_ref().is_none_or(|row| row.base == heads.schedule);
        (flight.events.is_empty() || run == flight.base) && flight.groups.iter().all(group) && schedule
    }

    /// Goes on from what the journal holds: the batch was taken after all, or is decided again.
    pub fn reread(&mut self, number: u64, heads: Heads, now: Timestamp) -> Vec<Order> {
        let Some(batch) = self.flights.get(&number) else { return Vec::new() };
        let id = batch.flight.run;
        let taken = !batch.flight.events.is_empty()
            && heads.run.is_some()
            && heads.run.as_ref() == self.runs.get(&id).map(|live| &live.run);
        if taken {
            self.reset_groups(heads.groups, Some(number));
            return self.appended(number, now);
        }
        let Some(batch) = self.flights.remove(&number) else { return Vec::new() };
        self.reset_groups(heads.groups, None);
        self.decide_again(batch, heads.run, now)
    }

    /// Gives a batch up, and its run with it; its groups are as the journal has them.
    pub fn abandon(&mut self, number: u64, heads: Heads) {
        if let Some(batch) = self.flights.remove(&number) {
            self.runs.remove(&batch.flight.run);
        }
        self.reset_groups(heads.groups, None);
    }

    fn decide_again(&mut self, batch: InFlight, run: Option<Run>, now: Timestamp) -> Vec<Order> {
        let InFlight { flight, nudges, origin, .. } = batch;
        let id = flight.run;
        let Some(mut live) = self.runs.remove(&id) else {
            return nudges.iter().flat_map(|group| self.nudge(group, now)).collect();
        };
        live.flight = None;
        let orders = match (run, origin) {
            (None, Origin::Started(first)) => self.start(live.book, first, now),
            // Its schedule decides again, from what the journal holds of it.
            (None, Origin::Due(_)) => return vec![Order::Gone(id)],
            (None, Origin::Work(_) | Origin::Resumed | Origin::Group) => {
                return self.quarantine(id, "its stream is empty, and it was not".into());
            }
            (Some(run), _) if run.ended().is_some() => {
                let told = live.run.started.parent.clone().zip(run.ended().cloned());
                let mut orders = vec![Order::Gone(id)];
                if let Some((parent, ended)) = told {
                    orders.extend(self.input(parent.run, child_ended(&parent, &ended), now));
                }
                return orders;
            }
            (Some(run), Origin::Work(works)) if run.version == flight.base => {
                live.run = run;
                let works = if planted::has(Bug::LosesInput) { Vec::new() } else { works };
                works.into_iter().rev().for_each(|work| live.inbox.push_front(work));
                self.runs.insert(id, live);
                return self.turn(id, now);
            }
            (Some(run), Origin::Group) if run.version == flight.base => {
                live.run = run;
                self.runs.insert(id, live);
                return self.turn(id, now);
            }
            // Somebody else went on with it, or it is being taken up: as after a crash.
            (Some(run), origin) => {
                if let Origin::Work(works) = origin {
                    works.into_iter().rev().for_each(|work| live.inbox.push_front(work));
                }
                self.restore(live.book, run, now)
            }
        };
        if let Some(renewed) = self.runs.get_mut(&id) {
            renewed.inbox.extend(live.inbox);
        }
        orders.into_iter().chain(self.turn(id, now)).collect()
    }

    /// Takes groups as the journal has them, and on top of that what is on its way to it.
    fn reset_groups(&mut self, groups: Vec<(Name, Group)>, durable: Option<u64>) {
        for (name, mut group) in groups {
            let coming = self.flights.iter().filter(|(number, _)| Some(**number) != durable);
            let coming = coming.flat_map(|(_, batch)| &batch.flight.groups);
            for (_, base, events) in coming.filter(|(other, ..)| *other == name) {
                if *base == group.version && events.iter().try_for_each(|event| group.evolve(event)).is_err() {
                    break;
                }
            }
            self.groups.insert(name, group);
        }
    }
}
