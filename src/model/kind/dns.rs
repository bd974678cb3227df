//! `dns`: what a name resolves to.

use crate::base::arg::Landing;
use crate::model::kind::expect::{LATENCY, LEVEL};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// `dns: { resolve: sip.company.com, expect: { includes: 203.0.113.7 } }`.
pub(super) const DNS: KindSpec = KindSpec {
    name: "dns",
    doc: "Resolves a name by the system's resolver or a given server, past every cache of ours. A name that has no record of the type fails.",
    example: "dns: { resolve: sip.company.com, type: SRV }",
    shape: Shape::Record(&[
        required("resolve", Shape::Text(Landing::Host), "The name. `dns: NAME` is short for this."),
        key(
            "type",
            Shape::Choice(&["ADDRESS", "A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"]),
            "The record type; `ADDRESS` (the default) is A and AAAA, /etc/hosts included.",
        ),
        key(
            "server",
            Shape::Text(Landing::Host),
            "The server to ask, an address with or without a port; the system's by default.",
        ),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("includes", Shape::Many(&Shape::Text(Landing::Plain)), "Records that must be among the answers."),
                key(
                    "exactly",
                    Shape::Many(&Shape::Text(Landing::Plain)),
                    "The answers, no more and no less, in any order.",
                ),
                key("at_least", Shape::Int(0, 1_000), "How many answers there must be."),
                LATENCY,
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("resolve"),
    output: &[
        Field {
            name: "records",
            ty: FieldType::List(&FieldType::Text),
            doc: "The answers as text, sorted: addresses, `10 mail.company.com.`, …",
        },
        Field { name: "count", ty: FieldType::Int, doc: "How many there are." },
        Field { name: "ttl", ty: FieldType::Int, doc: "The shortest time to live among them, in seconds." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "How long resolving took." },
    ],
    effects: Effects::Reads,
};
