//! `logs`: lines of log files counted by pattern.

use crate::base::arg::Landing;
use crate::model::kind::expect::LEVEL;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const FILE: &[Field] = &[
    Field { name: "path", ty: FieldType::Text, doc: "The file." },
    Field { name: "bytes", ty: FieldType::Int, doc: "Its size." },
    Field { name: "lines", ty: FieldType::Int, doc: "Lines looked at." },
    Field { name: "matched", ty: FieldType::Int, doc: "Lines that matched a pattern." },
];

/// `logs: { files: logs/app.log, since: 24h }`.
pub(super) const LOGS: KindSpec = KindSpec {
    name: "logs",
    doc: "Looks through log files: counts lines per pattern, keeps the last ones. Rotated files (`app.log.1`) belong to their log; `.gz` is not read. Lines without a time of their own belong to the line before.",
    example: "logs: { files: logs/app.log, since: 24h, patterns: { errors: 'ERROR|CRITICAL' } }",
    shape: Shape::Record(&[
        required(
            "files",
            Shape::Many(&Shape::Text(Landing::Path)),
            "Files; `*` and `?` stand for any part of a name. `logs: FILE` is short for this.",
        ),
        key(
            "since",
            Shape::Duration,
            "Only lines of this long back. Times read: RFC 3339, `2026-01-02 03:04:05,678`, `Jan  2 03:04:05`, nginx; without a zone they are in the book's time zone.",
        ),
        key("tail", Shape::Int(1, 10_000_000), "Only this many last lines of each file."),
        key(
            "patterns",
            Shape::Map(&Shape::Regex),
            "What to count, by name; `errors` (`error`, `critical`, `fatal`, in any case) by default.",
        ),
        key("ignore", Shape::Many(&Shape::Regex), "Lines not to count."),
        key("last", Shape::Int(0, 200), "How many matching lines to keep, of all and per pattern; 10 by default."),
        key("missing", Shape::Choice(&["fail", "ok"]), "What a file that is not there means; `fail` by default."),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("at_most", Shape::Map(&Shape::Int(0, i64::MAX)), "How often each pattern may match."),
                key("at_least", Shape::Map(&Shape::Int(0, i64::MAX)), "How often each pattern must match."),
                LEVEL,
            ])),
            "What a good log looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("files"),
    output: &[
        Field { name: "counts", ty: FieldType::Map(&FieldType::Int), doc: "Matching lines per pattern." },
        Field { name: "matched", ty: FieldType::Int, doc: "Lines that matched any pattern." },
        Field { name: "lines", ty: FieldType::Int, doc: "Lines looked at." },
        Field { name: "last", ty: FieldType::List(&FieldType::Text), doc: "The last matching lines, oldest first." },
        Field {
            name: "by_pattern",
            ty: FieldType::Map(&FieldType::List(&FieldType::Text)),
            doc: "The last matching lines of each pattern.",
        },
        Field { name: "files", ty: FieldType::List(&FieldType::Record(FILE)), doc: "Each file looked at." },
        Field {
            name: "notes",
            ty: FieldType::List(&FieldType::Text),
            doc: "What a reader should know: lines without times, files cut off.",
        },
    ],
    effects: Effects::Reads,
};
