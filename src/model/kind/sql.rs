//! `sql`: one statement on SQLite or PostgreSQL.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LATENCY, LEVEL};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key};

/// `sql: { sqlite: data/app.db, query: "select count(*) from calls", expect: { value: 1 } }`.
pub(super) const SQL: KindSpec = KindSpec {
    name: "sql",
    doc: "One statement on SQLite or PostgreSQL, its values by `params`. `query` is held to reading (the database is opened read-only); `execute` may change. Without either it only connects and asks `select 1`.",
    example: "sql: { sqlite: data/app.db, query: \"select count(*) from calls where state = ?1\", params: [failed] }",
    shape: Shape::Record(&[
        key("sqlite", Shape::Text(Landing::Path), "The file of a SQLite database; it must exist."),
        key(
            "postgres",
            Shape::Text(Landing::Url),
            "`postgresql://user@host:5432/database`; the password goes into `password`. `?sslmode=require` encrypts.",
        ),
        key("password", Shape::Text(Landing::Plain), "The password for PostgreSQL; may name `secrets.X`."),
        key("query", Shape::Verbatim, "A statement that reads; never templated."),
        key("execute", Shape::Verbatim, "A statement that may change something; never templated."),
        key(
            "params",
            Shape::Either(&[Shape::List(&Shape::Any(Landing::Json)), Shape::Map(&Shape::Any(Landing::Json))]),
            "Values for `?1`, `?2` (SQLite) or `$1`, `$2` (PostgreSQL); a map for `:name` of SQLite.",
        ),
        key(
            "ca",
            Shape::Text(Landing::Path),
            "A PEM file of certificates to trust: of those who sign, or the server's own for PostgreSQL beside the system's.",
        ),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("rows", BOUNDS, "How many rows there must be."),
                key(
                    "value",
                    Shape::Any(Landing::Json),
                    "What the first column of the first row must be; `{ at_least, at_most }` for a number.",
                ),
                LATENCY,
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: None,
    output: &[
        Field { name: "value", ty: FieldType::Any, doc: "The first column of the first row; null when there is none." },
        Field {
            name: "rows",
            ty: FieldType::List(&FieldType::Map(&FieldType::Any)),
            doc: "The rows, the first 1000, within 64 KiB. The second column of one name is `name_2`.",
        },
        Field { name: "count", ty: FieldType::Int, doc: "How many rows there are." },
        Field { name: "changed", ty: FieldType::Int, doc: "How many rows `execute` changed." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "Connecting and the statement together." },
    ],
    effects: Effects::Depends,
};
