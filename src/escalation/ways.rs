//! What is known of each way to a person: from pages of incidents and from drills, newest last.
//!
//! A way works when the last that is known of it is good, and not too old. That a provider took a message is good; that the
//! person said so is better, and told apart.

use crate::base::span::Span;
use crate::escalation::drill::{Drill, Way};
use crate::escalation::event::PageFate;
use crate::escalation::state::Incident;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Something that became known of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Which.
    pub way: Way,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// In the provider's words.
    pub words: String,
    /// Whether it was a drill, not a page about trouble.
    pub drill: bool,
    /// Whether the person has yet to say that it has arrived: it mends no way that fails.
    pub waits: bool,
}

/// What became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A message went out: as far as that is known.
    Good(PageFate),
    /// A message failed, or nobody said that it has arrived.
    Bad,
    /// The person says that it has arrived.
    Confirmed,
}

/// What is known of a way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last good thing.
    pub good: Option<Fact>,
    /// The last bad thing.
    pub bad: Option<Fact>,
    /// When the person last said that something had arrived.
    pub confirmed: Option<Timestamp>,
}

/// How a way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The last that is known of it is good.
    Works,
    /// The last that is known of it is good, and too old to say anything.
    Stale,
    /// Nothing was ever sent over it.
    Untried,
    /// The last that is known of it is bad.
    Fails,
}

impl State {
    /// Every one, best first.
    pub const ALL: [Self; 4] = [Self::Works, Self::Stale, Self::Untried, Self::Fails];

    /// The word sent and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Stale => "stale",
            Self::Untried => "never tried",
            Self::Fails => "fails",
        }
    }
}

/// What an incident says of ways.
#[must_use]
pub fn of_incident(incident: &Incident) -> Vec<Fact> {
    let mut facts = Vec::new();
    for ordered in incident.pages.values() {
        let (Some(who), Some((fate, note, at))) = (&ordered.page.who, &ordered.fate) else { continue };
        let page = &ordered.page;
        let way = Way { who: who.clone(), channel: page.channel.clone(), address: page.address.clone() };
        facts.extend(fact(way, *fate, note, *at, false));
    }
    facts
}

/// What a drill says of ways. With `within`, a page that went out and that nobody confirmed in that time is a failure, and
/// until somebody did it mends nothing.
#[must_use]
pub fn of_drill(drill: &Drill, within: Option<Span>, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    for page in drill.pages.values() {
        let way = || page.way.clone();
        if let Some((fate, note, at)) = &page.fate {
            let mut settled = fact(way(), *fate, note, *at, true);
            if let (Some(settled), PageFate::Accepted) = (&mut settled, fate) {
                settled.waits = within.is_some() && page.confirmed.is_none();
            }
            let good = matches!(settled, Some(Fact { what: What::Good(_), .. }));
            facts.extend(settled);
            let late = within.and_then(|within| at.checked_add(SignedDuration::from(within)).ok().zip(Some(within)));
            if let (true, Some((by, within))) = (good, late)
                && by <= now
                && page.confirmed.as_ref().is_none_or(|(confirmed, _)| *confirmed > by)
            {
                let words = format!("it went out, and nobody said within {within} that it had arrived");
                facts.push(Fact { way: way(), at: by, what: What::Bad, words, drill: true, waits: false });
            }
        }
        if let Some((at, actor)) = &page.confirmed {
            let words = format!("confirmed by {} ({})", actor.id, actor.via.as_str());
            facts.push(Fact { way: way(), at: *at, what: What::Confirmed, words, drill: true, waits: false });
        }
    }
    facts
}

fn fact(way: Way, fate: PageFate, note: &str, at: Timestamp, drill: bool) -> Option<Fact> {
    let what = match fate {
        PageFate::Accepted | PageFate::Delivered | PageFate::Read => What::Good(fate),
        PageFate::Failed => What::Bad,
        PageFate::Withdrawn => return None,
    };
    Some(Fact { way, at, what, words: note.to_owned(), drill, waits: false })
}

/// What is known of each way by these facts, in whatever order they come.
#[must_use]
pub fn standings(facts: impl IntoIterator<Item = Fact>) -> BTreeMap<Way, Standing> {
    let mut known: BTreeMap<Way, Standing> = BTreeMap::new();
    let (waiting, sure): (Vec<Fact>, Vec<Fact>) = facts.into_iter().partition(|fact| fact.waits);
    for fact in sure.into_iter().chain(waiting) {
        let standing = known.entry(fact.way.clone()).or_default();
        if fact.waits && standing.fails() {
            continue;
        }
        if matches!(fact.what, What::Confirmed | What::Good(PageFate::Read)) {
            standing.confirmed = standing.confirmed.max(Some(fact.at));
        }
        let place = match fact.what {
            What::Good(_) | What::Confirmed => &mut standing.good,
            What::Bad => &mut standing.bad,
        };
        if place.as_ref().is_none_or(|before| before.at <= fact.at) {
            *place = Some(fact);
        }
    }
    known
}

