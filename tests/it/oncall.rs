//! Who is on call: turns over every change of a clock, stretches against an oracle that asks all the time, and how people
//! are reached.

use crate::owner::{Home, text};
use crate::serve::Daemon;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stepladder::base::ids::Name;
use stepladder::base::span::Span;
use stepladder::model::calendar::Calendar;
use stepladder::model::escalation::{Contact, Escalation, Holidays, Override, Rotation, Window};
use stepladder::model::oncall::{Nobody, Why, only, reshuffled, resolve, route, shifts, who};
use stepladder::model::reach::reach;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A ladder with that rotation of three people.
fn ladder(rotation: Rotation) -> Escalation {
    let people = ["ann", "bob", "cyd", "dan"].map(name);
    Escalation {
        contacts: people.iter().map(|name| (name.clone(), Contact::default())).collect(),
        on_call: BTreeMap::from([(name("ops"), people[..3].to_vec()), (name("back"), vec![name("dan"), name("ann")])]),
        rotations: BTreeMap::from([
            (name("ops"), rotation),
            (
                name("back"),
                Rotation { since: Some(Date::constant(2025, 12, 30)), turn: Some(24), ..Rotation::default() },
            ),
        ]),
        ..Escalation::default()
    }
}

/// The zones that change their clocks from 2026 to 2028, one of each sort of changes.
fn changing() -> Vec<(TimeZone, Vec<Timestamp>)> {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        let same = zone.clone();
        let changes: Vec<_> = same.following(from).take_while(|change| change.timestamp() < to).collect();
        let sort: Vec<_> = changes.iter().map(|it| (it.timestamp(), it.offset().seconds())).collect();
        if !changes.is_empty() && seen.insert((zone.to_offset(from).seconds(), sort)) {
            let times = changes.iter().map(jiff::tz::TimeZoneTransition::timestamp).collect();
            drop(changes);
            found.push((zone, times));
        }
    }
    found
}

/// The hand-offs of a rotation, listed day by day with nothing but a calendar: who begins, and when.
fn listed(zone: &TimeZone, since: Date, times: &[Time], days: i64, last: Date) -> Vec<(Timestamp, usize)> {
    let mut handoffs = Vec::new();
    let mut day = since;
    while day <= last {
        handoffs.extend(times.iter().map(|time| day.to_datetime(*time)));
        day = day.checked_add(days.days()).unwrap();
    }
    let instant = |time: DateTime| zone.to_ambiguous_timestamp(time).compatible().unwrap();
    (0..).zip(handoffs).map(|(turn, time)| (instant(time), turn % 3)).collect()
}

