//! Every point at which the owner of an incident can die: after each batch of a night, before anything that it ordered has
//! begun. The next owner goes by what is durable, and the night is the same: nobody is called less, no level comes otherwise.

use crate::ladder_world::{World, opening, person, policy, source, trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use stepladder::base::ids::RunId;
use stepladder::base::level::{Level, Outcome};
use stepladder::escalation::decide::{Effect, Input, next_look};
use stepladder::escalation::event::{Ending, Event, Page, PageFate, Recorded};
use stepladder::escalation::report::line;
use stepladder::escalation::state::Incident;
use stepladder::model::escalation::Escalation;

struct Night {
    policy: Escalation,
    world: World,
    incident: Incident,
    events: Vec<Recorded>,
    /// What reaches the incident, and when; the number keeps what comes together in order.
    inbox: BTreeMap<(Timestamp, u64), Input>,
    number: u64,
    /// Pages that a sender has had.
    sent: BTreeSet<u32>,
    /// Runs that have begun: they outlive whoever began them.
    begun: BTreeSet<RunId>,
    batches: usize,
    /// The batch after which the owner dies.
    dies: Option<usize>,
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

impl Night {
    fn put(&mut self, at: Timestamp, input: Input) {
        self.number += 1;
        self.inbox.insert((at, self.number), input);
    }

    fn send(&mut self, page: &Page, now: Timestamp) {
        self.sent.insert(page.number);
        let fate = if page.channel.as_str() == "sms" { PageFate::Failed } else { PageFate::Accepted };
        let input = Input::Settled { page: page.number, fate, note: String::new() };
        self.put(now + SignedDuration::from_secs(1), input);
    }

    /// A run about it ends badly after two minutes, a cancelled one in a second.
    fn run(&mut self, run: RunId, now: Timestamp, after: SignedDuration) {
        if self.begun.insert(run) || after < minutes(2) {
            let ended =
                Input::Responded { run, outcome: Some(Outcome::Failed), level: Level::Critical, text: "no".into() };
            self.put(now + after, ended);
        }
    }

    fn take(&mut self, input: Input, now: Timestamp) {
        let decision = self.world.decide(&self.policy, &mut self.incident, input, now).unwrap();
        if decision.events.is_empty() {
            return;
        }
        self.events.extend(decision.events);
        self.batches += 1;
        if self.dies == Some(self.batches) {
            return self.dead(now);
        }
        for effect in decision.effects {
            match effect {
                Effect::Send(page) => self.send(&page, now),
                Effect::Withdraw(page) => {
                    let of = |input: &Input| matches!(input, Input::Settled { page: other, .. } if *other == page);
                    self.inbox.retain(|_, input| !of(input));
                }
                Effect::Start { run, .. } => self.run(run, now, minutes(2)),
                Effect::Cancel { run, .. } => self.run(run, now, SignedDuration::from_secs(1)),
            }
        }
    }

    /// What was in memory is gone: pages on their way with it. Runs and what people will do are not ours.
    fn dead(&mut self, now: Timestamp) {
        self.incident = Incident::replay(&self.events).unwrap();
        self.inbox.retain(|_, input| !matches!(input, Input::Settled { .. }));
        let pages: Vec<Page> = self.incident.unsettled().cloned().collect();
        for page in &pages {
            self.send(page, now);
        }
        let runs: Vec<_> =
            self.incident.running().map(|response| (response.run, response.stopping.is_some())).collect();
        for (run, stopping) in runs {
            self.run(run, now, if stopping { SignedDuration::from_secs(1) } else { minutes(2) });
        }
    }

    fn play(dies: Option<usize>) -> Self {
        let mut night = Self {
            policy: policy(),
            world: World::new(),
            incident: Incident::default(),
            events: Vec::new(),
            inbox: BTreeMap::new(),
            number: 0,
            sent: BTreeSet::new(),
            begun: BTreeSet::new(),
            batches: 0,
            dies,
        };
        let ack = Input::Acknowledge { actor: person("ivanova"), who: None, note: String::new(), as_of: None };
        let over = Input::Resolve { actor: person("manager"), how: Ending::Person, reason: "mended".into() };
        let worse = Input::Severity { actor: person("ivanova"), to: "P1".into(), reason: "worse".into() };
        night.put(start(), opening(trouble(source("run", 1), Some("P2"), &[]), None));
        night.put(start() + minutes(20), ack);
        night.put(start() + minutes(25), worse);
        night.put(start() + minutes(150), over);
        for _ in 0..10_000 {
            let next = night.inbox.keys().next().map(|(at, _)| *at);
            let look = next_look(&night.policy, &night.incident).filter(|_| night.incident.version > 0);
            match (next, look) {
                (None, None) => break,
                (next, Some(look)) if next.is_none_or(|next| look < next) => {
                    let now = look.max(night.events.last().map_or(look, |last| last.at));
                    night.take(Input::Tick, now);
                }
                _ => {
                    let Some(((at, _), input)) = night.inbox.pop_first() else { break };
                    night.take(input, at);
                }
            }
            if night.incident.is_over() {
                break;
            }
        }
        night
    }

    /// Everything that happened but for what became of pages, which a second may change.
    fn told(&self) -> Vec<String> {
        let told = self.events.iter().filter(|recorded| !matches!(recorded.event, Event::Settled { .. }));
        told.map(line).collect()
    }
}

#[test]
fn a_crash_after_any_batch_of_a_night_calls_nobody_less_and_changes_no_level() {
    let calm = Night::play(None);
    assert!(calm.incident.is_over() && calm.batches > 50, "{} batches: {:?}", calm.batches, calm.told());
    let lines = calm.told().join("\n");
    for part in ["level 2", "level 4", "taken by", "lapsed", "now P1", "resolved by manager"] {
        assert!(lines.contains(part), "{part} is in the night:\n{lines}");
    }
    let mut wrong = Vec::new();
    for dies in 1..=calm.batches {
        let night = Night::play(Some(dies));
        let ordered: BTreeSet<u32> = night.incident.pages.keys().copied().collect();
        let withdrawn = |page: &&u32| matches!(night.incident.pages[*page].fate, Some((PageFate::Withdrawn, ..)));
        let lost: Vec<&u32> = ordered.difference(&night.sent).filter(|page| !withdrawn(page)).collect();
        if !night.incident.is_over() || !lost.is_empty() {
            wrong.push(format!("after batch {dies}: pages {lost:?} were lost"));
        }
        let (before, after) = (calm.told(), night.told());
        if before != after {
            let at = before.iter().zip(&after).position(|(one, other)| one != other);
            let at = at.unwrap_or(before.len().min(after.len()));
            wrong.push(format!("after batch {dies}: {:?} instead of {:?}", after.get(at), before.get(at)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), calm.batches, wrong.join("\n"));
}
