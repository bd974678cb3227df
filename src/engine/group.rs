//! The machine of a concurrency group or mutex: a set of holders and a queue, never a number (invariant 7).

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::planted::{self, Bug};
use crate::model::policy::Full;
use std::collections::BTreeSet;
use std::fmt;

/// Who holds a group (a run) or a mutex (one step of a run).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// The step, for a mutex.
    pub place: Option<Place>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}/{place}", self.run),
            None => write!(f, "{}", self.run),
        }
    }
}

/// What happened in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// It waits.
    Joined(Holder),
    /// It holds the group.
    Granted(Holder),
    /// It neither waits nor holds any more.
    Left(Holder),
}

/// A group, folded from its events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// How many events it is made of.
    pub version: u64,
    /// Who holds it.
    pub holders: BTreeSet<Holder>,
    /// Who waits, first come first served.
    pub waiters: Vec<Holder>,
}

/// An event that the group cannot have seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot do that in its group")]
pub struct IllegalGroupEvent(String);

/// The answer to who asks for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It holds it now.
    Granted,
    /// It waits; these hold it.
    Wait(Vec<RunId>),
    /// It is full and it does not wait.
    Full(Vec<RunId>),
}

/// Whether the first is inside the second: a step of a group, a step of a run it called. It then shares what the second holds.
pub type Inside<'a> = &'a dyn Fn(&Holder, &Holder) -> bool;

impl Group {
    /// Applies one event.
    ///
    /// # Errors
    /// [`IllegalGroupEvent`]; the group is then as it was.
    pub fn evolve(&mut self, event: &GroupEvent) -> Result<(), IllegalGroupEvent> {
        let waits = |holder: &Holder, group: &Self| group.waiters.contains(holder);
        let legal = match event {
            GroupEvent::Joined(holder) => {
                let new = !waits(holder, self) && !self.holders.contains(holder);
                if new {
                    self.waiters.push(holder.clone());
                }
                new
            }
            GroupEvent::Granted(holder) => {
                self.waiters.retain(|waiter| waiter != holder);
                self.holders.insert(holder.clone())
            }
            GroupEvent::Left(holder) => {
                let waited = waits(holder, self);
                self.waiters.retain(|waiter| waiter != holder);
                self.holders.remove(holder) || waited
            }
        };
        if !legal {
            let (GroupEvent::Joined(holder) | GroupEvent::Granted(holder) | GroupEvent::Left(holder)) = event;
            return Err(IllegalGroupEvent(holder.to_string()));
        }
        self.version += 1;
        Ok(())
    }

    /// Whether there is room for `holder`: not in the way is who it is inside of, and who came before it only if the same
    /// holder has both inside.
    #[must_use]
    pub fn has_room(&self, holder: &Holder, limit: u32, inside: Inside<'_>) -> bool {
        let around: Vec<&Holder> = self.holders.iter().filter(|other| inside(holder, other)).collect();
        let nearest = around.iter().find(|one| around.iter().all(|other| one == &other || inside(one, other)));
        let ahead = self.waiters.iter().take_while(|waiter| *waiter != holder);
        let ahead = ahead.filter(|waiter| nearest.is_none_or(|nearest| inside(waiter, nearest))).count();
        let limit = limit as usize + usize::from(planted::has(Bug::OneMoreHolder));
        limit.saturating_sub(self.holders.len() - around.len()) > ahead
    }

    /// Somebody asks for the group; asking again changes nothing.
    #[must_use]
    pub fn ask(&self, holder: &Holder, limit: u32, full: Full, inside: Inside<'_>) -> (Vec<GroupEvent>, Answer) {
        let in_the_way = self.holders.iter().filter(|other| !inside(holder, other));
        let holders = || match in_the_way.map(|holder| holder.run).collect::<Vec<_>>() {
            // It is free for a moment: whoever came before is next, and is who is waited for.
            free if free.is_empty() => {
                let before = self.waiters.iter().take_while(|waiter| *waiter != holder);
                before.map(|waiter| waiter.run).take(1).collect()
            }
            held => held,
        };
        if self.holders.contains(holder) {
            return (Vec::new(), Answer::Granted);
        }
        let waits = self.waiters.contains(holder);
        match full {
            _ if self.has_room(holder, limit, inside) => (vec![GroupEvent::Granted(holder.clone())], Answer::Granted),
            Full::Queue if waits => (Vec::new(), Answer::Wait(holders())),
            Full::Queue => (vec![GroupEvent::Joined(holder.clone())], Answer::Wait(holders())),
            Full::Skip | Full::Fail => (Vec::new(), Answer::Full(holders())),
        }
    }

