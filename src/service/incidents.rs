//! Incidents as use cases: opened, looked at, taken, handed on, ended.

use crate::base::actor::{Actor, Role};
use crate::base::ids::{IncidentId, Name};
use crate::base::limits::MAX_INCIDENT_TEXT;
use crate::escalation::decide::{Input, next_breach, next_look};
use crate::escalation::event::{Clock, Ending, Opened, Recorded};
use crate::escalation::report::{Report, report};
use crate::escalation::state::Incident;
use crate::model::book::Book;
use crate::model::message::Verb;
use crate::model::trouble::{Source, Trouble as Tale};
use crate::runtime::clock;
use crate::runtime::incidents::live::Live;
use crate::runtime::incidents::{Heard, Told, ladder, past};
use crate::runtime::pump::{About, Message};
use crate::runtime::shelf::BUNDLE;
use crate::service::acts::Act;
use crate::service::trouble::may;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is said where nobody can be named.
const NO_LADDER: &str = "the book has no escalation.yaml that passes its checks; `stepladder check` says more";

/// An incident with everything that is known of it.
#[derive(Debug, Clone)]
pub struct IncidentView {
    /// When it began.
    pub at: Timestamp,
    /// How.
    pub opening: Box<Opened>,
    /// Where it stands.
    pub state: Incident,
    /// What happened, each with its version.
    pub events: Vec<(u64, Recorded)>,
    /// The book whose ladder it follows.
    pub book: Arc<Book>,
    /// When something of it is due next by itself.
    pub next: Option<Timestamp>,
    /// The promise that is broken next, where nobody does anything before, and when.
    pub next_breach: Option<(Clock, Timestamp)>,
}

/// A wish to open one by hand.
#[derive(Debug, Clone, Default)]
pub struct OpenIncident {
    /// A line for people.
    pub title: String,
    /// More of it.
    pub text: String,
    /// The severity; what the routes say where there is none.
    pub severity: Option<String>,
    /// One open incident per key; made of the title where there is none.
    pub key: Option<String>,
    /// What kind of trouble.
    pub kind: Option<String>,
    /// Labels for the routes.
    pub labels: BTreeMap<String, String>,
    /// The rotation that answers.
    pub owner: Option<String>,
}

