//! The runs that are held, and when each is due: finding out costs what has changed, not what there is.

use super::Live;
use crate::base::ids::RunId;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Every unfinished run by its id, with an index of due instants.
#[derive(Default)]
pub(super) struct Runs {
    held: BTreeMap<RunId, Slot>,
    /// Due instants as of the last look; exactly those of the slots.
    due: BTreeSet<(Timestamp, RunId)>,
    /// Runs that may have changed since.
    touched: BTreeSet<RunId>,
}

struct Slot {
    live: Live,
    /// As it stands in the index.
    due: Option<Timestamp>,
}

impl Runs {
    pub(super) fn get(&self, run: &RunId) -> Option<&Live> {
        self.held.get(run).map(|slot| &slot.live)
    }

    /// A run that may be changed: its due instant is worked out anew.
    pub(super) fn get_mut(&mut self, run: &RunId) -> Option<&mut Live> {
        let slot = self.held.get_mut(run)?;
        self.touched.insert(*run);
        Some(&mut slot.live)
    }

    pub(super) fn insert(&mut self, run: RunId, live: Live) {
        self.remove(&run);
        self.held.insert(run, Slot { live, due: None });
        self.touched.insert(run);
    }

    pub(super) fn remove(&mut self, run: &RunId) -> Option<Live> {
        let Slot { live, due } = self.held.remove(run)?;
        if let Some(due) = due {
            self.due.remove(&(due, *run));
        }
        self.touched.remove(run);
        Some(live)
    }

    pub(super) fn contains_key(&self, run: &RunId) -> bool {
        self.held.contains_key(run)
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&RunId, &Live)> {
        self.held.iter().map(|(run, slot)| (run, &slot.live))
    }

    /// When the next is due.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        self.look();
        self.due.first().map(|(due, _)| *due)
    }

    /// Those that are due, oldest first.
    pub(super) fn due(&mut self, now: Timestamp) -> BTreeSet<RunId> {
        self.look();
        self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, run)| *run).collect()
    }

    fn look(&mut self) {
        for run in std::mem::take(&mut self.touched) {
            let Some(slot) = self.held.get_mut(&run) else { continue };
            // A batch on its way comes back by itself.
            let due = if slot.live.flight.is_none() { slot.live.next_due() } else { None };
            if slot.due == due {
                continue;
            }
            if let Some(before) = std::mem::replace(&mut slot.due, due) {
                self.due.remove(&(before, run));
            }
            if let Some(due) = due {
                self.due.insert((due, run));
            }
        }
    }
}
