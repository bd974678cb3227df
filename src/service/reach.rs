//! Who can be reached by what: what is known of each way from pages and drills, and whom nobody could reach tonight.

use crate::base::digest::Digest;
use crate::base::ids::{DrillId, Name};
use crate::base::limits::MAX_REACH_INCIDENTS;
use crate::base::span::Span;
use crate::escalation::drill::{Drill, Way};
use crate::escalation::ways::{Fact, Standing, State, of_drill, of_incident, standings};
use crate::model::book::Book;
use crate::model::escalation::{Escalation, STALE_AFTER};
use crate::model::oncall;
use crate::model::trouble::{Source, Trouble as Tale};
use crate::runtime::incidents::{ladder, past};
use crate::runtime::index::{drill_stream, incident_stream};
use crate::runtime::pump::{Message, Tidings};
use crate::runtime::{clock, drills};
use crate::service::drills::{table, ways_of};
use crate::service::{Service, Trouble};
use crate::store::{StreamId, Version};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Whoever is on call in so much time has to be reachable.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back pages are looked at, at least.
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Somebody who can't be reached is told of again after so long.
const REMIND: SignedDuration = SignedDuration::from_hours(24);
/// What the keys of incidents about people who can't be reached begin with.
const KEYS: &str = "reach/";

/// Trouble that stands, by the keys of its incidents; key and source of each are put in when it is told.
pub(super) type Standings = BTreeMap<String, Tale>;

/// What was read of incidents and drills, so that only what has changed is read again.
#[derive(Debug, Default)]
pub struct Reaching {
    /// One drill begins at a time; whether what an earlier daemon left was taken up.
    pub(super) beginning: tokio::sync::Mutex<bool>,
    incidents: Mutex<BTreeMap<StreamId, (Version, Vec<Fact>)>>,
    drills: Mutex<BTreeMap<DrillId, (Version, Drill)>>,
    left_out: Mutex<Option<Timestamp>>,
    /// Schedules that start nothing any more, as of a book and an hour.
    pub(super) unplanned: Mutex<Option<(Option<Digest>, i64, Standings)>>,
    /// Something became known of a way.
    pub(super) news: tokio::sync::Notify,
}

/// Who can be reached, and by what.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Every contact of the book.
    pub people: Vec<Person>,
    /// After how long a way that worked is proved no more.
    pub stale_after: Span,
    /// When the last drill began.
    pub last_drill: Option<Timestamp>,
    /// When the next one is due; `None` = the ladder has none.
    pub next_drill: Option<Timestamp>,
}

/// One contact.
#[derive(Debug, Clone)]
pub struct Person {
    /// The contact.
    pub who: Name,
    /// What people call them.
    pub name: String,
    /// Whether the ladder may page them within a week.
    pub soon: bool,
    /// The ways to them.
    pub ways: Vec<(Way, Standing, State)>,
    /// Addresses that no channel of the book uses, by the channel's name.
    pub idle: Vec<(String, String)>,
    /// Why nobody could reach them now, in a sentence.
    pub unreachable: Option<String>,
    /// Why nobody knows whether they could, although drills are held; in a sentence.
    pub unproved: Option<String>,
}

impl Reaching {
    /// A drill that was due then is not held.
    pub(super) fn left_out(&self, due: Timestamp) {
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = Some(due);
    }

    /// Up to when drills that were due are not held.
    pub(super) fn left_out_until(&self) -> Timestamp {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(Timestamp::MIN)
    }
}

impl Service {
    /// Returns once something became known of a way to somebody.
    pub async fn heard_of_ways(&self) {
        self.reaching.news.notified().await;
    }

