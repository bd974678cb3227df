//! The effects over real keepers, where one order overtakes another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stepladder::act::World;
use stepladder::act::channel::Posted;
use stepladder::base::address::Place;
use stepladder::base::arg::Arg;
use stepladder::base::ids::RunId;
use stepladder::base::value::json;
use stepladder::engine::decide::Input;
use stepladder::lang;
use stepladder::model::perform::{Reply, Request};
use stepladder::model::policy::OutputForm;
use stepladder::runtime::clock;
use stepladder::runtime::perform::Hands;
use stepladder::runtime::pump::{Inbox, Message, Perform, post_box};

const PATIENCE: Duration = Duration::from_secs(30);

fn run() -> RunId {
    RunId::new(7, 7)
}

fn place() -> Place {
    Place::parse("slow").unwrap()
}

fn hands(dir: &std::path::Path) -> (Hands, Inbox) {
    let world = World {
        book_dir: dir.into(),
        run_dir: dir.join("runs"),
        settings: Arc::new(lang::load(&[]).book.settings),
        ladder: Arc::default(),
        secrets: Arc::default(),
        base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        now: clock::now(),
        ticks: clock::ticks,
        timekeeping: clock::timekeeping,
        say: Arc::new(|_| false),
        posted: Posted::default(),
    };
    let (sender, inbox) = post_box();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_stepladder"));
    let (hands, _) = Hands::new(world, "".into(), (dir.into(), program), sender, Arc::default());
    (hands, inbox)
}

fn request() -> Request {
    Request {
        run: run().to_string(),
        place: place(),
        attempt: 1,
        kind: "shell".into(),
        params: Arg::Map(vec![("sh".into(), Arg::Value(json!("echo up > up; exec sleep 600")))]),
        env: Vec::new(),
        workdir: None,
        output: OutputForm::Text,
        timeout: None,
        sealed: BTreeMap::new(),
        artifacts: Vec::new(),
        rehearsal: false,
        listed: None,
    }
}

/// The next owner is asked to stop an attempt before it has adopted it: on a runtime of one thread, the adoption
/// only begins when this test waits.
#[tokio::test]
async fn a_stop_that_overtakes_the_adoption_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _inbox) = hands(dir.path());
    first.perform(run(), request(), None, false);
    tokio::time::timeout(PATIENCE, async {
        while !dir.path().join("up").exists() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the child begins");
    drop(first);

    let (next, inbox) = hands(dir.path());
    next.perform(run(), request(), None, true);
    next.stop(run(), &place(), 1);
    assert!(next.has(run(), &place(), 1), "from the order on somebody is at it");
    let heard = tokio::task::spawn_blocking(move || inbox.recv_timeout(PATIENCE)).await.unwrap();
    match heard.expect("its end is told") {
        Message::Input { input: Input::Replied { reply: Reply::Stopped { .. }, .. }, .. } => {}
        Message::Input { input, .. } => panic!("{input:?}"),
        _ => panic!("no word from the run"),
    }
}
