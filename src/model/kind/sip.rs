//! `sip`: whether a SIP server, a trunk or a proxy answers OPTIONS.

use crate::base::arg::Landing;
use crate::model::kind::expect::{LATENCY, LEVEL, STATUS};
use crate::model::kind::http::CA;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const EXPECT: Shape = Shape::Record(&[
    key(
        "status",
        Shape::Many(&Shape::Either(&[Shape::Int(200, 699), STATUS])),
        "Good statuses: `200`, `2xx`, `[200, 404]`, `200-299`. `2xx` unless said otherwise.",
    ),
    key("allow", Shape::Many(&Shape::Text(Landing::Plain)), "Methods that its `Allow` header must name: `INVITE`."),
    LATENCY,
    LEVEL,
]);

/// `sip: "sip.provider.com:5060"`.
pub(super) const SIP: KindSpec = KindSpec {
    name: "sip",
    doc: "Asks a SIP server, trunk or proxy with OPTIONS whether it is there, over UDP, TCP or TLS, and answers its digest challenge. Over UDP it asks again after 0.5 s, 1 s, 2 s and then every 4 s, for at most 32 s.",
    example: "sip: { connect: \"sip.provider.com:5060\", expect: { latency: 500ms, level: warning } }",
    shape: Shape::Record(&[
        required(
            "connect",
            Shape::Text(Landing::Host),
            "Host and port; 5060 where there is none, over TLS 5061. `sip: HOST:PORT` is short for this.",
        ),
        key("over", Shape::Choice(&["udp", "tcp", "tls"]), "`udp` by default."),
        key(
            "to",
            Shape::Text(Landing::Header),
            "The address that is asked: `sip:100@pbx.company.com`; the host itself by default.",
        ),
        key(
            "from",
            Shape::Text(Landing::Header),
            "Who asks: `sip:monitor@company.com`; by default `stepladder` at this machine's address.",
        ),
        key("username", Shape::Text(Landing::Plain), "The user, where it asks who is asking (401, 407)."),
        key(
            "password",
            Shape::Text(Landing::Plain),
            "The password; may name `secrets.X`. Only a digest of it is sent.",
        ),
        key(
            "name",
            Shape::Text(Landing::Host),
            "The name its certificate must be for; the host of `connect` by default.",
        ),
        CA,
        key("verify", Shape::Bool, "`false` accepts any certificate: for a self-signed test system only."),
        key(
            "expect",
            Shape::Many(&EXPECT),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("connect"),
    output: &[
        Field { name: "status", ty: FieldType::Int, doc: "The status of the final answer." },
        Field { name: "reason", ty: FieldType::Text, doc: "The words beside it: `OK`, `Not Found`." },
        Field {
            name: "latency_ms",
            ty: FieldType::Number,
            doc: "From the request to its final answer, without connecting; with a password, of the request that carried it.",
        },
        Field { name: "address", ty: FieldType::Text, doc: "The address that answered, with its port." },
        Field { name: "over", ty: FieldType::Text, doc: "`udp`, `tcp` or `tls`." },
        Field {
            name: "server",
            ty: FieldType::Text,
            doc: "What it calls itself in `Server`; empty when it says nothing.",
        },
        Field {
            name: "user_agent",
            ty: FieldType::Text,
            doc: "What it calls itself in `User-Agent`; empty when it says nothing.",
        },
        Field { name: "allow", ty: FieldType::List(&FieldType::Text), doc: "The methods of its `Allow` header." },
        Field { name: "accept", ty: FieldType::List(&FieldType::Text), doc: "The types of its `Accept` header." },
        Field {
            name: "supported",
            ty: FieldType::List(&FieldType::Text),
            doc: "The extensions of its `Supported` header.",
        },
        Field { name: "authenticated", ty: FieldType::Bool, doc: "Whether it asked who is asking, and was told." },
        Field {
            name: "sent",
            ty: FieldType::Int,
            doc: "Requests sent: also those sent again over UDP, and those with credentials.",
        },
    ],
    effects: Effects::Reads,
};
