//! Weeks of incidents, made by hand, and what is counted of them.

use super::*;
use crate::base::actor::{Actor, Role, Via};
use crate::base::ids::{IncidentId, RunId};
use crate::escalation::event::{Opened, Page};
use crate::escalation::state::Ended;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn person(id: &str) -> Actor {
    Actor { id: id.into(), via: Via::Cli, role: Role::Operator }
}

/// An incident of a runbook, of which nothing has happened yet.
fn incident(opened: &str, severity: &str, runbook: &str) -> Incident {
    let trouble = Trouble {
        key: runbook.into(),
        title: "it is slow".into(),
        text: String::new(),
        severity: None,
        kind: Some("api".into()),
        labels: BTreeMap::new(),
        owner: None,
        source: Source::Run { runbook: name(runbook), run: RunId::new(1, 1) },
        link: None,
    };
    let opening = Opened {
        id: IncidentId::new(1, 1),
        trouble,
        severity: severity.into(),
        owner: None,
        first_response: None,
        texts: BTreeMap::new(),
        recurs: None,
    };
    Incident {
        opened: Some((at(opened), Box::new(opening))),
        severity: severity.into(),
        kind: Some("api".into()),
        count: 1,
        ..Incident::default()
    }
}

fn ended(mut incident: Incident, when: &str, how: Ending) -> Incident {
    let (at, actor) = (at(when), person("ivanova"));
    incident.ending = Some(Ended { at, actor, how, reason: String::new() });
    incident
}

/// A message of an incident: to whom, by what, when it was ordered, what it says and what became of it.
fn message(incident: &mut Incident, who: Option<&str>, channel: &str, when: &str, what: What, fate: Option<PageFate>) {
    let number = u32::try_from(incident.pages.len()).expect("few") + 1;
    let (who, channel) = (who.map(name), name(channel));
    let page = Page { number, level: 2, who, channel, address: "x".into(), what, round: 1 };
    let fate = fate.map(|fate| (fate, String::new(), at(when)));
    incident.pages.insert(number, Ordered { page, at: at(when), version: 1, fate });
}

fn of(weeks: u32, now: &str) -> Statistics {
    Statistics::new(TimeZone::get("Europe/Moscow").expect("a zone"), weeks, at(now))
}

#[test]
fn weeks_begin_on_monday_by_the_clocks_of_the_book() {
    let mut statistics = of(2, "2026-12-02T12:00:00Z");
    assert_eq!(statistics.since(), at("2026-11-22T21:00:00Z"), "Monday 00:00 in Moscow");
    for opened in ["2026-11-22T20:59:59Z", "2026-11-22T21:00:00Z", "2026-11-29T20:59:59Z", "2026-11-29T21:00:00Z"] {
        statistics.add(&incident(opened, "P3", "a"), &[]);
    }
    let opened: Vec<_> = statistics.weeks.iter().map(|(week, figures)| (week.to_string(), figures.opened)).collect();
    assert_eq!(opened, [("2026-11-23".to_owned(), 2), ("2026-11-30".to_owned(), 1)], "what is older is left out");
    assert_eq!(statistics.total.opened, 3);
    // A year ends in the middle of a week; a week without incidents is there all the same.
    let weeks: Vec<_> = of(3, "2027-01-02T12:00:00Z").weeks.into_keys().map(|week| week.to_string()).collect();
    assert_eq!(weeks, ["2026-12-14", "2026-12-21", "2026-12-28"]);
}

#[test]
fn times_are_those_that_were_measured() {
    assert_eq!(Times::default().percentile(50), None);
    let times = Times((1..=10).rev().map(minutes).collect());
    assert_eq!([50, 90, 100].map(|of| times.percentile(of)), [5, 9, 10].map(|it| Some(minutes(it))));
    assert_eq!(Times(vec![minutes(7)]).percentile(90), Some(minutes(7)));
    assert_eq!(times.count(), 10);
}

