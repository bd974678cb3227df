//! The watcher outside: called while somebody comes back to everything, and missed where nobody does.

use crate::channels::fake::{Fake, say};
use crate::owner::Home;
use crate::serve::Daemon;
use crate::socket::owner_of;
use rustix::process::Signal;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::runtime::pump::{Message, Proof, post_box};
use stepladder::service::Watched;

fn settings(url: &str) -> String {
    format!("timezone: UTC\nkeep: {{ min_free: 1MiB }}\ndead_man: {{ url: \"{url}\", every: 1s }}\n")
}

#[test]
fn a_daemon_calls_the_watcher_of_its_settings_as_long_as_it_is_there() {
    let (first, second) = (Fake::start(vec![say(200, "ok")]), Fake::start(vec![say(200, "ok")]));
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    fs::write(home.path("stepladder.yaml"), settings(&format!("{}/ping/k1", first.url))).unwrap();
    let daemon = Daemon::start(&home);
    let mut lines = Vec::new();
    home.until("it is called again and again", || {
        lines.extend(first.asked().into_iter().map(|asked| asked.line));
        lines.len() >= 3
    });
    assert!(lines.iter().all(|line| line == "GET /ping/k1"), "{lines:?}");
    // What the settings say now counts.
    fs::write(home.path("stepladder.yaml"), settings(&format!("{}/other", second.url))).unwrap();
    home.until("the other one is called", || !second.asked().is_empty());
    // One that answers badly is called on: it may be back.
    second.now_says(vec![say(503, "not now")]);
    drop(second.asked());
    let mut calls = 0;
    home.until("it is called although it is not well", || {
        calls += second.asked().len();
        calls >= 2
    });
    let out = daemon.end(Signal::TERM);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("the watcher outside is not reached") && said.contains("503"), "{said}");
    assert!(!said.contains("/other"), "the path may be what opens it: {said}");
    drop(second.asked());
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(second.asked().is_empty(), "nobody calls once the daemon is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_called_where_nobody_comes_back_to_everything() {
    let watcher = Fake::start(vec![say(200, "ok")]);
    let data = tempfile::tempdir().unwrap();
    let text = settings(&watcher.url);
    let (owner, mut service) = owner_of(&data, &[("stepladder.yaml", &text)]);
    assert_eq!(service.call_watcher().await.0, Watched::Called);
    assert_eq!(watcher.asked().len(), 1);
    // In the place of the thread that drives the runs, one that says what the test wants.
    let (pump, inbox) = post_box();
    let proof = Arc::new(Mutex::new(Proof { at: Some(stepladder::runtime::clock::now()), failing: Vec::new() }));
    let told = Arc::clone(&proof);
    std::thread::spawn(move || {
        while let Ok(message) = inbox.recv_timeout(Duration::from_mins(1)) {
            if let Message::Prove(answer) = message {
                drop(answer.send(told.lock().unwrap().clone()));
            }
        }
    });
    service.pump = Some(pump);
    assert_eq!(service.call_watcher().await.0, Watched::Called);
    drop(watcher.asked());
    let withheld = async |service: &stepladder::service::Service| match service.call_watcher().await.0 {
        Watched::Withheld(why) => why,
        other => panic!("{other:?}"),
    };
    proof.lock().unwrap().failing = vec!["incident 7 is set aside".into()];
    assert!(withheld(&service).await.contains("incident 7 is set aside"));
    *proof.lock().unwrap() = Proof { at: None, failing: Vec::new() };
    assert!(withheld(&service).await.contains("nothing has been proved"));
    let old = stepladder::runtime::clock::now() - jiff::SignedDuration::from_mins(10);
    *proof.lock().unwrap() = Proof { at: Some(old), failing: Vec::new() };
    assert!(withheld(&service).await.contains("nothing has been proved"));
    // Nobody answers at all.
    let (gone, dropped) = post_box();
    drop(dropped);
    service.pump = Some(gone);
    assert!(withheld(&service).await.contains("does not answer"));
    assert!(watcher.asked().is_empty(), "a daemon that does not work calls nobody");
    owner.close().await;
}
