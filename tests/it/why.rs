//! `stepladder why` over a ledger that is on the disk, with nobody who owns it.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use stepladder::base::actor::Actor;
use stepladder::base::digest::Digest;
use stepladder::base::ids::{Name, RunId};
use stepladder::runtime::index::schedule_stream;
use stepladder::runtime::owner;
use stepladder::schedule::event::{Event, Fate, Instant, Recorded};
use stepladder::schedule::key::ScheduleId;
use stepladder::schedule::nominal::Nominal;
use stepladder::store::{Batch, codec};

fn due(nominal: &str, at: &str) -> Instant {
    Instant { nominal: Nominal::parse(nominal).unwrap(), at: at.parse().unwrap() }
}

/// Puts a ledger into the data directory.
fn write(data: &Path) {
    let one = |at: Instant, fate: Fate, why: Option<&str>| Event::Settled {
        from: at,
        to: at,
        count: 1,
        fate,
        why: why.map(str::to_owned),
        deadline: None,
    };
    let many = Event::Settled {
        from: due("2026-11-22T02:30:00", "2026-11-22T01:30:00Z"),
        to: due("2026-11-24T02:30:00", "2026-11-24T01:30:00Z"),
        count: 3,
        fate: Fate::TooOld,
        why: None,
        deadline: None,
    };
    let holidays = Fate::SkippedCalendar(Name::parse("holidays").unwrap());
    let events = vec![
        Event::Began { after: "2026-10-01T00:00:00Z".parse().unwrap(), times: Digest::of(b"") },
        Event::Ran { due: due("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"), run: RunId::new(1, 1), deadline: None },
        one(due("2026-10-25T02:30:00#2", "2026-10-25T01:30:00Z"), Fate::SkippedDst, None),
        one(due("2026-10-26T02:30:00", "2026-10-26T01:30:00Z"), holidays, None),
        one(due("2026-10-27T02:30:00", "2026-10-27T01:30:00Z"), Fate::FailedToStart, Some("input `x` is missing")),
        many,
        Event::Paused { actor: Actor::engine("test"), reason: "x".into() },
    ];
    let at = "2026-11-24T09:00:00Z".parse().unwrap();
    let id = ScheduleId::parse("backup/nightly").unwrap();
    let payloads = events.into_iter().map(|event| codec::encode_schedule(&Recorded { at, event }).unwrap()).collect();
    let opened = owner::open(data, false).unwrap();
    let (tell, told) = channel();
    let batch = Batch { appends: vec![(schedule_stream(&id), payloads)], ..Batch::default() };
    opened.journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
    told.recv().unwrap().unwrap();
}

fn why(book: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
    let output = command.arg("why").args(args).current_dir(book).env_clear().env("HOME", book).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

#[test]
fn what_became_of_an_instant_is_said_from_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let book = dir.path();
    std::fs::create_dir(book.join("runbooks")).unwrap();
    std::fs::write(book.join("stepladder.yaml"), "timezone: Europe/Berlin\n").unwrap();
    std::fs::write(book.join("runbooks/backup.yaml"), "runbook: backup\nsteps:\n  - { id: copy, shell: 'true' }\n")
        .unwrap();
    assert_eq!(
        why(book, &["backup", "2026-11-24 02:30"]),
        "nothing was ever due for `backup` while its schedules were obeyed\n"
    );
    write(&book.join(".stepladder"));
    for (time, want) in [
        ("2026-10-25T00:30Z", "nightly  2026-10-25 02:30: ran, as run 00000000010000000000000001\n"),
        (
            "2026-10-25T01:30Z",
            "nightly  2026-10-25 02:30 (for the second time): skipped-dst: a change of the clock leaves it out\n",
        ),
        ("2026-10-26 02:30", "nightly  2026-10-26 02:30: skipped-calendar: calendar `holidays` leaves it out\n"),
        ("2026-10-27 02:30", "nightly  2026-10-27 02:30: failed-to-start: input `x` is missing\n"),
        (
            "2026-11-23 02:30",
            "nightly  2026-11-22 02:30 to 2026-11-24 02:30, 3 times: too-old: it was missed, and older than `within` when it was seen\n",
        ),
        (
            "2026-10-26 03:00",
            "nothing was due at 2026-10-26 03:00; next to it:\n\
            nightly  2026-10-26 02:30: skipped-calendar: calendar `holidays` leaves it out\n\
            nightly  2026-10-27 02:30: failed-to-start: input `x` is missing\n",
        ),
    ] {
        assert_eq!(why(book, &["backup", time]), want, "{time}");
    }
    let json = why(book, &["backup", "2026-10-25T00:30Z", "--json"]);
    assert!(json.starts_with(r#"{"runbook":"backup","trigger":"nightly","from":"2026-10-25T02:30:00""#), "{json}");
    assert!(why(book, &["bakup", "2026-10-26 02:30"]).contains("did you mean `backup`?"));
    assert!(why(book, &["backup", "noon"]).contains("TIME: `noon` is no time"));
}
