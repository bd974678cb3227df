//! `backup`: files and databases in one archive, read back before anything older goes.

use crate::base::arg::Landing;
use crate::model::kind::http::CA;
use crate::model::shape::{Effects, Field, FieldType, Key, KindSpec, Shape, key, required};

/// `recipients` of an archive.
pub(super) const ENCRYPT: Key = key(
    "encrypt",
    Shape::Many(&Shape::Text(Landing::Plain)),
    "Recipients of age (`age1…`): the archive can be opened only with one of their keys.",
);

/// A bucket of an S3-compatible store.
pub(super) const BUCKET: Shape = Shape::Record(&[
    required("url", Shape::Text(Landing::Url), "Its address: `https://HOST/BUCKET` or `https://HOST/BUCKET/PREFIX`."),
    key("region", Shape::Text(Landing::Plain), "Its region; `us-east-1` by default, which stores that have none take."),
    required("access_key", Shape::Text(Landing::Plain), "Whose key it is; may name `secrets.X`."),
    required("secret_key", Shape::Text(Landing::Plain), "The key; may name `secrets.X`."),
    CA,
]);

/// `backup: { to: backups, name: configs, sources: { config: "**" }, keep: { days: 30 } }`.
pub(super) const BACKUP: KindSpec = KindSpec {
    name: "backup",
    doc: "Puts files and consistent copies of SQLite databases into one archive with a manifest of checksums, readable by its owner alone. The archive is read back whole before it gets its name, and only then older ones go; what cannot be read back never counts. A second one at the same time waits. A dry run says what would be in it and what would go.",
    example: "backup: { to: backups, name: configs, sources: { config: \"**\" }, keep: { days: 30, at_least: 5 } }",
    shape: Shape::Record(&[
        required(
            "to",
            Shape::Name,
            "The root of `stepladder.yaml` in which archives are kept; made if it is not there.",
        ),
        key("under", Shape::Text(Landing::Path), "A directory below it; made if it is not there."),
        required("name", Shape::Name, "What its archives are called: `NAME-20260102T030405Z.tar.zst`."),
        key(
            "sources",
            Shape::Map(&Shape::Many(&Shape::Text(Landing::Path))),
            "Roots, and patterns of files below each: `{ config: \"**\", logs: \"*.log\" }`. Hidden files belong to it.",
        ),
        key("exclude", Shape::Many(&Shape::Text(Landing::Path)), "Patterns of files that stay out, below any root."),
        key(
            "databases",
            Shape::Map(&Shape::Many(&Shape::Text(Landing::Path))),
            "Roots, and patterns of SQLite databases below each, copied by SQLite itself while they are in use, and checked.",
        ),
        key(
            "missing",
            Shape::Choice(&["fail", "ok"]),
            "What a root or pattern without a file means; `fail` by default.",
        ),
        key("format", Shape::Choice(&["zstd", "gzip"]), "How it is compressed; zstd by default."),
        ENCRYPT,
        key(
            "keep",
            Shape::Record(&[
                key("days", Shape::Int(1, 36_500), "Everything of so many days."),
                key("last", Shape::Int(1, 100_000), "The last so many."),
                key("daily", Shape::Int(1, 36_500), "The last of each of so many days that have one."),
                key("weekly", Shape::Int(1, 5_000), "The last of each of so many weeks."),
                key("monthly", Shape::Int(1, 1_200), "The last of each of so many months."),
                key("at_least", Shape::Int(1, 100_000), "Never fewer than so many good ones; 3 by default."),
            ]),
            "Which archives of this name stay: those that any of these keeps. Without it all stay.",
        ),
        key(
            "copy_to",
            BUCKET,
            "An S3-compatible store that gets a copy of each archive that stays, also of those that it did not get earlier. A copy is read back from there before anything older goes; `keep` counts there as well.",
        ),
    ]),
    short: None,
    output: &[
        Field {
            name: "summary",
            ty: FieldType::Text,
            doc: "What was done, in a sentence; in a dry run what would be.",
        },
        Field { name: "dry", ty: FieldType::Bool, doc: "Whether this was a dry run, in which nothing was touched." },
        Field { name: "archive", ty: FieldType::Text, doc: "The name of the archive." },
        Field { name: "path", ty: FieldType::Text, doc: "Its whole path." },
        Field { name: "bytes", ty: FieldType::Int, doc: "Its size; 0 in a dry run." },
        Field {
            name: "sha256",
            ty: FieldType::Text,
            doc: "Its checksum, as `NAME.sha256` beside it; empty in a dry run.",
        },
        Field { name: "files", ty: FieldType::Int, doc: "Files in it, copies of databases among them." },
        Field { name: "databases", ty: FieldType::Int, doc: "Copies of databases in it." },
        Field { name: "source_bytes", ty: FieldType::Int, doc: "How much they are together." },
        Field { name: "removed", ty: FieldType::List(&FieldType::Text), doc: "Older archives that went." },
        Field { name: "kept", ty: FieldType::Int, doc: "Archives of this name that are there now." },
        Field {
            name: "copied",
            ty: FieldType::List(&FieldType::Text),
            doc: "Archives that were sent to the store of `copy_to` and read back from there.",
        },
        Field {
            name: "removed_copies",
            ty: FieldType::List(&FieldType::Text),
            doc: "Older copies that went from there.",
        },
        Field { name: "copies", ty: FieldType::Int, doc: "Copies that are there now." },
        Field {
            name: "skipped",
            ty: FieldType::List(&FieldType::Text),
            doc: "What fits and is not in it, with the reason; the first 500.",
        },
    ],
    effects: Effects::Changes,
};
