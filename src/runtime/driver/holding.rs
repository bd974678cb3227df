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
        self.groups.entry(name.clone()).or_default();
        let holder = Holder { run, place: place.cloned() };
        let asked = self
            .groups
            .get(name)
            .map(|group| group.ask(&holder, limit, full, &|one, other| self.is_inside(one, other)));
        let (Some((events, answer)), Some(group)) = (asked, self.groups.get_mut(name)) else {
            return Answer::Wait(Vec::new());
        };
        let base = group.version;
        record(group, name, base, events, groups);
        answer
    }

    /// A child run shares what its parent, or the step that called it, holds.
    pub(super) fn parent_holds(&self, run: RunId, name: &Name) -> bool {
        let child = Holder { run, place: None };
        self.groups.get(name).is_some_and(|group| group.holders.iter().any(|holder| self.is_inside(&child, holder)))
    }

    /// Whether one holder is inside another: a step of a step or of a run, or of a run that was called from there.
    pub(super) fn is_inside(&self, one: &Holder, other: &Holder) -> bool {
        if one == other {
            return false;
        }
        let mut here = Some((one.run, one.place.clone()));
        while let Some((run, place)) = here {
            if run == other.run {
                return match (&other.place, &place) {
                    (None, _) => true,
                    (Some(outer), Some(place)) => outer.holds(place),
                    (Some(_), None) => false,
                };
            }
            let parent = self.runs.get(&run).and_then(|live| live.run.started.parent.as_ref());
            here = parent.map(|parent| (parent.run, Some(parent.place.clone())));
        }
        false
    }

    /// The first of those who wait for a group that there is room for.
    pub(super) fn next_in(&self, name: &Name) -> Option<Holder> {
        let group = self.groups.get(name)?;
        group.next(&|holder| self.limit(holder), &|one, other| self.is_inside(one, other)).cloned()
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
        let Some(next) = self.next_in(name) else { return Vec::new() };
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
