//! What every `expect:` shares: the level an unmet expectation lifts to, and bounds of a number.

use crate::model::shape::{Key, Shape, key};

/// `level: warning` beside expectations: unmet, they lift the level instead of failing the step.
pub(super) const LEVEL: Key = key(
    "level",
    Shape::Choice(&["notice", "warning", "critical"]),
    "An unmet expectation of this entry lifts the step's level to this instead of failing it.",
);

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
