//! A drill: one marked test page to each person by each way, what became of each, and who said that it has arrived.
//!
//! A stream of its own for each, so that it never touches an incident. The table of what may follow what is [`Drill::evolve`].

use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::escalation::event::PageFate;
use crate::model::message::Sent;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One event with the instant of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened in a drill.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It begins: these pages are to be sent. Always the first event, never another.
    Begun {
        /// Who wanted it.
        actor: Actor,
        /// The instant of the schedule it is for; `None` = a person asked for it.
        due: Option<Timestamp>,
        /// The pages, numbered from 1 in this order.
        ways: Vec<Way>,
    },
    /// What became of a page; again where a provider says later that it was delivered, or was not.
    Settled {
        /// Its number.
        page: u32,
        /// What.
        fate: PageFate,
        /// In the provider's words.
        note: String,
        /// Each try.
        tries: Vec<Try>,
    },
    /// Somebody says that it has arrived.
    Confirmed {
        /// Its number.
        page: u32,
        /// Who.
        actor: Actor,
    },
}

/// One way to one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The contact.
    pub who: Name,
    /// The channel.
    pub channel: Name,
    /// Their address on it.
    pub address: String,
}

/// One try of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// What came of it.
    pub sent: Sent,
}

/// A drill, folded from its events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drill {
    /// How many events it is made of.
    pub version: u64,
    /// When it began, who wanted it, and for which instant of the schedule.
    pub begun: Option<(Timestamp, Actor, Option<Timestamp>)>,
    /// Its pages by number.
    pub pages: BTreeMap<u32, Page>,
}

/// A page of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Where it goes.
    pub way: Way,
    /// What became of it, in the provider's words, and when that was known.
    pub fate: Option<(PageFate, String, Timestamp)>,
    /// Every try.
    pub tries: Vec<Try>,
    /// When somebody said that it has arrived, and who.
    pub confirmed: Option<(Timestamp, Actor)>,
}

/// An event that a drill cannot have seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a drill that {state} cannot have seen `{event}`")]
pub struct IllegalEvent {
    state: &'static str,
    event: &'static str,
}

impl Drill {
    /// The drill of these events.
    ///
    /// # Errors
    /// [`IllegalEvent`] at the first that cannot have happened.
    pub fn replay(events: &[Recorded]) -> Result<Self, IllegalEvent> {
        let mut drill = Self::default();
        events.iter().try_for_each(|event| drill.evolve(event))?;
        Ok(drill)
    }

    /// Applies one event.
    ///
    /// # Errors
    /// [`IllegalEvent`]; the drill is then as it was.
    pub fn evolve(&mut self, recorded: &Recorded) -> Result<(), IllegalEvent> {
        let at = recorded.at;
        let done = match (&self.begun, &recorded.event) {
            (None, Event::Begun { actor, due, ways }) => {
                let page = |way: &Way| Page { way: way.clone(), fate: None, tries: Vec::new(), confirmed: None };
                self.pages = (1..).zip(ways.iter().map(page)).collect();
                self.begun = Some((at, actor.clone(), *due));
                Some(())
            }
            (Some(_), Event::Settled { page, fate, note, tries }) => self.settled(at, *page, *fate, note, tries),
            (Some(_), Event::Confirmed { page, actor }) => self.confirmed(at, *page, actor),
            (Some(_), Event::Begun { .. }) | (None, Event::Settled { .. } | Event::Confirmed { .. }) => None,
        };
        let state = if self.version == 0 { "is new" } else { "has begun" };
        done.ok_or(IllegalEvent { state, event: recorded.event.word() })?;
        self.version += 1;
        Ok(())
    }

    fn settled(&mut self, at: Timestamp, page: u32, fate: PageFate, note: &str, tries: &[Try]) -> Option<()> {
        let page = self.pages.get_mut(&page)?;
        let news = page.fate.as_ref().is_none_or(|(before, ..)| *before != fate);
        news.then(|| {
            page.fate = Some((fate, note.to_owned(), at));
            page.tries.extend_from_slice(tries);
        })
    }

    fn confirmed(&mut self, at: Timestamp, page: u32, actor: &Actor) -> Option<()> {
        let page = self.pages.get_mut(&page)?;
        page.confirmed.is_none().then(|| page.confirmed = Some((at, actor.clone())))
    }

    /// Pages of which nobody knows what became.
    pub fn unsettled(&self) -> impl Iterator<Item = (u32, &Page)> {
        self.pages.iter().filter(|(_, page)| page.fate.is_none()).map(|(number, page)| (*number, page))
    }
}

impl Event {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "begun",
            Self::Settled { .. } => "settled",
            Self::Confirmed { .. } => "confirmed",
        }
    }
}
