//! What may follow what in an incident: the closed table (invariant 2), whole.

use crate::base::actor::{Actor, Via};
use crate::base::ids::{Name, RunId};
use crate::escalation::event::{Ending, Event, Page, PageFate, Part, Recorded, Turn, What, Why};
use crate::escalation::state::{
    Ack, Ended, IllegalEvent, Incident, Mute, Ordered, Passed, Responded, Response, Resume, Round, Rung, Snooze, Told,
};
use crate::model::message::Address;
use crate::model::trouble::Source;
use jiff::Timestamp;

impl Incident {
    /// Applies one event.
    ///
    /// # Errors
    /// [`IllegalEvent`]; the incident is then as it was.
    pub fn evolve(&mut self, recorded: &Recorded) -> Result<(), IllegalEvent> {
        let (state, event) = (self.word(), word(&recorded.event));
        let (at, version) = (recorded.at, self.version + 1);
        let done = match (&self.opened, &self.ending) {
            (None, _) => self.begin(at, &recorded.event),
            (Some(_), Some(_)) => self.after_the_end(at, &recorded.event),
            (Some(_), None) => self.open(at, version, &recorded.event),
        };
        done.ok_or(IllegalEvent { state, event })?;
        self.version = version;
        Ok(())
    }

    /// The first event.
    fn begin(&mut self, at: Timestamp, event: &Event) -> Option<()> {
        let Event::Opened(opened) = event else { return None };
        self.severity.clone_from(&opened.severity);
        self.kind.clone_from(&opened.trouble.kind);
        self.owner.clone_from(&opened.owner);
        self.count = 1;
        self.sources.push(Told { source: opened.trouble.source.clone(), cleared: None });
        self.opened = Some((at, opened.clone()));
        Some(())
    }

    /// What may still happen to one that is over.
    fn after_the_end(&mut self, at: Timestamp, event: &Event) -> Option<()> {
        match event {
            Event::Noted { .. }
            | Event::Settled { .. }
            | Event::Stopping { .. }
            | Event::Responded { .. }
            | Event::Duty { .. } => self.open(at, self.version + 1, event),
            Event::Opened(_)
            | Event::Again { .. }
            | Event::Cleared { .. }
            | Event::Responding { .. }
            | Event::PassedOver { .. }
            | Event::Climbed { .. }
            | Event::LevelEmpty { .. }
            | Event::Round { .. }
            | Event::Paged(_)
            | Event::Unreached { .. }
            | Event::Undeliverable { .. }
            | Event::Exhausted { .. }
            | Event::Breached { .. }
            | Event::Acknowledged { .. }
            | Event::Unacknowledged { .. }
            | Event::Lapsed
            | Event::Snoozed { .. }
            | Event::Woke
            | Event::Assigned { .. }
            | Event::SeverityChanged { .. }
            | Event::Classified { .. }
            | Event::Muted { .. }
            | Event::Unmuted { .. }
            | Event::Resolved { .. } => None,
        }
    }

