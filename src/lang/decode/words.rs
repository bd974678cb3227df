//! What a shape is called in a message, in the manual and in hover text.

use crate::diagnostic::Code;
use crate::lang::yaml::{Node, NodeKind};
use crate::model::shape::Shape;

/// What may stand somewhere: `a length of time like 30s`.
pub(crate) fn wanted(shape: &Shape) -> String {
    match shape {
        Shape::Text(_) | Shape::Verbatim | Shape::Prose => "text".into(),
        Shape::Id => "a name of letters a-z, digits and `_`".into(),
        Shape::Name => "a name of letters a-z, digits, `_` and `-`".into(),
        Shape::Int(low, high) if *low == i64::MIN && *high == i64::MAX => "a whole number".into(),
        Shape::Int(low, high) if *high == i64::MAX => format!("a whole number of at least {low}"),
        Shape::Int(low, high) => format!("a whole number from {low} to {high}"),
        Shape::Number => "a number".into(),
        Shape::Bool => "true or false".into(),
        Shape::Duration => "a length of time like 30s".into(),
        Shape::Size => "an amount of bytes like 64MiB".into(),
        Shape::Choice([one]) => format!("the word {one}"),
        Shape::Choice(words) => format!("one of {}", words.join(", ")),
        Shape::Regex => "a regular expression".into(),
        Shape::Expr => "an expression".into(),
        Shape::List(inner) => format!("a list ({} each)", wanted(inner)),
        Shape::Many(inner) => format!("{} or a list of them", wanted(inner)),
        Shape::Map(_) | Shape::Record(_) => "a map".into(),
        Shape::Either(shapes) => {
            let mut words: Vec<String> = shapes.iter().map(wanted).collect();
            words.dedup();
            words.join(" or ")
        }
        Shape::Any(_) | Shape::Literal => "any value".into(),
        Shape::Steps => "a list of steps".into(),
        Shape::Step => "a step".into(),
        Shape::Syntax(syntax) => format!("{} like `{}`", syntax.name, syntax.example),
    }
}

/// What to do about a value of that code, where nothing nearer is known.
pub(super) fn way_out(code: Code) -> String {
    let known = [
        (Code::BadName, "take letters a-z, digits and `_`, a letter first: `daily_check`"),
        (Code::KeptWord, "take another word, or put one before or behind it: `own_default`"),
        (Code::BadDuration, "write it like `30s`, `5m`, `1h30m` or `7d`"),
        (Code::BadSize, "write it like `64MiB` or `1GB`"),
        (Code::BadNumber, "write a number within these bounds"),
        (Code::BadBand, "write it like `>= 80` or `< 120 || > 600`"),
        (Code::BadPattern, "close every bracket; a sign that stands for itself has a backslash before it: `\\[`"),
        (Code::BadDate, "write it like `2026-12-31 09:00`"),
        (Code::BadZone, "write a zone of the IANA list like `Europe/Moscow`"),
        (Code::BadUrl, "write it like `https://steps.example.com`"),
        (Code::BadDefault, "write a default that the type takes, or change the type"),
        (Code::UnknownKey, "take it out"),
    ];
    let found = known.iter().find(|(known, _)| *known == code);
    let page = || format!("`stepladder explain {}` shows a wrong one and a right one", code.as_str());
    found.map_or_else(page, |(_, help)| (*help).to_owned())
}

/// Whether a node of this kind (scalar, list, map) may stand for the shape.
pub(super) fn fits(shape: &Shape, node: &Node) -> bool {
    match (shape, &node.kind) {
        (Shape::Any(_) | Shape::Literal, _)
        | (Shape::List(_) | Shape::Steps, NodeKind::Seq(..))
        | (Shape::Map(_) | Shape::Record(_) | Shape::Step, NodeKind::Map(..)) => true,
        (Shape::Many(inner), _) => matches!(node.kind, NodeKind::Seq(..)) || fits(inner, node),
        (Shape::Either(shapes), _) => shapes.iter().any(|shape| fits(shape, node)),
        (Shape::List(_) | Shape::Steps | Shape::Map(_) | Shape::Record(_) | Shape::Step, _) => false,
        (
            Shape::Text(_)
            | Shape::Verbatim
            | Shape::Prose
            | Shape::Id
            | Shape::Name
            | Shape::Int(..)
            | Shape::Number
            | Shape::Bool
            | Shape::Duration
            | Shape::Size
            | Shape::Choice(_)
            | Shape::Regex
            | Shape::Expr
            | Shape::Syntax(_),
            kind,
        ) => matches!(kind, NodeKind::Scalar(_)),
    }
}
