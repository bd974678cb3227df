//! What is wrong with the condition of an alert, by its place in the text.

use super::At;
use crate::base::ids::StepId;
use crate::diagnostic::{Code, closest};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it is about.
    pub code: Code,
    /// Where in the text.
    pub at: At,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// The measure it is about, or was probably meant: where that is declared is worth showing.
    pub measure: Option<StepId>,
}

impl Trouble {
    pub(super) fn new(code: Code, at: At, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), help: None, measure: None }
    }

    pub(super) fn syntax(at: At, message: impl Into<String>) -> Self {
        Self::new(Code::AlertSyntax, at, message)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn about(mut self, measure: &StepId) -> Self {
        self.measure = Some(measure.clone());
        self
    }

    /// With "did you mean" where one of `known` is near, else with the fallback.
    pub(super) fn meant<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>, otherwise: String) -> Self {
        match closest(wrong, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self.help(otherwise),
        }
    }
}
