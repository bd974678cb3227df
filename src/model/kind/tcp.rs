//! `tcp`: whether something answers on a port.

use crate::base::arg::Landing;
use crate::model::kind::expect::{LATENCY, LEVEL};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// `tcp: "db.company.com:5432"`.
pub(super) const TCP: KindSpec = KindSpec {
    name: "tcp",
    doc: "Connects to a port; may send a line and look at what is answered.",
    example: "tcp: \"localhost:5432\"",
    shape: Shape::Record(&[
        required(
            "connect",
            Shape::Text(Landing::Host),
            "Host and port: `db:5432`, `[::1]:22`. `tcp: HOST:PORT` is short for this.",
        ),
        key(
            "send",
            Shape::Text(Landing::Plain),
            "Text sent after connecting; `\\r\\n` in double quotes is a line end.",
        ),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key(
                    "text",
                    Shape::Many(&Shape::Text(Landing::Plain)),
                    "Texts that must be answered, within the first 64 KiB. They are waited for as long as the step's `timeout` lets; without one until nothing was said for 2 s.",
                ),
                LATENCY,
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("connect"),
    output: &[
        Field { name: "address", ty: FieldType::Text, doc: "The address that answered, with its port." },
        Field {
            name: "latency_ms",
            ty: FieldType::Number,
            doc: "How long connecting took, resolving the name included.",
        },
        Field {
            name: "text",
            ty: FieldType::Text,
            doc: "What it said, where `send` or `expect.text` asked; else empty.",
        },
    ],
    effects: Effects::Depends,
};
