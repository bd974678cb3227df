//! Stored samples as an operator meets them: the real binary, run after run. A journal as small as these has no index
//! on the disk, so every run makes it from the events again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::address::Place;
use stepladder::base::ids::{Name, RunId, StepId};
use stepladder::base::level::{Level, Outcome};
use stepladder::base::value::{Map, Value};
use stepladder::engine::event::{AttemptResult, Ended, Event, Recorded, Sample, Selection, StepEnded, StepEvent};
use stepladder::engine::start::{Ask, start};
use stepladder::lang;
use stepladder::runtime::{clock, owner};
use stepladder::store::{Batch, StreamId, codec};

/// A book whose one runbook measures what the file `value` says.
struct Book {
    dir: tempfile::TempDir,
}

pub(crate) const RUNBOOK: &str = "runbook: look\nsteps:\n  - { id: count, shell: 'cat \"$BOOK_DIR/value\"', output: number, measure: { used: output.value } }\n";

impl Book {
    fn new(threshold: &str) -> Self {
        let book = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(book.path("runbooks")).unwrap();
        let settings = format!("timezone: {}\nkeep: {{ min_free: 1MiB }}\n", where_it_is_noon());
        fs::write(book.path("stepladder.yaml"), settings).unwrap();
        fs::write(book.path("thresholds.yaml"), format!("used: {threshold}\n")).unwrap();
        fs::write(book.path("runbooks/look.yaml"), RUNBOOK).unwrap();
        book
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs it with that value: the exit code, and what was shown.
    fn look(&self, value: &str, more: &[&str]) -> (i32, String) {
        fs::write(self.path("value"), value).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
        command.current_dir(self.dir.path()).args(["run", "look"]).args(more).env("NO_COLOR", "1");
        let out = command.stdin(Stdio::null()).output().unwrap();
        let shown = [out.stdout, out.stderr].concat();
        (out.status.code().unwrap(), String::from_utf8(shown).unwrap())
    }

    /// Puts a run into the journal that measured so much, days ago.
    fn measured(&self, days: i64, value: f64) {
        measured(self.dir.path(), &[(days, value)]);
    }
}

/// Puts runs of `look` into the journal of a book: how many days ago, and what it measured.
pub(crate) fn measured(dir: &Path, past: &[(i64, f64)]) {
    let files = ["stepladder.yaml", "thresholds.yaml", "runbooks/look.yaml"];
    let files = files.map(|name| (name.to_owned(), Arc::from(fs::read_to_string(dir.join(name)).unwrap())));
    let book = lang::load(&files).book;
    let journal = opened(&dir.join(".stepladder")).journal;
    for (days, value) in past {
        let at = clock::now() - jiff::SignedDuration::from_hours(24 * days);
        let run = RunId::new(u64::try_from(at.as_millisecond()).unwrap(), 1);
        let first = start(&book.runbooks[&Name::parse("look").unwrap()], ask(run), at).unwrap();
        let events = std::iter::once(first).chain(looked(*value).map(|event| Recorded { at, event }));
        let events = events.map(|event| codec::encode(&event).unwrap()).collect();
        let (told, answer) = std::sync::mpsc::channel();
        let batch = Batch {
            guards: Vec::new(),
            appends: vec![(StreamId::new("run", &run.to_string()), events)],
            ..Batch::default()
        };
        journal.append(batch, Box::new(move |result| told.send(result).unwrap()));
        answer.recv().unwrap().unwrap();
    }
}

/// What follows the start of a run that measured so much.
fn looked(value: f64) -> [Event; 4] {
    let sample = Sample {
        name: StepId::parse("used").unwrap(),
        labels: [].into(),
        value: Some(value),
        unit: None,
        level: Level::Ok,
        note: None,
    };
    let result = AttemptResult {
        output: Value::Null,
        failure: None,
        stopped: false,
        findings: Vec::new(),
        samples: vec![sample],
        usage: None,
    };
    let ended = StepEnded {
        outcome: Outcome::Succeeded,
        level: Level::Ok,
        failure: None,
        reason: None,
        output: None,
        planned: None,
    };
    let over = Ended {
        outcome: Outcome::Succeeded,
        level: Level::Ok,
        reason: "every step did what it says".into(),
        outputs: Map::new(),
        tells: None,
        unknown: false,
    };
    let step = |event| Event::Step { place: Place::parse("count").unwrap(), event };
    [
        step(StepEvent::Attempt { number: 1, request: None, deadline: None, child: None }),
        step(StepEvent::Attempted { number: 1, result: Box::new(result) }),
        step(StepEvent::Ended(Box::new(ended))),
        Event::Ended(Box::new(over)),
    ]
}

/// A zone whose midnight is hours away, so that no test runs past it.
fn where_it_is_noon() -> String {
    match 12 - clock::now().to_zoned(jiff::tz::TimeZone::UTC).hour() {
        0 => "Etc/GMT".into(),
        // The names of these zones have the sign of the west.
        east if east > 0 => format!("Etc/GMT-{east}"),
        west => format!("Etc/GMT+{}", -west),
    }
}

fn ask(run: RunId) -> Ask {
    Ask {
        sealed: std::collections::BTreeMap::new(),
        run,
        texts: [].into(),
        inputs: Map::new(),
        env: [].into(),
        actor: Actor { id: "tester".into(), via: Via::Cli, role: Role::Admin },
        trigger: Value::Null,
        parent: None,
        depth: 0,
        node: "local".into(),
        dry: false,
        selection: Selection::default(),
        repeats: None,
    }
}

fn shows((code, shown): &(i32, String), wanted: i32, text: &str) {
    assert!(*code == wanted && shown.contains(text), "wanted {wanted} and `{text}`, got {code} and\n{shown}");
}

#[test]
fn a_level_is_held_from_run_to_run() {
    let book = Book::new("{ warning: '>= 80', critical: '> 90', clear: { critical: '< 85', warning: '< 75' } }");
    shows(&book.look("78", &[]), 0, "used 78");
    shows(&book.look("95", &[]), 2, "used 95 is critical (> 90)");
    shows(&book.look("86", &[]), 2, "used 86 is critical (stays critical until < 85)");
    shows(&book.look("1", &["--dry-run"]), 0, "");
    shows(&book.look("78", &[]), 1, "used 78 is warning (stays warning until < 75)");
    shows(&book.look("74", &[]), 0, "used 74");
    shows(&book.look("78", &[]), 0, "used 78");
}

/// Its lock may live for a moment in a process that another test is just starting.
fn opened(data: &std::path::Path) -> owner::Opened {
    for _ in 0..1_000 {
        match owner::open(data, false) {
            Ok(opened) => return opened,
            Err(stepladder::store::disk::OpenError::Held { .. }) => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the directory stays held")
}

#[test]
fn a_fall_below_what_is_usual_is_told() {
    let book =
        Book::new("{ warning: '< 50% of baseline', baseline: { same: day, over: 28d, by: median, at_least: 7 } }");
    for day in 1..=6 {
        book.measured(day, 80.0);
    }
    book.measured(40, 1_000_000.0);
    shows(&book.look("12", &[]), 0, "used 12 (no baseline yet (6 of 7))");
    for day in 7..=9 {
        book.measured(day, 81.0);
    }
    let told = "used 12 is warning (under 50% of the baseline 80, the median of 9 days)";
    shows(&book.look("12", &[]), 1, told);
    shows(&book.look("41", &[]), 0, "used 41 (usually 80, the median of 9 days)");
}

#[test]
fn a_report_draws_what_earlier_runs_stored() {
    let book = Book::new("{ unit: '%', warning: '>= 80', help: Disk }");
    let measure = "measure: { used: { value: output.value, unit: '%' } }";
    let runbook = RUNBOOK.replace("measure: { used: output.value }", measure)
        + "  - { id: page, report: { to: page.html, html: '<p>{{ plots.used }}</p>', plots: { used: { measure: used, over: 30d } } } }\n"
        + "  - { id: text, report: { to: page.md, markdown: 'Disk: {{ plots.used }}', plots: { used: { measure: used, over: 30d } } } }\n";
    fs::write(book.path("runbooks/look.yaml"), runbook).unwrap();
    shows(&book.look("40", &[]), 0, "");
    let read = |name: &str| fs::read_to_string(book.path(&format!("reports/{name}"))).unwrap();
    assert_eq!(read("page.md"), "Disk: ▄ min 40 %, max 40 %, last 40 % (30d)\n", "what this run measured is there");
    shows(&book.look("72.5", &[]), 0, "");
    shows(&book.look("85", &[]), 1, "");
    assert_eq!(read("page.md"), "Disk: ▄ min 40 %, max 85 %, last 85 % (30d)\n", "three samples within minutes");
    let page = read("page.html");
    assert!(page.starts_with("<p><svg ") && page.ends_with("</svg></p>\n"), "{page}");
    assert!(page.contains("<title>Disk: min 40 %, max 85 %, last 85 % (30d)</title>"), "{page}");
    shows(&book.look("1", &["--dry-run"]), 0, "max 85 %");
    assert_eq!(read("page.html"), page, "a dry run writes nothing");
}
