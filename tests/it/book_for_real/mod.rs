//! Every runbook that ships, run for real: the whole program with a copy of this repository's book, against the voice
//! system as a process, a Redis, SQLite, a mail server with TLS and a login, sipp for the trunk, nginx with a certificate
//! in front of it all, a Prometheus, and units of systemd that are really started and stopped.
//!
//! What differs in the copy is what an operator sets there: addresses, ports and certificates, where temporary files are.
//! How long is waited and watched is shortened, and how busy this machine may be is put out of reach: that is its own
//! affair, and no step is any other for it. What is asserted is what an operator sees: outcome, level and exit code, the
//! reports at the guide's paths, archives, mails, what was restarted.

mod change;
mod diagnose;
mod heal;
mod health;
mod metrics;
mod place;
mod respond;
mod restore;
mod routine;
mod save;
mod units;

use crate::rust_text::{files, root};

/// A runbook that nobody runs here is one of which nobody knows.
#[test]
fn every_runbook_of_the_book_is_run_here() {
    let here: String = files("tests/it/book_for_real", "rs").into_iter().map(|(_, text)| text).collect();
    let runbooks = std::fs::read_dir(root().join("runbooks")).unwrap();
    let names: Vec<String> =
        runbooks.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert!(names.len() >= 19, "{names:?}");
    let never: Vec<&String> = names
        .iter()
        .filter(|name| !here.contains(&format!("run(\"{name}\"")) && !here.contains(&format!("last(\"{name}\"")))
        .collect();
    assert!(never.is_empty(), "these are never run for real: {never:?}");
}
