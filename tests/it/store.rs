//! The data directory under the real binary: what is kept, what goes, what is said of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A book of one runbook that prints more than fits an event.
struct Book(tempfile::TempDir);

const LOUD: &str = "\
runbook: loud
steps:
  - id: speak
    artifacts: [$RUN_DIR/said]
    shell: 'echo kept > \"$RUN_DIR/said\"; i=0; while [ $i -lt 400 ]; do echo \"$i $$ a line of output\"; i=$((i+1)); done'
";

impl Book {
    fn new(settings: &str) -> Self {
        let book = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir(book.path("runbooks")).expect("made");
        fs::write(book.path("stepladder.yaml"), settings).expect("written");
        fs::write(book.path("runbooks/loud.yaml"), LOUD).expect("written");
        book
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
        command.args(args).current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.output().expect("ran")
    }

    /// Runs and returns what was printed, after the exit code.
    fn said(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.0.path().display().to_string(), "BOOK");
        format!("{}\n{}{}", output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        for (_, identity) in stepladder::keeper::keepers(&self.path(".stepladder")) {
            let _ = Command::new("kill").arg(identity.keeper.pid.to_string()).stderr(Stdio::null()).status();
        }
    }
}

fn files(below: &Path) -> usize {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[test]
fn runs_beyond_those_to_keep_go_with_everything_of_them() {
    let book = Book::new("keep: { runs: 3, min_free: 1MiB }\n");
    let mut most = (0, 0);
    for turn in 0..9 {
        let said = book.said(&["run", "loud"]);
        assert!(said.starts_with("0\n"), "{said}");
        let spools = fs::read_dir(book.path(".stepladder/spool")).expect("there").count();
        let artifacts = fs::read_dir(book.path(".stepladder/artifacts")).expect("there").count();
        assert_eq!(artifacts, spools, "files that were kept go with the output");
        let blobs = files(&book.path(".stepladder/blobs"));
        if turn >= 5 {
            most = (most.0.max(spools), most.1.max(blobs));
        }
    }
    let listed = book.run(&["runs", "--json"]).stdout;
    // The one that has just ended is looked at by the next owner.
    assert_eq!(String::from_utf8_lossy(&listed).lines().count(), 4);
    assert_eq!(most.0, 4, "what they printed goes with them");
    assert!(most.1 <= 6, "{} blobs: one book, one output for each of four runs, and one not yet looked at", most.1);
    assert!(book.said(&["logs", "last"]).contains("399 "), "what is kept is whole");
}

/// Where the payload of the first event of that run is in the only segment, flipped.
fn bend(book: &Book, run: &str) {
    let path = book.path(".stepladder/journal/00000000000000000001.seg");
    let mut bytes = fs::read(&path).expect("a segment");
    let key = format!("\"run\":\"{run}\"");
    let at = bytes.windows(key.len()).position(|window| window == key.as_bytes()).expect("its first event");
    bytes[at + 9] ^= 1;
    fs::write(&path, bytes).expect("written");
}

fn ids(book: &Book) -> Vec<String> {
    let listed = book.run(&["runs", "--json"]).stdout;
    let rows = String::from_utf8_lossy(&listed).into_owned();
    rows.lines()
        .map(|row| {
            serde_json::from_str::<serde_json::Value>(row).expect("a row")["run"].as_str().expect("an id").into()
        })
        .collect()
}

/// Without its ids, times and numbers of bytes.
fn plain(said: &str) -> String {
    let id = regex::Regex::new(r"[0-9a-hjkmnp-tv-z]{26}").expect("a pattern");
    id.replace_all(said, "RUN").into_owned()
}

#[test]
fn a_damaged_run_is_quarantined_alone_and_loudly() {
    let book = Book::new("keep: { min_free: 1MiB }\n");
    for _ in 0..3 {
        assert!(book.said(&["run", "loud"]).starts_with("0\n"));
    }
    let well = book.said(&["doctor"]);
    assert!(well.starts_with("0\n") && well.ends_with("all is well\n"), "{well}");
    let runs = ids(&book);
    bend(&book, &runs[1]);
    let listed = book.said(&["runs"]);
    assert_eq!(listed.matches("quarantined").count(), 1, "{listed}");
    let shown = book.said(&["show", &runs[1]]);
    assert!(shown.starts_with("2\n") && shown.contains("is quarantined: stream"), "{shown}");
    assert!(book.said(&["show", &runs[0]]).starts_with("0\n"), "others are not touched");
    assert!(book.said(&["run", "loud"]).starts_with("0\n"), "and go on");
    let sick = plain(&book.said(&["doctor"]));
    assert!(sick.starts_with("2\n"), "{sick}");
    assert!(sick.contains("damage: stream `run/RUN` is quarantined: its events 1 to "), "{sick}");
    let mended = plain(&book.said(&["doctor", "--repair"]));
    assert!(
        mended.starts_with("2\n") && mended.contains("readable events are in `BOOK/.stepladder/salvage/run-RUN.jsonl`"),
        "{mended}"
    );
    let saved = fs::read_to_string(book.path(&format!(".stepladder/salvage/run-{}.jsonl", runs[1]))).expect("saved");
    assert!(saved.lines().count() >= 2 && saved.contains("\"version\":3"), "{saved}");
    let json = book.run(&["doctor", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("an object");
    assert_eq!(json["symptoms"][0]["grade"], "damage");
}

#[test]
fn a_copy_and_an_export_answer_like_what_they_were_made_of() {
    let book = Book::new("keep: { min_free: 1MiB }\n");
    fs::write(book.path("runbooks/long.yaml"), "runbook: long\nsteps:\n  - id: wait_for_it\n    shell: 'while [ ! -e \"$BOOK_DIR/go\" ]; do sleep 0.05; done'\n").expect("written");
    assert!(book.said(&["run", "loud"]).starts_with("0\n"));
    let started = book.said(&["run", "--detach", "long"]);
    assert!(started.starts_with("0\n"), "{started}");
    // While the owner of `long` drives it, and more runs come.
    std::thread::scope(|scope| {
        scope.spawn(|| (0..4).for_each(|_| assert!(book.said(&["run", "loud"]).starts_with("0\n"))));
        for copy in ["one", "two", "three"] {
            let said = book.said(&["store", "backup", copy]);
            assert!(said.starts_with("0\n"), "{said}");
            let refused = book.said(&["store", "backup", copy]);
            assert!(refused.starts_with("3\n") && refused.contains("it is not empty"), "{refused}");
        }
    });
    let looked = book.said(&["doctor"]);
    assert!(looked.starts_with("0\n"), "on a live directory: {looked}");
    let refused = book.said(&["doctor", "--repair"]);
    assert!(refused.starts_with("3\n") && refused.contains("nothing is mended beneath an owner"), "{refused}");
    fs::write(book.path("go"), "").expect("written");
    for _ in 0..600 {
        if !book.said(&["runs"]).contains("running") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let before = ids(&book);
    let settings =
        |data: &str| fs::write(book.path("stepladder.yaml"), format!("data: {data}\nkeep: {{ min_free: 1MiB }}\n"));
    for copy in ["one", "two", "three"] {
        settings(copy).expect("written");
        let held = book.said(&["runs"]);
        assert!(held.starts_with("3\n") && held.contains("is a copy"), "{copy}: {held}");
        let adopted = book.said(&["doctor", "--adopt"]);
        assert!(adopted.starts_with("0\n"), "{copy}: {adopted}");
        let there = ids(&book);
        assert!(there.len() >= 2 && there.iter().all(|run| before.contains(run)), "{there:?}");
        let said = book.said(&["doctor"]);
        assert!(said.starts_with("0\n"), "{copy}: {said}");
        assert!(book.said(&["logs", there.last().expect("the first run")]).contains("399 "), "with what was printed");
    }
    settings(".stepladder").expect("written");
    let said = book.said(&["store", "export", "all.jsonl"]);
    assert!(said.starts_with("0\n"), "{said}");
    let rows = book.run(&["runs", "--json"]).stdout;
    settings("imported").expect("written");
    let text = fs::read_to_string(book.path("all.jsonl")).expect("an export");
    fs::write(book.path("bent.jsonl"), text.replacen("\"runbook\":\"loud\"", "\"runbook\":\"load\"", 1))
        .expect("written");
    let refused = book.said(&["store", "import", "bent.jsonl"]);
    assert!(
        refused.starts_with("3\n") && refused.contains("of the archive: it, or one before it, is not what was written"),
        "{refused}"
    );
    let said = book.said(&["store", "import", "all.jsonl"]);
    assert!(said.starts_with("0\n"), "{said}");
    assert_eq!(String::from_utf8_lossy(&book.run(&["runs", "--json"]).stdout), String::from_utf8_lossy(&rows));
    let again = book.said(&["store", "import", "all.jsonl"]);
    assert!(again.starts_with("3\n") && again.contains("into an empty data directory only"), "{again}");
}

#[test]
fn a_directory_of_another_machine_is_held_until_it_is_adopted() {
    let book = Book::new("keep: { min_free: 1MiB }\n");
    assert!(book.said(&["run", "loud"]).starts_with("0\n"));
    let format = book.path(".stepladder/format");
    let text = fs::read_to_string(&format).expect("a format");
    let other = format!("{}\nmachine elsewhere\n", text.lines().next().expect("a line"));
    fs::write(&format, other).expect("written");
    let held = book.said(&["run", "loud"]);
    assert!(held.starts_with("3\n") && held.contains("was written on another machine"), "{held}");
    assert!(held.contains("`stepladder doctor --adopt`"), "{held}");
    let adopted = book.said(&["doctor", "--adopt"]);
    assert!(adopted.starts_with("0\n"), "{adopted}");
    assert!(book.said(&["run", "loud"]).starts_with("0\n"));
    fs::write(&format, text.replace("data 1", "data 2")).expect("written");
    let newer = book.said(&["doctor", "--adopt"]);
    assert!(newer.starts_with("3\n") && newer.contains("was written by a newer stepladder"), "{newer}");
}

#[test]
fn too_little_space_refuses_new_runs_and_retries() {
    let book = Book::new("keep: { min_free: 1MiB }\n");
    assert!(book.said(&["run", "loud"]).starts_with("0\n"));
    fs::write(book.path("stepladder.yaml"), "keep: { min_free: 9000000GiB }\n").expect("written");
    for args in [&["run", "loud"][..], &["retry", "last"]] {
        let refused = book.said(args);
        assert!(
            refused.starts_with("3\n") && refused.contains("of `keep.min_free`: no new runs are started"),
            "{refused}"
        );
    }
    assert_eq!(ids(&book).len(), 1);
}

/// Data directories that earlier releases wrote, and what they answer. Never edited, only added to.
#[test]
fn directories_of_every_format_answer_for_ever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal/v1/runs");
    let book = Book::new("keep: { min_free: 1MiB, age: 40000d }\n");
    let copied = Command::new("cp").arg("-r").arg(golden.join("data")).arg(book.path(".stepladder")).status();
    assert!(copied.expect("copied").success());
    let said = book.said(&["doctor", "--adopt"]);
    assert!(said.starts_with("0\n"), "{said}");
    let want = |name: &str| fs::read_to_string(golden.join(name)).expect("a golden file");
    let rows = book.run(&["runs", "--json"]).stdout;
    assert_eq!(String::from_utf8_lossy(&rows), want("runs.jsonl"));
    assert!(book.said(&["store", "export", "now.jsonl"]).starts_with("0\n"));
    assert_eq!(fs::read_to_string(book.path("now.jsonl")).expect("an export"), want("export.jsonl"));
    for run in ids(&book) {
        assert!(book.said(&["show", &run]).starts_with("0\n"), "{run}");
    }
}
