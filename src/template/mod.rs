//! Templates: handlebars behind one door, strict, escaped by where the value lands.
//!
//! A template renders to a [`crate::base::arg::Text`] whose secrets are holes. Knows nothing of
//! steps or runs; never sees the value of a secret.

mod argv;
mod bars;
mod check;
mod escape;
mod helpers;
mod html;
mod json;
mod parse;
mod place;
mod prefixes;
mod render;
mod scan;
mod shell;
mod shell_words;
mod tag;
mod tree;
mod url;

use crate::base::arg::{Arg, Landing, Text};
use crate::base::limits;
use crate::expr::{EvalError, Problem, ProblemKind, Read, Scope, Types};
pub use argv::{argv, stdin};
use std::sync::Arc;
use tree::{Input, Item, each_path, each_put};

/// A compiled template, or text without one.
#[derive(Debug, Clone)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: String,
    landing: Landing,
    items: Vec<Item>,
    how: render::How,
    reads: Vec<Read>,
    secrets: Vec<Read>,
    hosts: Vec<Read>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source && self.0.landing == other.0.landing
    }
}

impl Eq for Template {}

/// How the text of a template is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// How the text as a whole is used.
    pub landing: Landing,
    /// It is an element of an argument vector, and one before it is `--`.
    pub after_dashes: bool,
    /// The author wrote `unsafe_raw: true`.
    pub raw_allowed: bool,
    /// Inputs that are secrets: `inputs.NAME` stays a hole.
    pub sealed: &'a [String],
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self { landing: Landing::Plain, after_dashes: false, raw_allowed: false, sealed: &[] }
    }
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
        Self::compile_as(source, &Manner { landing, ..Manner::default() })
    }

    /// As [`Self::compile`], with `{{{three braces}}}` allowed: the author wrote `unsafe_raw: true`.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_raw_allowed(source: &str, landing: Landing) -> Result<Self, Vec<Problem>> {
        Self::compile_as(source, &Manner { landing, raw_allowed: true, ..Manner::default() })
    }

    /// One element of an argument vector; `after_dashes` when an element before it is `--`, so that
    /// a leading dash is no option.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_argv(source: &str, after_dashes: bool) -> Result<Self, Vec<Problem>> {
        Self::compile_as(source, &Manner { landing: Landing::Argv, after_dashes, ..Manner::default() })
    }

    /// The template written as `source`, read in that manner.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_as(source: &str, manner: &Manner<'_>) -> Result<Self, Vec<Problem>> {
        let Manner { landing, after_dashes, raw_allowed, sealed } = *manner;
        let whole = place::Whole { landing, after_dashes, raw_allowed };
        if source.len() > limits::MAX_TEMPLATE {
            let text = format!("the template has {} bytes, at most {} are read", source.len(), limits::MAX_TEMPLATE);
            return Err(vec![Problem::new(ProblemKind::Limit, (0, source.len()), text)]);
        }
        let mut items = parse::parse(source, sealed).map_err(|problem| vec![problem])?;
        place::place(&mut items, whole)?;
        let misplaced = misplaced_secrets(&items);
        if !misplaced.is_empty() {
            return Err(misplaced);
        }
        let how = render::how(&items).map_err(|why| vec![Problem::new(ProblemKind::Syntax, (0, source.len()), why)])?;
        let (reads, secrets, hosts) = reads(&items);
        Ok(Self(Arc::new(Compiled {
            source: source.into(),
            landing: whole.landing,
            items,
            how,
            reads,
            secrets,
            hosts,
        })))
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// How the text as a whole is used.
    #[must_use]
    pub fn landing(&self) -> Landing {
        self.0.landing
    }

    /// The text, where it has no placeholder at all.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.0.items[..] {
            [] => Some(""),
            [Item::Lit(text)] => Some(text),
            _ => None,
        }
    }

    /// Every path it reads, secrets left out, in the order of the text.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.0.reads
    }

    /// Every secret it names.
    #[must_use]
    pub fn secrets(&self) -> &[Read] {
        &self.0.secrets
    }

    /// The secret that it is, and nothing else.
    #[must_use]
    pub fn sole_secret(&self) -> Option<&str> {
        match &self.0.items[..] {
            [Item::Put(put)] => put.secret(),
            _ => None,
        }
    }

    /// The reads that decide which host a URL leads to; what comes from outside needs `allow_hosts`.
    #[must_use]
    pub fn hosts(&self) -> &[Read] {
        &self.0.hosts
    }

    /// What is wrong with it as the text of a JSON document; `asked` when it is said to be one, else only where it begins
    /// as one.
    #[must_use]
    pub fn check_json(&self, asked: bool) -> Vec<Problem> {
        if asked || json::begins(&self.0.items) { place::json(&self.0.items) } else { Vec::new() }
    }

    /// What is wrong with it where the names are these; empty = nothing.
    #[must_use]
    pub fn check(&self, types: &Types) -> Vec<Problem> {
        let mut problems = check::check(&self.0.items, types);
        if let [Item::Put(put)] = &self.0.items[..]
            && render::keeps_type(put)
        {
            problems.retain(|problem| problem.kind != ProblemKind::Type);
        }
        problems
    }

    /// The text over these values; secrets stay holes.
    ///
    /// # Errors
    /// [`RenderError`] when a value is missing, is empty or unsafe where it lands, or a bound was passed.
    pub fn render(&self, scope: &Scope) -> Result<Text, RenderError> {
        self.knows(scope)?;
        render::render(&self.0.items, &self.0.how, scope)
    }

    /// As [`Self::render`], but a template that is one whole `{{ … }}` keeps the type of its value.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_arg(&self, scope: &Scope) -> Result<Arg, RenderError> {
        self.knows(scope)?;
        match render::typed(&self.0.items, scope)? {
            Some(arg) => Ok(arg),
            None => self.render(scope).map(Arg::Text),
        }
    }
}

