//! What one owner carries: sleeping runs in memory, runs in flight taken up anew, large journals reopened.
//!
//! `cargo bench --bench scale -- sleeping 1000000 | resume 10000 | journal 10000000`. The runs get into the journal through the
//! production pump; each measurement is the production owner in a process of its own. By hand, never in `.ci`.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::address::Place;
use stepladder::base::ids::{IncidentId, Name, RunId};
use stepladder::base::value::json;
use stepladder::engine::decide::Input;
use stepladder::engine::event::Selection;
use stepladder::engine::project::UNFINISHED;
use stepladder::engine::start::{Ask, start};
use stepladder::escalation::event::Page;
use stepladder::keeper;
use stepladder::lang::{self, Loaded};
use stepladder::model::book::Settings;
use stepladder::model::perform::{Reply, Request};
use stepladder::runtime::clock;
use stepladder::runtime::owner::{self, Config, Owner};
use stepladder::runtime::pump::{Message, Perform, Post, Pump, post_box};
use stepladder::runtime::retention::Keeping;
use stepladder::runtime::shelf::{BUNDLE, Texts};
use stepladder::store::Journal;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Starts that wait for their answers at the same time.
const TOGETHER: usize = 4_000;

/// Sleeps for longer than anybody measures.
const SLEEPS: &str =
    "runbook: sleeps\ntimeout: 60d\nsteps:\n  - { id: first, log: begun }\n  - { id: rest, wait: 30d }\n";
/// Has a child at work.
const WORKS: &str = "runbook: works\nsteps: [ { id: first, log: begun }, { id: child, exec: [\"true\"] } ]\n";
/// Is over soon, with many events.
const ENDS: &str = "runbook: ends\nsteps:\n  - { id: a, log: a }\n  - { id: b, log: b }\n  - { id: c, log: c }\n  - { id: d, log: d }\n  \
                    - { id: e, log: e }\n  - { id: f, log: f }\n  - { id: g, log: g }\n  - { id: h, log: h }\n";

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the time")]
fn now() -> Instant {
    Instant::now()
}

/// Does what a step asks for at once; children it never starts, as an owner that died before it could.
struct Swift(Post);

impl Perform for Swift {
    fn perform(&self, run: RunId, request: Request, _: Option<jiff::Timestamp>, _: bool) {
        if request.kind == "log" {
            let reply = Reply::Done { output: json!({}), findings: Vec::new() };
            let input = Input::Replied { place: request.place, attempt: request.attempt, reply, usage: None };
            let _ = self.0.send(Message::Input { run, input });
        }
    }
    fn stop(&self, _: RunId, _: &Place, _: u32) {}
    fn kill(&self, _: RunId) {}
    fn gone(&self, _: RunId) {}
    fn page(&self, _: IncidentId, _: &Page, _: &str, _: bool) {}
    fn settings(&self, _: &Arc<Settings>) {}
    fn withdraw(&self, _: IncidentId, _: u32) {}
    fn has(&self, _: RunId, _: &Place, _: u32) -> bool {
        true
    }
}

fn book() -> (Loaded, Texts) {
    // Nothing goes while it is measured.
    let settings = "timezone: UTC\nkeep: { runs: 1000000, age: 3650d, min_free: 1MiB }\n";
    let files = [("stepladder.yaml", settings), ("sleeps", SLEEPS), ("works", WORKS), ("ends", ENDS)];
    let name = |name: &str| if name.contains('.') { name.to_owned() } else { format!("runbooks/{name}.yaml") };
    let files: Vec<(String, Arc<str>)> = files.iter().map(|(file, text)| (name(file), Arc::from(*text))).collect();
    (lang::load(&files), files.into_iter().collect())
}

