//! Where expressions and templates stand, and how a place in their text becomes a place in the file.
//!
//! A scalar is decoded before it is compiled: quotes go, lines are folded, indents fall away. A
//! [`TextSpot`] finds the way back, so that a finding points at the very word in the file.

use crate::base::arg::SEALED_OUTPUT;
use crate::base::ids::{Name, StepId};
use crate::diagnostic::{Code, Diagnostic, Spot};
use crate::expr::{Expr, Problem, ProblemKind, Read};
use crate::template::Template;
use std::sync::Arc;

/// What stands at a place.
#[derive(Debug, Clone)]
pub enum Formula {
    /// An expression.
    Expr(Expr),
    /// A template.
    Template(Template),
}

impl Formula {
    /// Every path it reads, secrets of a template left out.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        match self {
            Self::Expr(expr) => expr.reads(),
            Self::Template(template) => template.reads(),
        }
    }

    /// The sealed outputs of steps that it names, as the paths of outputs.
    pub(crate) fn sealed_outputs(&self) -> Vec<Read> {
        let secrets = match self {
            Self::Expr(_) => &[],
            Self::Template(template) => template.secrets(),
        };
        let sealed = secrets.iter().filter(|read| read.path.get(1).is_some_and(|name| name.starts_with(SEALED_OUTPUT)));
        let whole = |read: &Read| Read { path: read.path[1].split('.').map(str::to_owned).collect(), ..read.clone() };
        sealed.map(whole).collect()
    }
}

/// A place where an expression or a template stands.
#[derive(Debug, Clone)]
pub struct Mention {
    /// The runbook; `None` for the files of the whole book.
    pub runbook: Option<Name>,
    /// The step, where it stands in one.
    pub step: Option<StepId>,
    /// The key of the step (its kind's name included) or of the runbook.
    pub key: &'static str,
    /// All keys from there on, `measure.api_latency.value`; list items as `[0]`.
    pub path: String,
    /// What stands there.
    pub what: Formula,
    /// Its text in the file.
    pub text: TextSpot,
}

impl Mention {
    /// A problem of this formula as a finding at its place in the file.
    #[must_use]
    pub fn finding(&self, problem: &Problem) -> Diagnostic {
        finding(problem, &self.text, matches!(self.what, Formula::Template(_)))
    }
}

/// A problem of an expression or template as a finding.
pub(crate) fn finding(problem: &Problem, text: &TextSpot, template: bool) -> Diagnostic {
    let code = match (problem.kind, template) {
        (ProblemKind::Syntax, false) => Code::ExprSyntax,
        (ProblemKind::Syntax, true) => Code::TemplateSyntax,
        (ProblemKind::Name, false) => Code::ExprName,
        (ProblemKind::Name, true) => Code::TemplateName,
        (ProblemKind::Field, _) => Code::UnknownField,
        (ProblemKind::Type, _) => Code::ExprType,
        (ProblemKind::Secret, false) => Code::ExprSecret,
        (ProblemKind::Secret, true) => Code::SecretPlace,
        (ProblemKind::Place, _) => Code::TemplatePlace,
        (ProblemKind::Limit, _) => Code::TooLarge,
        (ProblemKind::Unguarded, _) => Code::UnguardedOutput,
    };
    let finding = Diagnostic::error(code, text.spot(problem.offset, problem.len), problem.message.clone());
    let help = problem.help.clone();
    finding.help(help.unwrap_or_else(|| way_out(problem.kind, template).to_owned()))
}

/// What to do where nothing nearer is known.
fn way_out(kind: ProblemKind, template: bool) -> &'static str {
    match (kind, template) {
        (ProblemKind::Syntax, true) => {
            "write `{{ name }}`, `{{ helper name }}` or a block with its end: `{{#if name}}…{{/if}}`"
        }
        (ProblemKind::Syntax, false) => "write one value, like `steps.check.ok && inputs.tries > 1`",
        (ProblemKind::Name | ProblemKind::Field, _) => "write a name that is there, or declare this one",
        (ProblemKind::Type, true) => "name something of that kind, or a field of it",
        (ProblemKind::Type, false) => "write a value of that kind",
        (ProblemKind::Secret, _) => "use it in `env:`, or in headers, auth or body of `http`",
        (ProblemKind::Place, _) => "give the value by `env: { NAME: … }` and read it there",
        (ProblemKind::Limit, _) => "make it shorter, or compute parts of it in `vars:`",
        (ProblemKind::Unguarded, _) => "ask first whether it is there",
    }
}

