//! Who can be reached by what, in the shape that is sent.

use crate::api::wire::{IdleAddress, PersonReach, ReachReport, WayFact, WayReach};
use crate::escalation::drill::Way;
use crate::escalation::ways::{Fact, Standing, State, What};
use crate::service::{Person, Reach};
use jiff::SignedDuration;

/// The report.
#[must_use]
pub fn reach(reach: Reach) -> ReachReport {
    ReachReport {
        stale_after_seconds: SignedDuration::from(reach.stale_after).as_secs(),
        last_drill: reach.last_drill,
        next_drill: reach.next_drill,
        people: reach.people.into_iter().map(person).collect(),
    }
}

fn person(person: Person) -> PersonReach {
    PersonReach {
        contact: person.who.to_string(),
        name: person.name,
        soon: person.soon,
        ways: person.ways.into_iter().map(way).collect(),
        idle: person.idle.into_iter().map(|(channel, to)| IdleAddress { channel, to }).collect(),
        unreachable: person.unreachable,
        unproved: person.unproved,
    }
}

fn way((way, standing, state): (Way, Standing, State)) -> WayReach {
    WayReach {
        channel: way.channel.to_string(),
        to: way.address,
        state: state.word().to_owned(),
        good: standing.good.map(fact),
        bad: standing.bad.map(fact),
        confirmed: standing.confirmed,
    }
}

fn fact(fact: Fact) -> WayFact {
    let what = match fact.what {
        What::Good(fate) => fate.word(),
        What::Bad => "failed",
        What::Confirmed => "confirmed",
    };
    WayFact { at: fact.at, what: what.to_owned(), drill: fact.drill, words: fact.words }
}
