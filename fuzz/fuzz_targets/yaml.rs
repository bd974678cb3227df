//! Any bytes as any file of a book: findings with places inside the text, a layout that settles at once, never a panic.
#![no_main]

use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for name in ["runbooks/x.yaml", "stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml", "tests/x.yaml"] {
        let loaded = stepladder::lang::load(&[(name.to_owned(), Arc::from(text))]);
        for finding in loaded.findings.sorted() {
            assert!(text.get(finding.spot.start..finding.spot.end).is_some());
        }
    }
    if let Ok(once) = stepladder::lang::format::fmt(text) {
        assert_eq!(stepladder::lang::format::fmt(&once).ok(), Some(once));
    }
});
