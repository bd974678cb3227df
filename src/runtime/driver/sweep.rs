//! The sweep of invariant 17: somebody always comes back.
//!
//! Every unfinished run has an owner that drives it, an instant at which it is due, or a person it
//! waits for; every holder of a group is a run that holds it. What is missing is put right and named,
//! so that it is counted, and said aloud.

use super::{Driver, InFlight, Live, Order, Origin};
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::base::planted::{self, Bug};
use crate::engine::decide::{Effect, Input, outstanding};
use crate::engine::group::{Group, GroupEvent, Holder};
use crate::engine::run::{Run, RunPhase, StepPhase};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Something that was put right, in a sentence.
pub type Repair = String;

/// Attempts that nobody seemed to be at; who is named twice in a row is lost.
pub type Suspects = BTreeSet<(RunId, Place, u32)>;

/// Whom the sweep asks about what the driver can't know.
pub struct Witness<'a> {
    /// Whether somebody is at an attempt.
    pub has: &'a dyn Fn(RunId, &Place, u32) -> bool,
    /// Whether a run is unfinished though nobody drives it.
    pub unfinished: &'a dyn Fn(RunId) -> bool,
    /// A group as its stream adds up to.
    pub group: &'a dyn Fn(&Name) -> Option<Group>,
}

/// How late a due instant may be looked at before it counts as forgotten.
const LATE: SignedDuration = SignedDuration::from_secs(5);

