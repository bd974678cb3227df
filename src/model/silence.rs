//! A silence: troubles with these labels tell nobody for a time. They are recorded all the same.

use crate::base::actor::Actor;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Labels that all have to be so; never none. A `*` stands for any text.
    pub matches: BTreeMap<String, String>,
    /// From then on.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Who wants it.
    pub actor: Actor,
    /// Why.
    pub reason: String,
}

/// What can happen to silences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SilenceEvent {
    /// There is another.
    Added(Silence),
    /// One is over before its time.
    Ended {
        /// Which.
        id: String,
        /// When.
        at: Timestamp,
        /// Who ended it.
        actor: Actor,
    },
}

impl Silence {
    /// Whether it is about a trouble with these labels.
    #[must_use]
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.matches.is_empty()
            && self.matches.iter().all(|(name, pattern)| labels.get(name).is_some_and(|value| is_like(pattern, value)))
    }
}

/// Whether a text is like a pattern in which `*` stands for any text.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, like) in [
            ("api", "api", true),
            ("api", "apis", false),
            ("api*", "api-1", true),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "a", false),
            ("a*a", "a", false),
            ("*x*y", "1x2xy", true),
            ("*x*y", "1xy2", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }
}
