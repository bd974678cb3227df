//! The invariants of `ARCHITECTURE.md`, held against what became durable and what the world was asked for.
//!
//! A violation is a sentence that begins with the invariant's number.

use super::chance::fold;
use super::spans::Spans;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stepladder::base::address::Place;
use stepladder::base::ids::{Name, RunId};
use stepladder::engine::event::{Answer, Event, StepEvent};
use stepladder::engine::evolve::{begin, evolve};
use stepladder::engine::group::Group;
use stepladder::engine::run::{Run, RunPhase, StepPhase};
use stepladder::escalation::state::Incident;
use stepladder::model::book::Book;
use stepladder::model::perform::Request;
use stepladder::model::policy::OnInterrupt;
use stepladder::model::runbook::Runbook;
use stepladder::runtime::pump::Pump;
use stepladder::runtime::shelf::BUNDLE;
use stepladder::store::{Journal, codec};

pub(crate) type Checked = Result<(), String>;

/// People and parts of the engine who may ask for the end of a run in a simulation.
const ACTORS: [&str; 7] = ["ivanova", "caller", "confirm", "approval", "person 0", "person 1", "person 2"];

#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) runs: BTreeMap<RunId, Run>,
    incidents: BTreeMap<String, Incident>,
    groups: BTreeMap<Name, Group>,
    /// Books by the hash of their texts, each with its edition.
    books: BTreeMap<String, (Arc<Book>, u32)>,
    compared: BTreeMap<RunId, u64>,
    /// Lost attempts that nobody has spoken about.
    lost: BTreeSet<(RunId, Place)>,
    /// Kinds of state and event that occurred, where somebody wants to know.
    pub(crate) seen: Option<BTreeSet<(String, String)>>,
    /// Whether the owner may have lost sight of holders, and can't name them.
    pub(crate) blind: bool,
    pub(crate) hash: u64,
    pub(crate) events: u64,
    /// The clock that nobody sets.
    pub(crate) now: u64,
    /// Whether nothing keeps owners from being punctual.
    punctual: bool,
    spans: Spans,
}

impl Watch {
    pub(crate) fn new(punctual: bool) -> Self {
        Self { punctual, ..Self::default() }
    }

    pub(crate) fn knows(&mut self, digest: String, book: Arc<Book>, edition: u32) {
        self.books.insert(digest, (book, edition));
    }

    fn book(&self, run: &Run) -> (&Runbook, u32) {
        let (book, edition) = &self.books[&run.started.texts[BUNDLE].to_string()];
        (&book.runbooks[&run.started.runbook], *edition)
    }

    /// The runbook a run is pinned to.
    pub(crate) fn runbook(&self, run: &Run) -> &Runbook {
        self.book(run).0
    }

    /// An event has become durable.
    pub(crate) fn commit(&mut self, journal: &dyn Journal, stream: &str, bytes: &[u8]) -> Checked {
        self.hash = fold(fold(self.hash, stream.as_bytes()), bytes);
        self.events += 1;
        match stream.split_once('/') {
            Some(("group", name)) => {
                let event = codec::decode_group(bytes).map_err(|error| format!("2: {error}"))?;
                let group = self.groups.entry(Name::parse(name).unwrap()).or_default();
                group.evolve(&event).map_err(|error| format!("7: the group's stream does not add up: {error}"))
            }
            Some(("incident", id)) => {
                let recorded = codec::decode_incident(bytes).map_err(|error| format!("2: {error}"))?;
                let incident = self.incidents.entry(id.to_owned()).or_default();
                incident.evolve(&recorded).map_err(|error| format!("2: the incident's stream does not add up: {error}"))
            }
            Some(("judged", _)) => codec::decode_judged(bytes).map(drop).map_err(|error| format!("2: {error}")),
            _ => self.commit_run(journal, stream, bytes),
        }
    }

    fn commit_run(&mut self, journal: &dyn Journal, stream: &str, bytes: &[u8]) -> Checked {
        let id = RunId::parse(stream.trim_start_matches("run/")).unwrap();
        let mut get = |digest: &stepladder::base::digest::Digest| journal.blob(digest).map(Some);
        let recorded = codec::decode_fetching(bytes, &mut get).map_err(|error| format!("2: {error}"))?;
        let Some(mut run) = self.runs.remove(&id) else {
            let run = begin(&recorded).map_err(|error| format!("15: {error}"))?;
            self.spans.began(id, self.now);
            let deeper = |parent: &Run| parent.started.depth + 1 == run.started.depth;
            let caller = run.started.parent.as_ref().map(|parent| self.runs.get(&parent.run));
            if caller.is_some_and(|caller| !caller.is_some_and(deeper)) {
                return Err(format!("18: run {id} is as deep as its caller"));
            }
            self.runs.insert(id, run);
            return Ok(());
        };
        if let Some(seen) = &mut self.seen {
            seen.insert(crate::transitions::kinds(&run, &recorded.event));
        }
        let legal = evolve(&mut run, &recorded).map_err(|error| format!("15: run {id}: {error}"));
        let word = self.word(id, &run, &recorded.event);
        let (now, slack) = (self.now, self.punctual);
        let (book, _) = &self.books[&run.started.texts[BUNDLE].to_string()];
        let spans = self.spans.heed(&book.runbooks[&run.started.runbook], &run, &recorded, (now, slack));
        self.runs.insert(id, run);
        legal.and(word).and(spans)
    }

