//! The pages that wait for one channel: the most urgent first, and of one urgency each incident in its turn.

use crate::runtime::pager::{AttemptNote, Job, PageKey};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// A page that waits.
pub(super) struct Waiting {
    pub(super) job: Job,
    /// Until when it may be tried again.
    pub(super) until: Instant,
    /// Its tries so far.
    pub(super) notes: Vec<AttemptNote>,
}

/// The queue of one channel.
#[derive(Default)]
pub(super) struct Queue {
    /// By urgency, turn and order of coming.
    ready: BTreeMap<(u8, u64, u64), Waiting>,
    /// Those that are tried again, by when.
    later: BTreeMap<(Instant, u64), Waiting>,
    /// The last turn that each incident with pages here was given, by urgency.
    turns: BTreeMap<(u8, String), u64>,
    /// The turn that was taken last, by urgency.
    current: BTreeMap<u8, u64>,
    /// What begins from here on.
    next: u64,
    /// Pages that are being tried and were taken back meanwhile.
    withdrawn: BTreeSet<PageKey>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.later.len()
    }

    /// Puts a page where it belongs. One incident's hundredth page comes after another's first.
    pub(super) fn put(&mut self, waiting: Waiting) {
        let urgency = waiting.job.urgency;
        let current = self.current.get(&urgency).copied().unwrap_or_default();
        let last = self.turns.entry((urgency, waiting.job.about.clone())).or_default();
        let turn = current.max(*last + 1);
        *last = turn;
        self.next += 1;
        self.ready.insert((urgency, turn, self.next), waiting);
    }

    /// Puts a page aside until it is tried again.
    pub(super) fn put_later(&mut self, at: Instant, waiting: Waiting) {
        self.next += 1;
        self.later.insert((at, self.next), waiting);
    }

    /// Brings back what is due to be tried again.
    pub(super) fn bring_due(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let waiting = entry.remove();
            self.put(waiting);
        }
    }

    /// When the next page is due to be tried again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// How urgent the first page is.
    pub(super) fn urgency(&self) -> Option<u8> {
        self.ready.keys().next().map(|(urgency, _, _)| *urgency)
    }

    /// A page whose time is over.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Waiting> {
        let late = self.ready.iter().find(|(_, waiting)| waiting.until < now).map(|(place, _)| *place)?;
        let waiting = self.ready.remove(&late)?;
        self.left(late.0);
        Some(waiting)
    }

    /// The first page.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let ((urgency, turn, _), waiting) = self.ready.pop_first()?;
        self.current.insert(urgency, turn);
        self.left(urgency);
        Some(waiting)
    }

    /// One of that urgency is gone.
    fn left(&mut self, urgency: u8) {
        if self.ready.keys().all(|(known, _, _)| *known != urgency) {
            // Nobody waits: everybody begins anew.
            self.turns.retain(|(known, _), _| *known != urgency);
            self.current.remove(&urgency);
        }
    }

    /// Takes a page out, wherever it is; one that is being tried is not tried again.
    pub(super) fn withdraw(&mut self, key: &PageKey, tried: bool) {
        self.ready.retain(|_, waiting| waiting.job.key != *key);
        self.later.retain(|_, waiting| waiting.job.key != *key);
        if tried {
            self.withdrawn.insert(key.clone());
        }
    }

    /// Whether a page that was tried was taken back meanwhile; asked once.
    pub(super) fn was_withdrawn(&mut self, key: &PageKey) -> bool {
        self.withdrawn.remove(key)
    }
}