impl Service {
    /// Incidents, newest first: those that are not resolved, or `all`. At most `limit`.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn incidents(&self, all: bool, limit: usize) -> Result<Vec<IncidentView>, Trouble> {
        let cannot = |error: String| Trouble::Store(format!("the incidents can't be read: {error}"));
        let journal = self.journal.as_ref();
        let mut views = Vec::new();
        let ids: Vec<IncidentId> = if all {
            past::all(journal, limit).map_err(|error| cannot(error.to_string()))?
        } else {
            let mut ids = past::open(journal).map_err(|error| cannot(error.to_string()))?;
            ids.reverse();
            ids
        };
        for id in ids {
            match self.view(id) {
                Ok(view) if all || view.state.ending.is_none() => views.push(view),
                Ok(_) => {}
                Err(trouble) => tracing::error!(incident = %id, %trouble, "an incident can't be read; it is left out"),
            }
            if views.len() >= limit {
                break;
            }
        }
        Ok(views)
    }

    /// Whether any incident has something left to do.
    #[must_use]
    pub fn has_incidents(&self) -> bool {
        past::open(self.journal.as_ref()).is_ok_and(|ids| !ids.is_empty())
    }

    /// One incident.
    ///
    /// # Errors
    /// [`Trouble`] when there is none, or it does not read.
    pub fn incident(&self, text: &str) -> Result<IncidentView, Trouble> {
        self.view(self.find_incident(text)?)
    }

    /// The figures of an incident, up to now.
    ///
    /// # Errors
    /// [`Trouble::Store`] where its events do not add up.
    pub fn report(&self, view: &IncidentView) -> Result<Report, Trouble> {
        let events: Vec<Recorded> = view.events.iter().map(|(_, recorded)| recorded.clone()).collect();
        let made =
            report(ladder(&view.book), &events, clock::now()).map_err(|error| Trouble::Store(error.to_string()))?;
        made.ok_or_else(|| Trouble::NoIncident(view.opening.id.to_string()))
    }

    fn view(&self, id: IncidentId) -> Result<IncidentView, Trouble> {
        let journal = self.journal.as_ref();
        let events = past::read_events(journal, id, 0).map_err(Trouble::Store)?;
        let recorded: Vec<Recorded> = events.iter().map(|(_, recorded)| recorded.clone()).collect();
        let state = Incident::replay(&recorded).map_err(|error| Trouble::Store(error.to_string()))?;
        let Some((at, opened)) = state.opened.clone() else { return Err(Trouble::NoIncident(id.to_string())) };
        let book = match opened.texts.get(BUNDLE) {
            Some(digest) => self.shelf.book(journal, digest).map_err(|error| Trouble::Store(error.to_string()))?,
            None => Arc::default(),
        };
        let next = next_look(ladder(&book), &state);
        let next_breach = next_breach(ladder(&book), &state).filter(|_| state.ending.is_none());
        Ok(IncidentView { at, opening: opened, state, events, book, next, next_breach })
    }

    /// The incident of that id, its beginning or its end, of that key where one is open, or the newest for `last`.
    ///
    /// # Errors
    /// [`Trouble::NoIncident`]; [`Trouble::Input`] where several fit.
    pub fn find_incident(&self, text: &str) -> Result<IncidentId, Trouble> {
        if let Ok(id) = IncidentId::parse(text) {
            return Ok(id);
        }
        let cannot = |error: String| Trouble::Store(format!("the incidents can't be read: {error}"));
        let journal = self.journal.as_ref();
        if let Some(last) = past::last_of_key(journal, text).map_err(cannot)? {
            return last.id().ok_or_else(|| Trouble::NoIncident(text.to_owned()));
        }
        let limit = if text == "last" { 1 } else { usize::MAX };
        let all = past::all(journal, limit).map_err(|error| cannot(error.to_string()))?;
        let ids = all.iter().map(ToString::to_string);
        let wanted = text.to_ascii_lowercase();
        let mut fitting = ids.filter(|id| text == "last" || id.starts_with(&wanted) || id.ends_with(&wanted));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => IncidentId::parse(&id).map_err(|_| Trouble::NoIncident(text.to_owned())),
            (Some(one), Some(two)) => {
                Err(Trouble::Input(format!("`{text}` is the beginning or end of several incidents: {one}, {two}, …")))
            }
            (None, _) => Err(Trouble::NoIncident(text.to_owned())),
        }
    }

    /// Opens an incident by hand, or adds to the one that is open for its key. Durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, nobody drives incidents here, or something in it is not right.
    pub async fn open_incident(&self, actor: Actor, wish: OpenIncident) -> Result<Heard, Trouble> {
        may(&actor, Role::Operator, "open", "an incident")?;
        let title = wish.title.trim().to_owned();
        if title.is_empty() {
            return Err(Trouble::Input("an incident has a title: say in a line what is wrong".into()));
        }
        if wish.text.len() > MAX_INCIDENT_TEXT {
            return Err(Trouble::Input(format!("the text of an incident has at most {MAX_INCIDENT_TEXT} bytes")));
        }
        let live = self.newest_book()?;
        knows_severity(&live.book, wish.severity.as_deref())?;
        let owner = wish.owner.map(|owner| knows_person(&live.book, &owner)).transpose()?;
        let key = wish.key.filter(|key| !key.is_empty()).unwrap_or_else(|| format!("hand/{}", slug(&title)));
        let trouble = Tale {
            key,
            title,
            text: wish.text,
            severity: wish.severity,
            kind: wish.kind,
            labels: wish.labels,
            owner,
            source: Source::Person(actor),
            link: None,
        };
        self.tell(trouble, Some(live)).await
    }

    /// Tells of trouble; durable when this returns.
    async fn tell(&self, trouble: Tale, by: Option<Live>) -> Result<Heard, Trouble> {
        let (told, answer) = told();
        self.send(Message::About(About::Tell { trouble: Box::new(trouble), by, told: Some(told) }))?;
        heard(answer).await
    }

    /// Does something about an incident. Durable when this returns. `as_of` = the version that whoever acts has seen.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, there is no such incident, or it can't be done to it.
    pub async fn act(&self, actor: Actor, text: &str, act: Act, as_of: Option<u64>) -> Result<Heard, Trouble> {
        may(&actor, Role::Operator, act.verb(), text)?;
        let id = self.find_incident(text)?;
        let input = self.input(actor, id, act, as_of)?;
        let (told, answer) = told();
        self.send(Message::About(About::Incident { id, input, told: Some(told) }))?;
        heard(answer).await
    }

    fn input(&self, actor: Actor, id: IncidentId, act: Act, as_of: Option<u64>) -> Result<Input, Trouble> {
        let book = self.view(id)?.book;
        Ok(match act {
            Act::Acknowledge { who, note } => {
                let who = match who {
                    Some(who) => Some(knows_contact(&book, &who)?),
                    None => knows_contact(&book, &actor.id).ok(),
                };
                Input::Acknowledge { actor, who, note, as_of }
            }
            Act::Unacknowledge { reason } => Input::Unacknowledge { actor, reason },
            Act::Snooze { until, reason } => {
                if until <= clock::now() {
                    return Err(Trouble::Input(format!("`{until}` has passed: snooze until a time to come")));
                }
                Input::Snooze { actor, until, reason }
            }
            Act::Assign { to } => Input::Assign { actor, to: knows_person(&book, &to)? },
            Act::Severity { to, reason } => {
                knows_severity(&book, Some(&to))?;
                Input::Severity { actor, to, reason }
            }
            Act::Classify { kind } => Input::Classify { actor, kind },
            Act::Escalate { reason } => Input::Escalate { actor, reason, as_of },
            Act::Note { text } => Input::Note { actor, text },
            Act::Duty { level, number, done } => {
                let duties = ladder(&book).levels.get(&level).map_or(0, |level| level.duties.len());
                let index = number.checked_sub(1).filter(|index| (*index as usize) < duties);
                let none = || Trouble::Input(format!("level {level} has {duties} duties: there is no number {number}"));
                Input::Duty { actor, level, index: index.ok_or_else(none)?, done }
            }
            Act::Resolve { reason } => Input::Resolve { actor, how: Ending::Person, reason },
        })
    }

    /// The book as it counts now, pinned.
    pub(super) fn newest_book(&self) -> Result<Live, Trouble> {
        let journal = self.journal.as_ref();
        let store = |error: crate::runtime::shelf::ShelfError| Trouble::Store(error.to_string());
        if let Some(digest) = self.book.as_ref().and_then(|book| book.stand().digest) {
            let book = self.shelf.book(journal, &digest).map_err(store)?;
            return Ok(Live { book, digest });
        }
        let now = (self.files)().map_err(Trouble::Book)?;
        let book = Arc::new(now.loaded.book.clone());
        let digest = self.shelf.pin(journal, &now.texts, &book).map_err(store)?;
        Ok(Live { book, digest })
    }
}

