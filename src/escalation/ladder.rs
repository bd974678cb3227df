//! The ladder of one incident: what its policy says about where it stands. Reads, never changes.

use crate::base::ids::Name;
use crate::base::planted::{self, Bug};
use crate::base::span::Span;
use crate::escalation::event::{Clock, Part, Turn};
use crate::escalation::state::{Incident, Response, Round, Rung};
use crate::model::escalation::{Escalation, LadderLevel, Route, Severity, Unless};
use crate::model::trouble::Trouble;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How late something may be and still count as in time: nobody was down, the machine was slow.
pub(super) const IN_TIME: SignedDuration = SignedDuration::from_secs(30);
/// `repeat` of a severity that says none.
const REPEAT: Span = Span::from_secs(60 * 60);
/// `ack_lapses` of a severity that says none: no acknowledgement lasts for ever.
const LAPSES: Span = Span::from_secs(24 * 60 * 60);
/// `limit` of a level that says none: no response lasts for ever. The guide's 15 minutes.
const LIMIT: Span = Span::from_secs(15 * 60);

/// A policy and an incident under it.
#[derive(Clone, Copy)]
pub(super) struct Ladder<'a> {
    pub(super) policy: &'a Escalation,
    pub(super) incident: &'a Incident,
}

impl<'a> Ladder<'a> {
    fn severity(self) -> Option<&'a Severity> {
        self.policy.severities.get(&self.incident.severity)
    }

    fn opened(self) -> Timestamp {
        self.incident.opened.as_ref().map_or(Timestamp::MIN, |(at, _)| *at)
    }

    /// What `escalation.yaml` says of a level.
    pub(super) fn level(self, level: u32) -> Option<&'a LadderLevel> {
        self.policy.levels.get(&level)
    }

    /// The levels of the incident's severity, lowest first, with their offsets.
    pub(super) fn climb(self) -> impl Iterator<Item = (u32, Span, &'a LadderLevel)> {
        let climb = self.severity().into_iter().flat_map(|severity| &severity.climb);
        climb.filter_map(move |(level, offset)| Some((*level, *offset, self.level(*level)?)))
    }

    pub(super) fn climbs_early(self) -> bool {
        self.severity().is_some_and(|severity| severity.climb_early)
    }

    pub(super) fn repeat(self) -> Span {
        let repeat = self.severity().and_then(|severity| severity.repeat).unwrap_or(REPEAT);
        if repeat == Span::ZERO { REPEAT } else { repeat }
    }

    pub(super) fn lapses(self) -> Span {
        let lapses = self.severity().and_then(|severity| severity.ack_lapses).unwrap_or(LAPSES);
        if lapses == Span::ZERO { LAPSES } else { lapses }
    }

    /// The addresses of the broadcast set of its severity: `slack:#incidents`.
    pub(super) fn announce(self) -> impl Iterator<Item = &'a str> {
        let set = self.severity().and_then(|severity| severity.announce.as_ref());
        set.and_then(|set| self.policy.announce.get(set)).into_iter().flatten().map(String::as_str)
    }

    /// Whether the level has people, by its text.
    pub(super) fn has_people(self, level: u32) -> bool {
        self.level(level).is_some_and(|level| !level.page.is_empty())
    }

    /// Whether an acknowledgement stops the level.
    pub(super) fn ack_stops(self, level: u32) -> bool {
        self.level(level).is_none_or(|level| level.unless == Unless::Acknowledged)
    }

    /// The level after that one, whatever holds the incident.
    pub(super) fn above(self, level: u32) -> Option<u32> {
        self.climb().map(|(next, ..)| next).find(|next| *next > level)
    }

    /// The level that may be entered next: while somebody has taken it, only one that an acknowledgement does not stop.
    pub(super) fn next(self) -> Option<u32> {
        let held = self.incident.held().is_some();
        self.climb()
            .map(|(next, ..)| next)
            .filter(|next| *next > self.incident.level)
            .find(|next| !held || !self.ack_stops(*next))
    }

    /// When a level is due by time: counted from the opening; what was overdue when the way up began anew follows one
    /// `repeat` apart.
    pub(super) fn due(self, level: u32) -> Option<Timestamp> {
        let (_, offset, _) = self.climb().find(|(known, ..)| *known == level)?;
        let base = after(self.opened(), offset);
        Some(match &self.incident.resumed {
            Some(resumed) if base <= resumed.at => match resumed.told {
                Some((told, at)) if self.has_people(told) => after(at, self.repeat()),
                Some(_) | None => resumed.at,
            },
            Some(_) | None => base,
        })
    }

    /// Whether its time had come before the way up began anew.
    pub(super) fn is_overdue(self, level: u32) -> bool {
        let offset = self.climb().find(|(known, ..)| *known == level).map(|(_, offset, _)| offset);
        let base = offset.map(|offset| after(self.opened(), offset));
        self.incident.resumed.as_ref().zip(base).is_some_and(|(resumed, base)| base <= resumed.at)
    }

    /// The earliest instant at which anybody could have known that something due then is due.
    pub(super) fn known_since(self) -> Timestamp {
        let unmuted = self.incident.muted_before.as_ref().map(|(_, at)| *at);
        [Some(self.opened()), self.incident.raised, unmuted].into_iter().flatten().max().unwrap_or(Timestamp::MIN)
    }

    /// The level whose runbooks respond: the lowest that has any, or the lowest of all where the route names one.
    pub(super) fn responder(self) -> Option<(u32, &'a LadderLevel)> {
        let first = self.first_response().is_some();
        let mut levels = self.policy.levels.iter().filter(|(level, _)| {
            self.climb().any(|(known, ..)| known == **level) || self.incident.rungs.contains_key(level)
        });
        let found = levels.find(|(_, level)| first || !level.gather.is_empty() || !level.tries.is_empty());
        found.map(|(number, level)| (*number, level))
    }

    fn first_response(self) -> Option<&'a Name> {
        self.incident.opened.as_ref().and_then(|(_, opened)| opened.first_response.as_ref())
    }

    /// The runbooks that may mend it, in order.
    pub(super) fn tries(self) -> Vec<&'a Name> {
        match (self.first_response(), self.responder()) {
            (Some(first), _) => vec![first],
            (None, Some((_, level))) => level.tries.iter().collect(),
            (None, None) => Vec::new(),
        }
    }

    /// When the responding level has had its time, once it is entered.
    pub(super) fn limit(self) -> Option<(Timestamp, Timestamp)> {
        let (number, level) = self.responder()?;
        let entered = self.incident.rungs.get(&number)?.entered;
        let limit = level.limit.unwrap_or(LIMIT);
        Some((after(entered, Span::from_millis(limit.millis() / 2)), after(entered, limit)))
    }

    /// Whether runbooks that gather are still at it, and for their sake none has tried to mend yet.
    pub(super) fn gathers(self) -> bool {
        let tried = self.incident.responses.iter().any(|known| known.part == Part::Try)
            || self.incident.passed.iter().any(|known| known.part == Part::Try);
        let going = |known: &Response| known.part == Part::Gather && known.stopping.is_none();
        !tried && !self.tries().is_empty() && self.incident.running().any(going)
    }

    /// Whether nobody is told of that level any more.
    pub(super) fn is_stopped(self, level: u32) -> bool {
        if planted::has(Bug::PagesTaken) {
            return false;
        }
        level > 0 && self.incident.held().is_some() && self.ack_stops(level)
    }

    /// Whether the level is told again and again: until an answer that was given after it was reached.
    fn repeats(self, level: u32) -> bool {
        self.incident.held().is_none_or(|held| !self.ack_stops(level) && held < level)
    }

    /// When the next round of the level it has reached begins.
    pub(super) fn next_round(self) -> Option<Timestamp> {
        let level = self.incident.level;
        let last = self.above(level).is_none();
        let mute = !self.has_people(level) && !(last && (level == 0 || self.incident.exhausted.is_some()));
        if mute || !self.repeats(level) {
            return None;
        }
        let round = self.incident.rungs.get(&level).and_then(|rung| rung.round.as_ref());
        Some(round.map_or(self.opened(), |round| after(round.at, self.repeat())))
    }

    /// The round of a level whose turns still come: not one from before the incident was held or muted.
    pub(super) fn live_round(self, level: u32, rung: &'a Rung) -> Option<&'a Round> {
        let since = self.incident.resumed.as_ref().map_or(Timestamp::MIN, |resumed| resumed.at);
        rung.round.as_ref().filter(|round| round.at >= since && !self.is_stopped(level))
    }

    /// When one turn of a round comes: at once where every way to the same person before it has failed.
    pub(super) fn turn_due(self, round: &Round, turn: &Turn) -> Timestamp {
        let before = |(other, _): &&(Turn, Option<u32>)| other.who == turn.who && other.after < turn.after;
        let mut earlier = round.turns.iter().filter(before).peekable();
        let lost = turn.who.is_some() && earlier.peek().is_some() && !planted::has(Bug::WaitsAfterFailure);
        if lost && earlier.all(|(_, page)| self.incident.has_failed(*page)) {
            return round.at;
        }
        after(round.at, turn.after)
    }

    /// When a promise has to be kept; `None` = it is kept, broken, or was never made.
    pub(super) fn clock(self, clock: Clock) -> Option<Timestamp> {
        if self.incident.ending.is_some() || self.incident.breaches.iter().any(|(known, ..)| *known == clock) {
            return None;
        }
        let since = self.known_since();
        match clock {
            Clock::Response if self.incident.responded.is_some() => None,
            Clock::Response => self.severity()?.respond_within.map(|within| after(since, within)),
            Clock::Escalation => {
                let mut people = self.climb().filter(|(_, _, level)| !level.page.is_empty());
                let (beyond, offset, _) = people.nth(1)?;
                (!self.incident.rungs.contains_key(&beyond)).then_some(after(since, offset))
            }
        }
    }
}

