//! Names and ids, each with the one alphabet it may be written in.
//!
//! Two alphabets, decided in `docs/decisions/0006-ids-and-alphabets.md`: a [`StepId`] is a word of
//! the expression language (`[a-z][a-z0-9_]{0,63}`, no rhai keyword), a [`Name`] may also carry
//! dashes. A value of either type is proof that the text was checked.

use crate::base::limits::MAX_NAME;
use std::fmt;

/// Words rhai keeps for itself; an id with such a name could never be read in an expression.
pub const RHAI_KEYWORDS: &[&str] = &[
    "abstract",
    "as",
    "async",
    "await",
    "break",
    "call",
    "case",
    "catch",
    "const",
    "continue",
    "curry",
    "debug",
    "default",
    "do",
    "else",
    "eval",
    "export",
    "extern",
    "false",
    "fn",
    "for",
    "global",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "let",
    "loop",
    "match",
    "module",
    "new",
    "nil",
    "null",
    "package",
    "print",
    "private",
    "protected",
    "public",
    "return",
    "shared",
    "spawn",
    "static",
    "super",
    "switch",
    "sync",
    "then",
    "this",
    "thread",
    "throw",
    "true",
    "try",
    "type_of",
    "until",
    "use",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Why a text is not an id or a name; the message is a sentence for the author of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing was written.
    #[error("an empty name")]
    Empty,
    /// Longer than [`MAX_NAME`] bytes.
    #[error("longer than {MAX_NAME} characters")]
    TooLong,
    /// The first character is not a lower-case letter.
    #[error("must start with a lower-case letter, not `{0}`")]
    Start(char),
    /// A character outside the alphabet.
    #[error("may not contain `{0}`: {1}")]
    Char(char, &'static str),
    /// A word the expression language keeps for itself.
    #[error("`{0}` is a keyword of the expression language")]
    Keyword(String),
}

fn check(text: &str, dashes: bool) -> Result<(), BadName> {
    let rule = if dashes { "letters a-z, digits, `_` and `-`" } else { "letters a-z, digits and `_`" };
    let first = text.chars().next().ok_or(BadName::Empty)?;
    if text.len() > MAX_NAME {
        return Err(BadName::TooLong);
    }
    if !first.is_ascii_lowercase() {
        return Err(BadName::Start(first));
    }
    let bad = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || (dashes && c == '-'));
    match text.chars().find(|c| bad(*c)) {
        Some(c) => Err(BadName::Char(c, rule)),
        // No expression reads a name that may have dashes.
        None if !dashes && RHAI_KEYWORDS.contains(&text) => Err(BadName::Keyword(text.into())),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $dashes:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// The checked name.
            ///
            /// # Errors
            /// [`BadName`] when `text` is not written in this type's alphabet.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                check(text, $dashes).map(|()| Self(text.into()))
            }

            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name_type!(
    /// The id of a step, an input, a var or a measure: readable in an expression as it stands.
    StepId,
    false
);
name_type!(
    /// The name of a runbook, channel, group, contact or calendar.
    Name,
    true
);

/// Letters and digits that are not mistaken for one another when read aloud at 3 am.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of one run: 26 characters, time first, so that ids sort by start (a ULID in lower case).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// An id for a run begun `millis` after the epoch; `chance` supplies the 80 random bits.
    #[must_use]
    pub fn new(millis: u64, chance: u128) -> Self {
        Self((u128::from(millis) & 0xffff_ffff_ffff) << 80 | (chance & ((1 << 80) - 1)))
    }

    /// When it was made, to the millisecond.
    #[must_use]
    pub fn began(self) -> jiff::Timestamp {
        let millis = i64::try_from(self.0 >> 80).unwrap_or_default();
        jiff::Timestamp::from_millisecond(millis).unwrap_or_default()
    }

    /// The id written as `text`.
    ///
    /// # Errors
    /// The text itself when it is not 26 characters of the alphabet.
    pub fn parse(text: &str) -> Result<Self, BadRunId> {
        let bad = || BadRunId(text.into());
        if text.len() != 26 {
            return Err(bad());
        }
        let mut id: u128 = 0;
        for byte in text.to_ascii_lowercase().bytes() {
            let digit = CROCKFORD.iter().position(|c| *c == byte).ok_or_else(bad)?;
            id = id.checked_mul(32).and_then(|id| id.checked_add(digit as u128)).ok_or_else(bad)?;
        }
        Ok(Self(id))
    }

    /// The seed of everything random in this run: retry jitter, child ids.
    #[must_use]
    pub fn seed(self) -> u64 {
        let Self(id) = self;
        u64::try_from((id ^ (id >> 64)) & u128::from(u64::MAX)).unwrap_or_default()
    }

    /// Milliseconds after the epoch at which the run was asked for.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 >> 80).unwrap_or_default()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..26).rev().try_for_each(|place| {
            let digit = (self.0 >> (place * 5)) & 31;
            write!(f, "{}", char::from(CROCKFORD[usize::try_from(digit).unwrap_or_default()]))
        })
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a run id: 26 letters and digits, as `stepladder runs` shows them")]
pub struct BadRunId(pub String);