impl Template {
    /// Of a text with something in it that nobody can know, no part is known: not even a default stands in for that.
    fn knows(&self, scope: &Scope) -> Result<(), RenderError> {
        let unknown = self.0.reads.iter().find_map(|read| scope.unknown(&read.path));
        unknown.map_or(Ok(()), |why| Err(RenderError(why.to_owned())))
    }
}

/// A text as it stands in a page of HTML, or in a drawing within one.
#[must_use]
pub fn html_text(text: &str) -> String {
    escape::html(text)
}

type Found = (Vec<Read>, Vec<Read>, Vec<Read>);

fn reads(items: &[Item]) -> Found {
    let (mut reads, mut secrets, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    each_path(items, &mut |found| {
        let Some(path) = &found.path else { return };
        let (start, end) = found.span;
        let read = Read { path: path.clone(), offset: start, len: end - start, guarded: found.guarded };
        if path[0] == "secrets" { secrets.push(read) } else { reads.push(read) }
    });
    each_put(items, &mut |put| {
        if matches!(put.spot.landing, Landing::Host | Landing::Url) {
            let (start, end) = put.span;
            hosts.extend(reads.iter().filter(|read| (start..end).contains(&read.offset)).cloned());
        }
    });
    (reads, secrets, hosts)
}

/// Secrets that are given to a helper or a block, or that are not one name.
fn misplaced_secrets(items: &[Item]) -> Vec<Problem> {
    let mut alone = Vec::new();
    each_put(items, &mut |put| {
        if put.secret().is_some()
            && !put.raw
            && let Input::Path(path) = &put.input
        {
            alone.push(path.span);
        }
    });
    let mut problems = Vec::new();
    each_path(items, &mut |found| {
        if found.path.as_ref().is_some_and(|path| path[0] == "secrets") && !alone.contains(&found.span) {
            let whole = found.path.as_ref().is_some_and(|path| path.len() == 2);
            let so = if whole { found.raw.as_str() } else { "secrets.NAME" };
            let text = format!("`{}` is a secret: it stands alone, as `{{{{ {so} }}}}`", found.raw);
            let help = "no helper, block or third brace sees a secret";
            problems.push(Problem::new(ProblemKind::Secret, found.span, text).help(help));
        }
    });
    problems
}

#[cfg(test)]
mod tests;
