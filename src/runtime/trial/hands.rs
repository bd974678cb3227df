//! What the pump of a test asks of the world, noted down.

use super::Trials;
use crate::base::address::Place;
use crate::base::ids::{IncidentId, RunId};
use crate::escalation::event::Page;
use crate::model::book::Settings;
use crate::model::perform::Request;
use crate::runtime::pump::{Inbox, Perform, Pump, post_box};
use crate::store::Journal;
use crate::store::memory::Memory;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An attempt: whose, where, which.
pub(super) type Key = (RunId, Place, u32);

/// What was asked so far.
pub(super) type Calls = Arc<Mutex<Vec<Call>>>;

/// What the pump asks of the world.
pub(super) enum Call {
    Perform(RunId, Box<Request>, Option<Timestamp>),
    Stop(Key),
}

/// Takes note of what the pump asks.
struct Hands(Calls);

impl Perform for Hands {
    fn perform(&self, run: RunId, request: Request, deadline: Option<Timestamp>, _again: bool) {
        note(&self.0, Call::Perform(run, Box::new(request), deadline));
    }

    fn stop(&self, run: RunId, place: &Place, attempt: u32) {
        note(&self.0, Call::Stop((run, place.clone(), attempt)));
    }

    fn kill(&self, _run: RunId) {}

    fn gone(&self, _run: RunId) {}

    fn page(&self, _incident: IncidentId, _page: &Page, _severity: &str, _again: bool) {}

    fn settings(&self, _settings: &Arc<Settings>) {}

    fn withdraw(&self, _incident: IncidentId, _page: u32) {}

    fn has(&self, _run: RunId, _place: &Place, _attempt: u32) -> bool {
        true
    }
}

fn note(calls: &Calls, call: Call) {
    calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
}

/// What was asked since the last look.
pub(super) fn taken(calls: &Calls) -> Vec<Call> {
    std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A pump over that journal, under that clock (milliseconds since 1970), whose world only takes note.
pub(super) fn pump(trials: &Trials, journal: &Arc<Memory>, calls: &Calls, clock: &Arc<AtomicI64>) -> (Pump, Inbox) {
    let (sender, inbox) = post_box();
    let journal: Arc<dyn Journal> = Arc::clone(journal) as Arc<dyn Journal>;
    let hands = Box::new(Hands(Arc::clone(calls)));
    let mut pump = Pump::new(journal, Arc::clone(&trials.shelf), hands, sender, "test".into(), Box::new(|_| {}));
    pump.without_incidents = true;
    let clock = Arc::clone(clock);
    pump.clock =
        Arc::new(move || Timestamp::from_millisecond(clock.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH));
    (pump, inbox)
}
