//! Files that are killed over, swapped for links, written to or damaged: nothing outside is touched,
//! nothing good is lost.

use super::*;
use crate::act::door::fault;
use crate::act::pack;
use crate::base::value::{Value, json};
use crate::model::book::Settings;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const NOW: i64 = 1_767_323_045;
const DAY: u64 = 24 * 60 * 60;

/// A book with the roots `logs` and `other`.
struct House {
    dir: tempfile::TempDir,
    /// Seconds since `NOW`.
    later: AtomicI64,
}

impl House {
    fn new() -> Self {
        let house = Self { dir: tempfile::tempdir().expect("dir"), later: AtomicI64::new(0) };
        fs::create_dir(house.path("logs")).expect("root");
        house
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A file below `logs` that was last written so many days ago.
    fn write(&self, path: &str, text: &str, days: u64) {
        let path = self.path("logs").join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, text).expect("written");
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOW.unsigned_abs() - days * DAY);
        let file = fs::File::options().append(true).open(&path).expect("open");
        file.set_modified(time).expect("time");
    }

    fn order(&self, mut params: Value) -> Order {
        params["root"] = json!("logs");
        let Value::Object(map) = params else { panic!("no map") };
        let root = |name: &str| (crate::base::ids::Name::parse(name).expect("name"), name.to_owned());
        let settings = Settings { roots: ["logs", "other"].map(root).into(), ..Settings::default() };
        let world = World {
            book_dir: self.dir.path().into(),
            run_dir: self.dir.path().join("run"),
            settings: Arc::new(settings),
            secrets: Arc::default(),
            base_env: Vec::new(),
            now: jiff::Timestamp::from_second(NOW + self.later.load(Ordering::Relaxed)).expect("time"),
            ticks: || std::time::Duration::ZERO,
            timekeeping: || Err(std::io::ErrorKind::Unsupported.into()),
            say: Arc::new(|_| false),
            ladder: Arc::default(),
            posted: crate::act::channel::Posted::default(),
        };
        Order::read(&Args::from_map(map), &world).expect("order")
    }

    fn run(&self, params: Value) -> Result<Value, Failure> {
        self.order(params).run(false, &Halt::default()).map(|done| done.output)
    }

    fn dry(&self, params: Value) -> Result<Value, Failure> {
        self.order(params).run(true, &Halt::default()).map(|done| done.output)
    }

    /// Every file below the roots with its text, archives opened.
    fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let mut left = vec![self.path("logs"), self.path("other")];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).expect("list").map(|entry| entry.expect("entry").path()));
            } else if path.is_file() {
                let name = path.strip_prefix(self.dir.path()).expect("below").display().to_string();
                state.insert(name, content(&path));
            }
        }
        state
    }

    fn names(&self) -> Vec<String> {
        self.state().into_keys().collect()
    }
}

fn content(path: &Path) -> String {
    let file = fs::File::open(path).expect("open");
    let mut text = String::new();
    let read = match Format::of(path) {
        Some(format) => std::io::Read::read_to_string(&mut format.decoder(file).expect("decoder"), &mut text),
        None => std::io::Read::read_to_string(&mut &file, &mut text),
    };
    read.map_or_else(|error| format!("({error})"), |_| text)
}

/// What a dry run listed and what a run did, without the word and the facts that only a run knows.
fn deeds(output: &Value) -> (Value, Value, Value) {
    (output["files"].clone(), output["skipped"].clone(), output["chosen"].clone())
}

#[test]
fn a_dry_run_lists_exactly_what_a_run_does() {
    for params in [
        json!({ "compress": "**/*.log", "older_than": 30 * DAY * 1000 }),
        json!({ "remove": ["*.log", "deep/*"], "older_than": 30 * DAY * 1000, "exclude": "b.*" }),
        json!({ "move": "**/*.log", "to_root": "other", "to": "old" }),
        json!({ "rotate": "*.log", "keep": 2 }),
        json!({ "remove": "**", "skip_newest": 2, "larger_than": 1 }),
        json!({ "remove": "**/*.log", "archived": true }),
        json!({ "find": "**" }),
    ] {
        let house = House::new();
        house.write("a.log", "one", 40);
        house.write("b.log", "two", 40);
        house.write("c.log", "three", 1);
        house.write("c.log.20250101T000000Z", "older", 300);
        house.write("c.log.20250201T000000Z", "old", 200);
        house.write("deep/er/d.log", "four", 50);
        house.write("deep/e.txt", "five", 50);
        symlink("/etc/passwd", house.path("logs/link.log")).expect("link");
        let before = house.state();
        let would = house.dry(params.clone()).expect("dry");
        assert_eq!(house.state(), before, "{params}: a dry run touches nothing");
        let did = house.run(params.clone()).expect("run");
        assert_eq!(deeds(&would), deeds(&did), "{params}");
        assert!(
            params.get("find").is_some() || params.get("archived").is_some() || house.state() != before,
            "{params}"
        );
        assert!(fs::symlink_metadata(house.path("logs/link.log")).is_ok(), "{params}");
    }
}