#[test]
fn in_every_zone_that_changes_its_clocks_each_instant_has_one_person() {
    let zones = changing();
    assert!(zones.len() > 20, "{} sorts of zones", zones.len());
    let members = ["ann", "bob", "cyd"];
    let (since, last) = (Date::constant(2025, 12, 28), Date::constant(2029, 1, 2));
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2029-01-01T00:00:00Z"));
    // At half past two most clocks change, at midnight some, and who hands over in a gap hands over at its end.
    let time = |hour, minute| Time::constant(hour, minute, 0, 0);
    let usual = || Rotation { since: Some(since), handoff: time(2, 30), ..Rotation::default() };
    for (zone, changes) in zones {
        let shown = zone.iana_name().unwrap_or_default().to_owned();
        for (rotation, times, days) in [
            (Rotation { turn: Some(24), ..usual() }, vec![time(2, 30)], 1),
            (Rotation { turn: Some(24), handoff: time(0, 0), ..usual() }, vec![time(0, 0)], 1),
            (Rotation { weekday: Some(Weekday::Sunday), ..usual() }, vec![time(2, 30)], 7),
            (Rotation { turn: Some(72), ..usual() }, vec![time(2, 30)], 3),
            (Rotation { turn: Some(12), ..usual() }, vec![time(2, 30), time(14, 30)], 1),
        ] {
            let rotation = Rotation { zone: zone.clone(), ..rotation };
            let turn = rotation.turn;
            let handoffs = listed(&zone, since, &times, days, last);
            let ladder = ladder(rotation);
            let wanted = |at: Timestamp| members[handoffs[handoffs.partition_point(|(begin, _)| *begin <= at) - 1].1];
            let now = |at: Timestamp| who(&ladder, "ops", at).unwrap().who;
            for change in &changes {
                for quarter in -120_i64..=120 {
                    let at = *change + SignedDuration::from_mins(quarter * 15);
                    assert_eq!(now(at).as_str(), wanted(at), "{shown} {turn:?} {at}");
                }
            }
            let found = shifts(&ladder, "ops", from, to);
            assert_eq!((found[0].from, found.last().unwrap().to), (from, to), "{shown}");
            for (one, next) in found.iter().zip(&found[1..]) {
                assert_eq!(one.to, next.from, "{shown} {turn:?}: a gap or an overlap");
                assert!(one.from < one.to && one.duty != next.duty, "{shown} {turn:?}: {one:?}");
            }
            let begins: BTreeSet<Timestamp> =
                handoffs.iter().map(|(at, _)| *at).filter(|at| *at > from && *at < to).collect();
            let changes: BTreeSet<Timestamp> = found[1..].iter().map(|shift| shift.from).collect();
            assert_eq!(changes, begins, "{shown} {turn:?}");
        }
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(most).unwrap()).unwrap()
    }

    /// A quarter of an hour in three weeks of which one has a change of the clock.
    fn quarter(&mut self) -> Timestamp {
        at("2026-10-12T00:00:00Z") + SignedDuration::from_mins(15 * self.below(96 * 21))
    }

    fn time(&mut self) -> Time {
        let quarter = i8::try_from(self.below(96)).unwrap();
        Time::constant(quarter / 4, quarter % 4 * 15, 0, 0)
    }

    fn rotation(&mut self) -> Rotation {
        let zones = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"];
        let turns = [None, Some(1), Some(8), Some(24), Some(72), Some(168)];
        let zone = TimeZone::get(zones[usize::try_from(self.below(5)).unwrap()]).unwrap();
        let turn = turns[usize::try_from(self.below(6)).unwrap()];
        let day = Date::constant(2026, 10, i8::try_from(1 + self.below(20)).unwrap());
        let days = BTreeSet::from([day, Date::constant(2026, 10, i8::try_from(1 + self.below(31)).unwrap())]);
        let (from, length) = (self.quarter(), SignedDuration::from_mins(15 * (1 + self.below(200))));
        let calendar = Arc::new(Calendar::new(days, vec![(from, from + length)]));
        let who = ["dan", "on_call.back"][usize::try_from(self.below(2)).unwrap()].to_owned();
        let stand_ins = (0..self.below(4)).map(|_| {
            let from = self.quarter();
            Override { from, to: from + SignedDuration::from_mins(15 * (1 + self.below(300))), who: name("dan") }
        });
        let overrides = stand_ins.collect();
        let window = |dice: &mut Self| Window {
            from: dice.time(),
            to: dice.time(),
            days: [Weekday::Monday, Weekday::Saturday, Weekday::Sunday][..usize::try_from(dice.below(4)).unwrap()]
                .to_vec(),
        };
        Rotation {
            zone,
            since: (self.below(3) > 0).then_some(day),
            turn,
            weekday: (turn == Some(168) && self.below(2) == 0).then_some(Weekday::Wednesday),
            handoff: self.time(),
            hours: (0..self.below(3)).map(|_| window(self)).collect(),
            overrides,
            holidays: (self.below(2) == 0).then(|| Holidays { calendars: vec![(name("off"), calendar)], who }),
        }
    }
}