    /// Somebody leaves, holding or waiting; leaving again changes nothing.
    #[must_use]
    pub fn leave(&self, holder: &Holder) -> Vec<GroupEvent> {
        let there = self.holders.contains(holder) || self.waiters.contains(holder);
        if there { vec![GroupEvent::Left(holder.clone())] } else { Vec::new() }
    }

    /// The first of those who wait that there is room for.
    #[must_use]
    pub fn next(&self, limit: &dyn Fn(&Holder) -> u32, inside: Inside<'_>) -> Option<&Holder> {
        self.waiters.iter().find(|waiter| self.has_room(waiter, limit(waiter), inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(n: u64) -> Holder {
        Holder { run: RunId::new(n, 0), place: None }
    }

    fn ask(group: &mut Group, n: u64, full: Full) -> Answer {
        let (events, answer) = group.ask(&holder(n), 1, full, &|_, _| false);
        for event in &events {
            group.evolve(event).expect("legal");
        }
        answer
    }

    #[test]
    fn first_come_first_served_and_nobody_twice() {
        let mut group = Group::default();
        assert_eq!(ask(&mut group, 1, Full::Queue), Answer::Granted);
        assert_eq!(ask(&mut group, 1, Full::Queue), Answer::Granted, "asking again changes nothing");
        assert_eq!(ask(&mut group, 2, Full::Queue), Answer::Wait(vec![holder(1).run]));
        assert_eq!(ask(&mut group, 3, Full::Queue), Answer::Wait(vec![holder(1).run]));
        assert_eq!(ask(&mut group, 4, Full::Skip), Answer::Full(vec![holder(1).run]));
        for event in group.leave(&holder(1)) {
            group.evolve(&event).expect("legal");
        }
        assert_eq!(group.next(&|_| 1, &|_, _| false), Some(&holder(2)));
        assert_eq!(
            ask(&mut group, 3, Full::Queue),
            Answer::Wait(vec![holder(2).run]),
            "the one before it is not passed over"
        );
        assert_eq!(ask(&mut group, 2, Full::Queue), Answer::Granted);
        assert!(group.leave(&holder(9)).is_empty());
    }

    #[test]
    fn who_is_inside_a_holder_shares_it_and_excludes_only_its_like() {
        let step = |text: &str| Holder { run: RunId::new(1, 0), place: Some(Place::parse(text).expect(text)) };
        let inside = |one: &Holder, other: &Holder| {
            let places = one.place.as_ref().zip(other.place.as_ref());
            one != other && places.is_some_and(|(one, other)| other.holds(one))
        };
        let mut group = Group::default();
        let ask = |group: &mut Group, holder: &Holder| {
            let (events, answer) = group.ask(holder, 1, Full::Queue, &inside);
            for event in &events {
                group.evolve(event).expect("legal");
            }
            answer == Answer::Granted
        };
        assert!(ask(&mut group, &step("o")));
        assert!(!ask(&mut group, &holder(2)));
        assert!(ask(&mut group, &step("o/a")), "it is inside, whoever else waits");
        assert!(!ask(&mut group, &step("o/b")), "what is inside excludes one another");
        assert!(ask(&mut group, &step("o/a/deep")));
        let next = |group: &Group| group.next(&|_| 1, &inside).cloned();
        assert_eq!(next(&group), None);
        for (leaves, then) in [("o/a/deep", None), ("o/a", Some(step("o/b"))), ("o", Some(holder(2)))] {
            for event in group.leave(&step(leaves)) {
                group.evolve(&event).expect("legal");
            }
            assert_eq!(next(&group), then, "after {leaves}");
            if let Some(then) = then {
                assert!(ask(&mut group, &then));
                group.leave(&then).iter().for_each(|event| group.evolve(event).expect("legal"));
            }
        }
    }

    #[test]
    fn what_cannot_have_happened_is_refused() {
        let mut group = Group::default();
        assert!(group.evolve(&GroupEvent::Left(holder(1))).is_err());
        group.evolve(&GroupEvent::Granted(holder(1))).expect("legal");
        assert!(group.evolve(&GroupEvent::Granted(holder(1))).is_err());
        assert!(group.evolve(&GroupEvent::Joined(holder(1))).is_err());
        assert_eq!(group.version, 1);
    }
}
