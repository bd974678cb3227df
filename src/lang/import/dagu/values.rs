//! Texts of a DAG in which `$NAME` and `${NAME}` stand for values, as templates of a runbook.

use crate::base::ids::StepId;
use crate::diagnostic::Spot;
use crate::lang::import::draft::{escaped, is_beyond_templates};
use crate::lang::import::report::Lost;
use crate::lang::import::shell::{Mention, is_outside, mentions};
use std::collections::{BTreeMap, BTreeSet};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stands {
    /// An input of the runbook.
    Input(StepId),
    /// What a step printed; `true` where that step may not have run.
    Printed(StepId, bool),
    /// A text, as a template.
    Text(String),
}

impl Stands {
    /// As a template.
    pub(super) fn template(&self) -> String {
        match self {
            Self::Input(id) => format!("{{{{ inputs.{id} }}}}"),
            Self::Printed(id, false) => format!("{{{{ steps.{id}.output.value }}}}"),
            Self::Printed(id, true) => format!("{{{{ default steps.{id}.output.value \"\" }}}}"),
            Self::Text(text) => text.clone(),
        }
    }

    /// As a template for a place that takes no empty value by itself.
    pub(super) fn template_or_empty(&self) -> String {
        match self {
            Self::Input(id) => format!("{{{{ default inputs.{id} \"\" }}}}"),
            Self::Printed(id, _) => format!("{{{{ default steps.{id}.output.value \"\" }}}}"),
            Self::Text(text) => text.clone(),
        }
    }

    /// As an expression that is a text; `None` for a text that is put together.
    pub(super) fn expression(&self) -> Option<String> {
        match self {
            Self::Input(id) => Some(format!("to_text(inputs.{id})")),
            Self::Printed(id, _) => Some(format!("trim(to_text(steps.{id}.output.value ?? \"\"))")),
            Self::Text(text) if text.contains("{{") => None,
            Self::Text(text) => Some(quoted(text)),
        }
    }
}

/// A text of the expression language.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out + "\""
}

/// The names that stand for something, and those of the environment outside that were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) names: BTreeMap<String, Stands>,
    pub(super) outside: BTreeSet<String>,
}

impl Scope {
    /// The text as a template.
    pub(super) fn template(&mut self, text: &str, spot: Spot) -> Result<String, Lost> {
        self.written(text, spot, Stands::template)
    }

    /// The text as a template of an argument, which may be empty.
    pub(super) fn argument(&mut self, text: &str, spot: Spot) -> Result<String, Lost> {
        self.written(text, spot, Stands::template_or_empty)
    }

    fn written(&mut self, text: &str, spot: Spot, shown: fn(&Stands) -> String) -> Result<String, Lost> {
        if text.contains('`') || text.contains("$(") {
            let message = "a value that a command prints when the run begins";
            return Err(Lost::new(spot, message, "let a step print it, and name its output where the value is used"));
        }
        if is_beyond_templates(text) {
            return Err(Lost::new(
                spot,
                "a backslash before two braces means something else in a runbook",
                "write it without the backslash",
            ));
        }
        let (mut out, mut at) = (String::new(), 0);
        for mention in mentions(text).into_iter().filter(|mention| mention.end > mention.start) {
            if mention.start < at {
                continue;
            }
            out.push_str(&escaped(&text[at..mention.start]));
            out.push_str(&self.value(&mention, spot, shown)?);
            at = mention.end;
        }
        out.push_str(&escaped(&text[at..]));
        Ok(out)
    }

    fn value(&mut self, mention: &Mention, spot: Spot, shown: fn(&Stands) -> String) -> Result<String, Lost> {
        let name = &mention.name;
        if mention.shaped || name.contains('.') {
            let message = format!("`{name}` is taken apart where it stands, which a template does not do");
            return Err(Lost::new(spot, message, "let a step print the part that is wanted, and name its output"));
        }
        if let Some(stands) = self.names.get(name) {
            return Ok(shown(stands));
        }
        if !is_outside("", name) {
            let message = format!("nothing says what `{name}` stands for");
            return Err(Lost::new(spot, message, "give it as an input, under `env:`, or as the output of a step"));
        }
        self.outside.insert(name.clone());
        Ok(format!("{{{{ default env.{name} \"\" }}}}"))
    }
}
