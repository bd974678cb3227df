//! Expressions: rhai behind one door.
//!
//! `when: steps.check.failed && level >= warning`. Compiled once at load, bounded when run,
//! deterministic: no clock, no files, no network, no randomness. Knows nothing of steps or runs:
//! names and their types come in as a [`Types`], values as a [`Scope`].

mod check;
mod convert;
mod engine;
mod eval;
mod functions;
mod functions_list;
mod functions_text;
mod kind;
mod lookup;
mod node;
mod offsets;
mod operators;
mod parse;
mod problem;
mod program;
mod reads;
mod syntax;

use crate::base::value::{Map, Value};
use std::sync::Arc;

pub(crate) use kind::reach;
pub use kind::{Type, Types};
pub(crate) use lookup::follow;
pub(crate) use problem::closest;
pub use problem::{Problem, ProblemKind};
pub(crate) use reads::subject;

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

/// The values an expression is evaluated over: one object whose members are the root names.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The values.
    pub values: Map<String, Value>,
    /// What nobody can know: to read it is an error, whatever stands beside it.
    pub unknown: Vec<Unknown>,
}

/// A path whose value nobody can know, with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Root first.
    pub path: Vec<String>,
    /// Why.
    pub why: String,
}

impl Scope {
    /// A scope of these values, all of them known.
    #[must_use]
    pub fn of(values: Map<String, Value>) -> Self {
        Self { values, unknown: Vec::new() }
    }

    /// Why what a path reads cannot be known, if it cannot; `*` in it may be anything.
    #[must_use]
    pub(crate) fn unknown(&self, path: &[String]) -> Option<&str> {
        let meets = |(a, b): (&String, &String)| a == b || a == "*";
        let found = self.unknown.iter().find(|unknown| path.iter().zip(&unknown.path).all(meets));
        found.map(|unknown| unknown.why.as_str())
    }
}

/// Why an expression could not be evaluated over these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expr(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: String,
    root: node::Node,
    run: How,
    reads: Vec<Read>,
}

/// How a value is had. Most expressions of a book are a name or a short condition.
#[derive(Debug)]
enum How {
    /// One path of names: looked up, rhai is not asked.
    Path(Vec<String>),
    /// Everything else.
    Program(program::Program),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Expr {}

impl Expr {
    /// The expression written as `source`.
    ///
    /// # Errors
    /// What is wrong with it, each with its place.
    pub fn compile(source: &str) -> Result<Self, Vec<Problem>> {
        let root = parse::parse(source).map_err(|problem| vec![problem])?;
        let reads = reads::reads(&root);
        let run = match root.names() {
            Some(path) => How::Path(path),
            None => How::Program(program::Program::new(&root).map_err(|problem| vec![problem])?),
        };
        Ok(Self(Arc::new(Compiled { source: source.into(), root, run, reads })))
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Every path it reads, in the order of the text.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.0.reads
    }

    /// What is wrong with it where the names are these; empty = nothing. `want` is the type the place asks for.
    #[must_use]
    pub fn check(&self, types: &Types, want: &Type) -> Vec<Problem> {
        let (have, mut problems) = check::check(&self.0.root, &self.0.source, types);
        problems.extend(check::unfit(&self.0.root, &self.0.source, &have, want));
        problems
    }

    /// The type it has where the names are these.
    #[must_use]
    pub fn type_of(&self, types: &Types) -> Type {
        check::check(&self.0.root, &self.0.source, types).0
    }

    /// Its value.
    ///
    /// # Errors
    /// [`EvalError`] when a value is missing, types do not fit or a bound was passed.
    pub fn eval(&self, scope: &Scope) -> Result<Value, EvalError> {
        match &self.0.run {
            How::Path(path) => match scope.unknown(path) {
                Some(why) => Err(EvalError(why.to_owned())),
                None => follow(&scope.values, path)
                    .map(std::borrow::Cow::into_owned)
                    .map_err(|absent| EvalError(absent.message)),
            },
            How::Program(program) => eval::eval(program, &self.0.source, scope),
        }
    }

    /// Its value, which must be true or false.
    ///
    /// # Errors
    /// As [`Self::eval`], or when the value is something else.
    pub fn eval_bool(&self, scope: &Scope) -> Result<bool, EvalError> {
        let value = self.eval(scope)?;
        value.as_bool().ok_or_else(|| eval::no_condition(&value, &self.0.source))
    }
}

#[cfg(test)]
mod tests;
