//! Names of runbooks, steps and inputs, made of names that were written more freely.

use crate::base::ids::{Name, StepId};
use std::collections::BTreeSet;

/// Words that no step is called by.
const KEPT: &[&str] = &["all", "item"];
/// How much of a long name is kept.
const LONG: usize = 40;

/// Names that were given, so that none is given twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name of a runbook.
    pub(super) fn runbook(&mut self, text: &str) -> Name {
        self.free(&plain(text, '-', "job"), '-', |text| Name::parse(text).ok())
    }

    /// An id of a step or an input.
    pub(super) fn id(&mut self, text: &str, otherwise: &str) -> StepId {
        let base = plain(text, '_', otherwise);
        let fits = StepId::parse(&base).is_ok() && !KEPT.contains(&base.as_str());
        let base = if fits { base } else { format!("{base}_{otherwise}") };
        self.free(&base, '_', |text| StepId::parse(text).ok())
    }

    fn free<T>(&mut self, base: &str, between: char, parse: impl Fn(&str) -> Option<T>) -> T {
        let mut number = 1_u64;
        loop {
            let text = if number == 1 { base.to_owned() } else { format!("{base}{between}{number}") };
            if let Some(name) = parse(&text)
                && self.0.insert(text)
            {
                return name;
            }
            number += 1;
        }
    }
}

/// The text in small letters, what is neither letter nor digit as one `between`; `otherwise` where nothing is left.
fn plain(text: &str, between: char, otherwise: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if c == '_' {
            plain.push('_');
        } else if !plain.ends_with(between) {
            plain.push(between);
        }
    }
    let plain: String = plain.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(LONG).collect();
    let plain = plain.trim_end_matches(['-', '_']);
    if plain.is_empty() { otherwise.to_owned() } else { plain.to_owned() }
}

/// A key as its newer spelling has it: `retryPolicy` is `retry_policy`.
pub(super) fn snake(text: &str) -> String {
    let mut snake = String::new();
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Whether the text may name a variable of the environment.
pub(super) fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The words of a line, quotes taken off.
pub(super) fn split(text: &str) -> Vec<String> {
    let (mut found, mut word, mut open, mut begun) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (c, open) {
            (c, Some(quote)) if c == quote => open = None,
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => {
                begun = true;
                open = Some(c);
            }
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, None) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        found.push(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_names_become_plain_ones_and_none_is_given_twice() {
        let mut names = Names::default();
        let ids: Vec<String> = ["Fetch Data", "fetch-data", "all", "new", "1.", "", "Ünï"]
            .map(|text| names.id(text, "step").to_string())
            .into();
        assert_eq!(ids, ["fetch_data", "fetch_data_2", "all_step", "new_step", "step", "step_2", "n"]);
        let mut names = Names::default();
        let made: Vec<String> =
            ["Deploy / Web", "new", &"x".repeat(90)].map(|text| names.runbook(text).to_string()).into();
        assert_eq!(made, ["deploy-web".to_owned(), "new".to_owned(), "x".repeat(40)]);
        assert_eq!([snake("retryPolicy"), snake("handler_on")], ["retry_policy", "handler_on"]);
    }
}
