//! `redis`: ping, facts, counting and deleting keys.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LATENCY, LEVEL};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key};

/// `redis: localhost:6379`.
pub(super) const REDIS: KindSpec = KindSpec {
    name: "redis",
    doc: "Pings a Redis server and reads its INFO; counts or deletes keys by pattern (SCAN and UNLINK, never FLUSHDB).",
    example: "redis: { connect: \"localhost:6379\", delete: \"cache:*\" }",
    shape: Shape::Record(&[
        key(
            "connect",
            Shape::Text(Landing::Host),
            "Host and port; `localhost:6379` by default. `redis: HOST:PORT` is short for this.",
        ),
        key("db", Shape::Int(0, 1_000_000), "The number of the database; 0 by default."),
        key("username", Shape::Text(Landing::Plain), "The user, where there are users."),
        key("password", Shape::Text(Landing::Plain), "The password; may name `secrets.X`."),
        key("count", Shape::Verbatim, "A pattern of keys to count: `session:*`."),
        key("delete", Shape::Verbatim, "A pattern of keys to delete. A pattern of only `*` is refused."),
        key("at_most", Shape::Int(1, 100_000_000), "Delete nothing when more keys than this match; 100000 by default."),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("info", Shape::Any(Landing::Json), "Facts of INFO that must hold: `{ redis_mode: standalone }`."),
                key("count", BOUNDS, "How many keys `count` must find."),
                LATENCY,
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("connect"),
    output: &[
        Field { name: "latency_ms", ty: FieldType::Number, doc: "How long the PING took, without connecting." },
        Field { name: "version", ty: FieldType::Text, doc: "The server's version." },
        Field {
            name: "info",
            ty: FieldType::Map(&FieldType::Any),
            doc: "INFO as a map: `used_memory`, `connected_clients`, `role`, …; numbers are numbers.",
        },
        Field {
            name: "count",
            ty: FieldType::Int,
            doc: "Keys that matched `count` or `delete`; 0 when neither was asked.",
        },
        Field { name: "deleted", ty: FieldType::Int, doc: "Keys deleted." },
    ],
    effects: Effects::Depends,
};
