//! The cookbook: each block of `docs/cookbook.md`, put into the book that stands above them all, is checked without a
//! single finding, and its own tests pass and take every branch.

use crate::check::{book, load};
use crate::docs::{blocks, told};
use crate::rust_text::root;
use crate::trials::{STYLE, session};
use std::sync::Arc;
use stepladder::cli::trial::{coverage, people};

type Files = Vec<(String, Arc<str>)>;

/// The book of a block: its files, and of what all share those that it does not write itself.
fn whole(shared: &Files, block: &str) -> Files {
    let own = book(block);
    let beside = shared.iter().filter(|(name, _)| own.iter().all(|(other, _)| other != name));
    beside.cloned().chain(own.iter().cloned()).collect()
}

#[test]
fn every_block_of_the_cookbook_has_no_finding_and_its_tests_take_every_branch() {
    let page = std::fs::read_to_string(root().join("docs/cookbook.md")).unwrap();
    let mut blocks = blocks(&page).into_iter();
    let shared = book(&blocks.next().unwrap().2);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (heading, line, block) in blocks {
        seen += 1;
        assert!(
            heading.starts_with(&format!("{seen} ")),
            "docs/cookbook.md:{line}: `{heading}` has two blocks, or none"
        );
        let files = whole(&shared, &block);
        let findings = told(&load(&files));
        if !findings.is_empty() {
            wrong.push(format!("docs/cookbook.md:{line} ({heading}):\n  {}", findings.join("\n  ")));
            continue;
        }
        let session = session(&files);
        let runbooks = files.iter().filter(|(name, _)| name.starts_with("runbooks/")).count();
        assert_eq!(session.covered.len(), runbooks, "{heading}: a runbook is not counted");
        let poor = session.covered.iter().any(|covered| covered.percent() < 100);
        if session.failed() > 0 || session.tried.is_empty() || poor {
            let (people, covered) = (people::told(&session, STYLE), coverage::told(&session, STYLE));
            wrong.push(format!("docs/cookbook.md:{line} ({heading}):\n{people}{covered}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, 20, "the page says twenty");
}
