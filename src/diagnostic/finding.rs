//! One finding, and a heap of them in the order a person reads.

use crate::diagnostic::{Code, FileId, Spot};
use std::collections::BTreeSet;

/// Whether it stops anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text is refused.
    Error,
    /// The text is accepted; somebody should look.
    Warning,
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub spot: Spot,
    /// What is there, as a label.
    pub text: String,
}

/// One finding. Messages are lower case without a full stop, names in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// Whether it stops anything.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub spot: Spot,
    /// The word under the mark.
    pub label: String,
    /// Further places.
    pub notes: Vec<Note>,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(code: Code, spot: Spot, message: impl Into<String>) -> Self {
        let label = "here".into();
        Self { code, severity: Severity::Error, message: message.into(), spot, label, notes: Vec::new(), help: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, spot: Spot, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, spot, message) }
    }

    /// With that word under the mark instead of `here`.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With that way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a further place.
    #[must_use]
    pub fn note(mut self, spot: Spot, text: impl Into<String>) -> Self {
        self.notes.push(Note { spot, text: text.into() });
        self
    }

    /// With "did you mean" for the closest of `known`, if one is close.
    #[must_use]
    pub fn did_you_mean<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(wrong, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The one of `known` that `wrong` was probably meant to be.
#[must_use]
pub fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = 1 + wrong.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= allowed || (wrong.len() > 2 && name.starts_with(wrong)))
        .min()
        .map(|(_, name)| name)
}

/// Findings, pushed in any order, read in the order of their places.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, finding: Diagnostic) {
        self.0.push(finding);
    }

    /// Adds all findings of `other`.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The files in which something is refused.
    #[must_use]
    pub fn files_with_errors(&self) -> BTreeSet<FileId> {
        let errors = self.0.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.spot.file).collect()
    }

    /// How many errors and warnings.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.0.iter().filter(|finding| finding.severity == Severity::Error).count();
        (errors, self.0.len() - errors)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings by file and place, each said once.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|finding| (finding.spot, finding.severity, finding.code));
        sorted.dedup_by(|a, b| a.spot == b.spot && a.code == b.code && a.message == b.message);
        sorted
    }
}
