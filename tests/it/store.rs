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
    shell: 'i=0; while [ $i -lt 400 ]; do echo \"$i $$ a line of output\"; i=$((i+1)); done'
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