#[test]
fn what_a_week_held_adds_up() {
    let mut statistics = of(1, "2026-12-04T12:00:00Z");
    // Tuesday, 15:00 in Moscow; then the night to Wednesday, and Saturday morning.
    let mut slow = incident("2026-12-01T12:00:00Z", "P1", "api-watch");
    slow.responded = Some(at("2026-12-01T12:10:00Z"));
    slow.breaches = vec![(Clock::Escalation, at("2026-12-01T12:15:00Z"), at("2026-12-01T12:15:00Z"))];
    slow.count = 4;
    message(&mut slow, Some("ivanova"), "sms", "2026-12-01T12:00:00Z", What::Call, Some(PageFate::Delivered));
    message(&mut slow, Some("ivanova"), "sms", "2026-12-01T15:00:00Z", What::Reminder, Some(PageFate::Accepted));
    message(&mut slow, Some("ivanova"), "email", "2026-12-01T19:00:00Z", What::Reminder, None);
    message(&mut slow, Some("ivanova"), "email", "2026-12-05T07:00:00Z", What::Call, Some(PageFate::Read));
    message(&mut slow, Some("petrov"), "sms", "2026-12-01T19:00:00Z", What::Call, Some(PageFate::Failed));
    message(&mut slow, Some("petrov"), "sms", "2026-12-01T19:00:00Z", What::Call, Some(PageFate::Withdrawn));
    message(&mut slow, None, "slack", "2026-12-01T19:00:00Z", What::Opening, Some(PageFate::Accepted));
    message(&mut slow, Some("petrov"), "slack", "2026-12-01T19:00:00Z", What::Taken, Some(PageFate::Accepted));
    let slow = ended(slow, "2026-12-01T13:00:00Z", Ending::Person);
    let event = |event| Recorded { at: at("2026-12-01T12:10:00Z"), event };
    let took = || event(Event::Acknowledged { actor: person("root"), who: Some(name("ivanova")), note: String::new() });
    let late = event(Event::Climbed { level: 2, why: Why::CaughtUp, reason: String::new() });
    let empty = event(Event::LevelEmpty { level: 3, reason: String::new() });
    let over = event(Event::Exhausted { reason: String::new() });
    statistics.add(&slow, &[late, empty, over, took(), took()]);
    let mended = ended(incident("2026-12-02T12:00:00Z", "P3", "api-watch"), "2026-12-02T12:02:00Z", Ending::Mended);
    statistics.add(&mended, &[]);
    let mut again = incident("2026-12-03T12:00:00Z", "P3", "backup");
    again.opened.as_mut().expect("open").1.recurs = Some((IncidentId::new(1, 2), 2));
    statistics.add(&again, &[]);

    let total = &statistics.total;
    assert_eq!(Some(total), statistics.weeks.values().next(), "there is one week");
    assert_eq!(
        (total.opened, total.open(), total.recurred, total.late, total.gaps, total.exhausted),
        (3, 1, 1, 1, 1, 1)
    );
    assert_eq!(total.severities, BTreeMap::from([("P1".to_owned(), 1), ("P3".to_owned(), 2)]));
    assert_eq!(total.kinds, BTreeMap::from([("api".to_owned(), 3)]));
    assert_eq!(total.ended, BTreeMap::from([(Ending::Person, 1), (Ending::Mended, 1)]));
    assert_eq!((total.acknowledge.count(), total.acknowledge.percentile(90)), (1, Some(minutes(10))));
    assert_eq!([50, 90].map(|of| total.resolve.percentile(of)), [Some(minutes(2)), Some(minutes(60))]);
    assert_eq!(total.breaches, BTreeMap::from([(Clock::Escalation, 1)]));
    let sms = BTreeMap::from([
        (Some(PageFate::Accepted), 1),
        (Some(PageFate::Delivered), 1),
        (Some(PageFate::Failed), 1),
        (Some(PageFate::Withdrawn), 1),
    ]);
    assert_eq!(total.channels.get(&name("sms")), Some(&sms));
    assert_eq!(total.channels.get(&name("email")), Some(&BTreeMap::from([(None, 1), (Some(PageFate::Read), 1)])));
    // 15:00 is at work, 18:00 and Saturday 10:00 are not, 22:00 is night; who is only told is not woken.
    let ivanova = Person { pages: 4, failed: 0, out_of_hours: 3, at_night: 1, taken: 1 };
    let petrov = Person { pages: 0, failed: 1, ..Person::default() };
    assert_eq!(total.people, BTreeMap::from([("ivanova".to_owned(), ivanova), ("petrov".to_owned(), petrov)]));
    assert_eq!(total.everybody(), Person { failed: 1, ..ivanova });
    let noise = |incidents, told, pages| Noise { incidents, told, pages };
    let noisiest = [("run", "api-watch", noise(2, 5, 4)), ("run", "backup", noise(1, 1, 0))];
    assert_eq!(total.noisiest(10), noisiest);
    assert_eq!(total.noisiest(1), noisiest[..1]);
}
