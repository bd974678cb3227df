//! Expressions: rhai behind one door.
//!
//! `when: steps.check.failed && level >= warning`. Compiled once at load, bounded when run,
//! deterministic: no clock, no files, no network, no randomness. Knows nothing of steps or runs:
//! names and their types come in as a [`Types`], values as a [`Scope`].

use crate::base::value::{Map, Value};

/// Something wrong with an expression or a template, at a place in its own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// First byte in the expression's text.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// The way out.
    pub help: Option<String>,
}

/// The kinds of [`Problem`], each with a code of its own in `diagnostic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// It does not parse.
    Syntax,
    /// A name that is not there.
    Name,
    /// A field that the value does not have.
    Field,
    /// Types that do not fit.
    Type,
    /// A secret where none may be.
    Secret,
    /// A place where a value cannot be made safe.
    Place,
    /// A limit was passed.
    Limit,
    /// A value that may be missing and is not guarded.
    Unguarded,
}

/// A path that an expression or template reads, such as `steps.check.output.json.status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Root first. An index is written as its text (`["h1"]` is `h1`); a computed index is `*`.
    pub path: Vec<String>,
    /// First byte in the expression's text.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// Whether the expression first asks if it is there (`steps.x.ok && steps.x.output…`, `?.`, `??`, `{{#if}}`, `default`).
    pub guarded: bool,
}

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
    /// A map with just these keys.
    Record(std::collections::BTreeMap<String, Type>),
    /// A level word (`ok` < `notice` < `warning` < `critical`), comparable with other levels.
    Level,
    /// A value that may be missing: must be guarded, the reason says why.
    Maybe(Box<Type>, String),
}

/// The names an expression may use, with their types.
pub type Types = std::collections::BTreeMap<String, Type>;

/// The values an expression is evaluated over: one object whose members are the root names.
#[derive(Debug, Clone, Default)]
pub struct Scope(pub Map<String, Value>);

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expr {
    source: String,
}

/// Why an expression could not be evaluated over these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

impl Expr {
    /// The expression written as `source`.
    ///
    /// # Errors
    /// What is wrong with it, each with its place.
    pub fn compile(source: &str) -> Result<Self, Vec<Problem>> {
        todo!("{source}")
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every path it reads.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        todo!()
    }

    /// What is wrong with it where the names are these; empty = nothing. `want` is the type the place asks for.
    #[must_use]
    pub fn check(&self, types: &Types, want: &Type) -> Vec<Problem> {
        todo!("{types:?} {want:?}")
    }

    /// The type it has where the names are these.
    #[must_use]
    pub fn type_of(&self, types: &Types) -> Type {
        todo!("{types:?}")
    }

    /// Its value.
    ///
    /// # Errors
    /// [`EvalError`] when a value is missing, types do not fit or a bound was passed.
    pub fn eval(&self, scope: &Scope) -> Result<Value, EvalError> {
        todo!("{scope:?}")
    }

    /// Its value, which must be true or false.
    ///
    /// # Errors
    /// As [`Self::eval`], or when the value is something else.
    pub fn eval_bool(&self, scope: &Scope) -> Result<bool, EvalError> {
        todo!("{scope:?}")
    }
}