    /// Who can be reached, and by what, as far as pages and drills have shown: of the last 90 days at least, and of so many
    /// incidents at most.
    ///
    /// # Errors
    /// [`Trouble`] when the book or the store can't be read.
    pub fn reach(&self) -> Result<Reach, Trouble> {
        let (book, now) = (self.current_book()?, clock::now());
        let policy = ladder(&book);
        let plan = policy.drill.as_ref();
        let stale_after = plan.map_or(STALE_AFTER, |plan| plan.stale_after);
        let (mut facts, mut last_drill) = (Vec::new(), None);
        if !policy.contacts.is_empty() {
            let since = now.checked_sub(BACK.max(SignedDuration::from(stale_after))).unwrap_or(Timestamp::MIN);
            facts = self.incident_facts(since)?;
            let known = self.known_drills(since)?;
            last_drill = known.keys().next_back().map(|id| id.began());
            let within = plan.and_then(|plan| plan.confirm_within);
            facts.extend(known.values().flat_map(|drill| of_drill(drill, within, now)));
        }
        let known = standings(facts);
        let soon = now.checked_add(SOON).map(|end| oncall::between(policy, now, end)).unwrap_or_default();
        let person = |who: &Name| person(&book, policy, who, &known, (soon.contains(who), now, stale_after));
        let next_drill = plan.and_then(|plan| table(plan).next_fire(now)).map(|due| due.at);
        Ok(Reach { people: policy.contacts.keys().map(person).collect(), stale_after, last_drill, next_drill })
    }

    /// What is wrong with reaching people who may be paged soon, a sentence each.
    #[must_use]
    pub fn unreached(&self) -> Vec<String> {
        let Ok(reach) = self.reach() else { return Vec::new() };
        let soon = reach.people.into_iter().filter(|person| person.soon);
        soon.filter_map(|person| person.unreachable.or(person.unproved)).collect()
    }

    fn incident_facts(&self, since: Timestamp) -> Result<Vec<Fact>, Trouble> {
        let journal = self.journal.as_ref();
        let ids = past::since(journal, since, MAX_REACH_INCIDENTS);
        let ids = ids.map_err(|error| Trouble::Store(format!("the incidents can't be read: {error}")))?;
        let mut known = self.reaching.incidents.lock().unwrap_or_else(PoisonError::into_inner);
        let streams: BTreeMap<StreamId, _> = ids.into_iter().map(|id| (incident_stream(id), id)).collect();
        known.retain(|stream, _| streams.contains_key(stream));
        let mut facts = Vec::new();
        for (stream, id) in streams {
            let Ok(version) = journal.version(&stream) else { continue };
            let read = known.entry(stream).or_default();
            if read.0 != version {
                // One that does not read says nothing; `doctor` says of it.
                let incident = past::read_incident(journal, id).ok().flatten().unwrap_or_default();
                *read = (version, of_incident(&incident));
            }
            facts.extend(read.1.iter().cloned());
        }
        Ok(facts)
    }

    /// Drills that began at that instant or later, by id, which is by time. One that does not read has no pages.
    pub(super) fn known_drills(&self, since: Timestamp) -> Result<BTreeMap<DrillId, Drill>, Trouble> {
        let journal = self.journal.as_ref();
        let ids: BTreeSet<DrillId> = drills::ids(journal).map_err(Trouble::Store)?.into_iter().collect();
        let mut known = self.reaching.drills.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| ids.contains(id));
        for id in ids.into_iter().filter(|id| id.began() >= since) {
            let Ok(version) = journal.version(&drill_stream(id)) else { continue };
            let read = known.entry(id).or_default();
            if read.0 != version {
                let drill = drills::read(journal, id).inspect_err(|why| {
                    tracing::error!(drill = %id, why, "a drill can't be read: nothing is known of it");
                });
                *read = (version, drill.unwrap_or_default());
            }
        }
        let recent = known.iter().filter(|(id, _)| id.began() >= since);
        Ok(recent.map(|(id, (_, drill))| (*id, drill.clone())).collect())
    }

    /// Opens an incident for each person who may be paged soon and whom nobody could reach, once a day at most; ends it when
    /// somebody could again.
    pub(super) fn tell_unreachable(&self) -> Result<(), Trouble> {
        if self.paging.is_none() {
            return Ok(());
        }
        let bad = self.reach()?.people.into_iter();
        let bad = bad.filter(|person| person.soon && person.unreachable.is_some() && !person.ways.is_empty());
        let bad = bad.map(|person| (format!("{KEYS}{}", person.who), tale(&person))).collect();
        self.tell_standing(&[KEYS], bad, clock::now())
    }

    /// Opens an incident for each trouble that stands, once a day at most, and ends those of these kinds that stand no more.
    pub(super) fn tell_standing(&self, kinds: &[&str], bad: Standings, now: Timestamp) -> Result<(), Trouble> {
        let Some(paging) = &self.paging else { return Ok(()) };
        let open = paging.board.all().into_iter().filter(|shown| shown.state.ending.is_none());
        let open: BTreeSet<String> =
            open.filter_map(|shown| Some(shown.state.opened.as_ref()?.1.trouble.key.clone())).collect();
        let ours = |key: &&String| kinds.iter().any(|kind| key.starts_with(kind));
        let over: Vec<String> = open.iter().filter(ours).filter(|key| !bad.contains_key(*key)).cloned().collect();
        for (key, tale) in bad.into_iter().filter(|(key, _)| !open.contains(key)) {
            let last = past::last_of_key(self.journal.as_ref(), &key).map_err(Trouble::Store)?;
            let told = last.and_then(|last| last.ending).is_some_and(|ended| now.duration_since(ended.at) < REMIND);
            if !told {
                let source = Source::Alert { name: key.clone() };
                self.send(Message::Trouble(Tidings::Began(Box::new(Tale { key, source, ..tale }))))?;
            }
        }
        for key in over {
            let source = Source::Alert { name: key.clone() };
            self.send(Message::Trouble(Tidings::Over { key, source }))?;
        }
        Ok(())
    }
}

