//! What is durable of each incident, shared with whoever sends its pages: the last look before a sending (invariant 8).

use crate::base::ids::IncidentId;
use crate::escalation::event::Page;
use crate::escalation::state::Incident;
use crate::model::book::Book;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Durable incidents that are not over, by id.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<IncidentId, Shown>>);

/// One incident as it is durable.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Where it stands.
    pub state: Arc<Incident>,
    /// The book whose ladder it follows.
    pub book: Arc<Book>,
}

impl Board {
    fn held(&self) -> MutexGuard<'_, BTreeMap<IncidentId, Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is so from now on: no page starts any more that this makes pointless. Returns before anybody hears of it.
    pub fn show(&self, id: IncidentId, shown: Shown) {
        self.held().insert(id, shown);
    }

    /// It is over.
    pub fn remove(&self, id: IncidentId) {
        self.held().remove(&id);
    }

    /// Every one.
    #[must_use]
    pub fn all(&self) -> Vec<Shown> {
        self.held().values().cloned().collect()
    }

    /// The incident of a page that is still to be sent; `None` = it has become pointless. Whoever asks starts the sending
    /// before letting go of what `start` holds, so that an acknowledgement is durable before, or after, and never meanwhile.
    pub fn begin<T>(&self, id: IncidentId, page: &Page, start: impl FnOnce(&Shown) -> T) -> Option<T> {
        let held = self.held();
        let shown = held
            .get(&id)
            .filter(|shown| shown.state.pages.get(&page.number).is_some_and(|ordered| ordered.fate.is_none()))?;
        Some(start(shown))
    }
}
