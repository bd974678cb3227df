//! `tls`: a certificate chain, from a server or from a file.

use crate::base::arg::Landing;
use crate::model::kind::expect::{LATENCY, LEVEL};
use crate::model::kind::http::CA;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key};

const CERTIFICATE: &[Field] = &[
    Field { name: "subject", ty: FieldType::Text, doc: "Whose it is." },
    Field { name: "issuer", ty: FieldType::Text, doc: "Who signed it." },
    Field { name: "not_after", ty: FieldType::Text, doc: "When it ends." },
    Field { name: "days_left", ty: FieldType::Number, doc: "Days until then; negative once it is over." },
];

/// `tls: { connect: "livekit.company.com:443", expect: { days_left: 14 } }`.
pub(super) const TLS: KindSpec = KindSpec {
    name: "tls",
    doc: "Reads a certificate chain from a server or a PEM file, verifies it and counts the days left. A chain that is not trusted, has expired or is for another name fails the step.",
    example: "tls: { connect: \"livekit.company.com:443\", expect: { days_left: 14 } }",
    shape: Shape::Record(&[
        key(
            "connect",
            Shape::Text(Landing::Host),
            "Host and port; 443 when there is none. `tls: HOST:PORT` is short for this.",
        ),
        key(
            "file",
            Shape::Text(Landing::Path),
            "A PEM file instead of a server; who signed it is not verified, only its dates (and `name`).",
        ),
        key(
            "name",
            Shape::Text(Landing::Host),
            "The name the certificate must be for; the host of `connect` by default.",
        ),
        CA,
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key(
                    "days_left",
                    Shape::Number,
                    "At least this many days until the first certificate of the chain ends.",
                ),
                key(
                    "trusted",
                    Shape::Bool,
                    "`false` accepts a chain that does not verify (self-signed, another name, expired); `output.problem` says why.",
                ),
                key("issuer", Shape::Text(Landing::Plain), "Text that must be in the issuer."),
                LATENCY,
                LEVEL,
            ])),
            "What a good chain looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("connect"),
    output: &[
        Field { name: "days_left", ty: FieldType::Number, doc: "Days until the first certificate of the chain ends." },
        Field { name: "not_before", ty: FieldType::Text, doc: "When the server's certificate begins." },
        Field { name: "not_after", ty: FieldType::Text, doc: "When the server's certificate ends." },
        Field { name: "subject", ty: FieldType::Text, doc: "Whose it is." },
        Field { name: "issuer", ty: FieldType::Text, doc: "Who signed it." },
        Field { name: "names", ty: FieldType::List(&FieldType::Text), doc: "The names it is for." },
        Field { name: "trusted", ty: FieldType::Bool, doc: "Whether the chain verifies for the name." },
        Field { name: "problem", ty: FieldType::Text, doc: "Why not; empty when it does." },
        Field {
            name: "chain",
            ty: FieldType::List(&FieldType::Record(CERTIFICATE)),
            doc: "Every certificate sent, the server's first.",
        },
        Field { name: "protocol", ty: FieldType::Text, doc: "`TLSv1.3`, `TLSv1.2`; empty for a file." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "Connecting and handshake together." },
    ],
    effects: Effects::Reads,
};
