//! Incidents: opened, looked at when something of them is due, their pages and responses let out once that is durable.

use super::{About, Message, Next, Pump};
use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId};
use crate::base::level::Level;
use crate::base::value::{Map, json};
use crate::engine::event::Selection;
use crate::engine::run::RunPhase;
use crate::engine::start::{Ask, start};
use crate::escalation::decide::{Effect, Input, Known, Opening};
use crate::escalation::event::{Page, Part, Recorded};
use crate::escalation::project::KEYS;
use crate::escalation::state::Response;
use crate::escalation::{fate, report};
use crate::model::silence::SilenceEvent;
use crate::model::trouble::{Source, Trouble};
use crate::runtime::incidents::board::Shown;
use crate::runtime::incidents::live::{Live, facts};
use crate::runtime::incidents::{Landed, Planned, Told, past};
use crate::runtime::index::incident_stream;
use crate::runtime::recover;
use crate::runtime::shelf::BUNDLE;
use crate::store::{AppendError, Batch, Guard, Row, Version, codec};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Pump {
    /// Takes up every incident that an earlier owner left with something to do.
    pub(super) fn restore_incidents(&mut self, now: Timestamp) {
        let ids = past::unfinished(self.journal.as_ref(), now).unwrap_or_else(|error| {
            tracing::error!(%error, "the incidents can't be listed");
            Vec::new()
        });
        for id in ids {
            if !self.incidents.has(id)
                && let Err(why) = self.restore_incident(id)
            {
                tracing::error!(incident = %id, %why, "an incident is set aside: nobody is paged about it any more");
            }
        }
        for id in self.incidents.ids() {
            self.look_at_incident(id, now);
        }
    }

    /// Takes up incidents that the index says have something left to do and nobody drives.
    /// Returns what was put right, and what could not be.
    pub(super) fn take_up_forgotten_incidents(&mut self) -> (Vec<String>, Vec<String>) {
        let (mut repairs, mut failing) = (Vec::new(), Vec::new());
        let ids = past::open(self.journal.as_ref()).unwrap_or_else(|error| {
            failing.push(format!("the open incidents can't be read: {error}"));
            Vec::new()
        });
        let forgotten: Vec<IncidentId> = ids.into_iter().filter(|id| !self.incidents.has(*id)).collect();
        for id in forgotten {
            match self.restore_incident(id) {
                Ok(()) => repairs.push(format!("nobody drove incident {id}")),
                Err(why) => {
                    tracing::error!(incident = %id, %why, "an incident is set aside: nobody is paged about it");
                    failing.push(format!("incident {id} is set aside: {why}"));
                }
            }
        }
        (repairs, failing)
    }

    fn restore_incident(&mut self, id: IncidentId) -> Result<(), String> {
        let state = past::read_incident(self.journal.as_ref(), id)?.ok_or("its stream is empty")?;
        let digest =
            state.opened.as_ref().and_then(|(_, opened)| opened.texts.get(BUNDLE)).ok_or("it is pinned to no texts")?;
        let book = self.shelf.book(self.journal.as_ref(), digest).map_err(|error| error.to_string())?;
        self.board.show(id, Shown { state: Arc::new(state.clone()), book: Arc::clone(&book) });
        let pages: Vec<Page> = state.unsettled().cloned().collect();
        let runs: Vec<Response> = state.running().cloned().collect();
        let severity = state.severity.clone();
        self.incidents.restore(book, state);
        for page in pages {
            self.perform.page(id, &page, &severity, true);
        }
        for response in &runs {
            self.respond_again(id, response);
        }
        Ok(())
    }

    /// A response that was ordered: it goes on, has ended, or never began.
    fn respond_again(&mut self, id: IncidentId, response: &Response) {
        let run = response.run;
        if self.driver.run(run).is_some() {
            return response.stopping.iter().for_each(|reason| self.stop_response(run, reason.clone()));
        }
        match recover::read_run(self.journal.as_ref(), run) {
            Ok(Some(ended)) => {
                if let Some(end) = ended.ended() {
                    let text = super::owed::told_of(end);
                    let (outcome, level) = (Some(end.outcome), end.level);
                    self.incidents.ask(id, Input::Responded { run, outcome, level, text }, None);
                }
            }
            Ok(None) => match &response.stopping {
                Some(reason) => self.never_started(id, run, reason.clone()),
                None => self.respond(id, run, &response.runbook, response.part),
            },
            Err(why) => self.never_started(id, run, why),
        }
    }

    fn stop_response(&mut self, run: RunId, reason: String) {
        let input = crate::engine::decide::Input::Cancel { actor: Actor::engine("incident"), reason };
        let orders = self.driver.input(run, input, self.looked);
        self.carry_out(orders);
    }

    /// There is trouble: it is added to the open incident of its key, or opens one.
    pub(super) fn trouble(&mut self, mut trouble: Trouble, by: Option<Live>, told: Option<Told>, now: Timestamp) {
        trouble.key = crate::engine::tells::cut(trouble.key);
        if let Some(id) = self.incidents.of_key(&trouble.key) {
            self.incidents.ask(id, Input::Told(Box::new(trouble)), told);
            return self.look_at_incident(id, now);
        }
        let Some(live) = self.live.clone().or(by) else {
            let why = "there is no book whose ladder an incident could climb";
            tracing::error!(key = trouble.key, title = trouble.title, why, "there is trouble, and nobody is told");
            if let Some(told) = told {
                told(Err(why.to_owned()));
            }
            return;
        };
        let last = past::last_of_key(self.journal.as_ref(), &trouble.key).unwrap_or_else(|why| {
            tracing::error!(key = trouble.key, why, "the last incident of this key can't be read");
            None
        });
        let recurs = last.and_then(|last| {
            let recent = last.ending.is_some_and(|ending| now.duration_since(ending.at) < past::RECURS);
            let (_, opened) = last.opened.filter(|_| recent)?;
            Some((opened.id, opened.recurs.map_or(1, |(_, times)| times) + 1))
        });
        let key = trouble.key.clone();
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let id = IncidentId::new(millis, u128::from(Digest::of(key.as_bytes()).seed()));
        let opening = Opening { id, trouble, texts: live.texts(), recurs };
        self.incidents.open(Arc::clone(&live.book), id, &key, Input::Open(Box::new(opening)), told);
        self.look_at_incident(id, now);
    }

    /// Whoever told of the trouble of a key says that it is over; `None` = no incident is open for it.
    pub(super) fn cleared(&mut self, key: &str, source: Source, reason: String, now: Timestamp) -> Option<IncidentId> {
        let id = self.incidents.of_key(key)?;
        self.incidents.ask(id, Input::Cleared { source, reason }, None);
        self.look_at_incident(id, now);
        Some(id)
    }

    /// Something for an incident.
    pub(super) fn ask_incident(&mut self, id: IncidentId, input: Input, told: Option<Told>, now: Timestamp) {
        if !self.incidents.has(id)
            && let Err(why) = self.restore_incident(id)
        {
            if let Some(told) = told {
                told(Err(format!("there is no incident `{id}`: {why}")));
            }
            return;
        }
        self.incidents.ask(id, input, told);
        self.look_at_incident(id, now);
    }

    /// Looks at every incident that is due.
    pub(super) fn look_at_incidents(&mut self, now: Timestamp) {
        for id in self.incidents.due(now) {
            self.look_at_incident(id, now);
        }
    }

    /// A silence begins or ends: whoever it is about is looked at again.
    pub(super) fn silence(&mut self, event: SilenceEvent, now: Timestamp) {
        self.silences.evolve(event);
        for id in self.incidents.ids() {
            self.look_at_incident(id, now);
        }
    }

    fn live_of(&self, id: IncidentId) -> Option<Live> {
        self.live.clone().or_else(|| {
            let (state, book) = self.incidents.state(id)?;
            let digest = *state.opened.as_ref()?.1.texts.get(BUNDLE)?;
            Some(Live { book: Arc::clone(book), digest })
        })
    }

    pub(super) fn look_at_incident(&mut self, id: IncidentId, now: Timestamp) {
        let Some((state, book)) = self.incidents.state(id) else { return };
        let live = self.live_of(id).unwrap_or(Live { book: Arc::clone(book), digest: Digest::of(b"") });
        let (owner, key) = (state.owner.clone(), state.opened.as_ref().map(|(_, opened)| opened.trouble.key.clone()));
        let (severity, kind) = (state.severity.clone(), state.kind.clone());
        // What a silence is compared with: the labels, and what else people know an incident by.
        let seen = |labels: &BTreeMap<String, String>| {
            let mut seen = labels.clone();
            seen.extend(key.iter().map(|key| ("key".to_owned(), key.clone())));
            seen.extend(kind.iter().map(|kind| ("type".to_owned(), kind.clone())));
            seen.insert("severity".to_owned(), severity.clone());
            seen
        };
        let window = now.checked_sub(SignedDuration::from_hours(24 * 7)).unwrap_or(now);
        let (journal, driver, silences) = (Arc::clone(&self.journal), &self.driver, &self.silences);
        let known = Known {
            who: &|target| live.who(target, owner.as_ref(), now),
            reach: &|contact, severity| live.reach(contact, severity, now),
            ran: &|runbook| past::ran(journal.as_ref(), runbook, key.as_deref()?, window).ok().flatten(),
            startable: &|runbook| match live.book.runbooks.get(runbook) {
                Some(_) => Ok(()),
                None => Err(format!("there is no runbook `{runbook}`")),
            },
            holder: &|run| {
                let RunPhase::Queued { group, holders } = &driver.run(run)?.phase else { return None };
                let name = |run: &RunId| {
                    driver.run(*run).map_or_else(|| run.to_string(), |run| run.started.runbook.to_string())
                };
                Some(format!("group `{group}` is held by {}", holders.iter().map(name).collect::<Vec<_>>().join(", ")))
            },
            muted: &|labels| silences.mutes(&seen(labels), now),
        };
        match self.incidents.decide(id, &known, now) {
            Ok(Some(planned)) => self.append_incident(&planned),
            Ok(None) if self.incidents.has(id) => {}
            Ok(None) => self.board.remove(id),
            Err(why) => {
                tracing::error!(incident = %id, %why, "an incident is set aside: nobody is paged about it any more");
                self.board.remove(id);
            }
        }
    }

    fn append_incident(&mut self, planned: &Planned) {
        let (stream, id) = (incident_stream(planned.id), planned.id);
        let mut batch = Batch { guards: vec![Guard::Lease(self.journal.epoch())], ..Batch::default() };
        batch.guards.push(Guard::At(stream.clone(), planned.base));
        if let Some(key) = &planned.opens {
            batch.guards.push(Guard::Absent(Row { tree: KEYS, key: key.clone().into_bytes() }));
        }
        let sender = self.sender.clone();
        let answer = move |result| {
            let _ = sender.send(Message::About(About::Appended { id, result }));
        };
        match planned.events.iter().map(codec::encode_incident).collect::<Result<_, _>>() {
            Ok(events) => {
                batch.appends.push((stream, events));
                self.outbox.push((batch, Box::new(answer)));
            }
            Err(error) => answer(Err(AppendError::Refused(error.to_string()))),
        }
    }

    /// A batch of an incident was taken, or not.
    pub(super) fn incident_answered(
        &mut self,
        id: IncidentId,
        result: Result<Vec<Version>, AppendError>,
        now: Timestamp,
    ) -> Next {
        match result {
            Ok(_) => self.incident_landed(id),
            Err(AppendError::Broken(why)) => {
                tracing::error!(%why, "the journal did not take a batch; its incidents are left to the next owner");
                (self.broken)(&why);
                return Next::End;
            }
            Err(error) => self.read_incident_again(id, &error, now),
        }
        Next::Go
    }

    /// The journal is the truth about an incident. What it did not take is decided again; only what it can never take is not.
    fn read_incident_again(&mut self, id: IncidentId, error: &AppendError, now: Timestamp) {
        tracing::error!(incident = %id, %error, "what the journal holds of the incident is read again");
        match past::read_incident(self.journal.as_ref(), id) {
            Ok(state) if matches!(error, AppendError::Refused(_)) => {
                self.incidents.give_up(id, state, &error.to_string(), now);
            }
            Ok(state) => {
                if self.incidents.reread(id, state, now) {
                    return self.incident_landed(id);
                }
            }
            Err(why) => {
                tracing::error!(incident = %id, %why, "an incident is set aside: nobody is paged about it any more");
                self.incidents.drop_held(id);
            }
        }
        self.show(id);
    }

    /// It is durable: first nobody starts what it makes pointless, then whoever asked hears of it, then what it orders begins.
    fn incident_landed(&mut self, id: IncidentId) {
        self.show(id);
        let severity = self.incidents.state(id).map(|(state, _)| state.severity.clone()).unwrap_or_default();
        let Landed { effects, events } = self.incidents.landed(id);
        self.tally.incident(&events);
        for recorded in &events {
            say(id, recorded);
        }
        for effect in effects {
            match effect {
                Effect::Send(page) => self.perform.page(id, &page, &severity, false),
                Effect::Withdraw(page) => self.perform.withdraw(id, page),
                Effect::Start { run, runbook, part } => self.respond(id, run, &runbook, part),
                Effect::Cancel { run, reason } => self.stop_response(run, reason),
            }
        }
        if !self.incidents.has(id) {
            self.board.remove(id);
        }
    }

    fn show(&self, id: IncidentId) {
        match self.incidents.state(id) {
            Some((state, book)) => {
                self.board.show(id, Shown { state: Arc::new(state.clone()), book: Arc::clone(book) });
            }
            None => self.board.remove(id),
        }
    }

    /// Starts a runbook about an incident, under the id that its event names.
    fn respond(&mut self, id: IncidentId, run: RunId, runbook: &Name, part: Part) {
        let now = self.looked;
        let started = self.first_of_response(id, run, runbook, part, now);
        match started {
            Ok((book, first)) => {
                let orders = self.driver.start(book, vec![first], now);
                self.carry_out(orders);
            }
            Err(why) => self.never_started(id, run, why),
        }
    }

    fn never_started(&mut self, id: IncidentId, run: RunId, why: String) {
        let input = Input::Responded { run, outcome: None, level: Level::Critical, text: why };
        self.incidents.ask(id, input, None);
    }

    fn first_of_response(
        &self,
        id: IncidentId,
        run: RunId,
        name: &Name,
        part: Part,
        now: Timestamp,
    ) -> Result<(Arc<crate::model::runbook::Runbook>, crate::engine::event::Recorded), String> {
        if let Some(why) = &self.full {
            return Err(why.clone());
        }
        let (state, _) = self.incidents.state(id).ok_or("the incident is over")?;
        let live = self.live_of(id).ok_or("the incident is pinned to no texts")?;
        let book = live.book.runbooks.get(name).ok_or_else(|| format!("there is no runbook `{name}`"))?;
        let env = book.env.iter().filter_map(|name| Some((name.clone(), self.env.get(name)?.clone()))).collect();
        let ask = Ask {
            run,
            texts: live.texts(),
            inputs: Map::new(),
            sealed: BTreeMap::new(),
            env,
            actor: Actor::engine("incident"),
            trigger: json!({
                "kind": "incident",
                "part": match part { Part::Gather => "gather", Part::Try => "try" },
                "incident": facts(state),
            }),
            parent: None,
            depth: self.depth_of_response(state)?,
            node: self.node.clone(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        };
        let first = start(book, ask, now).map_err(|error| error.to_string())?;
        Ok((Arc::clone(book), first))
    }
}

/// What the log has of an incident: what a person at it would want to read, as loud as it is.
fn say(id: IncidentId, recorded: &Recorded) {
    let line = report::line(recorded);
    match fate::loudness(&recorded.event) {
        Level::Critical => tracing::error!(incident = %id, "{line}"),
        Level::Warning => tracing::warn!(incident = %id, "{line}"),
        Level::Notice => tracing::info!(incident = %id, "{line}"),
        Level::Ok => tracing::debug!(incident = %id, "{line}"),
    }
}