#[test]
fn shifts_are_what_asking_each_quarter_of_an_hour_finds() {
    let (from, to) = (at("2026-10-14T00:00:00Z"), at("2026-10-30T00:00:00Z"));
    let mut whys = BTreeSet::new();
    for seed in 0..120 {
        let rotation = Dice(seed).rotation();
        let shown = format!("seed {seed}: {rotation:?}");
        let ladder = ladder(rotation);
        let found = shifts(&ladder, "ops", from, to);
        assert_eq!((found[0].from, found.last().unwrap().to), (from, to), "{shown}");
        assert!(
            found.iter().zip(&found[1..]).all(|(one, next)| one.to == next.from && one.duty != next.duty),
            "{shown}"
        );
        let mut asked = from;
        let mut shift = found.iter().peekable();
        while asked < to {
            while shift.peek().is_some_and(|it| it.to <= asked) {
                shift.next();
            }
            let one = shift.peek().unwrap();
            assert_eq!(who(&ladder, "ops", asked), one.duty, "{asked} {shown}");
            whys.insert(match &one.duty {
                Ok(duty) => duty.why.word().to_owned(),
                Err(nobody) => nobody.to_string(),
            });
            asked += SignedDuration::from_mins(15);
        }
    }
    assert_eq!(
        whys.into_iter().collect::<Vec<_>>(),
        [
            "holiday",
            "override",
            "rotation",
            "the rotation `ops` begins later: see its `since`",
            "the rotation `ops` has nobody outside of its `hours`",
        ],
        "every reason has come about"
    );
}

#[test]
fn turns_begin_with_the_first_member_on_the_day_they_are_counted_from() {
    let zone = TimeZone::get("Europe/Moscow").unwrap();
    let usual = Rotation { zone, since: Some(Date::constant(2026, 11, 23)), ..Rotation::default() };
    let whole = ladder(Rotation { weekday: Some(Weekday::Monday), ..usual.clone() });
    let short = ladder(Rotation { weekday: Some(Weekday::Thursday), ..usual.clone() });
    let never = ladder(Rotation { turn: None, ..usual });
    for (ladder, instant, want) in [
        (&whole, "2026-11-23T08:59:59+03:00", Err(Nobody::NotYet(name("ops")))),
        (&whole, "2026-11-23T09:00:00+03:00", Ok("ann")),
        (&whole, "2026-11-30T08:59:59+03:00", Ok("ann")),
        (&whole, "2026-11-30T09:00:00+03:00", Ok("bob")),
        (&whole, "2026-12-14T09:00:00+03:00", Ok("ann")),
        // A turn that begins in the middle of a week is a short one.
        (&short, "2026-11-23T09:00:00+03:00", Ok("ann")),
        (&short, "2026-11-26T08:59:59+03:00", Ok("ann")),
        (&short, "2026-11-26T09:00:00+03:00", Ok("bob")),
        (&never, "2036-11-26T09:00:00+03:00", Ok("ann")),
    ] {
        assert_eq!(
            who(ladder, "ops", at(instant)).map(|duty| duty.who.to_string()),
            want.map(str::to_owned),
            "{instant}"
        );
    }
}