fn knows_severity(book: &Book, severity: Option<&str>) -> Result<(), Trouble> {
    let known: Vec<&str> = ladder(book).severities.keys().map(String::as_str).collect();
    match severity {
        Some(severity) if !known.contains(&severity) => Err(Trouble::Input(match known.as_slice() {
            [] => format!("`{severity}` is no severity: {NO_LADDER}"),
            known => format!("`{severity}` is no severity of escalation.yaml: it has {}", known.join(", ")),
        })),
        Some(_) | None => Ok(()),
    }
}

fn knows_contact(book: &Book, name: &str) -> Result<Name, Trouble> {
    let known = ladder(book).contacts.keys().find(|known| known.as_str() == name);
    let all: Vec<&str> = ladder(book).contacts.keys().map(Name::as_str).collect();
    let known = known.cloned();
    known.ok_or_else(|| {
        Trouble::Input(match all.as_slice() {
            [] => format!("`{name}` is no contact: {NO_LADDER}"),
            all => format!("`{name}` is no contact of escalation.yaml: it has {}", all.join(", ")),
        })
    })
}

fn knows_person(book: &Book, name: &str) -> Result<Name, Trouble> {
    let name = name.strip_prefix("on_call.").unwrap_or(name);
    let rotation = ladder(book).on_call.keys().find(|known| known.as_str() == name);
    rotation.cloned().map_or_else(|| knows_contact(book, name), Ok)
}

/// What a button of that verb says.
#[must_use]
pub fn verb_label(verb: Verb) -> &'static str {
    match verb {
        Verb::Acknowledge => "Acknowledge",
        Verb::Escalate => "Escalate",
        Verb::Resolve => "Resolve",
    }
}

/// What whoever pressed a button hears.
pub(super) fn heard_sentence(verb: Verb, person: &str) -> String {
    match verb {
        Verb::Acknowledge => format!("It is yours, {person}: nobody else is called meanwhile."),
        Verb::Escalate => "The next level is called now.".to_owned(),
        Verb::Resolve => "It is over.".to_owned(),
    }
}

fn told() -> (Told, oneshot::Receiver<Result<Heard, String>>) {
    let (tell, told) = oneshot::channel();
    (Box::new(move |heard| drop(tell.send(heard))), told)
}

async fn heard(answer: oneshot::Receiver<Result<Heard, String>>) -> Result<Heard, Trouble> {
    match answer.await {
        Ok(Ok(heard)) => Ok(heard),
        Ok(Err(why)) => Err(Trouble::Input(why)),
        Err(_) => Err(Trouble::Stopped("the owner stopped before it was durable".into())),
    }
}

/// A title as the end of a key: `the API is slow` is `the-api-is-slow`.
fn slug(title: &str) -> String {
    let plain = title.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect::<String>();
    plain.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}
