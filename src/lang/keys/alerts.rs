//! The keys of `alerts.yaml`.

use crate::model::alert::Missing;
use crate::model::shape::{Key, Shape, key, required};

/// The keys of one alert.
pub(crate) const ALERT: &[Key] = &[
    required(
        "expr",
        Shape::Verbatim,
        "The condition over stored samples: measures, functions over a window, arithmetic, comparisons, `and`, `or`, `not`: `cpu_used > 85`, `rate(errors_total, 5m) > 0.1`, `disk_used{mount=\"/\"} > 90%`.",
    ),
    key("for", Shape::Duration, "How long it must hold without a break, at most 7d. At once unless said."),
    key("keep_firing_for", Shape::Duration, "How long it stays on after it last held, at most 7d."),
    key(
        "missing",
        Shape::Choice(Missing::WORDS),
        "What missing samples mean: the alert stays as it is, does not hold, or holds. keep unless said.",
    ),
    required("severity", Shape::Verbatim, "The severity of its incident, one of escalation.yaml."),
    key("title", Shape::Prose, "What people read."),
    key("description", Shape::Prose, "What to do. Markdown; shown to whoever is paged."),
    key("labels", Shape::Map(&Shape::Verbatim), "Labels, for routes and triggers."),
];