    /// What may happen to one that is open.
    fn open(&mut self, at: Timestamp, version: u64, event: &Event) -> Option<()> {
        match event {
            Event::Opened(_) => None,
            Event::Again { source, text, count } => self.again(source, text.as_ref(), *count),
            Event::Cleared { source, reason } => self.cleared(at, source, reason),
            Event::Responding { run, runbook, part } => self.responding(at, *run, runbook, *part),
            Event::PassedOver { runbook, part, reason } => {
                self.passed.push(Passed { runbook: runbook.clone(), part: *part, at, reason: reason.clone() });
                Some(())
            }
            Event::Stopping { run, reason } => self.stopping(*run, reason),
            Event::Responded { run, outcome, level, text } => {
                let ended = Responded { at, outcome: *outcome, level: *level, text: text.clone() };
                self.response(*run).map(|response| response.ended = Some(ended))
            }
            Event::Climbed { level, why, .. } => self.climb(at, version, *level, *why),
            Event::LevelEmpty { level, .. } => self.rung(*level).map(|rung| rung.empty = true),
            Event::Round { level, number, turns } => self.round(at, *level, *number, turns),
            Event::Paged(page) => self.paged(at, version, page),
            Event::Settled { page, fate, note } => self.settled(at, *page, *fate, note),
            Event::Unreached { level, who, .. } => self.rung(*level)?.unreached.insert(who.clone()).then_some(()),
            Event::Undeliverable { level, .. } => self.undeliverable(*level),
            Event::Exhausted { .. } => self.exhausted.is_none().then(|| self.exhausted = Some(at)),
            Event::Breached { clock, by } => {
                let news = self.breaches.iter().all(|(before, ..)| before != clock);
                news.then(|| self.breaches.push((*clock, *by, at)))
            }
            Event::Acknowledged { actor, who, note } => {
                let (actor, who, note, level) = (actor.clone(), who.clone(), note.clone(), self.level);
                self.ack = Some(Ack { actor, who, at, level, active: at, note });
                self.snooze = None;
                self.hold(at);
                Some(())
            }
            Event::Snoozed { actor, until, reason } => {
                let (actor, reason, until, level) = (actor.clone(), reason.clone(), *until, self.level);
                (until > at).then(|| self.snooze = Some(Snooze { actor, at, until, level, reason }))?;
                self.hold(at);
                Some(())
            }
            Event::Unacknowledged { .. } => self.release(at),
            Event::Lapsed => self.snooze.is_none().then_some(()).and_then(|()| self.release(at)),
            Event::Woke => self.snooze.is_some().then_some(()).and_then(|()| self.release(at)),
            Event::Assigned { actor, to } => {
                self.owner = Some(to.clone());
                self.active(at, actor);
                Some(())
            }
            Event::SeverityChanged { actor, to, .. } => self.severity_changed(at, actor, to),
            Event::Classified { actor, kind } => {
                self.kind = Some(kind.clone());
                self.active(at, actor);
                Some(())
            }
            Event::Noted { actor, .. } => {
                self.active(at, actor);
                Some(())
            }
            Event::Duty { actor, level, index, done } => self.duty(at, actor, (*level, *index), *done),
            Event::Muted { silence, until } => self.muted(at, silence, *until),
            Event::Unmuted { .. } => self.unmuted(at),
            Event::Resolved { actor, how, reason, key } => self.resolved(at, actor, *how, reason, key),
        }
    }

    fn again(&mut self, source: &Source, text: Option<&String>, count: u64) -> Option<()> {
        if count <= self.count {
            return None;
        }
        self.count = count;
        self.text = text.cloned().or(self.text.take());
        match self.sources.iter_mut().find(|told| is_same(&told.source, source)) {
            Some(told) => *told = Told { source: source.clone(), cleared: None },
            None => self.sources.push(Told { source: source.clone(), cleared: None }),
        }
        Some(())
    }

    fn cleared(&mut self, at: Timestamp, source: &Source, reason: &str) -> Option<()> {
        let told = self.sources.iter_mut().find(|told| is_same(&told.source, source))?;
        let news = told.cleared.is_none() && source.can_clear();
        news.then(|| told.cleared = Some((at, reason.to_owned())))
    }

    fn responding(&mut self, at: Timestamp, run: RunId, runbook: &Name, part: Part) -> Option<()> {
        let fresh = self.responses.iter().all(|known| known.run != run);
        let runbook = runbook.clone();
        fresh.then(|| self.responses.push(Response { run, runbook, part, at, stopping: None, ended: None }))
    }

    fn stopping(&mut self, run: RunId, reason: &str) -> Option<()> {
        let response = self.response(run).filter(|response| response.stopping.is_none())?;
        response.stopping = Some(reason.to_owned());
        Some(())
    }

    fn settled(&mut self, at: Timestamp, page: u32, fate: PageFate, note: &str) -> Option<()> {
        let ordered = self.pages.get_mut(&page)?;
        let news = ordered.fate.as_ref().is_none_or(|(before, ..)| *before != fate);
        news.then(|| ordered.fate = Some((fate, note.to_owned(), at)))
    }

