//! Every incident that is not over in memory: where it stands, what waits for it, and when it is next looked at.
//!
//! Synchronous and without a clock, as the driver and the schedules are; `pump` carries out what comes of it. The next looks
//! stand in order, so that of ten thousand open incidents only those are touched that are due. `board` shows what is
//! durable of each to whoever sends its pages; `past` reads what the journal holds; `live` is who can be reached now; `silences` say what nobody is to hear of.

pub mod board;
pub mod keep;
pub mod live;
pub mod past;
pub mod silences;

use crate::base::ids::{IncidentId, RunId};
use crate::escalation::decide::{Decision, Effect, Input, Known, decide, next_look};
use crate::escalation::event::Recorded;
use crate::escalation::state::{IllegalEvent, Incident};
use crate::model::book::Book;
use crate::model::escalation::Escalation;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// When something that changed nothing, or was not taken, is looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// What whoever asked for something hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The incident.
    pub incident: IncidentId,
    /// Whether it was opened by this.
    pub opened: bool,
}

/// Who asked for something, and hears of it once it is durable, or why nothing came of it.
pub type Told = Box<dyn FnOnce(Result<Heard, String>) + Send>;

/// Events of an incident on their way to the journal.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The incident.
    pub id: IncidentId,
    /// Its version before these events.
    pub base: u64,
    /// Its events.
    pub events: Vec<Recorded>,
    /// The key that must not have an open incident yet.
    pub opens: Option<String>,
}

/// What may begin once a batch is durable.
#[derive(Default)]
struct After {
    effects: Vec<Effect>,
    told: Vec<(Told, Heard)>,
    events: Vec<Recorded>,
}

/// What is durable now.
#[derive(Debug, Default)]
pub struct Landed {
    /// What may begin.
    pub effects: Vec<Effect>,
    /// What happened.
    pub events: Vec<Recorded>,
}

/// One incident.
struct Held {
    book: Arc<Book>,
    state: Incident,
    look: Option<Timestamp>,
    flight: bool,
    inbox: VecDeque<(Input, Option<Told>)>,
    after: After,
}

/// All of them.
#[derive(Default)]
pub struct Incidents {
    all: BTreeMap<IncidentId, Held>,
    looks: BTreeSet<(Timestamp, IncidentId)>,
    /// Unresolved ones by key.
    keys: BTreeMap<String, IncidentId>,
    /// Runs that were started about one.
    runs: BTreeMap<RunId, IncidentId>,
}

/// A book without a ladder: everything is recorded, nobody can be told.
static NOBODY: std::sync::LazyLock<Escalation> = std::sync::LazyLock::new(Escalation::default);

/// The ladder that an incident follows.
#[must_use]
pub fn ladder(book: &Book) -> &Escalation {
    book.escalation.as_ref().unwrap_or(&NOBODY)
}

impl Incidents {
    /// Takes an incident as its stream left it.
    pub fn restore(&mut self, book: Arc<Book>, state: Incident) {
        let Some((_, opened)) = state.opened.as_ref() else { return };
        let id = opened.id;
        if state.ending.is_none() {
            self.keys.insert(opened.trouble.key.clone(), id);
        }
        self.runs.extend(state.running().map(|response| (response.run, id)));
        self.all.insert(id, Held::of(book, state));
        self.plan_look(id);
    }

    /// Takes one that is to be opened; its first input says how.
    pub fn open(&mut self, book: Arc<Book>, id: IncidentId, key: &str, input: Input, told: Option<Told>) {
        let mut held = Held::of(book, Incident::default());
        held.inbox.push_back((input, told));
        self.keys.insert(key.to_owned(), id);
        self.all.insert(id, held);
        self.plan_look(id);
    }

    /// The unresolved incident of a key.
    #[must_use]
    pub fn of_key(&self, key: &str) -> Option<IncidentId> {
        self.keys.get(key).copied()
    }

    /// The incident that a run was started about.
    #[must_use]
    pub fn of_run(&self, run: RunId) -> Option<IncidentId> {
        self.runs.get(&run).copied()
    }

    /// Whether that incident is here.
    #[must_use]
    pub fn has(&self, id: IncidentId) -> bool {
        self.all.contains_key(&id)
    }

    /// Every incident that is here.
    #[must_use]
    pub fn ids(&self) -> Vec<IncidentId> {
        self.all.keys().copied().collect()
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Where an incident stands once everything on its way to the journal is there, and the book whose ladder it follows.
    #[must_use]
    pub fn state(&self, id: IncidentId) -> Option<(&Incident, &Arc<Book>)> {
        self.all.get(&id).map(|held| (&held.state, &held.book))
    }

    /// Something for an incident; it is decided when no batch of it is on its way.
    pub fn ask(&mut self, id: IncidentId, input: Input, told: Option<Told>) {
        let Some(held) = self.all.get_mut(&id) else {
            told.into_iter().for_each(|told| told(Err(format!("incident `{id}` is over"))));
            return;
        };
        held.inbox.push_back((input, told));
        self.plan_look(id);
    }

    /// When the next of them is to be looked at.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// Those that are to be looked at.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<IncidentId> {
        self.looks.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
    }