    /// What an event may say of itself.
    fn word(&mut self, id: RunId, run: &Run, event: &Event) -> Checked {
        if let Event::CancelAsked { actor, .. } = event {
            return if ACTORS.contains(&actor.id.as_str()) {
                Ok(())
            } else {
                Err(format!("16: the cancel of run {id} is by `{}`, who never asked", actor.id))
            };
        }
        let Event::Step { place, event } = event else { return Ok(()) };
        let key = (id, place.clone());
        match event {
            StepEvent::Answered { answer: Answer::Again, .. } => {
                self.lost.remove(&key);
            }
            StepEvent::Attempt { .. } if self.lost.contains(&key) => {
                let retries = self.book(run).0.step(place.step()).map(|step| step.on_interrupt);
                if retries != Some(OnInterrupt::Retry) {
                    return Err(format!("6: `{place}` of run {id} was lost, and was started again unasked"));
                }
                self.lost.remove(&key);
            }
            StepEvent::Voted(vote) => {
                let Some(StepPhase::Polling(poll)) = run.phase(place) else {
                    return Err(format!("`{}` votes on `{place}` of run {id}, which asks nobody", vote.who()));
                };
                let twice = poll.votes.iter().filter(|(_, other)| other.who() == vote.who()).count() > 1;
                if twice {
                    return Err(format!("`{}` votes twice on `{place}` of run {id}", vote.who()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn is_lost(&mut self, run: RunId, place: &Place) {
        self.lost.insert((run, place.clone()));
    }

    /// The world is asked for an attempt: it must be durable, current, and by the pinned text.
    pub(crate) fn ordered(&self, id: RunId, request: &Request, stale: bool) -> Checked {
        let place = &request.place;
        let run = self.runs.get(&id).ok_or_else(|| format!("1: run {id} acts and is not in the journal"))?;
        let tries = run.steps.get(place).map_or(0, |step| step.tries);
        if tries < request.attempt {
            return Err(format!("1: attempt {} of `{place}` began before it was durable", request.attempt));
        }
        if run.ended().is_some() && !stale {
            return Err(format!("6: attempt {} of `{place}` began after the end of its run", request.attempt));
        }
        let (_, edition) = self.book(run);
        let text = request.params.shown().to_string();
        if !text.contains(&format!("@v{edition}")) {
            return Err(format!("3: run {id} is pinned to edition {edition} and asks for {text}"));
        }
        Ok(())
    }

    /// After each turn: what the owner thinks is what the journal says, and nobody is where he may not be.
    pub(crate) fn turn(&mut self, pump: &Pump) -> Checked {
        let settled = pump.driver.in_flight() == 0;
        for run in pump.driver.runs() {
            let id = run.started.run;
            let Some(durable) = self.runs.get(&id) else {
                if settled {
                    return Err(format!("1: run {id} is driven and not in the journal"));
                }
                continue;
            };
            if settled && durable.version != run.version {
                return Err(format!("15: run {id} is at {} and thought to be at {}", durable.version, run.version));
            }
            // What is on its way may be what another one, who had lost sight of it, has sent already: a conflict will say so.
            let sure = !pump.driver.is_in_flight(id);
            if sure && durable.version == run.version && self.compared.get(&id) != Some(&run.version) {
                if durable != run {
                    let (events, thought) = (format!("{durable:#?}"), format!("{run:#?}"));
                    let diff = crate::golden::difference(&events, &thought);
                    return Err(format!("2: run {id} is not what its events add up to:\n{diff}"));
                }
                self.compared.insert(id, run.version);
            }
        }
        if !self.blind {
            self.exclusion()?;
        }
        if self.punctual {
            for run in self.runs.values() {
                self.spans.overdue(self.runbook(run), run, self.now)?;
            }
        }
        if settled && !self.blind { self.reasons() } else { Ok(()) }
    }

    /// Invariant 7, from the runs' own streams.
    fn exclusion(&self) -> Checked {
        let mut inside: BTreeMap<(&Name, bool), (Vec<RunId>, u32)> = BTreeMap::new();
        for (id, run) in self.runs.iter().filter(|(_, run)| run.ended().is_none()) {
            let (book, _) = self.book(run);
            if let (Some(concurrency), RunPhase::At(_), true) = (&book.concurrency, &run.phase, run.asked)
                && !self.shared(run, &concurrency.group)
            {
                inside.entry((&concurrency.group, false)).or_insert((Vec::new(), concurrency.limit)).0.push(*id);
            }
            for (place, step) in &run.steps {
                let mutex = book.step(place.step()).and_then(|step| step.mutex.as_ref());
                if let (Some(mutex), true, None) = (mutex, step.holds, step.ended()) {
                    inside.entry((mutex, true)).or_insert((Vec::new(), 1)).0.push(*id);
                }
            }
        }
        for ((name, mutex), (runs, limit)) in inside {
            if runs.len() > limit as usize {
                return Err(format!("7: {} are inside `{name}`, which takes {limit}", runs.len()));
            }
            let known = self.groups.get(name).map_or(0, |group| group.holders.len());
            if known < runs.len() {
                return Err(format!("7: `{name}` (mutex {mutex}) holds {known} and {} are inside", runs.len()));
            }
        }
        Ok(())
    }

    fn shared(&self, run: &Run, group: &Name) -> bool {
        let Some(parent) = run.started.parent.as_ref().and_then(|parent| self.runs.get(&parent.run)) else {
            return false;
        };
        self.book(parent).0.concurrency.as_ref().is_some_and(|own| own.group == *group) || self.shared(parent, group)
    }

    /// Invariant 14: every wait says for whom.
    fn reasons(&self) -> Checked {
        for (id, run) in &self.runs {
            if let RunPhase::Queued { group, holders } = &run.phase
                && holders.is_empty()
            {
                return Err(format!("14: run {id} waits for `{group}` and does not say who holds it"));
            }
            for (place, step) in &run.steps {
                if let (StepPhase::Held { mutex, holder: None, .. }, None) = (&step.phase, run.ended()) {
                    return Err(format!("14: `{place}` of run {id} waits for `{mutex}` and does not say who holds it"));
                }
            }
        }
        Ok(())
    }

    /// What every unfinished run is doing.
    pub(crate) fn show(&self) -> String {
        let unfinished = self.runs.iter().filter(|(_, run)| run.ended().is_none());
        let steps = |run: &Run| {
            let open = run.steps.iter().filter(|(_, step)| step.ended().is_none());
            open.map(|(place, step)| format!("{place} {:?}", step.phase)).collect::<Vec<_>>().join(", ")
        };
        unfinished.map(|(id, run)| format!("{id} {:?}: {}", run.phase, steps(run))).collect::<Vec<_>>().join("; ")
    }

    /// Questions that wait for a person.
    pub(crate) fn questions(&self) -> Vec<(RunId, Place, bool, String)> {
        let unfinished = self.runs.iter().filter(|(_, run)| run.ended().is_none());
        let asked = unfinished.flat_map(|(id, run)| {
            run.steps.iter().filter_map(move |(place, step)| match &step.phase {
                StepPhase::Asked { attempt, .. } => {
                    Some((*id, place.clone(), attempt.is_some(), format!("{id} {place} {:?}", step.touched)))
                }
                _ => None,
            })
        });
        asked.collect()
    }

    /// Approvals that wait, with those who have voted.
    pub(crate) fn polls(&self) -> Vec<(RunId, Place, String, Vec<String>)> {
        let unfinished = self.runs.iter().filter(|(_, run)| run.ended().is_none());
        let polls = unfinished.flat_map(|(id, run)| {
            run.steps.iter().filter_map(move |(place, step)| {
                let StepPhase::Polling(poll) = &step.phase else { return None };
                let voted = poll.votes.iter().map(|(_, vote)| vote.who().to_owned()).collect();
                Some((*id, place.clone(), format!("{id} {place} {}", step.began), voted))
            })
        });
        polls.collect()
    }

    /// When everything has happened: nobody is left, nothing is held.
    pub(crate) fn finish(&self) -> Checked {
        if let Some((id, run)) = self.runs.iter().find(|(_, run)| run.ended().is_none()) {
            return Err(format!("17: run {id} ({}) has not ended and nobody comes back to it", run.started.runbook));
        }
        match self.groups.iter().find(|(_, group)| !group.holders.is_empty() || !group.waiters.is_empty()) {
            Some((name, _)) => Err(format!("7: `{name}` is held or awaited when every run has ended")),
            None => Ok(()),
        }
    }
}