    fn undeliverable(&mut self, level: u32) -> Option<()> {
        let rung = self.rung(level)?;
        rung.undeliverable = Some(rung.round.as_ref()?.number);
        Some(())
    }

    /// A response that is going on.
    fn response(&mut self, run: RunId) -> Option<&mut Response> {
        self.responses.iter_mut().find(|known| known.run == run && known.ended.is_none())
    }

    /// A level that was entered.
    fn rung(&mut self, level: u32) -> Option<&mut Rung> {
        self.rungs.get_mut(&level).filter(|_| level > 0)
    }

    fn climb(&mut self, at: Timestamp, version: u64, level: u32, why: Why) -> Option<()> {
        if level <= self.level || self.mute.is_some() {
            return None;
        }
        (self.level, self.climbed) = (level, version);
        let rung = self.rungs.entry(level).or_default();
        if rung.why.is_none() {
            (rung.entered, rung.why) = (at, Some(why));
        }
        (rung.visited, rung.visits) = (at, 0);
        Some(())
    }

    fn round(&mut self, at: Timestamp, level: u32, number: u32, turns: &[Turn]) -> Option<()> {
        let rounds = self.rungs.get(&level).map_or(0, |rung| rung.rounds);
        let entered = level == 0 || self.rungs.contains_key(&level);
        if self.mute.is_some() || !entered || number != rounds + 1 {
            return None;
        }
        let rung = self.rungs.entry(level).or_default();
        (rung.rounds, rung.visits) = (number, rung.visits + 1);
        let turns = turns.iter().map(|turn| (turn.clone(), None)).collect();
        rung.round = Some(Round { number, at, turns });
        if let Some(resumed) = self.resumed.as_mut().filter(|_| level > 0)
            && resumed.told.is_none_or(|(told, _)| told != level)
        {
            resumed.told = Some((level, at));
        }
        Some(())
    }

    /// Each turn of the newest round of its level becomes at most one page.
    fn paged(&mut self, at: Timestamp, version: u64, page: &Page) -> Option<()> {
        let last = self.pages.last_key_value().map_or(0, |(number, _)| *number);
        let round = self.rungs.get_mut(&page.level)?.round.as_mut()?;
        if self.mute.is_some() || page.number != last + 1 || round.number != page.round {
            return None;
        }
        let (_, ordered) = round.turns.iter_mut().find(|(turn, ordered)| {
            ordered.is_none()
                && turn.who == page.who
                && turn.what == page.what
                && turn.address.channel == page.channel
                && turn.address.to == page.address
        })?;
        *ordered = Some(page.number);
        match (page.what, &page.who) {
            (What::Call | What::Reminder | What::CatchAll, Some(who)) => {
                self.called.insert(who.clone());
            }
            (What::Opening, _) => {
                self.announced.insert(Address { channel: page.channel.clone(), to: page.address.clone() });
            }
            (What::Call | What::Reminder | What::CatchAll, None) | (What::Climb | What::Taken | What::End, _) => {}
        }
        self.pages.insert(page.number, Ordered { page: page.clone(), at, version, fate: None });
        Some(())
    }

    /// A person has it: nothing is being climbed.
    fn hold(&mut self, at: Timestamp) {
        (self.resumed, self.exhausted) = (None, None);
        self.responded = self.responded.or(Some(at));
    }

    /// It is nobody's any more, and goes up again from the level that had been answered.
    fn release(&mut self, at: Timestamp) -> Option<()> {
        self.level = self.held()?;
        (self.ack, self.snooze) = (None, None);
        self.resumed = Some(Resume { at, told: None });
        Some(())
    }

    /// What a person does about it keeps an acknowledgement alive, whoever gave that.
    fn active(&mut self, at: Timestamp, actor: &Actor) {
        if let Some(ack) = self.ack.as_mut().filter(|_| actor.via != Via::Engine) {
            ack.active = at;
        }
    }

