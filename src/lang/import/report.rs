//! What an import has to say about a file of another system, and reading that file's values.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot, closest};
use crate::lang::import::words::snake;
use crate::lang::yaml::{Core, Node};
use std::collections::BTreeSet;

/// Why something has no counterpart here: where it stands, what it is, what to do instead.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) spot: Spot,
    pub(super) message: String,
    pub(super) help: String,
}

impl Lost {
    pub(super) fn new(spot: Spot, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { spot, message: message.into(), help: help.into() }
    }
}

/// The findings of an import.
#[derive(Debug, Default)]
pub(super) struct Report(pub(super) Diagnostics, BTreeSet<String>);

impl Report {
    /// Something that no runbook says.
    pub(super) fn lost(&mut self, lost: Lost) {
        self.0.push(Diagnostic::error(Code::ImportLost, lost.spot, lost.message).label("left out").help(lost.help));
    }

    /// Something that is done otherwise here.
    pub(super) fn differs(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Diagnostic::warning(Code::ImportDiffers, spot, message).help(help));
    }

    /// The same, for what is so in every file: said at the first place alone.
    pub(super) fn differs_once(&mut self, spot: Spot, message: &str, help: &str) {
        if self.1.insert(message.to_owned()) {
            self.differs(spot, message, help);
        }
    }

    /// Something that is not as the other system would have it.
    pub(super) fn wrong(&mut self, code: Code, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Diagnostic::error(code, spot, message).help(help));
    }

    /// A key that the other system does not know either.
    pub(super) fn unknown(&mut self, key: &Node, place: &str, known: &[&str]) {
        let written = key.name().unwrap_or_default();
        let found = Diagnostic::error(Code::UnknownKey, key.spot, format!("unknown key `{written}` in {place}"));
        self.0.push(match closest(&snake(written), known.iter().copied()) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found.help("nothing was made of it: take it out, or write what it was for into the runbook"),
        });
    }

    /// The text of a scalar; anything else is reported.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.scalar() {
            Some(scalar) if scalar.core() == Core::Null => None,
            Some(scalar) => Some(scalar.text.to_string()),
            None => {
                let message = format!("{what} must be text, not {}", node.is_a());
                self.wrong(Code::WrongType, node.spot, message, "nothing was made of it: write it as one text");
                None
            }
        }
    }

    /// One text, or a list of them.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<(String, Spot)> {
        let nodes = node.items().unwrap_or(std::slice::from_ref(node));
        nodes.iter().filter_map(|node| Some((self.text(node, what)?, node.spot))).collect()
    }

    /// A whole number of at least 0; anything else is reported.
    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<u32> {
        let number = node.scalar().and_then(|scalar| scalar.text.trim().parse::<u32>().ok());
        if number.is_none() && !node.is_null() {
            let message = format!("{what} must be a whole number");
            self.wrong(
                Code::WrongType,
                node.spot,
                message,
                "nothing was made of it: write the number that it comes to",
            );
        }
        number
    }
}

/// Whether a scalar says yes, also in the words of older YAML.
pub(super) fn says_yes(node: &Node) -> bool {
    node.scalar()
        .is_some_and(|scalar| scalar.is_old_boolean().unwrap_or_else(|| scalar.text.eq_ignore_ascii_case("true")))
}