fn tale(person: &Person) -> Tale {
    let why = person.unreachable.clone().unwrap_or_default();
    let labels = [("component", "stepladder".to_owned()), ("contact", person.who.to_string())];
    Tale {
        key: String::new(),
        title: format!("{} may be paged within a week and can't be reached", person.who),
        text: format!(
            "{why}.\n\nMend an address in escalation.yaml or a channel in stepladder.yaml; `stepladder contacts drill {}` \
             shows whether that helped, and ends this.",
            person.who
        ),
        severity: Some("P3".to_owned()),
        kind: Some("engine".to_owned()),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        owner: None,
        source: Source::Alert { name: String::new() },
        link: None,
    }
}

fn person(
    book: &Book,
    policy: &Escalation,
    who: &Name,
    known: &BTreeMap<Way, Standing>,
    (soon, now, stale_after): (bool, Timestamp, Span),
) -> Person {
    let of = |way: Way| {
        let standing = known.get(&way).cloned().unwrap_or_default();
        let state = standing.state(now, stale_after);
        (way, standing, state)
    };
    let ways: Vec<_> = ways_of(policy, &book.settings, who).into_iter().map(of).collect();
    let contact = policy.contacts.get(who);
    let addresses = contact.into_iter().flat_map(|contact| &contact.addresses);
    let idle = addresses.filter(|(key, address)| {
        !ways
            .iter()
            .any(|(way, ..)| way.channel.as_str() == key.as_str() || (*key == "phone" && way.address == **address))
    });
    let idle = idle.map(|(key, address)| (key.clone(), address.clone())).collect();
    let state = |wanted: State| ways.iter().filter(move |(_, _, state)| *state == wanted);
    let unreachable = if ways.is_empty() {
        Some(format!("there is no way to `{who}`: no channel of stepladder.yaml has an address of theirs"))
    } else if state(State::Fails).count() == ways.len() {
        let why = |(way, standing, _): &(Way, Standing, State)| {
            let words = standing.bad.as_ref().map(|bad| bad.words.as_str()).unwrap_or_default();
            format!("{}: {words}", way.channel)
        };
        let why: Vec<String> = ways.iter().map(why).collect();
        Some(format!("every way to `{who}` failed when it was last used ({})", why.join("; ")))
    } else {
        None
    };
    let proved = state(State::Works).next().is_some() || unreachable.is_some() || policy.drill.is_none();
    let unproved = (!proved).then(|| format!("no way to `{who}` is proved: nothing has arrived for {stale_after}"));
    let name = contact.map(|contact| contact.name.clone()).unwrap_or_default();
    Person { who: who.clone(), name, soon, ways, idle, unreachable, unproved }
}
