//! The owner's socket: a run started, followed, read and cancelled by another process's client.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stepladder::api::wire::{
    CancelMode, CancelRequest, OutputRequest, OutputStream, RetryRequest, RunState, RunsRequest, StartRequest, What,
    WireEvent,
};
use stepladder::api::{Desk, socket};
use stepladder::cli::client::Client;
use stepladder::lang;
use stepladder::runtime::owner::{Config, Owner};
use stepladder::service::{BookNow, Service};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

const HELLO: &str = "\
runbook: hello
title: Say hello
steps:
  - id: hello
    shell: 'echo hello; echo é'
";

const LONG: &str = "\
runbook: long
title: Take long
steps:
  - id: long
    shell: 'echo up; sleep 600'
";

const FAILS: &str = "\
runbook: fails
steps: [ { id: fails, shell: exit 1 } ]
";

/// An owner that serves its socket until it is dropped.
struct House {
    data: TempDir,
    client: Client,
    owner: Option<Owner>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl House {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let files = [
            ("stepladder.yaml", ""),
            ("runbooks/hello.yaml", HELLO),
            ("runbooks/long.yaml", LONG),
            ("runbooks/fails.yaml", FAILS),
        ];
        let (owner, service) = owner_of(&data, &files);
        let listener = socket::listen(data.path(), None).expect("a socket");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = tokio::spawn(socket::serve(listener, Desk::new(service), async { drop(stopped.await) }));
        let client = Client::new(data.path());
        Self { data, client, owner: Some(owner), stop: Some(stop), served: Some(served) }
    }

    async fn start(&self, runbook: &str) -> String {
        let asked = StartRequest { runbook: runbook.into(), ..StartRequest::default() };
        self.client.start(&asked).await.expect("started").run
    }

    async fn close(mut self) {
        drop(self.stop.take());
        self.served.take().expect("served").await.expect("no panic").expect("no error");
        self.owner.take().expect("open").close().await;
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (_, identity) in stepladder::keeper::keepers(self.data.path()) {
            let _ = std::process::Command::new("kill").arg(identity.keeper.pid.to_string()).status();
        }
    }
}

