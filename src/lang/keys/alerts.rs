//! The keys of `alerts.yaml`.

use crate::model::shape::{Key, Shape, key, required};

/// The keys of one alert.
pub(crate) const ALERT: &[Key] = &[
    required(
        "expr",
        Shape::Verbatim,
        "The condition, over stored samples: `cpu_usage > 85`, `rate(errors_total, 5m) > 0.05`.",
    ),
    key("for", Shape::Duration, "How long it must hold. At once unless said."),
    key("keep_firing_for", Shape::Duration, "How long it stays on after it last held."),
    key("missing", Shape::Choice(&["keep", "ok", "fire"]), "What missing samples mean. keep unless said."),
    required("severity", Shape::Verbatim, "The severity of its incident."),
    key("title", Shape::Prose, "What people read."),
    key("description", Shape::Prose, "What to do. Markdown; shown to whoever is paged."),
    key("labels", Shape::Map(&Shape::Verbatim), "Labels, for routes and triggers."),
];
