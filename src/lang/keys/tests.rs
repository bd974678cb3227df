//! The keys of `tests/*.yaml`.

use crate::model::shape::{Key, Shape, key, required};

/// The keys of one test.
pub(crate) const TEST: &[Key] = &[
    required("test", Shape::Prose, "What it shows, in a sentence."),
    key("runbook", Shape::Name, "The runbook it runs."),
    key("incident", Shape::Map(&Shape::Literal), "The incident it opens."),
    key("inputs", Shape::Map(&Shape::Literal), "Inputs of the run."),
    key(
        "given",
        Shape::Map(&Shape::Literal),
        "What the world answers: results by step id, a list is one for each execution.",
    ),
    key("expect", Shape::Map(&Shape::Literal), "What must have come of it."),
];