#[test]
fn an_override_comes_before_a_holiday_and_a_holiday_before_the_turn() {
    let calendar = Arc::new(Calendar::new(BTreeSet::from([Date::constant(2027, 1, 1)]), Vec::new()));
    let stand_in = |from: &str, to: &str, who: &str| Override { from: at(from), to: at(to), who: name(who) };
    let ladder = ladder(Rotation {
        since: Some(Date::constant(2026, 12, 28)),
        overrides: vec![
            stand_in("2027-01-01T10:00:00Z", "2027-01-01T14:00:00Z", "cyd"),
            stand_in("2027-01-01T12:00:00Z", "2027-01-01T13:00:00Z", "bob"),
        ],
        holidays: Some(Holidays { calendars: vec![(name("off"), calendar)], who: "on_call.back".into() }),
        ..Rotation::default()
    });
    for (instant, want) in [
        ("2026-12-31T23:59:59Z", ("ann", Why::Rotation)),
        ("2027-01-01T00:00:00Z", ("dan", Why::Holiday(name("off")))),
        ("2027-01-01T09:59:59Z", ("ann", Why::Holiday(name("off")))),
        ("2027-01-01T10:00:00Z", ("cyd", Why::Override)),
        ("2027-01-01T12:00:00Z", ("bob", Why::Override)),
        ("2027-01-01T13:00:00Z", ("cyd", Why::Override)),
        ("2027-01-01T14:00:00Z", ("ann", Why::Holiday(name("off")))),
        ("2027-01-02T00:00:00Z", ("ann", Why::Rotation)),
    ] {
        let duty = who(&ladder, "ops", at(instant)).unwrap();
        assert_eq!((duty.who.as_str(), duty.why), want, "{instant}");
    }
}

/// The ladder of that text.
fn read(text: &str) -> Escalation {
    let files = [("escalation.yaml".to_owned(), Arc::from(text))];
    let loaded = stepladder::lang::load(&files);
    let wrong: Vec<_> = loaded.findings.sorted().into_iter().map(|it| it.message.clone()).collect();
    loaded.book.escalation.unwrap_or_else(|| panic!("{wrong:?}"))
}

const PEOPLE: &str = r#"
timezone: Europe/Moscow
severities:
  P1: { respond_within: 15m, climb: { 1: 0m }, reach: { at_once: [slack, email, sms] } }
  P2: { respond_within: 1h, climb: { 1: 0m }, reach: { in_turn: [slack, voice, email], wait: 5m } }
  P3: { respond_within: 12h, climb: { 1: 0m }, reach: { in_turn: [email, sms], wait: 10m } }
  P4: { respond_within: 24h, climb: { 1: 0m } }
levels: { 1: { name: On call, page: [on_call.owner] } }
contacts:
  ann: { name: Ann, phone: "+1-555-0123", email: ann@company.com, slack: "@ann" }
  bob:
    name: Bob
    phone: "+1-555-0124"
    addresses: { signal: "+1-555-0999" }
    rules:
      - { by: signal }
      - { after: 5m, by: [sms, voice] }
      - { after: 2m, by: email, severities: [P1] }
      - { after: 1m, by: sms, severities: P1 }
    quiet:
      - { from: "22:00", to: "07:00", severities: [P3, P4] }
      - { from: "07:00", to: "09:00", days: [sat, sun], severities: P3 }
  cyd: { name: Cyd, email: cyd@company.com, timezone: Asia/Tokyo, quiet: { from: "00:00", to: "00:00", severities: [P4] } }
on_call:
  ops: { since: 2026-11-23, members: [ann, bob] }
routes:
  - { match: { component: sip, severity: critical }, severity: P1, owner: ops }
  - { match: { component: sip }, severity: P2, type: sip, first_response: mend }
  - { match: {}, severity: P3, owner: ops }
catch_all: [ann]
"#;

fn plan(ladder: &Escalation, contact: &str, severity: &str, instant: &str) -> String {
    let plan = reach(ladder, &name(contact), severity, at(instant));
    let step = |step: &stepladder::model::reach::PlanStep| format!("{} {} {}", step.after, step.channel, step.address);
    let steps: Vec<String> = plan.steps.iter().map(step).collect();
    let quiet = plan.quiet_until.map(|until| format!("quiet until {until}: ")).unwrap_or_default();
    format!("{quiet}{}", steps.join(", "))
}

