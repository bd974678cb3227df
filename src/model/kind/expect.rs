//! What every `expect:` shares: the level an unmet expectation lifts to, and bounds of a number.

use crate::diagnostic::Code;
use crate::model::shape::{Key, Shape, Syntax, key};

/// `level: warning` beside expectations: unmet, they lift the level instead of failing the step.
pub(super) const LEVEL: Key = key(
    "level",
    Shape::Choice(&["notice", "warning", "critical"]),
    "An unmet expectation of this entry lifts the step's level to this instead of failing it.",
);

/// `2xx` or `200-299`.
pub(super) const STATUS: Shape = Shape::Syntax(&Syntax {
    name: "a status, a class or a range of them",
    example: "2xx",
    code: Code::BadNumber,
    test: status,
});

fn status(text: &str) -> Result<(), String> {
    let one = |text: &str| text.trim().parse::<u16>().ok();
    let class = |text: &str| text.trim().strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
    let range = |text: &str| text.split_once('-').and_then(|(from, to)| one(from).zip(one(to)));
    let ordered = range(text).is_some_and(|(from, to)| from <= to);
    if one(text).is_some() || class(text).is_some_and(|class| (1..=6).contains(&class)) || ordered {
        return Ok(());
    }
    Err(format!("`{text}` is no status that an answer could have"))
}

/// `latency: 500ms`.
pub(super) const LATENCY: Key = key("latency", Shape::Duration, "The longest it may take.");

/// `3`, or `{ at_least: 1, at_most: 5 }`.
pub(super) const BOUNDS: Shape = Shape::Either(&[
    Shape::Number,
    Shape::Record(&[
        key("at_least", Shape::Number, "Not less than this."),
        key("at_most", Shape::Number, "Not more than this."),
    ]),
]);
