//! Data directories that were brought from elsewhere: held, also where they were made, and nothing in them begins a second
//! time unasked.

use crate::owner::{Home, text};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Output};
use std::time::Duration;
use stepladder::store::disk::{DiskJournal, OpenError, Settings};
use stepladder::store::{Batch, Journal, StreamId};

const SLOW: &str = "steps:
  - id: one
    on_interrupt: ask
    shell: 'echo x >> begun; while [ ! -e go ]; do sleep 0.02; done'
";
const QUICK: &str = "steps: [ { id: a, shell: 'true' } ]\n";

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn settle_on(home: &Home, data: &str) {
    fs::write(home.path("stepladder.yaml"), format!("timezone: UTC\nkeep: {{ min_free: 1MiB }}\ndata: {data}\n"))
        .unwrap();
}

/// A book whose run has a child that is at work, and its owner.
fn at_work() -> (Home, Child) {
    let home = Home::new(&[("slow", SLOW), ("quick", QUICK)]);
    let owner = home.start(&["run", "slow"]);
    home.until("the child is at work", || home.lines("begun") == 1);
    (home, owner)
}

#[test]
fn what_may_be_at_work_elsewhere_is_held_and_begins_nowhere_again() {
    let (home, owner) = at_work();
    let copied = home.run(&["store", "backup", "copy"]);
    assert_eq!(copied.status.code(), Some(0), "{}", said(&copied));
    assert!(said(&copied).contains("held until `stepladder doctor --adopt`"), "{}", said(&copied));
    assert_eq!(home.run(&["store", "export", "all.jsonl"]).status.code(), Some(0));
    // What was ordered and had not come to a keeper when it was copied.
    assert_eq!(home.run(&["store", "backup", "bare"]).status.code(), Some(0));
    fs::remove_dir_all(home.path("bare/spool")).unwrap();
    settle_on(&home, "imported");
    let imported = home.run(&["store", "import", "all.jsonl"]);
    assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
    assert!(said(&imported).contains("held until"), "{}", said(&imported));
    for data in ["copy", "bare", "imported"] {
        settle_on(&home, data);
        for args in [&["runs"][..], &["run", "quick"], &["doctor"]] {
            let held = home.run(args);
            assert_eq!(held.status.code(), Some(3), "{data}: {}", said(&held));
            assert!(said(&held).contains("is a copy, made by `stepladder store`"), "{data}: {}", said(&held));
        }
        let adopted = home.run(&["doctor", "--adopt"]);
        assert_eq!(adopted.status.code(), Some(0), "{data}: {}", said(&adopted));
        assert_eq!(home.run(&["run", "quick"]).status.code(), Some(0));
        let rows = home.rows();
        let slow = rows.iter().find(|row| row["runbook"] == "slow").unwrap();
        assert_eq!(slow["state"], "waiting", "{data}: a person says what became of it");
        let shown = said(&home.run(&["show", slow["run"].as_str().unwrap()]));
        assert!(shown.contains("was ordered where this data directory was brought from"), "{data}: {shown}");
        assert_eq!(home.lines("begun"), 1, "{data}: nothing began a second time");
        // Whoever drives it on ends with it.
        home.run(&["cancel", slow["run"].as_str().unwrap()]);
    }
    settle_on(&home, ".stepladder");
    fs::write(home.path("go"), "").unwrap();
    assert!(owner.wait_with_output().unwrap().status.success(), "and where it was made it goes on");
    assert_eq!(home.lines("begun"), 1);
}

#[test]
fn an_archive_of_what_is_over_is_not_held() {
    let home = Home::new(&[("quick", QUICK)]);
    assert_eq!(home.run(&["run", "quick"]).status.code(), Some(0));
    assert_eq!(home.run(&["store", "export", "all.jsonl"]).status.code(), Some(0));
    settle_on(&home, "imported");
    assert_eq!(home.run(&["store", "import", "all.jsonl"]).status.code(), Some(0));
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "output that an archive does not bring is no loss: {}", said(&doctor));
    assert_eq!(home.run(&["store", "backup", "copy"]).status.code(), Some(0));
    settle_on(&home, "copy");
    let doctor = home.run(&["doctor", "--adopt"]);
    assert_eq!(doctor.status.code(), Some(0), "neither in a copy of it: {}", said(&doctor));
}

/// Many streams, as an archive.
fn large(path: &Path, streams: usize) {
    let source = tempfile::tempdir().unwrap();
    let journal = DiskJournal::open(source.path(), Settings::default()).unwrap();
    for nth in 0..streams {
        let (tell, told) = std::sync::mpsc::channel();
        let event = format!("{{\"v\":1,\"filler\":\"{}\"}}", "x".repeat(20_000)).into_bytes();
        let appends = vec![(StreamId::from_name(&format!("later/{nth}")), vec![event])];
        journal.append(Batch { appends, ..Batch::default() }, Box::new(move |answer| drop(tell.send(answer))));
        told.recv().unwrap().unwrap();
    }
    let mut file = fs::File::create(path).unwrap();
    stepladder::store::archive::export(&journal, &mut file).unwrap();
}

#[test]
fn an_import_that_is_killed_leaves_nothing_that_anybody_believes() {
    const STREAMS: usize = 400;
    let home = Home::new(&[("quick", QUICK)]);
    large(&home.path("all.jsonl"), STREAMS);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for turn in 0..10_u64 {
        drop(fs::remove_dir_all(home.path(".stepladder")));
        let mut import = home.start(&["store", "import", "all.jsonl"]);
        // From its first change on, a little later each time.
        home.until("it has begun", || {
            let format = fs::read_to_string(home.path(".stepladder/format")).unwrap_or_default();
            format.contains("machine import") || import.try_wait().unwrap().is_some()
        });
        std::thread::sleep(Duration::from_millis(turn * 4));
        drop(import.kill());
        drop(import.wait());
        let end = match DiskJournal::open(&home.path(".stepladder"), Settings::default()) {
            Ok(journal) => {
                let streams = journal.streams("").unwrap().len();
                assert!([0, STREAMS].contains(&streams), "turn {turn}: {streams} streams, and nobody is told");
                "whole"
            }
            Err(OpenError::HalfImported { .. }) => "half",
            Err(error) => panic!("turn {turn}: {error}"),
        };
        if end == "half" {
            for args in [&["run", "quick"][..], &["doctor"], &["doctor", "--adopt"], &["store", "import", "all.jsonl"]]
            {
                let refused = home.run(args);
                assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
                assert!(said(&refused).contains("its import did not come to its end"), "{}", said(&refused));
            }
        }
        *ends.entry(end).or_default() += 1;
    }
    assert!(ends.get("half").is_some_and(|half| *half > 0), "{ends:?}");
}
