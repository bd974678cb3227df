//! The keys of `thresholds.yaml`.

use crate::lang::keys::syntax;
use crate::model::shape::{Key, Shape, key};

const BAND: Shape = Shape::Syntax(&syntax::BAND);

const CLEAR: &[Key] = &[
    key("critical", BAND, "Critical is left only when this holds."),
    key("warning", BAND, "Warning is left only when this holds."),
    key("notice", BAND, "Notice is left only when this holds."),
];

/// The words of `missing`: levels, mildest first, and what was.
const MISSING: &[&str] = &["ok", "notice", "warning", "critical", "keep"];

const BASELINE: &[Key] = &[
    key(
        "same",
        Shape::Choice(&["hour", "day"]),
        "What counts once: the same hour of earlier days, or earlier days as a whole. hour unless said.",
    ),
    key(
        "of",
        Shape::Choice(&["every_day", "weekday", "same_weekday"]),
        "Of which days; `weekday` sets Monday to Friday against one another, and Saturday and Sunday. every_day unless said.",
    ),
    key("over", Shape::Duration, "How far back, in whole days. 28d unless said."),
    key(
        "by",
        Shape::Choice(&["median", "mean", "p95", "max", "min"]),
        "How the samples of one hour become one number, and those of all hours again. median unless said.",
    ),
    key(
        "at_least",
        Shape::Int(1, 10_000),
        "How many earlier hours or days with samples it needs; with fewer the bands relative to it hold nothing. 7 unless said.",
    ),
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
        Shape::Either(&[Shape::Number, Shape::Choice(MISSING)]),
        "What a missing sample means: a level, the number it counts as, or `keep`: the level stays what it was.",
    ),
    key(
        "stale_after",
        Shape::Duration,
        "After how long a sample is too old to judge by. A younger one stands in where there is no reading; an older one is forgotten by `clear` and `keep`.",
    ),
    key("clear", Shape::Record(CLEAR), "Bands in which a level is left again, so that it does not flap."),
    key("baseline", Shape::Record(BASELINE), "What `of baseline` compares with."),
];