#[test]
fn at_most_refuses_before_anything_is_touched() {
    let house = House::new();
    for number in 0..10 {
        house.write(&format!("{number}.log"), "x", if number < 3 { 40 } else { 1 });
    }
    let wish = |most: Value| json!({ "remove": "*.log", "older_than": 30 * DAY * 1000, "at_most": most });
    for (most, good) in [(json!("20%"), false), (json!("29.9%"), false), (json!(2), false), (json!("30%"), true)] {
        let dry = house.dry(wish(most.clone()));
        let done = house.run(wish(most.clone()));
        assert_eq!((dry.is_ok(), done.is_ok()), (good, good), "{most}");
        if let Err(failure) = done {
            assert!(
                failure
                    .message
                    .starts_with("3 of 10 files below root `logs` would be touched (30 %), and `at_most` allows"),
                "{}",
                failure.message
            );
            assert_eq!(house.names().len(), 10, "{most}");
        }
    }
    assert_eq!(house.names().len(), 7);
}

#[test]
fn links_pipes_sockets_and_what_is_written_to_are_left_alone() {
    let house = House::new();
    let outside = tempfile::tempdir().expect("dir");
    fs::write(outside.path().join("theirs.log"), "theirs").expect("written");
    house.write("mine.log", "mine", 40);
    house.write("busy.log", "busy", 40);
    symlink(outside.path(), house.path("logs/dir")).expect("link");
    symlink(outside.path().join("theirs.log"), house.path("logs/link.log")).expect("link");
    fs::hard_link(outside.path().join("theirs.log"), house.path("logs/hard.log")).expect("hard link");
    let _socket = std::os::unix::net::UnixListener::bind(house.path("logs/socket.log")).expect("socket");
    let pipe = house.path("logs/pipe.log");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("pipe");
    // Another process writes to it.
    let busy = fs::File::options().append(true).open(house.path("logs/busy.log")).expect("open");
    let mut child = std::process::Command::new("sleep").arg("600").stdout(busy).spawn().expect("sleep");
    let done = house.run(json!({ "remove": "**/*.log" }));
    child.kill().expect("killed");
    child.wait().expect("waited");
    let done = done.expect("removed");
    let why: BTreeMap<String, String> = done["skipped"]
        .as_array()
        .expect("list")
        .iter()
        .map(|row| (row["path"].as_str().expect("path").to_owned(), row["why"].as_str().expect("why").to_owned()))
        .collect();
    assert!(why["busy.log"].starts_with("sleep (process "), "{why:?}");
    assert_eq!(why["link.log"], "it is a link, which is never followed");
    assert_eq!(why["pipe.log"], "it is a pipe");
    assert_eq!(why["socket.log"], "it is a socket");
    assert_eq!(done["removed"], 2);
    assert_eq!(done["freed_bytes"], 4, "the hard link freed nothing");
    assert_eq!(content(&outside.path().join("theirs.log")), "theirs");
    assert!(house.path("logs/link.log").exists() && house.path("logs/busy.log").exists());
    for bad in ["../x", "/etc/*", "a/../../x"] {
        let params = json!({ "root": "logs", "remove": bad });
        let Value::Object(map) = params else { panic!("no map") };
        let world = house.order(json!({ "find": "*" }));
        let patterns = Patterns::new(&Args::from_map(map).texts("remove"), &[], false);
        assert!(patterns.is_err_and(|why| why.contains("leads outside")), "{bad} {}", world.root);
    }
}

