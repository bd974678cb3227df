//! The keys of `thresholds.yaml`.

use crate::lang::keys::{LEVELS, syntax};
use crate::model::shape::{Key, Shape, key};

const BAND: Shape = Shape::Syntax(&syntax::BAND);

const CLEAR: &[Key] = &[
    key("critical", BAND, "Critical is left only when this holds."),
    key("warning", BAND, "Warning is left only when this holds."),
    key("notice", BAND, "Notice is left only when this holds."),
];

const BASELINE: &[Key] = &[
    key("same", Shape::Choice(&["hour", "day"]), "The same hour, or the same day. hour unless said."),
    key("of", Shape::Choice(&["every_day", "weekday", "same_weekday"]), "Of which days. every_day unless said."),
    key("over", Shape::Duration, "How far back. 28d unless said."),
    key(
        "by",
        Shape::Choice(&["median", "mean", "p95", "max", "min"]),
        "How they become one number. median unless said.",
    ),
    key("at_least", Shape::Int(1, 10_000), "How many samples it needs. 7 unless said."),
];

/// The keys of one measure.
pub(crate) const THRESHOLD: &[Key] = &[
    key("type", Shape::Choice(&["gauge", "counter", "histogram"]), "What kind of number it is. gauge unless said."),
    key("help", Shape::Prose, "What it is, for people and `/metrics`."),
    key("unit", Shape::Verbatim, "The unit samples are stored in; others are converted."),
    key("labels", Shape::List(&Shape::Id), "The labels it may carry."),
    key("critical", BAND, "When a value is critical; tested first."),
    key("warning", BAND, "When a value is a warning."),
    key("notice", BAND, "When a value is worth a note."),
    key(
        "missing",
        Shape::Either(&[Shape::Number, Shape::Choice(LEVELS)]),
        "What a missing sample means: a level, or the number it counts as.",
    ),
    key("stale_after", Shape::Duration, "After how long a sample is too old to judge by."),
    key("clear", Shape::Record(CLEAR), "Bands in which a level is left again, so that it does not flap."),
    key("baseline", Shape::Record(BASELINE), "What `of baseline` compares with."),
];