/// A decoded scalar's text in its file.
#[derive(Debug, Clone)]
pub struct TextSpot {
    /// The whole scalar, quotes included.
    pub whole: Spot,
    pub(crate) file: Arc<str>,
    pub(crate) decoded: Arc<str>,
    pub(crate) begin: usize,
    pub(crate) double: bool,
}

impl TextSpot {
    /// The place of `len` bytes at `offset` of the decoded text.
    #[must_use]
    pub fn spot(&self, offset: usize, len: usize) -> Spot {
        let from = self.source_offset(offset);
        let to = if len == 0 { from } else { self.source_offset(offset + len - 1) + 1 };
        let end = to.min(self.whole.end).max(from);
        Spot { file: self.whole.file, start: from, end: self.boundary(end) }
    }

    fn boundary(&self, at: usize) -> usize {
        (at..=self.file.len()).find(|at| self.file.is_char_boundary(*at)).unwrap_or(self.file.len())
    }

    /// Walks decoded and written text side by side: what differs between them is blanks, line breaks and escapes.
    fn source_offset(&self, offset: usize) -> usize {
        let source = self.file.as_bytes();
        let mut at = self.begin;
        for (index, wanted) in self.decoded.char_indices() {
            at = self.skip_to(at, wanted);
            if index + wanted.len_utf8() > offset || at >= self.whole.end {
                return at.min(self.whole.end);
            }
            at += match source.get(at) {
                Some(b'\\') if self.double => escape_len(&source[at..]),
                Some(b'\'') if source.get(at + 1) == Some(&b'\'') && wanted == '\'' && !self.double => 2,
                Some(_) | None if wanted == ' ' || wanted == '\n' => 1,
                Some(_) | None => self.file[self.boundary(at)..].chars().next().map_or(1, char::len_utf8),
            };
        }
        at.min(self.whole.end)
    }

    fn skip_to(&self, mut at: usize, wanted: char) -> usize {
        let source = self.file.as_bytes();
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if wanted == ' ' && source.get(at).is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            // A folded line break: its last blank stands for the space.
            while source.get(at + 1).is_some_and(|byte| blank(*byte)) {
                at += 1;
            }
            return at;
        }
        if wanted != ' ' && wanted != '\t' {
            while at < self.whole.end && source.get(at).is_some_and(|byte| blank(*byte) && char::from(*byte) != wanted)
            {
                at += 1;
            }
        }
        at
    }
}

/// How many bytes an escape of a double-quoted scalar has.
fn escape_len(source: &[u8]) -> usize {
    match source.get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(_) => 2,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::lang::decode::Ctx;
    use crate::lang::yaml;

    /// The place of `word` in the decoded value of `key`, as the file has it.
    fn found(text: &str, word: &str) -> String {
        let file: Arc<str> = text.into();
        let mut findings = crate::diagnostic::Diagnostics::default();
        let stream = yaml::read(FileId(0), &file, &mut findings);
        let root = stream.documents[0].root.as_ref().expect("a map");
        let (_, value) = &root.pairs().expect("pairs")[0];
        let scalar = value.scalar().expect("a scalar");
        let spot = Ctx::new(FileId(0), Arc::clone(&file)).text_spot(value, scalar);
        let at = scalar.text.find(word).expect("the word");
        let place = spot.spot(at, word.len());
        format!("{}@{}", &text[place.start..place.end], place.start)
    }

    #[test]
    fn words_are_found_again_through_quotes_folds_and_indents() {
        for (text, word, place) in [
            ("a: one two\n", "two", "two@7"),
            ("a: 'it''s two'\n", "two", "two@10"),
            ("a: \"\\t\\u00e9 two\"\n", "two", "two@13"),
            ("a: |\n    one\n      two\n    three\n", "two", "two@19"),
            ("a: |\n    one\n      two\n    three\n", "three", "three@27"),
            ("a: >\n    one\n    two\n\n    three\n", "two", "two@17"),
            ("a: >\n    one\n    two\n\n    three\n", "three", "three@26"),
            ("a: one\n  two\n  three\n", "three", "three@15"),
            ("a: \"one\n  é two\"\n", "two", "two@13"),
        ] {
            assert_eq!(found(text, word), place, "{text:?}");
        }
    }
}
