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

use crate::base::ids::IncidentId;
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
    events: Vec<Recorded>,
    /// What the batch was decided from, so that it can be decided again; and who hears of it.
    inputs: Vec<(Input, Option<Told>)>,
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
    /// Its version in the journal.
    base: u64,
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

    /// Where an incident stands once everything on its way to the journal is there, and the book whose ladder it follows.
    #[must_use]
    pub fn state(&self, id: IncidentId) -> Option<(&Incident, &Arc<Book>)> {
        self.all.get(&id).map(|held| (&held.state, &held.book))
    }

    /// Something for an incident; it is decided when no batch of it is on its way.
    pub fn ask(&mut self, id: IncidentId, input: Input, told: Option<Told>) {
        let Some(held) = self.all.get_mut(&id) else {
            if let Some(told) = told {
                told(Err(format!("incident `{id}` is over")));
            }
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
        held.base = held.state.version;
        let base = held.base;
        let policy = ladder(&held.book);
        let (mut events, mut after) = (Vec::new(), After::default());
        let inputs: Vec<_> = held.inbox.drain(..).chain([(Input::Tick, None)]).collect();
        for (input, told) in inputs {
            match decide(policy, &mut held.state, input.clone(), known, now) {
                Ok(Decision { events: more, effects, refused }) => {
                    events.extend(more);
                    after.effects.extend(effects);
                    match (told, refused) {
                        (Some(told), Some(why)) => told(Err(why)),
                        (told, _) => after.inputs.push((input, told)),
                    }
                }
                Err(illegal) => {
                    self.drop_held(id);
                    return Err(illegal);
                }
            }
        }
        if events.is_empty() {
            tell(id, after.inputs);
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
        self.set_look(id, None);
        Ok(Some(Planned { id, base, events, opens }))
    }

    /// The batch of an incident is durable: what may begin now.
    pub fn landed(&mut self, id: IncidentId) -> Landed {
        let Some(held) = self.all.get_mut(&id) else { return Landed::default() };
        held.flight = false;
        let After { effects, events, inputs } = std::mem::take(&mut held.after);
        tell(id, inputs);
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

    /// What the journal holds of an incident whose batch may not have been taken; `None` = nothing of it. True = the batch is
    /// there after all. Else what it was decided from waits again: nothing that was told of is lost because a disk was full.
    pub fn reread(&mut self, id: IncidentId, state: Option<Incident>, now: Timestamp) -> bool {
        let Some(held) = self.all.get_mut(&id) else { return false };
        let state = state.unwrap_or_default();
        if state.version > held.base {
            held.state = state;
            return true;
        }
        held.flight = false;
        held.state = state;
        let again = std::mem::take(&mut held.after).inputs.into_iter().filter(|(input, _)| *input != Input::Tick);
        again.rev().for_each(|input| held.inbox.push_front(input));
        self.set_look(id, now.checked_add(SOON).ok());
        false
    }

    /// A batch that no journal can take: what it was decided from is given up, and whoever asked hears why.
    pub fn give_up(&mut self, id: IncidentId, state: Option<Incident>, why: &str, now: Timestamp) {
        let Some(held) = self.all.get_mut(&id) else { return };
        held.flight = false;
        let told = std::mem::take(&mut held.after).inputs.into_iter().filter_map(|(_, told)| told);
        told.for_each(|told| told(Err(why.to_owned())));
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
        Self {
            book,
            base: state.version,
            state,
            look: None,
            flight: false,
            inbox: VecDeque::new(),
            after: After::default(),
        }
    }
}

/// Whoever asked hears that it is durable.
fn tell(incident: IncidentId, inputs: Vec<(Input, Option<Told>)>) {
    for (input, told) in inputs {
        let opened = matches!(input, Input::Open(_));
        if let Some(told) = told {
            told(Ok(Heard { incident, opened }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;
    use crate::escalation::decide::Opening;
    use crate::model::trouble::{Source, Trouble};
    use std::sync::mpsc::{Receiver, channel};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    /// One that is to be opened, and where whoever opened it hears of it.
    fn opening() -> (Incidents, IncidentId, Receiver<Result<Heard, String>>) {
        let (mut incidents, id) = (Incidents::default(), IncidentId::new(1, 2));
        let trouble = Trouble {
            key: "trunk".into(),
            title: "the trunk is down".into(),
            text: String::new(),
            severity: None,
            kind: None,
            labels: BTreeMap::new(),
            owner: None,
            source: Source::Person(Actor::engine("test")),
            link: None,
        };
        let opening = Opening { id, trouble, texts: BTreeMap::new(), recurs: None };
        let (tell, told) = channel();
        let listener: Told = Box::new(move |heard| drop(tell.send(heard)));
        incidents.open(Arc::default(), id, "trunk", Input::Open(Box::new(opening)), Some(listener));
        (incidents, id, told)
    }

    fn planned(incidents: &mut Incidents, id: IncidentId, second: i64) -> Planned {
        let known = Known {
            who: &|_| Vec::new(),
            reach: &|_, _| Vec::new(),
            ran: &|_| None,
            startable: &|_| Ok(()),
            holder: &|_| None,
            muted: &|_| None,
        };
        incidents.decide(id, &known, at(second)).expect("legal").expect("something")
    }

    #[test]
    fn what_the_journal_did_not_take_is_decided_again_and_nothing_of_it_is_lost() {
        let (mut incidents, id, told) = opening();
        let first = planned(&mut incidents, id, 1);
        assert!(!incidents.reread(id, None, at(1)), "nothing of it is there");
        assert!(incidents.is_moving(id) && incidents.of_key("trunk") == Some(id));
        assert!(told.try_recv().is_err(), "whoever told of it hears once it is durable");
        let second = planned(&mut incidents, id, 2);
        let again = (first.base, first.opens.clone(), first.events.len());
        assert_eq!((second.base, second.opens.clone(), second.events.len()), again);
        incidents.landed(id);
        assert_eq!(told.try_recv(), Ok(Ok(Heard { incident: id, opened: true })));
    }

    #[test]
    fn a_batch_in_doubt_that_is_there_is_no_second_one() {
        let (mut incidents, id, told) = opening();
        let first = planned(&mut incidents, id, 1);
        let there = Incident::replay(&first.events).expect("it adds up");
        assert!(incidents.reread(id, Some(there), at(1)));
        assert_eq!(incidents.landed(id).events.len(), first.events.len());
        assert!(told.try_recv().is_ok() && !incidents.is_moving(id));
    }

    #[test]
    fn what_no_journal_can_take_is_given_up_and_said() {
        let (mut incidents, id, told) = opening();
        planned(&mut incidents, id, 1);
        incidents.give_up(id, None, "it is too large", at(1));
        assert_eq!(told.try_recv(), Ok(Err("it is too large".into())));
        assert!(!incidents.has(id) && incidents.of_key("trunk").is_none());
    }
}
