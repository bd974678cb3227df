//! Names that are declared in a file which was not read whole can't be judged: whoever asks for them is told so once,
//! and not that each of them is missing.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Sources};
use std::collections::{BTreeMap, BTreeSet};

/// What is said of names that such a file does not declare.
pub(super) fn codes(file: &str) -> &'static [Code] {
    match file.rsplit('/').next().unwrap_or(file) {
        "stepladder.yaml" | "stepladder.yml" => &[Code::UnknownChannel, Code::UnknownCalendar],
        "thresholds.yaml" | "thresholds.yml" => &[Code::UnknownThreshold],
        "escalation.yaml" | "escalation.yml" | "incident_contacts.yaml" | "incident_contacts.yml" => {
            &[Code::UnknownContact]
        }
        _ => &[],
    }
}

/// Whether a file may be the ladder, and before which others it is.
pub(super) fn ladder_rank(file: &str) -> Option<u8> {
    match file.rsplit('/').next().unwrap_or(file) {
        "escalation.yaml" | "escalation.yml" => Some(0),
        "incident_contacts.yaml" | "incident_contacts.yml" => Some(1),
        _ => None,
    }
}

/// The findings, with one for each file and code in the place of those that can't be judged. `half` names the file that
/// was not read whole, by code.
pub(super) fn judged(findings: &Diagnostics, sources: &Sources, half: &BTreeMap<Code, String>) -> Diagnostics {
    let mut told = BTreeSet::new();
    let mut kept = Diagnostics::default();
    for finding in findings.sorted() {
        let cause = half.get(&finding.code).filter(|cause| sources.get(finding.spot.file).name != **cause);
        let Some(cause) = cause else {
            kept.push(finding.clone());
            continue;
        };
        if told.insert((finding.spot.file, finding.code)) {
            let message = format!("what {cause} declares can't be told: it was not read whole");
            let finding = Diagnostic { message, notes: Vec::new(), ..finding.clone() };
            kept.push(finding.label("asked for here").help(format!("mend {cause} first")));
        }
    }
    kept
}
