//! Templates: handlebars behind one door, strict, escaped by where the value lands.
//!
//! A template renders to a [`crate::base::arg::Text`] whose secrets are holes. Knows nothing of
//! steps or runs; never sees the value of a secret.

use crate::base::arg::{Arg, Landing, Text};
use crate::expr::{EvalError, Problem, Read, Scope, Types};

/// A compiled template, or text without one.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
}

/// Why a template could not be rendered over these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

impl From<EvalError> for RenderError {
    fn from(error: EvalError) -> Self {
        Self(error.0)
    }
}

impl Template {
    /// The template written as `source`. A `ShellWord` landing means the text is a shell line: each
    /// placeholder's own quoting context is found and escaped for; `Url` likewise finds components.
    ///
    /// # Errors
    /// What is wrong with it, each with its place.
    pub fn compile(source: &str, landing: Landing) -> Result<Self, Vec<Problem>> {
        todo!("{source} {landing:?}")
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, where it has no placeholder at all.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        todo!()
    }

    /// Every path it reads, secrets left out.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        todo!()
    }

    /// Every secret it names.
    #[must_use]
    pub fn secrets(&self) -> &[Read] {
        todo!()
    }

    /// What is wrong with it where the names are these; empty = nothing.
    #[must_use]
    pub fn check(&self, types: &Types) -> Vec<Problem> {
        todo!("{types:?}")
    }

    /// The text over these values; secrets stay holes.
    ///
    /// # Errors
    /// [`RenderError`] when a value is missing, is empty or unsafe where it lands, or a bound was passed.
    pub fn render(&self, scope: &Scope) -> Result<Text, RenderError> {
        todo!("{scope:?}")
    }

    /// As [`Self::render`], but a template that is one whole `{{ … }}` keeps the type of its value.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_arg(&self, scope: &Scope) -> Result<Arg, RenderError> {
        todo!("{scope:?}")
    }
}
