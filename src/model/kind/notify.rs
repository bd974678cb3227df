//! `notify`: words for people.

use crate::base::arg::Landing;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const DELIVERY: &[Field] = &[
    Field { name: "channel", ty: FieldType::Text, doc: "The channel, as written." },
    Field {
        name: "state",
        ty: FieldType::Text,
        doc: "`accepted` (the provider has it), `delivered` or `not delivered`.",
    },
    Field { name: "reason", ty: FieldType::Text, doc: "Why not; empty when it was." },
];

/// `notify: { channel: terminal, message: "…" }`.
pub(super) const NOTIFY: KindSpec = KindSpec {
    name: "notify",
    doc: "A message to a channel or a contact. Never a failure: what could not be delivered lifts the level to warning. `terminal` and `file:NAME` (a line of JSON appended below `reports/`) need no settings; the others are channels of `stepladder.yaml` (`docs/channels.md`). It sends by itself, each address up to three times in 30 s, all at once; an attempt that is lost with its owner is begun again, under the same key.",
    example: "notify: { channel: terminal, message: \"{{ run.title }}: {{ level }}\" }",
    shape: Shape::Record(&[
        key(
            "channel",
            Shape::Many(&Shape::Text(Landing::Plain)),
            "`terminal` (the default), `file:alerts.jsonl`, or a channel of `stepladder.yaml` with an address: `slack:#alerts`.",
        ),
        key("contact", Shape::Many(&Shape::Text(Landing::Plain)), "Contacts or `on_call.NAME` of `escalation.yaml`."),
        required("message", Shape::Text(Landing::Plain), "What to say."),
        key("title", Shape::Text(Landing::Plain), "A heading."),
        key("fields", Shape::Map(&Shape::Text(Landing::Plain)), "Facts shown beside the message."),
        key(
            "level",
            Shape::Choice(&["ok", "notice", "warning", "critical"]),
            "How it is coloured; `notice` by default.",
        ),
        key(
            "wait",
            Shape::Choice(&["queued", "delivered"]),
            "`delivered` tries for up to ten minutes, and asks providers that can tell; `queued` by default.",
        ),
    ]),
    short: Some("message"),
    output: &[
        Field { name: "delivered", ty: FieldType::Bool, doc: "Whether every address took it." },
        Field {
            name: "deliveries",
            ty: FieldType::List(&FieldType::Record(DELIVERY)),
            doc: "One entry for each address.",
        },
    ],
    effects: Effects::Changes,
};
