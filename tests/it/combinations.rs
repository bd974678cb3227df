//! Every way to everybody fails, in every combination: whoever can be reached first is called at once, everybody before them is
//! recorded as not reached, nobody behind them is woken; where nobody can be reached it is said, and it never falls silent.

use crate::ladder_world::{World, opening, policy, source, trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use stepladder::base::span::Span;
use stepladder::escalation::decide::{Effect, Input, next_look};
use stepladder::escalation::event::{Event, Page, PageFate, Recorded, What};
use stepladder::escalation::state::Incident;
use stepladder::model::escalation::Escalation;

/// A ladder whose first level with people comes at once: whoever is on call, a senior, a manager; then who catches all.
fn people_only() -> Escalation {
    let mut policy = policy();
    policy.levels.remove(&1);
    for severity in policy.severities.values_mut() {
        severity.climb.remove(&1);
        severity.climb.insert(2, Span::ZERO);
    }
    policy
}

/// What becomes of an incident at the instant it is opened, where these ways fail: `ivanova@slack`.
fn opened(policy: &Escalation, severity: &str, broken: &BTreeSet<String>) -> (Vec<Recorded>, Vec<Page>, Incident) {
    let (world, now) = (World::new(), Timestamp::from_second(1_800_000_000).unwrap());
    let (mut incident, mut events, mut called) = (Incident::default(), Vec::new(), Vec::new());
    let mut inputs = VecDeque::from([opening(trouble(source("run", 1), Some(severity), &[]), None)]);
    while let Some(input) = inputs.pop_front() {
        let decision = world.decide(policy, &mut incident, input, now).unwrap();
        events.extend(decision.events);
        for effect in decision.effects {
            let Effect::Send(page) = effect else { continue };
            let fate = if broken.contains(&page.address) { PageFate::Failed } else { PageFate::Accepted };
            inputs.push_back(Input::Settled { page: page.number, fate, note: "as the test wants".into() });
            if fate == PageFate::Accepted && matches!(page.what, What::Call | What::Reminder | What::CatchAll) {
                called.push(page);
            }
        }
        assert!(events.len() < 1_000, "it goes round in a circle: {broken:?}");
    }
    (events, called, incident)
}

/// Every set of these.
fn subsets(of: &[String]) -> impl Iterator<Item = BTreeSet<String>> {
    (0..1_u32 << of.len()).map(|set| {
        of.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1).map(|(_, way)| way.clone()).collect()
    })
}

#[test]
fn every_channel_failing_in_every_combination_wakes_whoever_can_be_woken_at_once() {
    let policy = people_only();
    let mut nights = 0;
    for (severity, people, channels) in [
        ("P1", &["ivanova", "senior", "manager"][..], &["slack", "email", "sms"][..]),
        ("P2", &["ivanova", "senior", "manager"], &["slack", "email"]),
        // One after the other, and no third level with people.
        ("P3", &["ivanova", "senior"], &["slack", "email"]),
    ] {
        let of = |who: &str| channels.iter().map(|channel| format!("{who}@{channel}")).collect::<Vec<_>>();
        let ways: Vec<String> = people.iter().flat_map(|who| of(who)).collect();
        for (broken, last) in subsets(&ways).flat_map(|set| [(set.clone(), true), (set, false)]) {
            let mut broken = broken;
            if !last {
                broken.extend(of("director"));
            }
            let works = |who: &&str| of(who).iter().any(|way| !broken.contains(way));
            let all: Vec<&str> = people.iter().copied().chain(["director"]).collect();
            let first = all.iter().position(works);
            let (events, called, incident) = opened(&policy, severity, &broken);
            let case = format!("{severity} without {broken:?}");
            let woken: BTreeSet<&str> = called.iter().filter_map(|page| Some(page.who.as_ref()?.as_str())).collect();
            assert_eq!(woken, first.map(|first| all[first]).into_iter().collect(), "{case}");
            let unreached: Vec<&str> = events
                .iter()
                .filter_map(|recorded| match &recorded.event {
                    Event::Unreached { who, .. } => Some(who.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(unreached, all[..first.unwrap_or(all.len())], "{case}: each is recorded, in their order");
            let ended = events.iter().any(|recorded| matches!(recorded.event, Event::Exhausted { .. }));
            assert_eq!(ended, first.is_none_or(|first| first == people.len()), "{case}: the end of the ladder is said");
            let repeat = policy.severities[severity].repeat.map(SignedDuration::from).unwrap();
            let opened_at = incident.opened.as_ref().unwrap().0;
            let next = next_look(&policy, &incident).expect("it never falls silent");
            assert!(next.duration_since(opened_at) <= repeat, "{case}: next at {next}");
            nights += 1;
        }
    }
    assert_eq!(nights, 2 * (512 + 64 + 16));
}