    /// Decides everything that waits for an incident, and that time has passed. `None` = nothing came of it.
    ///
    /// # Errors
    /// [`IllegalEvent`]: it is set aside, and nothing else is.
    pub fn decide(
        &mut self,
        id: IncidentId,
        known: &Known<'_>,
        now: Timestamp,
    ) -> Result<Option<Planned>, IllegalEvent> {
        let Some(held) = self.all.get_mut(&id).filter(|held| !held.flight) else { return Ok(None) };
        let base = held.state.version;
        let policy = ladder(&held.book);
        let (mut events, mut after) = (Vec::new(), After::default());
        let inputs: Vec<_> = held.inbox.drain(..).chain([(Input::Tick, None)]).collect();
        for (input, told) in inputs {
            let opened = matches!(input, Input::Open(_));
            match decide(policy, &mut held.state, input, known, now) {
                Ok(Decision { events: more, effects, refused }) => {
                    events.extend(more);
                    after.effects.extend(effects);
                    match (told, refused) {
                        (Some(told), Some(why)) => told(Err(why)),
                        (Some(told), None) => after.told.push((told, Heard { incident: id, opened })),
                        (None, _) => {}
                    }
                }
                Err(illegal) => {
                    self.drop_held(id);
                    return Err(illegal);
                }
            }
        }
        if events.is_empty() {
            after.told.into_iter().for_each(|(told, heard)| told(Ok(heard)));
            if held.state.is_over() {
                self.drop_held(id);
                return Ok(None);
            }
            self.plan_look(id);
            // An instant in the past that changes nothing is no reason to spin.
            if self.all.get(&id).and_then(|held| held.look).is_some_and(|look| look <= now) {
                self.set_look(id, now.checked_add(SOON).ok());
            }
            return Ok(None);
        }
        held.flight = true;
        after.events.clone_from(&events);
        held.after = after;
        let opens = held.state.opened.as_ref().filter(|_| base == 0).map(|(_, opened)| opened.trouble.key.clone());
        let started: Vec<RunId> = held.after.effects.iter().filter_map(started).collect();
        self.runs.extend(started.into_iter().map(|run| (run, id)));
        self.set_look(id, None);
        Ok(Some(Planned { id, base, events, opens }))
    }

    /// The batch of an incident is durable: what may begin now.
    pub fn landed(&mut self, id: IncidentId) -> Landed {
        let Some(held) = self.all.get_mut(&id) else { return Landed::default() };
        held.flight = false;
        let After { effects, told, events } = std::mem::take(&mut held.after);
        told.into_iter().for_each(|(told, heard)| told(Ok(heard)));
        if held.state.ending.is_some()
            && let Some((_, opened)) = &held.state.opened
            && self.keys.get(&opened.trouble.key) == Some(&id)
        {
            self.keys.remove(&opened.trouble.key);
        }
        if held.inbox.is_empty() && held.state.is_over() && effects.is_empty() {
            self.drop_held(id);
        } else {
            self.plan_look(id);
        }
        Landed { effects, events }
    }

    /// What the journal holds of an incident whose batch was not taken, or may not have been; `None` = nothing of it.
    pub fn reread(&mut self, id: IncidentId, state: Option<Incident>, why: &str, now: Timestamp) {
        let Some(held) = self.all.get_mut(&id) else { return };
        held.flight = false;
        let told = std::mem::take(&mut held.after).told;
        told.into_iter().for_each(|(told, _)| told(Err(why.to_owned())));
        match state {
            Some(state) => {
                held.state = state;
                self.set_look(id, now.checked_add(SOON).ok());
            }
            None => self.drop_held(id),
        }
    }

    /// Whether a batch of it is on its way, or something waits to be decided.
    #[must_use]
    pub fn is_moving(&self, id: IncidentId) -> bool {
        self.all.get(&id).is_some_and(|held| held.flight || !held.inbox.is_empty())
    }

    /// Forgets one: it is over, or set aside.
    pub fn drop_held(&mut self, id: IncidentId) {
        self.set_look(id, None);
        let Some(held) = self.all.remove(&id) else { return };
        let waiting = held.inbox.into_iter().filter_map(|(_, told)| told);
        waiting.for_each(|told| told(Err(format!("incident `{id}` is over"))));
        self.runs.retain(|_, incident| *incident != id);
        self.keys.retain(|_, incident| *incident != id);
    }

    fn plan_look(&mut self, id: IncidentId) {
        let Some(held) = self.all.get(&id) else { return };
        let look = match (held.flight, held.inbox.is_empty()) {
            (true, _) => None,
            (false, false) => Some(Timestamp::MIN),
            (false, true) => next_look(ladder(&held.book), &held.state),
        };
        self.set_look(id, look);
    }

    fn set_look(&mut self, id: IncidentId, look: Option<Timestamp>) {
        let Some(held) = self.all.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut held.look, look) {
            self.looks.remove(&(old, id));
        }
        self.looks.extend(look.map(|look| (look, id)));
    }
}

impl Held {
    fn of(book: Arc<Book>, state: Incident) -> Self {
        Self { book, state, look: None, flight: false, inbox: VecDeque::new(), after: After::default() }
    }
}

fn started(effect: &Effect) -> Option<RunId> {
    match effect {
        Effect::Start { run, .. } => Some(*run),
        Effect::Send(_) | Effect::Withdraw(_) | Effect::Cancel { .. } => None,
    }
}
