//! kill -9 of the process that drives the runs: the next one goes on with them, and with the truth.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

/// Says that it began (once for each start), and ends with 7 once it is let go.
const SLOW: &str = "\
runbook: slow
steps:
  - id: one
    shell: 'echo x >> \"$BOOK_DIR/begun\"; echo before; while [ ! -e \"$BOOK_DIR/go\" ]; do sleep 0.02; done; echo after; exit 7'
    allow_failure: true
  - id: two
    shell: 'touch \"$BOOK_DIR/done\"'
";

/// Lasts until the other runbook is through, so that its owner lasts as long.
const WATCHER: &str = "\
runbook: watcher
steps:
  - id: wait
    shell: 'while [ ! -e \"$BOOK_DIR/done\" ]; do sleep 0.02; done'
";

struct Book(TempDir);

impl Book {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("runbooks")).expect("made");
        for (name, text) in [("stepladder.yaml", ""), ("runbooks/slow.yaml", SLOW), ("runbooks/watcher.yaml", WATCHER)]
        {
            fs::write(dir.path().join(name), text).expect("written");
        }
        Self(dir)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
        command.args(args).current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("ran")
    }

    fn text(&self, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(args).stdout).into_owned()
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        let _ = fs::write(self.file("go"), "");
        for (_, identity) in stepladder::keeper::keepers(&self.file(".stepladder")) {
            let _ = Command::new("kill").arg(identity.keeper.pid.to_string()).stderr(Stdio::null()).status();
        }
    }
}

fn until(path: &Path) {
    #[expect(clippy::disallowed_methods, reason = "the bound of a wait, not its measure")]
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {}", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn the_next_owner_goes_on_with_the_true_end_and_the_whole_output() {
    let book = Book::new();
    let mut owner = book.start(&["run", "slow"]);
    until(&book.file("begun"));
    owner.kill().expect("killed");
    owner.wait().expect("buried");
    let runs = book.text(&["runs"]);
    assert!(runs.contains("slow") && runs.contains("stranded"), "{runs}");

    let mut next = book.start(&["run", "watcher"]);
    fs::write(book.file("go"), "").expect("written");
    assert!(next.wait().expect("ran").success(), "the watcher ends when the other run has got on");
    until(&book.file("done"));
    assert_eq!(fs::read_to_string(book.file("begun")).expect("there"), "x\n", "started once");
    let last = book.text(&["runs"]);
    let slow = last.lines().find(|line| line.contains("slow")).expect("listed");
    let id = slow.split_whitespace().next().expect("an id");
    assert_eq!(book.text(&["logs", id, "one"]), "before\nafter\n");
    let shown = book.text(&["show", id]);
    assert!(shown.contains("exited with 7"), "{shown}");
}