impl Standing {
    fn fails(&self) -> bool {
        let good = self.good.as_ref().map(|good| good.at);
        self.bad.as_ref().is_some_and(|bad| good.is_none_or(|good| bad.at > good))
    }

    /// How the way is.
    #[must_use]
    pub fn state(&self, now: Timestamp, stale_after: Span) -> State {
        match &self.good {
            _ if self.fails() => State::Fails,
            None => State::Untried,
            Some(good) if now.duration_since(good.at) > SignedDuration::from(stale_after) => State::Stale,
            Some(_) => State::Works,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::actor::Actor;
    use crate::base::ids::Name;
    use crate::escalation::drill::{Event, Recorded};

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).expect("an instant")
    }

    fn way() -> Way {
        let name = |text: &str| Name::parse(text).expect("a name");
        Way { who: name("ivanova"), channel: name("sms"), address: "+1".into() }
    }

    /// A drill of one page that began at hour 1, and these events after it.
    fn drill(events: &[(i64, Event)]) -> Drill {
        let begun = Event::Begun { actor: Actor::engine("drill"), due: None, ways: vec![way()] };
        let all = std::iter::once((1, begun)).chain(events.iter().cloned());
        let all: Vec<Recorded> = all.map(|(hour, event)| Recorded { at: at(hour), event }).collect();
        Drill::replay(&all).expect("it adds up")
    }

    fn settled(fate: PageFate) -> Event {
        Event::Settled { page: 1, fate, note: "SM1".into(), tries: Vec::new() }
    }

    fn state(drills: &[Drill], within: Option<Span>, hour: i64) -> State {
        let facts = drills.iter().flat_map(|drill| of_drill(drill, within, at(hour)));
        standings(facts).remove(&way()).unwrap_or_default().state(at(hour), Span::from_secs(100 * 3_600))
    }

    #[test]
    fn the_last_that_is_known_counts_for_a_time() {
        let confirmed = || Event::Confirmed { page: 1, actor: Actor::engine("link") };
        let day = Some(Span::from_secs(24 * 3_600));
        let good = drill(&[(2, settled(PageFate::Accepted))]);
        let bad = drill(&[(3, settled(PageFate::Failed))]);
        let bounced = drill(&[(2, settled(PageFate::Accepted)), (4, settled(PageFate::Failed))]);
        let said = drill(&[(2, settled(PageFate::Accepted)), (5, confirmed())]);
        let late = drill(&[(2, settled(PageFate::Accepted)), (30, confirmed())]);
        let silent = drill(&[]);
        let again = drill(&[(40, settled(PageFate::Accepted))]);
        let there = drill(&[(40, settled(PageFate::Delivered))]);
        let said_again = drill(&[(40, settled(PageFate::Accepted)), (41, confirmed())]);
        for (drills, within, hour, want) in [
            (vec![], None, 10, State::Untried),
            (vec![&silent], None, 10, State::Untried),
            (vec![&good], None, 10, State::Works),
            (vec![&good], None, 102, State::Works),
            (vec![&good], None, 103, State::Stale),
            (vec![&bad], None, 10, State::Fails),
            (vec![&good, &bad], None, 10, State::Fails),
            (vec![&bad, &good], None, 10, State::Fails),
            (vec![&bounced], None, 10, State::Fails),
            (vec![&good], day, 25, State::Works),
            (vec![&good], day, 26, State::Fails),
            (vec![&said], day, 90, State::Works),
            (vec![&late], day, 31, State::Works),
            (vec![&good, &again], day, 41, State::Fails),
            (vec![&again, &good], day, 41, State::Fails),
            (vec![&good, &there], day, 41, State::Works),
            (vec![&good, &again], None, 41, State::Works),
            (vec![&bad, &said_again], day, 42, State::Works),
            (vec![&bad, &said], None, 10, State::Works),
        ] {
            let drills: Vec<Drill> = drills.into_iter().cloned().collect();
            assert_eq!(state(&drills, within, hour), want, "{drills:?} {within:?} at {hour}");
        }
        let known = standings(of_drill(&said, None, at(6)));
        assert_eq!(known[&way()].confirmed, Some(at(5)));
    }

    #[test]
    fn what_a_drill_cannot_have_seen_is_refused() {
        let mut new = Drill::default();
        let event = |event| Recorded { at: at(1), event };
        let error = new.evolve(&event(settled(PageFate::Failed))).expect_err("there is no page");
        assert_eq!(error.to_string(), "a drill that is new cannot have seen `settled`");
        let mut begun = drill(&[(2, settled(PageFate::Accepted))]);
        let before = begun.clone();
        let again = Event::Begun { actor: Actor::engine("drill"), due: None, ways: vec![] };
        let elsewhere = Event::Confirmed { page: 2, actor: Actor::engine("link") };
        for illegal in [again, settled(PageFate::Accepted), elsewhere] {
            assert!(begun.evolve(&event(illegal)).is_err());
            assert_eq!(begun, before);
        }
        assert_eq!(begun.unsettled().count(), 0);
        assert_eq!(drill(&[]).unsettled().count(), 1);
    }
}
