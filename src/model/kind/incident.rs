//! `escalate`, `resolve` and `silence`: what steps say to incidents.

use crate::base::arg::Landing;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// `escalate: { severity: P1, message: "…" }`.
pub(super) const ESCALATE: KindSpec = KindSpec {
    name: "escalate",
    doc: "Opens an incident, which climbs the ladder of `escalation.yaml`, or adds to the one that is open for the same key. Never a failure. In a run that an incident started it adds to that incident.",
    example: "escalate: { severity: P2, message: \"the API does not answer\" }",
    shape: Shape::Record(&[
        key(
            "severity",
            Shape::Text(Landing::Plain),
            "A severity of `escalation.yaml`: `P1`; what the routes say by default.",
        ),
        required("message", Shape::Text(Landing::Plain), "What is wrong. `escalate: TEXT` is short for this."),
        key("title", Shape::Text(Landing::Plain), "A heading; the runbook's title by default."),
        key("key", Shape::Text(Landing::Plain), "One open incident per key; the runbook's `incident.key` by default."),
        key("type", Shape::Text(Landing::Plain), "The type of incident: `api`, `sip`, …"),
        key("labels", Shape::Map(&Shape::Text(Landing::Plain)), "Labels for the routes, beside the runbook's."),
    ]),
    short: Some("message"),
    output: &[
        Field { name: "opened", ty: FieldType::Bool, doc: "Whether an incident was opened." },
        Field { name: "incident", ty: FieldType::Text, doc: "The incident; empty where there is none." },
    ],
    effects: Effects::Changes,
};

/// `resolve: { key: api-watch }`.
pub(super) const RESOLVE: KindSpec = KindSpec {
    name: "resolve",
    doc: "Ends the open incident of a key, in a run that an incident started that one; where none is open nothing happens.",
    example: "resolve: { key: api-watch, reason: \"the API answers again\" }",
    shape: Shape::Record(&[
        key(
            "key",
            Shape::Text(Landing::Plain),
            "Whose incident; that of the incident this run is about, or the runbook's `incident.key`, by default.",
        ),
        required(
            "reason",
            Shape::Text(Landing::Plain),
            "Why it is over, for the timeline. `resolve: TEXT` is short for this.",
        ),
    ]),
    short: Some("reason"),
    output: &[
        Field { name: "resolved", ty: FieldType::Bool, doc: "Whether an incident was ended." },
        Field { name: "incident", ty: FieldType::Text, doc: "The incident; empty where none was open." },
    ],
    effects: Effects::Changes,
};

/// `silence: { match: { component: sip }, for: 2h, reason: "…" }`.
pub(super) const SILENCE: KindSpec = KindSpec {
    name: "silence",
    doc: "Mutes incidents with these labels for a time: they are recorded and climb, and nobody is told until it is over. It ends by itself, or by `stepladder silence end`.",
    example: "silence: { match: { component: sip }, for: 2h, reason: \"the trunk is being changed\" }",
    shape: Shape::Record(&[
        required(
            "match",
            Shape::Map(&Shape::Text(Landing::Plain)),
            "Labels that all have to be so; `*` stands for any text. Beside an incident's labels it has `key`, `severity`, `type`.",
        ),
        required("for", Shape::Duration, "How long."),
        required("reason", Shape::Text(Landing::Plain), "Why, for whoever wonders."),
    ]),
    short: None,
    output: &[
        Field { name: "silence", ty: FieldType::Text, doc: "Its id." },
        Field { name: "until", ty: FieldType::Text, doc: "When it ends." },
    ],
    effects: Effects::Changes,
};
