//! The types of values, as far as they are known before anything runs.

use crate::expr::problem::{Problem, ProblemKind};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a value, as far as it is known before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Anything: JSON from outside.
    Any,
    /// true or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list of one type.
    List(Box<Type>),
    /// A map with any keys and values of one type.
    Map(Box<Type>),
    /// A map with just these keys. Shared: what a step puts out stands in the scope of every step below it.
    Record(Arc<BTreeMap<String, Type>>),
    /// A level word (`ok` < `notice` < `warning` < `critical`), comparable with other levels.
    Level,
    /// A value that may be missing: must be guarded, the reason says why.
    Maybe(Box<Type>, String),
}

/// The names an expression may use, with their types.
pub type Types = BTreeMap<String, Type>;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "anything",
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Record(_) => "a map",
            Self::Level => "a level",
            Self::Maybe(inner, _) => return fmt::Display::fmt(inner, f),
        })
    }
}

impl Type {
    /// A map with just these keys.
    pub fn record<K: Into<String>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Record(Arc::new(fields.into_iter().map(|(name, ty)| (name.into(), ty)).collect()))
    }

    /// The type of a value that is there.
    #[must_use]
    pub fn present(&self) -> &Self {
        match self {
            Self::Maybe(inner, _) => inner.present(),
            Self::Any
            | Self::Bool
            | Self::Int
            | Self::Number
            | Self::Text
            | Self::List(_)
            | Self::Map(_)
            | Self::Record(_)
            | Self::Level => self,
        }
    }

    /// Whether a value of this type may stand where `want` is asked for; what is not known may.
    #[must_use]
    pub fn fits(&self, want: &Self) -> bool {
        match (self.present(), want.present()) {
            (Self::Any, _) | (_, Self::Any) | (Self::Int, Self::Number) | (Self::Level, Self::Text) => true,
            (Self::List(have), Self::List(want)) | (Self::Map(have), Self::Map(want)) => have.fits(want),
            (Self::Record(have), Self::Map(want)) => have.values().all(|have| have.fits(want)),
            (Self::Map(have), Self::Record(want)) => want.values().all(|want| have.fits(want)),
            (Self::Record(have), Self::Record(want)) => {
                want.iter().all(|(key, want)| have.get(key).is_some_and(|have| have.fits(want)))
            }
            (have, want) => have == want,
        }
    }

    /// What both types are.
    #[must_use]
    pub(crate) fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a.clone(),
            (Self::Int, Self::Number) | (Self::Number, Self::Int) => Self::Number,
            (Self::Level, Self::Text) | (Self::Text, Self::Level) => Self::Text,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.join(b))),
            _ => Self::Any,
        }
    }

    /// Whether it is text or a number or a boolean: something that has a plain text.
    #[must_use]
    pub(crate) fn is_scalar(&self) -> bool {
        match self.present() {
            Self::Any | Self::Bool | Self::Int | Self::Number | Self::Text | Self::Level => true,
            Self::List(_) | Self::Map(_) | Self::Record(_) | Self::Maybe(..) => false,
        }
    }
}

/// What a path leads to: its type, and why it may lead nowhere.
pub(crate) struct Reached {
    /// The type at its end.
    pub(crate) kind: Type,
    /// The reason of the first part that may be missing.
    pub(crate) maybe: Option<String>,
}

/// Follows a path through the types. An index is written as text, `*` for a computed one.
///
/// # Errors
/// The name or field that does not exist, as a problem at `span`.
pub(crate) fn reach(types: &Types, path: &[String], span: (usize, usize)) -> Result<Reached, Problem> {
    let Some((root, rest)) = path.split_first() else { return Ok(Reached { kind: Type::Any, maybe: None }) };
    if root == "secrets" {
        let text = format!("`{}` is a secret, which expressions cannot read", path.join("."));
        return Err(Problem::new(ProblemKind::Secret, span, text)
            .help("use `{{ secrets.NAME }}` in `env:`, or in headers, auth or body of `http`"));
    }
    let Some(start) = types.get(root) else {
        let problem = Problem::new(ProblemKind::Name, span, format!("`{root}` is no name here"));
        let known = types.keys().map(String::as_str);
        let problem = problem.did_you_mean(root, known);
        return Err(if problem.help.is_some() { problem } else { problem.help(names(types)) });
    };
    let reached = below(start, rest).map_err(|(at, kind)| no_field(path, at + 1, &kind, span))?;
    Ok(reached)
}

fn names(types: &Types) -> String {
    let known: Vec<_> = types.keys().map(|name| format!("`{name}`")).collect();
    format!("text is written in double quotes; the names here are {}", known.join(", "))
}

/// What is reached below a type; the index of the segment that is not there, and the type that lacks it.
pub(crate) fn below(start: &Type, path: &[String]) -> Result<Reached, (usize, Type)> {
    let mut kind = Cow::Borrowed(start);
    let mut maybe = None;
    for (at, name) in path.iter().enumerate() {
        if let (None, Type::Maybe(_, why)) = (&maybe, &*kind) {
            maybe = Some(why.clone());
        }
        let last = at + 1 == path.len();
        let next = match &kind {
            Cow::Borrowed(kind) => member(kind.present(), name, last),
            Cow::Owned(kind) => member(kind.present(), name, last).map(|next| Cow::Owned(next.into_owned())),
        };
        kind = next.ok_or_else(|| (at, kind.present().clone()))?;
    }
    if let (None, Type::Maybe(_, why)) = (&maybe, &*kind) {
        maybe = Some(why.clone());
    }
    Ok(Reached { kind: kind.present().clone(), maybe })
}

fn member<'t>(kind: &'t Type, name: &str, last: bool) -> Option<Cow<'t, Type>> {
    match kind {
        Type::Any => Some(Cow::Borrowed(kind)),
        Type::Map(of) => Some(Cow::Borrowed(of)),
        Type::List(of) if name == "*" || name.parse::<i64>().is_ok() => Some(Cow::Borrowed(of)),
        Type::List(_) | Type::Text if name == "len" && last => Some(Cow::Owned(Type::Int)),
        Type::Record(fields) if name == "*" => {
            let mut kinds = fields.values().map(Type::present).cloned();
            let first = kinds.next()?;
            Some(Cow::Owned(kinds.fold(first, |all, kind| all.join(&kind))))
        }
        Type::Record(fields) => fields.get(name).map(Cow::Borrowed),
        Type::Bool | Type::Int | Type::Number | Type::Text | Type::Level | Type::List(_) | Type::Maybe(..) => None,
    }
}

fn no_field(path: &[String], at: usize, kind: &Type, span: (usize, usize)) -> Problem {
    let (holder, name) = (path[..at].join("."), &path[at]);
    let Type::Record(fields) = kind else {
        return Problem::new(ProblemKind::Field, span, format!("`{holder}` is {kind} and has no `{name}`"));
    };
    let problem = Problem::new(ProblemKind::Field, span, format!("`{holder}` has no `{name}`"));
    let problem = problem.did_you_mean(name, fields.keys().map(String::as_str));
    if problem.help.is_some() || fields.is_empty() {
        return problem;
    }
    let known: Vec<_> = fields.keys().take(12).map(|field| format!("`{field}`")).collect();
    problem.help(format!("it has {}", known.join(", ")))
}