#[test]
fn people_are_reached_by_their_own_rules_or_as_the_severity_says_and_not_in_quiet_hours() {
    let ladder = read(PEOPLE);
    let (noon, night, saturday) =
        ("2026-12-02T12:00:00+03:00", "2026-12-02T23:30:00+03:00", "2026-12-05T06:00:00+03:00");
    for (contact, severity, instant, want) in [
        ("ann", "P1", noon, "0ms slack @ann, 0ms email ann@company.com, 0ms sms +1-555-0123"),
        ("ann", "P2", noon, "0ms slack @ann, 5m voice +1-555-0123, 10m email ann@company.com"),
        // No `reach`: every address; the telephone's number is that of its messages.
        ("ann", "P4", noon, "0ms email ann@company.com, 0ms slack @ann, 0ms sms +1-555-0123"),
        // A channel on which they have no address is left out, and the others keep their time.
        ("bob", "P1", noon, "0ms signal +1-555-0999, 1m sms +1-555-0124, 5m sms +1-555-0124, 5m voice +1-555-0124"),
        ("bob", "P3", noon, "0ms signal +1-555-0999, 5m sms +1-555-0124, 5m voice +1-555-0124"),
        ("cyd", "P3", noon, "0ms email cyd@company.com"),
        // Quiet hours are for the severities they name; what comes then waits for the end of them.
        ("bob", "P1", night, "0ms signal +1-555-0999, 1m sms +1-555-0124, 5m sms +1-555-0124, 5m voice +1-555-0124"),
        (
            "bob",
            "P4",
            night,
            "quiet until 2026-12-03T04:00:00Z: 7h30m signal +1-555-0999, 7h35m sms +1-555-0124, 7h35m voice +1-555-0124",
        ),
        // One stretch goes on where another ends.
        (
            "bob",
            "P3",
            saturday,
            "quiet until 2026-12-05T06:00:00Z: 3h signal +1-555-0999, 3h5m sms +1-555-0124, 3h5m voice +1-555-0124",
        ),
        ("cyd", "P4", noon, ""),
        ("nobody", "P1", noon, ""),
    ] {
        assert_eq!(plan(&ladder, contact, severity, instant), want, "{contact} {severity} {instant}");
    }
}

#[test]
fn names_on_a_level_stand_for_contacts() {
    let ladder = read(PEOPLE);
    let at = at("2026-12-02T12:00:00+03:00");
    let ops = name("ops");
    for (target, owner, want) in [
        ("ann", None, &["ann"][..]),
        ("zoe", None, &[]),
        ("on_call.ops", None, &["bob"]),
        ("on_call.owner", Some(&ops), &["bob"]),
        // The only rotation is the owner where none is said.
        ("on_call.owner", None, &["bob"]),
        ("on_call.voice", None, &[]),
    ] {
        let found = resolve(&ladder, target, owner, at);
        assert_eq!(found.iter().map(Name::as_str).collect::<Vec<_>>(), want, "{target} {owner:?}");
    }
    let two = crate::oncall::ladder(Rotation::default());
    assert_eq!((only(&ladder), only(&two)), (Some(&ops), None));
    assert!(resolve(&two, "on_call.owner", None, at).is_empty());
}

#[test]
fn the_first_route_whose_labels_all_fit_is_taken() {
    let ladder = read(PEOPLE);
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    for (given, want) in [
        (&[("component", "sip"), ("severity", "critical"), ("host", "a")][..], "P1"),
        (&[("component", "sip"), ("severity", "warning")], "P2"),
        (&[("severity", "critical")], "P3"),
        (&[], "P3"),
    ] {
        let found = route(&ladder, &labels(given)).unwrap();
        assert_eq!(found.severity.as_deref(), Some(want), "{given:?}");
    }
    assert!(route(&Escalation::default(), &labels(&[])).is_none());
}