impl Driver {
    /// Whether a batch of that run is on its way.
    #[must_use]
    pub fn is_in_flight(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|live| live.flight.is_some())
    }

    /// Loses a run, as a bug might: the sweep has to find it.
    #[cfg(feature = "planted")]
    pub fn lose(&mut self, run: RunId) {
        self.runs.remove(&run);
    }

    /// Loses who holds a group, as a bug might: the sweep has to find it.
    #[cfg(feature = "planted")]
    pub fn lose_holders(&mut self) {
        self.groups.values_mut().for_each(|group| group.holders.clear());
    }

    /// Whether a run is driven or set aside.
    #[must_use]
    pub fn knows(&self, run: RunId) -> bool {
        self.runs.contains_key(&run) || self.quarantined.contains_key(&run)
    }

    /// Looks at every run and group.
    pub fn sweep(&mut self, suspects: &mut Suspects, world: &Witness<'_>, now: Timestamp) -> (Vec<Order>, Vec<Repair>) {
        let (mut orders, mut repairs) = (Vec::new(), Vec::new());
        let mut seen = Suspects::new();
        let quiet: Vec<RunId> =
            self.runs.iter().filter(|(_, live)| live.flight.is_none()).map(|(run, _)| *run).collect();
        for id in quiet {
            let (more, repaired) = self.sweep_run(id, (suspects, &mut seen), world, now);
            orders.extend(more);
            repairs.extend(repaired);
        }
        *suspects = seen;
        for name in self.groups.keys().cloned().collect::<Vec<_>>() {
            let (more, repaired) = self.sweep_group(&name, world, now);
            orders.extend(more);
            repairs.extend(repaired);
        }
        (orders, repairs)
    }

    fn sweep_run(
        &mut self,
        id: RunId,
        (suspects, seen): (&Suspects, &mut Suspects),
        world: &Witness<'_>,
        now: Timestamp,
    ) -> (Vec<Order>, Vec<Repair>) {
        let Some(live) = self.runs.get(&id) else { return (Vec::new(), Vec::new()) };
        let mut repairs = Vec::new();
        let mut lost = Vec::new();
        for effect in outstanding(&live.book, &live.run) {
            match &effect {
                Effect::Perform { place, attempt, .. } => {
                    let key = (id, place.clone(), *attempt);
                    if (world.has)(id, place, *attempt) || planted::has(Bug::NoSweep) {
                        continue;
                    }
                    if !suspects.contains(&key) {
                        seen.insert(key);
                        continue;
                    }
                    repairs.push(format!("nobody was at attempt {attempt} of `{place}` of run {id}"));
                }
                Effect::StartChild { child, place, .. } => {
                    if self.knows(*child) {
                        continue;
                    }
                    repairs.push(format!("nobody drove run {child}, which `{place}` of run {id} waits for"));
                }
                Effect::Acquire { group, place, .. } => {
                    let holder = Holder { run: id, place: place.clone() };
                    if self.groups.get(group).is_some_and(|group| group.waiters.contains(&holder)) {
                        continue;
                    }
                    repairs.push(format!("run {id} waited for `{group}`, which did not know of it"));
                }
                Effect::Stop { .. } | Effect::CancelChild { .. } | Effect::Release { .. } => continue,
            }
            lost.push(effect);
        }
        let due = live.next_due();
        let forgotten = due.is_some_and(|due| due + LATE < now);
        if forgotten {
            repairs.push(format!("run {id} was due and nobody looked"));
        }
        let waits = due.is_some() || is_waiting(&live.run);
        if !waits {
            repairs.push(format!("run {id} waited for nothing and nobody"));
        }
        let mut orders = self.order_again(id, lost, now);
        let (more, repair) = self.hold_again(id, world);
        orders.extend(more);
        repairs.extend(repair);
        if forgotten || !waits {
            orders.extend(self.input(id, Input::Tick, now));
        }
        (orders, repairs)
    }

    /// Orders what was lost: groups are asked again, the rest is ordered as after a crash.
    fn order_again(&mut self, id: RunId, lost: Vec<Effect>, now: Timestamp) -> Vec<Order> {
        let Some(live) = self.runs.get_mut(&id) else { return Vec::new() };
        let mut orders = Vec::new();
        for effect in lost {
            if let Effect::Acquire { group, place, limit, full } = effect {
                live.inbox.push_back(super::Work::Ask { group, place, limit, full });
            } else {
                orders.push(Order::Effect { run: id, effect, again: true });
            }
        }
        if !live.inbox.is_empty() {
            orders.extend(self.turn(id, now));
        }
        orders
    }

    /// A group or mutex that a run works under and is not known to hold.
    fn unheld(&self, id: RunId) -> Option<(Name, Option<Place>)> {
        let Some(Live { book, run, flight: None, .. }) = self.runs.get(&id) else { return None };
        let held = |name: &Name, place: Option<Place>| {
            self.groups.get(name).is_some_and(|group| group.holders.contains(&Holder { run: id, place }))
        };
        if let (RunPhase::At(_), Some(concurrency), true) = (&run.phase, &book.concurrency, run.asked) {
            let name = &concurrency.group;
            if !held(name, None) && !self.parent_holds(id, name) {
                return Some((name.clone(), None));
            }
        }
        let holding = run.steps.iter().filter(|(_, step)| step.holds && step.ended().is_none());
        holding
            .filter_map(|(place, _)| Some((book.step(place.step())?.mutex.clone()?, Some(place.clone()))))
            .find(|(name, place)| !held(name, place.clone()))
    }

    /// It holds what it works under, whoever else may have come in: that nobody more does.
    fn hold_again(&mut self, id: RunId, world: &Witness<'_>) -> (Option<Order>, Option<Repair>) {
        let Some((name, place)) = self.unheld(id).filter(|(name, _)| !self.is_moving(name)) else {
            return (None, None);
        };
        if let Some(repair) = self.believe(&name, world) {
            return (None, Some(repair));
        }
        let repair = format!("run {id} worked under `{name}` and was not known to hold it");
        let order = self.change_group(id, &name, GroupEvent::Granted(Holder { run: id, place }));
        (order, Some(repair))
    }

    /// Whether a batch on its way changes a group.
    fn is_moving(&self, name: &Name) -> bool {
        self.flights.values().any(|batch| batch.flight.groups.iter().any(|(other, ..)| other == name))
    }

    /// Takes a group as its stream has it, where that is something else than what was thought.
    fn believe(&mut self, name: &Name, world: &Witness<'_>) -> Option<Repair> {
        let group = (world.group)(name).filter(|group| self.groups.get(name) != Some(group))?;
        self.groups.insert(name.clone(), group);
        Some(format!("what was thought of `{name}` was not what its stream says"))
    }

    /// A batch of one event of one group.
    fn change_group(&mut self, run: RunId, name: &Name, event: GroupEvent) -> Option<Order> {
        let group = self.groups.get_mut(name)?;
        let base = group.version;
        group.evolve(&event).ok()?;
        let version = self.runs.get(&run).map_or(0, |live| live.run.version);
        let groups = vec![(name.clone(), base, vec![event])];
        let flight = super::Flight { number: 0, run, base: version, events: Vec::new(), groups, schedule: None };
        let nudges = vec![name.clone()];
        Some(self.launch(InFlight { flight, effects: Vec::new(), nudges, again: false, origin: Origin::Group }))
    }

    fn sweep_group(&mut self, name: &Name, world: &Witness<'_>, now: Timestamp) -> (Vec<Order>, Vec<Repair>) {
        let (mut orders, mut repairs) = (Vec::new(), Vec::new());
        if self.is_moving(name) {
            return (orders, repairs);
        }
        if self.doubted.remove(name) {
            repairs.extend(self.believe(name, world));
        }
        let Some(group) = self.groups.get(name) else { return (orders, repairs) };
        let all: Vec<Holder> = group.holders.iter().chain(&group.waiters).cloned().collect();
        for holder in all {
            if self.may_hold(name, &holder) || (!self.runs.contains_key(&holder.run) && (world.unfinished)(holder.run))
            {
                continue;
            }
            // Once something moves, the stream is behind what is known.
            if !self.is_moving(name)
                && let Some(repair) = self.believe(name, world)
            {
                repairs.push(repair);
                break;
            }
            repairs.push(format!("`{name}` was held or awaited by {holder}, which does neither"));
            orders.extend(self.change_group(holder.run, name, GroupEvent::Left(holder)));
        }
        if self.next_in(name).is_some() {
            let more = self.nudge(name, now);
            if !more.is_empty() {
                repairs.push(format!("`{name}` had room and somebody waiting, and nobody said so"));
            }
            orders.extend(more);
        }
        (orders, repairs)
    }

    /// Whether what is known of a driven run fits its place in a group. Where a batch is on its way, it does.
    fn may_hold(&self, name: &Name, holder: &Holder) -> bool {
        let Some(live) = self.runs.get(&holder.run) else { return self.quarantined.contains_key(&holder.run) };
        if live.flight.is_some() {
            return true;
        }
        match &holder.place {
            None => live.run.ended().is_none() && live.book.concurrency.as_ref().is_some_and(|own| own.group == *name),
            Some(place) => live.run.steps.get(place).is_some_and(|step| step.ended().is_none()),
        }
    }

    pub(super) fn limit(&self, holder: &Holder) -> u32 {
        let own = self.runs.get(&holder.run).and_then(|live| live.book.concurrency.as_ref());
        match (&holder.place, own) {
            (None, Some(concurrency)) => concurrency.limit,
            (None, None) | (Some(_), _) => 1,
        }
    }
}

/// Whether anything outside can move the run on: an attempt, a child, a person, a group.
fn is_waiting(run: &Run) -> bool {
    let waits = |phase: &StepPhase| match phase {
        StepPhase::Running(_) | StepPhase::Held { .. } | StepPhase::Asked { .. } | StepPhase::Polling(_) => true,
        StepPhase::Ready
        | StepPhase::Backoff { .. }
        | StepPhase::Open(_)
        | StepPhase::Recovering
        | StepPhase::Erring
        | StepPhase::Ended(_) => false,
    };
    match &run.phase {
        RunPhase::Queued { .. } => true,
        RunPhase::At(_) => run.steps.values().any(|step| waits(&step.phase)),
        RunPhase::Ended(_) => false,
    }
}