/// Puts so many runs of a runbook into a data directory.
fn fill(runbook: &str, count: u64, data: &Path) -> Outcome<()> {
    let opened = owner::open(data, false)?;
    let (sender, inbox) = post_box();
    let (loaded, texts) = book();
    let digest = opened.shelf.pin(opened.journal.as_ref(), &texts, &Arc::new(loaded.book.clone()))?;
    if loaded.findings.has_errors() {
        return Err("the book of the benchmark does not pass its checks".into());
    }
    let runbook = loaded.book.runbooks.get(&Name::parse(runbook)?).ok_or("there is no such runbook")?;
    let broken = Box::new(|why: &str| drop(writeln!(io::stderr(), "{why}")));
    let swift = Box::new(Swift(sender.clone()));
    let pump = Pump::new(
        Arc::clone(&opened.journal),
        Arc::clone(&opened.shelf),
        swift,
        sender.clone(),
        "local".into(),
        broken,
    );
    let pump = std::thread::spawn(move || pump.run(inbox));
    let actor = Actor { id: "bench".into(), via: Via::Cli, role: Role::Admin };
    let mut waiting = VecDeque::new();
    for _ in 0..count {
        let at = clock::now();
        let ask = Ask {
            run: clock::new_run(at),
            texts: BTreeMap::from([(BUNDLE.to_owned(), digest)]),
            inputs: stepladder::base::value::Map::default(),
            sealed: BTreeMap::new(),
            env: BTreeMap::new(),
            actor: actor.clone(),
            trigger: json!({ "kind": "manual", "by": "bench" }),
            parent: None,
            depth: 0,
            node: "local".into(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        };
        let first = start(runbook, ask, at)?;
        let (told, answer) = tokio::sync::oneshot::channel();
        sender.send(Message::Start { book: Arc::clone(runbook), first: vec![first], told })?;
        waiting.push_back(answer);
        if waiting.len() >= TOGETHER
            && let Some(answer) = waiting.pop_front()
        {
            answer.blocking_recv()??;
        }
    }
    waiting.into_iter().try_for_each(|answer| Outcome::Ok(answer.blocking_recv()??))?;
    if runbook.name.as_str() == "ends" {
        until_none(opened.journal.as_ref())?;
    } else {
        // What follows the first event of the last run.
        std::thread::sleep(Duration::from_secs(2));
    }
    let (done, through) = tokio::sync::oneshot::channel();
    sender.send(Message::Stop(done))?;
    through.blocking_recv()?;
    pump.join().map_err(|_| "the pump panicked")?;
    Ok(())
}

fn until_none(journal: &dyn Journal) -> Outcome<()> {
    while !journal.scan(UNFINISHED, &[], &[], false, 1)?.is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// What `/proc` says of this process's memory, in MiB.
fn memory(name: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(line.ok_or("not there")?.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// The production owner over a data directory, until everything in it is driven; what that took, and what comes of it.
fn drive(what: &str, data: &Path) -> Outcome<()> {
    let (loaded, _) = book();
    let begin = now();
    {
        let opened = owner::open(data, false)?;
        let (took, resident) = (begin.elapsed().as_secs_f64(), memory("VmRSS")?);
        let events: u64 = opened.journal.streams("")?.iter().map(|(_, version)| version).sum();
        writeln!(io::stdout(), "{events} events: journal and index open after {took:.2} s; resident {resident} MiB")?;
    }
    let config = Config {
        book_dir: data.into(),
        data: data.into(),
        settings: Arc::new(loaded.book.settings.clone()),
        ladder: Arc::default(),
        settings_text: "".into(),
        own: Arc::default(),
        keeping: Keeping::new(&loaded.book.settings, BTreeMap::new()),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        program: PathBuf::from(env!("CARGO_BIN_EXE_stepladder")),
        say: Arc::new(|_| false),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let begin = now();
    let owner = runtime.block_on(async { Owner::open(&config) })?;
    let opened = begin.elapsed();
    let (told, proof) = tokio::sync::oneshot::channel();
    owner.pump.send(Message::Prove(told))?;
    let proof = proof.blocking_recv()?;
    let driven = begin.elapsed();
    let seconds = |time: Duration| time.as_secs_f64();
    write!(io::stdout(), "owner open after {:.2} s, all driven after {:.2} s", seconds(opened), seconds(driven))?;
    if what == "resume" {
        until_none(owner.journal.as_ref())?;
        write!(io::stdout(), ", all ended after {:.2} s", seconds(begin.elapsed()))?;
    }
    let (resident, peak) = (memory("VmRSS")?, memory("VmHWM")?);
    writeln!(io::stdout(), "; resident {resident} MiB, at most {peak} MiB; failing: {:?}", proof.failing)?;
    runtime.block_on(owner.close());
    for (_, keeper) in keeper::keepers(data) {
        let _ = Command::new("kill").arg(keeper.keeper.pid.to_string()).status();
    }
    Ok(())
}

/// One part of a measurement, in a process of its own.
fn part(args: &[&str], data: &Path) -> Outcome<()> {
    let begin = now();
    let status = Command::new(std::env::current_exe()?).args(args).arg(data).status()?;
    if !status.success() {
        return Err(format!("{args:?} failed").into());
    }
    if args.first() == Some(&"fill") {
        writeln!(io::stdout(), "filled in {:.0} s", begin.elapsed().as_secs_f64())?;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (runbook, what, count, ours) = match args.as_slice() {
        ["fill", runbook, count, data] => return fill(runbook, count.parse()?, Path::new(data)),
        ["drive", what, data] => return drive(what, Path::new(data)),
        ["sleeping", count] => ("sleeps", "sleeping", count.parse()?, count),
        ["resume", count] => ("works", "resume", count.parse()?, count),
        // So many events has a run of it.
        ["journal", count] => ("ends", "journal", count.parse::<u64>()? / 10, count),
        other => return Err(format!("not {other:?}: sleeping, resume or journal, and how many").into()),
    };
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    writeln!(io::stdout(), "{what} {ours}, {build} build")?;
    let root = std::env::current_dir()?.join("target").join(format!("scale-{}", std::process::id()));
    std::fs::create_dir_all(&root)?;
    let outcome = part(&["fill", runbook, &count.to_string()], &root).and_then(|()| part(&["drive", what], &root));
    std::fs::remove_dir_all(&root)?;
    outcome
}