    fn severity_changed(&mut self, at: Timestamp, actor: &Actor, to: &str) -> Option<()> {
        if to == self.severity {
            return None;
        }
        // The order of severities is that of their names: `P1` first.
        if *to < *self.severity {
            self.raised = Some(at);
        }
        to.clone_into(&mut self.severity);
        self.severity_is_set |= actor.via != Via::Engine;
        self.active(at, actor);
        Some(())
    }

    fn duty(&mut self, at: Timestamp, actor: &Actor, key: (u32, u32), done: bool) -> Option<()> {
        if self.checklist.contains_key(&key) == done {
            return None;
        }
        if done {
            self.checklist.insert(key, (actor.clone(), at));
        } else {
            self.checklist.remove(&key);
        }
        self.active(at, actor);
        Some(())
    }

    fn muted(&mut self, at: Timestamp, silence: &str, until: Timestamp) -> Option<()> {
        let same = |mute: &Mute| mute.silence == silence && mute.until == until;
        if until <= at || self.mute.as_ref().is_some_and(same) {
            return None;
        }
        let since = self.mute.as_ref().map_or(at, |mute| mute.since);
        self.mute = Some(Mute { silence: silence.to_owned(), since, until });
        Some(())
    }

    fn unmuted(&mut self, at: Timestamp) -> Option<()> {
        let mute = self.mute.take()?;
        self.muted_before = Some((mute.silence, at));
        if self.held().is_none() {
            self.resumed = Some(Resume { at, told: None });
        }
        Some(())
    }

    fn resolved(&mut self, at: Timestamp, actor: &Actor, how: Ending, reason: &str, key: &str) -> Option<()> {
        self.opened.as_ref().filter(|(_, opened)| opened.trouble.key == key)?;
        self.ending = Some(Ended { at, actor: actor.clone(), how, reason: reason.to_owned() });
        Some(())
    }
}

/// Whether two tell of one trouble: the run, the instant and the attempt differ each time.
pub(crate) fn is_same(one: &Source, other: &Source) -> bool {
    match (one, other) {
        (Source::Run { runbook: one, .. }, Source::Run { runbook: other, .. })
        | (Source::Step { runbook: one, .. }, Source::Step { runbook: other, .. }) => one == other,
        (
            Source::Deadline { runbook: one, trigger: first, .. },
            Source::Deadline { runbook: other, trigger: second, .. },
        ) => one == other && first == second,
        (Source::Person(one), Source::Person(other)) => one.id == other.id,
        (one, other) => one == other,
    }
}

/// The name of an event's kind.
pub(crate) fn word(event: &Event) -> &'static str {
    match event {
        Event::Opened(_) => "opened",
        Event::Again { .. } => "again",
        Event::Cleared { .. } => "cleared",
        Event::Responding { .. } => "responding",
        Event::PassedOver { .. } => "passed-over",
        Event::Stopping { .. } => "stopping",
        Event::Responded { .. } => "responded",
        Event::Climbed { .. } => "climbed",
        Event::LevelEmpty { .. } => "level-empty",
        Event::Round { .. } => "round",
        Event::Paged(_) => "paged",
        Event::Settled { .. } => "settled",
        Event::Unreached { .. } => "unreached",
        Event::Undeliverable { .. } => "undeliverable",
        Event::Exhausted { .. } => "exhausted",
        Event::Breached { .. } => "breached",
        Event::Acknowledged { .. } => "acknowledged",
        Event::Unacknowledged { .. } => "unacknowledged",
        Event::Lapsed => "lapsed",
        Event::Snoozed { .. } => "snoozed",
        Event::Woke => "woke",
        Event::Assigned { .. } => "assigned",
        Event::SeverityChanged { .. } => "severity-changed",
        Event::Classified { .. } => "classified",
        Event::Noted { .. } => "noted",
        Event::Duty { .. } => "duty",
        Event::Muted { .. } => "muted",
        Event::Unmuted { .. } => "unmuted",
        Event::Resolved { .. } => "resolved",
    }
}
