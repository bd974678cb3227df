//! What was posted where in this process, so that a channel that can keeps a thread together.
//!
//! It is a convenience and no truth: after a restart the next message of a thread begins a new post.

use crate::base::limits::MAX_POSTED;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the first message of a thread is: by channel, recipient and thread.
#[derive(Clone, Default)]
pub struct Posted(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    places: BTreeMap<Key, Place>,
    order: VecDeque<Key>,
}

type Key = (String, String, String);

/// A message at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The room it is in, by the provider's own name.
    pub(super) room: String,
    /// The provider's id of it.
    pub(super) id: String,
}

impl Posted {
    pub(super) fn find(&self, channel: &str, to: &str, thread: &str) -> Option<Place> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.places.get(&(channel.to_owned(), to.to_owned(), thread.to_owned())).cloned()
    }

    /// Remembers the first message of a thread; later ones change nothing.
    pub(super) fn keep(&self, channel: &str, to: &str, thread: &str, place: Place) {
        let key = (channel.to_owned(), to.to_owned(), thread.to_owned());
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.places.contains_key(&key) {
            return;
        }
        memory.order.push_back(key.clone());
        memory.places.insert(key, place);
        if memory.order.len() > MAX_POSTED
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.places.remove(&oldest);
        }
    }

    /// It is not there any more.
    pub(super) fn forget(&self, channel: &str, to: &str, thread: &str) {
        let key = (channel.to_owned(), to.to_owned(), thread.to_owned());
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.places.remove(&key);
        memory.order.retain(|known| *known != key);
    }
}

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Posted").finish_non_exhaustive()
    }
}
