//! Which paths an expression reads, and which of them it asks about first.
//!
//! A read is *guarded* when it is written with `?.`, stands left of `??`, is compared with `()`, or
//! stands behind a question about the same step: in the rest of a `&&` or `||`, or in a branch of
//! an `if`, whose earlier part reads `.ok`, `.outcome`, `.failed`, … of it, or compares it with
//! `()`. What the question says is not weighed: whoever asks has thought of it.

use crate::base::value::Value;
use crate::expr::Read;
use crate::expr::node::{Kind, Node, Presence, Segment};

/// The fields of a step that ask how it ended.
pub(crate) const QUESTIONS: &[&str] = &["ok", "outcome", "failed", "skipped", "level"];

/// Every path of the expression, in the order of the text.
pub(super) fn reads(root: &Node) -> Vec<Read> {
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), &mut |path, node, guarded| {
        let (start, end) = node.span;
        found.push(Read { path, offset: start, len: end - start, guarded });
    });
    found.sort_by_key(|read| read.offset);
    found
}

/// Calls `found` with every path, and whether it is guarded where it stands.
pub(super) fn walk(root: &Node, asked: &mut Vec<Vec<String>>, found: &mut dyn FnMut(Vec<String>, &Node, bool)) {
    match &root.kind {
        Kind::Path(segments, presence) => {
            let path: Vec<String> = segments.iter().map(Segment::shown).collect();
            let guarded = *presence == Presence::Optional || is_asked(asked, &path);
            found(path, root, guarded);
            root.children().into_iter().for_each(|child| walk(child, asked, found));
        }
        Kind::All(parts) | Kind::Either(parts) => {
            let before = asked.len();
            for part in parts {
                walk(part, asked, found);
                questions(part, asked);
            }
            asked.truncate(before);
        }
        Kind::If(parts) => {
            let [condition, then, otherwise] = &**parts;
            let before = asked.len();
            walk(condition, asked, found);
            questions(condition, asked);
            walk(then, asked, found);
            walk(otherwise, asked, found);
            asked.truncate(before);
        }
        Kind::Literal(_)
        | Kind::Level(_)
        | Kind::Member(..)
        | Kind::Not(_)
        | Kind::Negate(_)
        | Kind::Binary(..)
        | Kind::Coalesce(_)
        | Kind::Call(..)
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Text(_) => root.children().into_iter().for_each(|child| walk(child, asked, found)),
    }
}

/// Whether something of what is asked about holds this path.
pub(super) fn is_asked(asked: &[Vec<String>], path: &[String]) -> bool {
    asked.iter().any(|subject| path.starts_with(subject))
}

/// Adds what a condition asks about.
pub(super) fn questions(condition: &Node, asked: &mut Vec<Vec<String>>) {
    if let Kind::Binary(operator, left, right) = &condition.kind
        && operator.equates()
    {
        for (side, other) in [(left, right), (right, left)] {
            if let (Kind::Path(segments, _), Kind::Literal(Value::Null)) = (&side.kind, &other.kind) {
                asked.push(segments.iter().map(Segment::shown).collect());
            }
        }
    }
    if let Kind::Path(segments, _) = &condition.kind {
        asked.extend(subject(&segments.iter().map(Segment::shown).collect::<Vec<_>>()));
    }
    condition.children().into_iter().for_each(|child| questions(child, asked));
}

/// The step that a path asks about, if its last word is a question.
pub(crate) fn subject(path: &[String]) -> Option<Vec<String>> {
    let (last, step) = path.split_last()?;
    (step.len() > 1 && QUESTIONS.contains(&last.as_str())).then(|| step.to_vec())
}