/// That long after an instant; the end of time where there is nothing after it.
pub(super) fn after(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(SignedDuration::from(span)).unwrap_or(Timestamp::MAX)
}

/// The first route whose labels the trouble has.
pub(super) fn route<'a>(routes: &'a [Route], labels: &BTreeMap<String, String>) -> Option<&'a Route> {
    routes.iter().find(|route| route.matches.iter().all(|(label, value)| labels.get(label) == Some(value)))
}

/// What a trouble becomes under a policy: severity, type, owner, first response. A route that names labels knows better than
/// whoever tells of the trouble, one that matches everything does not.
pub(super) fn routed(policy: &Escalation, trouble: &Trouble) -> Routed {
    let route = route(&policy.routes, &trouble.labels);
    let special = route.filter(|route| !route.matches.is_empty());
    let severity = special.and_then(|route| route.severity.clone()).or_else(|| trouble.severity.clone());
    let severity = severity.or_else(|| route.and_then(|route| route.severity.clone()));
    let known = |severity: &String| policy.severities.is_empty() || policy.severities.contains_key(severity);
    let worst = policy.severities.keys().next().cloned();
    let severity = severity.filter(known).or(worst).unwrap_or_else(|| "P1".to_owned());
    let kind = special.and_then(|route| route.kind.clone()).or_else(|| trouble.kind.clone());
    let owner = special.and_then(|route| route.owner.clone()).or_else(|| trouble.owner.clone());
    Routed {
        severity,
        kind: kind.or_else(|| route.and_then(|route| route.kind.clone())),
        owner: owner.or_else(|| route.and_then(|route| route.owner.clone())),
        first_response: route.and_then(|route| route.first_response.clone()),
    }
}

/// What a route makes of a trouble.
pub(super) struct Routed {
    pub(super) severity: String,
    pub(super) kind: Option<String>,
    pub(super) owner: Option<Name>,
    pub(super) first_response: Option<Name>,
}