/// One thread swaps a directory for a link to somewhere else, over and over, while another removes what is in it.
#[test]
fn a_directory_swapped_for_a_link_never_leads_outside() {
    let house = House::new();
    let outside = tempfile::tempdir().expect("dir");
    for number in 0..200 {
        fs::write(outside.path().join(format!("{number}.log")), "theirs").expect("written");
    }
    fs::create_dir(house.path("logs/d")).expect("made");
    let stop = AtomicBool::new(false);
    let (mut rounds, mut gone) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (real, link, spare) = (house.path("logs/d"), house.path("link"), house.path("spare"));
            symlink(outside.path(), &link).expect("link");
            while !stop.load(Ordering::Relaxed) {
                // Each may fail when the other thread is between two steps; the next round tries again.
                let _ = fs::rename(&real, &spare);
                let _ = fs::rename(&link, &real);
                let _ = fs::rename(&real, &link);
                let _ = fs::rename(&spare, &real);
            }
        });
        while rounds < 150 || (gone == 0 && rounds < 3000) {
            rounds += 1;
            // Where the directory is at that moment; in the outside one, nothing is made by this.
            for number in 0..5 {
                let _ = fs::write(house.path("spare").join(format!("n{number}.log")), "mine");
            }
            if let Ok(done) = house.run(json!({ "remove": "**/*.log" })) {
                gone += done["removed"].as_u64().unwrap_or_default();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(gone > 0, "something was removed in {rounds} rounds");
    assert_eq!(fs::read_dir(outside.path()).expect("list").count(), 200, "nothing outside was touched");
}

/// Dies after the first change, the second, and so on: every line is in the file or in an archive that is whole.
#[test]
fn a_step_killed_anywhere_loses_no_line_and_is_finished_by_the_next() {
    for (params, last) in [
        (json!({ "compress": "*.log" }), 2),
        (json!({ "compress": "*.log", "format": "zstd" }), 2),
        (json!({ "move": "*.log", "to": "old/er" }), 2),
        (json!({ "move": "*.log", "to_root": "other" }), 2),
        (json!({ "rotate": "*.log" }), 2),
        (json!({ "rotate": "*.log", "how": "copy_truncate" }), 2),
    ] {
        for changes in 0.. {
            let house = House::new();
            house.write("a.log", "first line\n", 40);
            house.write("b.log", "second line\n", 40);
            let (done, died) = fault::dying_after(changes, || house.run(params.clone()));
            assert!(died || done.is_ok(), "{params} after {changes}: {done:?}");
            let there = house.state();
            for line in ["first line\n", "second line\n"] {
                let good = |(name, text): (&String, &String)| !name.contains("stepladder-new") && text == line;
                assert!(there.iter().any(good), "{params}: `{line}` is lost after {changes}: {there:?}");
            }
            assert!(
                there.iter().all(|(name, text)| name.contains("stepladder-new") || !text.starts_with('(')),
                "{params} after {changes}: {there:?}"
            );
            // The next run, and one more, find their way.
            house.later.store(60, Ordering::Relaxed);
            house.run(params.clone()).expect("the next run");
            let after = house.state();
            let full = after.values().filter(|text| !text.is_empty()).count();
            assert!(full >= last, "{params} after {changes}: {after:?}");
            if params.get("compress").is_some() || params.get("move").is_some() {
                assert_eq!(after.len(), 2, "{params} after {changes}: {after:?}");
            }
            if !died {
                assert!(changes >= 2, "{params} changed something");
                break;
            }
        }
    }
}

#[test]
fn a_log_goes_only_with_a_good_archive_of_the_same_bytes() {
    let house = House::new();
    for (name, archive) in [("good", "text"), ("other", "another text"), ("bad", "text")] {
        house.write(&format!("{name}.log"), "text", 40);
        let mut encoder = Format::Gzip.encoder(Vec::new()).expect("encoder");
        encoder.write_all(archive.as_bytes()).expect("written");
        let mut packed = encoder.finish().expect("finished");
        if name == "bad" {
            packed.truncate(packed.len() - 4);
        }
        fs::write(house.path(&format!("logs/{name}.log.gz")), packed).expect("written");
    }
    house.write("none.log", "text", 40);
    let done = house.run(json!({ "remove": "*.log", "archived": true })).expect("done");
    assert_eq!((done["removed"].clone(), done["skipped"].as_array().map(Vec::len)), (json!(1), Some(3)), "{done}");
    assert!(!house.path("logs/good.log").exists());
    for left in ["other", "bad", "none"] {
        assert!(house.path(&format!("logs/{left}.log")).exists(), "{left}");
    }
    // `compress` finds the same: it neither overwrites the archive nor removes the log.
    let done = house.run(json!({ "compress": "*.log" })).expect("done");
    assert_eq!(done["compressed"], 1, "{done}");
    assert!(house.path("logs/other.log").exists() && house.path("logs/bad.log").exists());
    let failed = house.run(json!({ "verify": "*.gz" })).expect_err("damaged");
    assert!(failed.message.starts_with("root `logs`, damaged: bad.log.gz: "), "{}", failed.message);
}

#[test]
fn a_file_that_changed_since_the_plan_is_left_for_the_next_run() {
    let house = House::new();
    house.write("a.log", "one", 40);
    house.write("b.log", "two", 40);
    let order = house.order(json!({ "remove": "*.log" }));
    let (door, halt) = (Door::existing(&house.path("logs")).expect("door"), Halt::default());
    let plan = Plan::of(&order, &door, &halt).expect("plan");
    house.write("a.log", "more", 0);
    let mut tally = Tally::of(&plan);
    order.carry_out(&door, &plan, &mut tally, &halt).expect("done");
    assert_eq!(house.names(), ["logs/a.log"]);
    assert_eq!(tally.skipped.len(), 1);
}

#[test]
fn rotation_keeps_the_newest_and_leaves_an_empty_log() {
    let house = House::new();
    house.write("app.log", "now", 0);
    for (stamp, days) in [("20250101T000000Z", 300), ("20250201T000000Z", 200), ("20250301T000000Z", 100)] {
        house.write(&format!("app.log.{stamp}"), stamp, days);
    }
    let done = house.run(json!({ "rotate": "*.log", "keep": 3 })).expect("rotated");
    assert_eq!(
        (done["rotated"].clone(), done["removed"].clone(), done["compressed"].clone()),
        (json!(1), json!(1), json!(2))
    );
    let names = [
        "logs/app.log",
        "logs/app.log.20250201T000000Z.gz",
        "logs/app.log.20250301T000000Z.gz",
        "logs/app.log.20260102T030405Z",
    ];
    assert_eq!(house.names(), names);
    assert_eq!(content(&house.path("logs/app.log")), "");
    // Nothing was written since: nothing is rotated, and nothing goes.
    let again = house.run(json!({ "rotate": "*.log", "keep": 3 })).expect("rotated");
    assert_eq!((again["rotated"].clone(), house.names().len()), (json!(0), 4), "{again}");
}

#[test]
fn a_cut_log_is_the_same_file_and_one_with_a_second_name_is_not_cut() {
    let house = House::new();
    house.write("app.log", "before\n", 0);
    let mut program = fs::File::options().append(true).open(house.path("logs/app.log")).expect("open");
    house.run(json!({ "rotate": "*.log", "how": "copy_truncate" })).expect("rotated");
    program.write_all(b"after\n").expect("written");
    assert_eq!(content(&house.path("logs/app.log")), "after\n");
    assert_eq!(content(&house.path("logs/app.log.20260102T030405Z")), "before\n");
    fs::hard_link(house.path("logs/app.log"), house.path("twin")).expect("hard link");
    house.later.store(60, Ordering::Relaxed);
    let done = house.run(json!({ "rotate": "*.log", "how": "copy_truncate" })).expect("done");
    assert_eq!(done["rotated"], 0, "{done}");
    assert_eq!(content(&house.path("twin")), "after\n");
}

#[test]
fn a_step_that_nobody_waits_for_stops() {
    let house = House::new();
    house.write("a.log", &"text ".repeat(100_000), 40);
    let halt = Halt::default();
    let file = fs::File::open(house.path("logs/a.log")).expect("open");
    assert!(pack::sum(&mut &file, &halt).is_ok());
    drop(super::roots::stopped(&halt));
    let stopped = house.order(json!({ "compress": "*.log" })).run(false, &halt).expect_err("stopped");
    assert!(stopped.message.contains("it was stopped"), "{}", stopped.message);
    assert_eq!(house.names(), ["logs/a.log"]);
}