/// The id of one incident: written as a [`RunId`] is, time first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(RunId);

impl IncidentId {
    /// An id for an incident opened `millis` after the epoch; `chance` supplies the 80 random bits.
    #[must_use]
    pub fn new(millis: u64, chance: u128) -> Self {
        Self(RunId::new(millis, chance))
    }

    /// The id written as `text`.
    ///
    /// # Errors
    /// The text itself when it is not 26 characters of the alphabet.
    pub fn parse(text: &str) -> Result<Self, BadRunId> {
        RunId::parse(text).map(Self)
    }

    /// When it was opened, to the millisecond.
    #[must_use]
    pub fn opened(self) -> jiff::Timestamp {
        self.0.began()
    }

    /// The seed of everything that looks random in it: ids of its pages and of the runs it starts.
    #[must_use]
    pub fn seed(self) -> u64 {
        self.0.seed()
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of one drill: written as a [`RunId`] is, time first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillId(RunId);

impl DrillId {
    /// An id that nobody else has: `id` was made for this and nothing else.
    #[must_use]
    pub fn of(id: RunId) -> Self {
        Self(id)
    }

    /// The id written as `text`.
    ///
    /// # Errors
    /// The text itself when it is not 26 characters of the alphabet.
    pub fn parse(text: &str) -> Result<Self, BadRunId> {
        RunId::parse(text).map(Self)
    }

    /// When it began, to the millisecond.
    #[must_use]
    pub fn began(self) -> jiff::Timestamp {
        self.0.began()
    }
}

impl fmt::Display for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DrillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_ids_are_words_of_the_expression_language() {
        assert!(StepId::parse("check_2").is_ok());
        assert_eq!(StepId::parse("a-b"), Err(BadName::Char('-', "letters a-z, digits and `_`")));
        assert_eq!(StepId::parse("while"), Err(BadName::Keyword("while".into())));
        assert_eq!(StepId::parse("2x"), Err(BadName::Start('2')));
        assert_eq!(StepId::parse(&"x".repeat(65)), Err(BadName::TooLong));
        assert!(Name::parse("daily-check").is_ok());
    }

    #[test]
    fn a_name_may_be_a_word_of_the_expression_language() {
        for name in ["sync", "default", "new", "import", "shared"] {
            assert!(Name::parse(name).is_ok() && StepId::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn run_ids_sort_by_time_and_read_back() {
        let (early, late) = (RunId::new(1, u128::MAX), RunId::new(2, 0));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(RunId::parse(&late.to_string()), Ok(late));
        assert_eq!(late.millis(), 2);
        assert!(RunId::parse("nonsense").is_err());
        assert!(RunId::parse(&"z".repeat(26)).is_err(), "26 characters hold 130 bits, an id 128");
    }
}