#[test]
fn a_rotation_is_read_with_its_times_in_its_zone() {
    let text = PEOPLE.replace(
        "members: [ann, bob]",
        "members: [ann, bob], timezone: America/New_York, every: 2w, handoff: \"tue 07:30\", \
         hours: { from: \"08:00\", to: \"18:00\", days: [mon, fri] }, \
         overrides: [ { from: \"2026-12-31 09:00\", to: \"2027-01-01T00:00Z\", who: bob } ]",
    );
    let ladder = read(&text);
    let rotation = &ladder.rotations[&name("ops")];
    assert_eq!(rotation.zone.iana_name(), Some("America/New_York"));
    assert_eq!(rotation.since, Some(Date::constant(2026, 11, 23)));
    assert_eq!((rotation.turn, rotation.weekday), (Some(14 * 24), Some(Weekday::Tuesday)));
    assert_eq!(rotation.handoff, Time::constant(7, 30, 0, 0));
    assert_eq!(rotation.hours[0].days, [Weekday::Monday, Weekday::Friday]);
    assert_eq!(rotation.overrides[0].from, at("2026-12-31T14:00:00Z"));
    assert_eq!(rotation.overrides[0].to, at("2027-01-01T00:00:00Z"));
    let contact = &ladder.contacts[&name("bob")];
    assert_eq!(contact.rules[1].after, Span::from_secs(300));
    assert_eq!(contact.quiet[0].zone.iana_name(), Some("Europe/Moscow"));
    assert_eq!(ladder.contacts[&name("cyd")].quiet[0].zone.iana_name(), Some("Asia/Tokyo"));
}

#[test]
fn members_change_with_a_new_day_to_count_from() {
    let before = read(PEOPLE);
    let other = PEOPLE.replace("members: [ann, bob]", "members: [bob, ann]");
    let counted = other.replace("since: 2026-11-23", "since: 2026-11-30");
    let renamed = PEOPLE.replace("name: Ann", "name: Anna");
    let moved = PEOPLE.replace("ops: { since", "back: { since");
    for (text, want) in [(&other, &["ops"][..]), (&counted, &[]), (&renamed, &[]), (&moved, &[])] {
        let found = reshuffled(&before, &read(text));
        assert_eq!(found.iter().map(Name::as_str).collect::<Vec<_>>(), want, "{text}");
    }
}

#[test]
fn members_that_change_without_a_new_day_are_refused_by_the_daemon_and_by_check() {
    let home = Home::new(&[("say", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let good = "severities: { P1: { respond_within: 15m, climb: { 1: 0m } } }
levels: { 1: { name: On call, page: [on_call.owner] } }
contacts: { ann: { name: Ann, email: ann@company.com }, bob: { name: Bob, email: bob@company.com } }
on_call: { ops: { since: 2020-01-06, members: [ann, bob] } }
routes: [ { match: {}, severity: P1, owner: ops } ]
catch_all: [ann]
";
    let write = |text: &str| std::fs::write(home.path("escalation.yaml"), text).unwrap();
    let checked = || {
        let out = home.run(&["check"]);
        (out.status.code(), text(&out.stdout).contains("SL0709"))
    };
    write(good);
    assert_eq!(checked(), (Some(0), false));
    let daemon = Daemon::start(&home);
    assert_eq!(checked(), (Some(0), false));
    write(&good.replace("[ann, bob]", "[bob, ann]"));
    assert_eq!(checked(), (Some(3), true), "the daemon knows the ladder before it");
    home.run(&["reload"]);
    let status: serde_json::Value = serde_json::from_slice(&home.run(&["status", "--json"]).stdout).unwrap();
    let broken = &status["broken"][0];
    assert_eq!((broken["file"].as_str(), broken["kept"].as_bool()), (Some("escalation.yaml"), Some(true)), "{status}");
    assert!(broken["findings"].to_string().contains("SL0709"), "{status}");
    daemon.end(rustix::process::Signal::TERM);
    assert_eq!(checked(), (Some(3), true), "what was accepted last is known when nobody serves it any more");
    write(&good.replace("[ann, bob]", "[bob, ann]").replace("2020-01-06", "2020-01-13"));
    assert_eq!(checked(), (Some(0), false));
}
