//! What was measured, as an operator asks for it: the real program after weeks of which most runs have gone.

use crate::owner::{Home, text};
use crate::series::{RUNBOOK, measured};
use crate::serve::Daemon;
use serde_json::Value;
use std::fs;
use std::process::Output;

/// A book whose runs measured 1 to 60, a day after the other, the last a day ago; three of them may stay.
fn weeks() -> Home {
    let home = Home::new(&[]);
    fs::write(home.path("stepladder.yaml"), "timezone: Europe/Berlin\nkeep: { min_free: 1MiB, runs: 3 }\n").unwrap();
    fs::write(home.path("thresholds.yaml"), "used: { warning: '>= 80' }\nqueue: {}\n").unwrap();
    fs::write(home.path("runbooks/look.yaml"), RUNBOOK).unwrap();
    measured(home.dir.path(), &(1..=60_u8).map(|day| (day.into(), f64::from(61 - day))).collect::<Vec<_>>());
    home
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

/// All points of the measure that an answer has.
fn points(out: &Output) -> Vec<Value> {
    assert_eq!(out.status.code(), Some(0), "{}", said(out));
    let series = text(&out.stdout);
    let series = series.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    series.flat_map(|series| series["points"].as_array().unwrap().clone()).collect()
}

fn total(points: &[Value]) -> (u64, f64, f64) {
    let of = |name: &str| points.iter().map(|point| point[name].as_f64().unwrap()).collect::<Vec<_>>();
    let count = points.iter().map(|point| point["count"].as_u64().unwrap()).sum();
    (count, of("min").into_iter().fold(f64::MAX, f64::min), of("max").into_iter().fold(f64::MIN, f64::max))
}

#[test]
fn what_was_measured_is_known_when_its_runs_are_gone() {
    let home = weeks();
    fs::write(home.path("value"), "85").unwrap();
    // Whoever owns the data looks after what is old: it is kept elsewhere, then the runs go.
    assert_eq!(home.run(&["run", "look"]).status.code(), Some(1), "85 is a warning");
    assert_eq!(home.run(&["run", "look"]).status.code(), Some(1));
    let runs = home.rows().len();
    assert!((3..=5).contains(&runs), "{runs} of 62 runs are left");
    let times = ["measures", "used", "--from", "2020-01-01", "--step", "30d", "--json"];
    assert_eq!(total(&points(&home.run(&times))), (62, 1.0, 85.0));
    let each = points(&home.run(&["measures", "used", "--last", "6d", "--step", "raw", "--json"]));
    let values: Vec<f64> = each.iter().map(|point| point["last"].as_f64().unwrap()).collect();
    assert_eq!(values, [56.0, 57.0, 58.0, 59.0, 60.0, 85.0, 85.0], "of a week, every sample");
    let out = said(&home.run(&["measures", "used", "--last", "70d", "--step", "7d", "--table"]));
    assert!(
        out.contains("62 samples, by 7d") && out.contains("min 1, mean 32.258, max 85, last 85; worst warning"),
        "{out}"
    );
    assert_eq!(out.lines().filter(|line| line.ends_with(" ok")).count(), 9, "weeks: {out}");
    let list = said(&home.run(&["measures"]));
    assert!(list.contains("used") && list.contains("85") && list.contains("warning"), "{list}");
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(0), "{}", said(&doctor));
    // The same from the events alone.
    let fixed = ["measures", "used", "--from", "2020-01-01", "--to", "now", "--step", "30d", "--json"];
    let before = points(&home.run(&fixed));
    drop(fs::remove_dir_all(home.path(".stepladder/index")));
    assert_eq!(points(&home.run(&fixed)), before);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let home = weeks();
    for (args, code, says) in [
        (&["measures", "usde"][..], 3, "no measure `usde`: did you mean `used`?"),
        (&["measures", "used", "mount=/"], 3, "no series of `used` has these labels; there is `no label`"),
        (&["measures", "used", "mount"], 3, "write it like `mount=/`"),
        (&["measures", "used", "--step", "10s"], 3, "`10s` is no step"),
        (&["measures", "used", "--last", "300d", "--step", "5m"], 3, "take a coarser step or a shorter time"),
        (&["measures", "used", "--from", "now", "--to", "2020-01-01"], 3, "the earlier instant comes first"),
        (&["measures", "used", "--last", "long"], 3, "`6h` or `30d`"),
        (&["measures", "queue"], 0, "nothing of `queue` was measured in that time"),
    ] {
        let out = home.run(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", said(&out));
        assert!(said(&out).contains(says), "{args:?}: {}", said(&out));
    }
    let empty = Home::new(&[]);
    assert!(
        said(&empty.run(&["measures"])).contains("nothing was measured yet"),
        "{}",
        said(&empty.run(&["measures"]))
    );
}

/// Where hardly anything is free, runs that need not be kept make room, with what they measured.
#[test]
fn without_room_runs_go_with_their_samples() {
    let home = weeks();
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 1000000TiB, runs: 3 }\n").unwrap();
    let refused = home.run(&["run", "look"]);
    assert!(
        refused.status.code() == Some(3) && said(&refused).contains("no new runs are started"),
        "{}",
        said(&refused)
    );
    assert_eq!(home.rows().len(), 3);
    let left = points(&home.run(&["measures", "used", "--from", "2020-01-01", "--step", "30d", "--json"]));
    assert_eq!(total(&left), (3, 58.0, 60.0));
}

#[test]
fn a_daemon_says_the_same() {
    let home = weeks();
    let daemon = Daemon::start(&home);
    home.until("old runs have gone", || home.rows().len() < 10);
    assert_eq!(home.owner(), Some(daemon.id()));
    let of = |step: &str| points(&home.run(&["measures", "used", "--from", "2020-01-01", "--step", step, "--json"]));
    assert_eq!(total(&of("30d")), (60, 1.0, 60.0));
    assert_eq!(total(&of("7d")), (60, 1.0, 60.0));
    let out = home.run(&["measures", "usde"]);
    assert!(out.status.code() == Some(3) && said(&out).contains("did you mean `used`?"), "{}", said(&out));
}
