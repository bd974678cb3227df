//! An approval: whose yes a step waits for, how many of them, until when, and what they are asked to fill in.

use crate::base::span::Span;
use crate::model::input::Input;
use crate::model::runbook::Runbook;
use crate::template::Template;

/// `approval:`
#[derive(Debug, Clone)]
pub struct Approval {
    /// What is to be approved; the step's title where nothing is said.
    pub message: Option<Template>,
    /// Contacts, rotations (`on_call.platform`) and roles, as written; empty = the runbook's `allow.approve`.
    pub by: Vec<String>,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// How long it waits; without one it waits as long as it takes.
    pub deadline: Option<Span>,
    /// What it comes to when nobody has said enough by then.
    pub lapse: Lapse,
    /// What whoever approves fills in.
    pub fields: Vec<Input>,
    /// Whether whoever started the run may approve it.
    pub starter_may: bool,
}

/// What an approval comes to that nobody gave in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lapse {
    /// As if somebody had said no: the run ends cancelled.
    #[default]
    Reject,
    /// As if enough had said yes, at level notice.
    Approve,
    /// The step fails.
    Fail,
}

impl Lapse {
    /// The words, in the order of the manual.
    pub const WORDS: &'static [&'static str] = &["reject", "approve", "fail"];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Approve => "approve",
            Self::Fail => "fail",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reject, Self::Approve, Self::Fail].into_iter().find(|lapse| lapse.word() == text)
    }
}

impl Approval {
    /// Who may give it: contacts, rotations with `on_call.owner` named by its own name, roles.
    #[must_use]
    pub fn asks(&self, book: &Runbook) -> Vec<String> {
        let asked = if self.by.is_empty() { &book.allow.approve } else { &self.by };
        let named = |who: &String| match (who.as_str(), &book.owner) {
            ("on_call.owner", Some(owner)) => format!("on_call.{owner}"),
            (_, Some(_) | None) => who.clone(),
        };
        asked.iter().map(named).collect()
    }
}
