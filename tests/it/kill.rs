//! kill -9 of the real binary, round after round on one data directory: owners, and now and then the keeper.
//!
//! Whatever was acknowledged is there, every run ends with the truth, no attempt begins twice. A run is
//! interrupted only where the keeper, too, was killed. `KILLS` asks for more rounds than the normal run has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Rounds of the normal run, over all lanes.
const ROUNDS: u64 = 100;

/// Data directories that are worked on at the same time.
const LANES: u64 = 4;

/// Every so many rounds the keeper is killed too.
const KEEPER: u64 = 8;

const PATIENCE: Duration = Duration::from_mins(2);

/// Every attempt writes down that it began, and that it ended.
const JOB: &str = "\
runbook: job
steps:
  - { id: a, shell: 'echo \"$RUN_ID a $ATTEMPT\" >> \"$BOOK_DIR/begun\"; sleep 0.02; echo out-of-a' }
  - { id: b, shell: 'echo \"$RUN_ID b $ATTEMPT\" >> \"$BOOK_DIR/begun\"; sleep 0.02; exit 3', allow_failure: true }
  - { id: c, shell: 'echo \"$RUN_ID c $ATTEMPT\" >> \"$BOOK_DIR/begun\"; echo out-of-c' }
";

/// Lasts a while, so that its owner drives on what others left.
const LINGER: &str = "\
runbook: linger
steps: [ { id: wait, shell: 'sleep 0.5' } ]
";

struct Lane {
    dir: TempDir,
    number: u64,
    /// Runs that were announced, by the short form of their ids.
    announced: BTreeSet<String>,
    keepers_killed: u64,
}

impl Lane {
    fn new(number: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("runbooks")).unwrap();
        for (name, text) in [("stepladder.yaml", ""), ("runbooks/job.yaml", JOB), ("runbooks/linger.yaml", LINGER)] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self { dir, number, announced: BTreeSet::new(), keepers_killed: 0 }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
        command.args(args).current_dir(self.dir.path()).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    fn text(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// An owner, killed when so many attempts have begun since, or a little after it started.
    fn round(&mut self, round: u64) {
        let out = self.file("out");
        let told = fs::File::create(&out).unwrap();
        let mut owner = self.command(&["run", "job", "--plain"]).stdout(told).stderr(Stdio::null()).spawn().unwrap();
        let before = self.begun().len() as u64;
        let wanted = round % 5;
        let pause = Duration::from_millis(round * 7 % 23);
        let done =
            self.wait(&mut owner, |lane| wanted > 0 && lane.begun().len() as u64 >= before + wanted - 1, wanted == 0);
        if !done {
            std::thread::sleep(pause);
        }
        if round % KEEPER == KEEPER - 1 {
            for (_, identity) in stepladder::keeper::keepers(&self.file(".stepladder")) {
                let pid = identity.keeper.pid.to_string();
                drop(Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status());
                self.keepers_killed += 1;
            }
        }
        drop(owner.kill());
        owner.wait().unwrap();
        let text = fs::read_to_string(&out).unwrap();
        let announced = text.lines().find_map(|line| line.split(" begins, run ").nth(1));
        self.announced.extend(announced.and_then(|rest| rest.split(',').next()).map(str::to_owned));
    }

    /// Waits for something, at most for a moment where nothing particular is waited for; true = the owner ended first.
    fn wait(&self, owner: &mut Child, ready: impl Fn(&Self) -> bool, brief: bool) -> bool {
        #[expect(clippy::disallowed_methods, reason = "the bound of a wait, not its measure")]
        let start = Instant::now();
        loop {
            if owner.try_wait().unwrap().is_some() {
                return true;
            }
            if brief || ready(self) {
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "lane {}: nothing goes on", self.number);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn begun(&self) -> Vec<String> {
        fs::read_to_string(self.file("begun")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Owners that live, until nothing is unfinished; every run as the program lists it.
    fn settle(&self) -> Vec<serde_json::Value> {
        for _ in 0..20 {
            self.text(&["run", "linger", "--plain"]);
            let runs = self.text(&["runs", "--json", "-n", "1000000"]);
            let runs: Vec<serde_json::Value> = runs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if runs.iter().all(|run| run["state"] == "ended") {
                return runs;
            }
        }
        panic!("lane {}: runs are left over: {}", self.number, self.text(&["runs"]));
    }

    fn check(&self) {
        let runs = self.settle();
        let jobs: BTreeMap<&str, &serde_json::Value> =
            runs.iter().filter(|run| run["runbook"] == "job").map(|run| (run["run"].as_str().unwrap(), run)).collect();
        let at = |what: &str| format!("lane {}: {what}", self.number);
        let lost: Vec<_> =
            self.announced.iter().filter(|short| !jobs.keys().any(|id| id.ends_with(short.as_str()))).collect();
        let shown = lost.first().map(|short| self.text(&["show", short]));
        assert!(
            lost.is_empty(),
            "{}",
            at(&format!(
                "of {} announced runs, {} listed, these are gone: {lost:?} {shown:?}",
                self.announced.len(),
                jobs.len()
            ))
        );
        let mut interrupted = 0;
        for (id, run) in &jobs {
            let outcome = (run["outcome"].as_str().unwrap(), run["level"].as_str().unwrap());
            if outcome != ("succeeded", "warning") {
                interrupted += 1;
                let shown = self.text(&["show", id]);
                assert!(
                    shown.contains("interrupt") || shown.contains("lost"),
                    "{}",
                    at(&format!("{outcome:?}\n{shown}"))
                );
            }
        }
        assert!(
            interrupted <= self.keepers_killed * 2,
            "{}",
            at(&format!("{interrupted} were interrupted, {} keepers were killed", self.keepers_killed))
        );
        let mut seen = BTreeSet::new();
        for line in self.begun() {
            assert!(seen.insert(line.clone()), "{}", at(&format!("`{line}` began twice")));
        }
        for (id, run) in jobs.iter().filter(|(_, run)| run["outcome"] == "succeeded") {
            for step in ["a", "b", "c"] {
                assert!(seen.contains(&format!("{id} {step} 1")), "{}", at(&format!("{step} of {run} never began")));
            }
            assert_eq!(self.text(&["logs", id, "a"]), "out-of-a\n", "{}", at(id));
        }
        println!(
            "lane {}: {} runs, {} announced, {interrupted} interrupted, {} keepers killed",
            self.number,
            jobs.len(),
            self.announced.len(),
            self.keepers_killed
        );
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        for (_, identity) in stepladder::keeper::keepers(&self.file(".stepladder")) {
            drop(Command::new("kill").arg(identity.keeper.pid.to_string()).stderr(Stdio::null()).status());
        }
    }
}

#[test]
fn owners_and_keepers_killed_round_after_round_lose_nothing() {
    let asked = std::env::var_os("KILLS").and_then(|text| text.to_str()?.parse().ok());
    let rounds = asked.unwrap_or(ROUNDS).div_ceil(LANES);
    let lanes: Vec<_> = (0..LANES)
        .map(|number| {
            std::thread::spawn(move || {
                let mut lane = Lane::new(number);
                (0..rounds).for_each(|round| lane.round(round + number));
                lane.check();
            })
        })
        .collect();
    let ended: Vec<_> = lanes.into_iter().map(std::thread::JoinHandle::join).collect();
    assert!(ended.iter().all(Result::is_ok), "a lane went wrong: see above");
}