/// The owner of a data directory with that book, and its service.
pub(crate) fn owner_of(data: &TempDir, files: &[(&str, &str)]) -> (Owner, Service) {
    let texts: BTreeMap<String, Arc<str>> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
    let listed: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), Arc::clone(text))).collect();
    let now = BookNow { texts, loaded: Arc::new(lang::load(&listed)) };
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let config = Config {
        book_dir: data.path().into(),
        data: data.path().into(),
        settings: Arc::new(now.loaded.book.settings.clone()),
        ladder: Arc::default(),
        settings_text: "".into(),
        own: Arc::default(),
        keeping: stepladder::runtime::retention::Keeping::default(),
        env: env.clone(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_stepladder")),
        say: Arc::new(|_| false),
    };
    let owner = Owner::open(&config).expect("an owner");
    let service = Service {
        journal: Arc::clone(&owner.journal),
        shelf: Arc::clone(&owner.shelf),
        pump: Some(owner.pump.clone()),
        files: Arc::new(move || Ok(now.clone())),
        env,
        settings_text: "".into(),
        own: Arc::default(),
        alerts: Arc::default(),
        paging: None,
        reaching: Arc::default(),
        secrets: Arc::new(stepladder::runtime::owner::secrets(&config)),
        world: Arc::new(stepladder::runtime::owner::world(&config)),
        data: data.path().into(),
        node: "local".into(),
        duty: None,
        book: None,
        once: Arc::default(),
        tally: Arc::default(),
        access: Arc::default(),
    };
    (owner, service)
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_answer_was_lost_is_found_and_not_made_again() {
    let house = House::new();
    let run = "01m8qskszec8kd78hpcf3femca".to_owned();
    let asked = StartRequest { runbook: "fails".into(), run: Some(run.clone()), ..StartRequest::default() };
    for _ in 0..2 {
        assert_eq!(house.client.start(&asked).await.expect("started").run, run);
    }
    let other = StartRequest { runbook: "long".into(), ..asked };
    let refused = house.client.start(&other).await.expect_err("another run has that id").to_string();
    assert!(refused.contains("it is another one"), "{refused}");
    let rows = house.client.runs(&RunsRequest { limit: 10, ..RunsRequest::default() }).await.expect("listed");
    assert_eq!(rows.len(), 1);
    // The same for a run that repeats another.
    let done = async || house.client.run(&run).await.expect("shown").row.state == RunState::Ended;
    within(async { while !done().await {} }).await;
    let new = "01m8qskszec8kd78hpcf3femcb".to_owned();
    let again = RetryRequest { run: run.clone(), new: Some(new.clone()) };
    for _ in 0..2 {
        assert_eq!(house.client.retry(&again).await.expect("started").run, new);
    }
    let wrong = RetryRequest { new: Some(run.clone()), ..again };
    let refused = house.client.retry(&wrong).await.expect_err("that run repeats nothing").to_string();
    assert!(refused.contains("it is another one"), "{refused}");
    let rows = house.client.runs(&RunsRequest { limit: 10, ..RunsRequest::default() }).await.expect("listed");
    assert_eq!(rows.len(), 2);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_started_followed_and_read() {
    let house = House::new();
    let mode = std::fs::metadata(house.data.path().join("socket")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let run = house.start("hello").await;
    let mut events: Vec<WireEvent> = Vec::new();
    let mut feed = house.client.events(&run, 0).await.expect("followed");
    while let Some(event) = within(feed.recv()).await {
        events.push(event.expect("not lost"));
    }
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "each event once, in order");
    assert!(matches!(&events[0].what, What::RunStarted { via, .. } if via == "socket"));
    assert!(matches!(&events.last().expect("some").what, What::RunEnded { outcome, .. } if outcome == "succeeded"));

    let mut rest = house.client.events(&run, 2).await.expect("followed");
    assert_eq!(within(rest.recv()).await.expect("more").expect("not lost").seq, 3, "from where one was");

    let asked = |from| {
        let (place, stream) = ("hello".into(), OutputStream::Stdout);
        OutputRequest { run: run.clone(), place, attempt: 1, stream, from }
    };
    let chunk = house.client.output(&asked(0)).await.expect("read");
    assert_eq!((chunk.text.as_str(), chunk.offset, chunk.bytes, chunk.total), ("hello\né\n", 0, 9, 9));
    assert_eq!(house.client.output(&asked(-3)).await.expect("read").text, "é\n");

    assert_eq!(house.client.find("last").await.expect("found"), run);
    let detail = house.client.run(&run).await.expect("shown");
    assert_eq!(
        (detail.row.state, detail.events.len(), detail.outline.title.as_str()),
        (RunState::Ended, events.len(), "Say hello")
    );
    let runs =
        house.client.runs(&RunsRequest { limit: 5, runbook: Some("hello".into()), ..RunsRequest::default() }).await;
    assert_eq!(runs.expect("listed").len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_and_refusals_are_sentences() {
    let house = House::new();
    let run = house.start("long").await;
    let asked = CancelRequest { run: run.clone(), reason: "enough".into(), mode: CancelMode::Gentle };
    let mut feed = house.client.events(&run, 0).await.expect("followed");
    let mut outcome = None;
    while let Some(event) = within(feed.recv()).await {
        match event.expect("not lost").what {
            What::AttemptStarted { .. } => house.client.cancel(&asked).await.expect("taken"),
            What::RunEnded { outcome: how, .. } => outcome = Some(how),
            _ => {}
        }
    }
    assert_eq!(outcome.as_deref(), Some("cancelled"));
    let refused = |error: stepladder::cli::trouble::Trouble| error.to_string();
    let again = house.client.cancel(&asked).await.map_err(refused);
    assert!(again.is_err_and(|error| error.contains("is over: it ended cancelled")));
    let asked = StartRequest { runbook: "helo".into(), ..StartRequest::default() };
    let missing = house.client.start(&asked).await.map(|_| ()).map_err(refused);
    assert!(missing.is_err_and(|error| error.contains("did you mean `hello`?")));
    let client = house.client.clone();
    house.close().await;
    let silent = client.find("last").await.map_err(refused);
    assert!(silent.is_err_and(|error| error.contains("does not answer")));
}
