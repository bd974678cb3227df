//! Who holds groups and mutexes: asked and left in the run's own batch (invariant 7).

use super::{Driver, Order, Work};
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::engine::group::{Answer, Group, GroupEvent, Holder};
use crate::model::policy::Full;
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Driver {
    pub(super) fn ask(
        &mut self,
        run: RunId,
        name: &Name,
        place: Option<&Place>,
        (limit, full): (u32, Full),
        groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
    ) -> Answer {
        if place.is_none() && self.parent_holds(run, name) {
            return Answer::Granted;
        }
        let group = self.groups.entry(name.clone()).or_default();
        let base = group.version;
        let (events, answer) = group.ask(&Holder { run, place: place.cloned() }, limit, full);
        record(group, name, base, events, groups);
        answer
    }

    /// A child run shares its parent's group.
    pub(super) fn parent_holds(&self, run: RunId, name: &Name) -> bool {
        let mut here = self.runs.get(&run).and_then(|live| live.run.started.parent.as_ref().map(|parent| parent.run));
        let group = self.groups.get(name);
        while let Some(parent) = here {
            if group.is_some_and(|group| group.holders.contains(&Holder { run: parent, place: None })) {
                return true;
            }
            here = self.runs.get(&parent).and_then(|live| live.run.started.parent.as_ref().map(|parent| parent.run));
        }
        false
    }

    pub(super) fn leave(
        &mut self,
        run: RunId,
        name: &Name,
        place: Option<Place>,
        groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
    ) {
        let group = self.groups.entry(name.clone()).or_default();
        let base = group.version;
        let events = group.leave(&Holder { run, place });
        if events.is_empty() {
            self.doubted.insert(name.clone());
        }
        record(group, name, base, events, groups);
    }

    /// There may be room in a group: who is next asks again.
    pub(super) fn nudge(&mut self, name: &Name, now: Timestamp) -> Vec<Order> {
        let Some(next) = self.groups.get(name).and_then(Group::next).cloned() else { return Vec::new() };
        let Some(live) = self.runs.get_mut(&next.run) else { return Vec::new() };
        let (limit, full) = match (&next.place, &live.book.concurrency) {
            (None, Some(concurrency)) => (concurrency.limit, concurrency.full),
            (Some(_), _) | (None, None) => (1, Full::Queue),
        };
        live.inbox.push_back(Work::Ask { group: name.clone(), place: next.place, limit, full });
        self.turn(next.run, now)
    }
}

fn record(
    group: &mut Group,
    name: &Name,
    base: u64,
    events: Vec<GroupEvent>,
    groups: &mut BTreeMap<Name, (u64, Vec<GroupEvent>)>,
) {
    let slot = groups.entry(name.clone()).or_insert((base, Vec::new()));
    for event in events {
        if group.evolve(&event).is_ok() {
            slot.1.push(event);
        }
    }
}
