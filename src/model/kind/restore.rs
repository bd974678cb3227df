//! `restore`: an archive of `backup` put back.

use crate::base::arg::Landing;
use crate::model::kind::backup::{BUCKET, ENCRYPT};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// `restore: { from: backups, name: configs }`.
pub(super) const RESTORE: KindSpec = KindSpec {
    name: "restore",
    doc: "Puts the files of an archive back where they were. The archive is read whole and compared with its manifest first; what is there now goes into a safety backup; everything is written beside its place, then put into place. When anything fails on the way, or a database is not whole afterwards, the safety backup is put back. A restore that was killed is undone by the next one before it begins; what was changed in between is saved before that, as an archive of the name `NAME-before-restore`. Files that are not in the archive stay. A dry run checks the archive and says what would change.",
    example: "restore: { from: backups, name: configs }",
    shape: Shape::Record(&[
        required("from", Shape::Name, "The root of `stepladder.yaml` in which the archives are."),
        key("under", Shape::Text(Landing::Path), "A directory below it."),
        required("name", Shape::Text(Landing::PathPart), "What the archives are called, as in `backup`."),
        key(
            "archive",
            Shape::Text(Landing::Path),
            "Which one: a file name, or `latest` (the default): the newest that is good. `none` restores nothing: it only puts back what a restore that was broken off had found, and is fine where there was none.",
        ),
        key(
            "fetch_from",
            BUCKET,
            "The S3-compatible store of `copy_to`: an archive that is not in the directory, or not good there, is fetched from it. A dry run reads it there and keeps nothing.",
        ),
        key(
            "only",
            Shape::Many(&Shape::Text(Landing::Path)),
            "Only these: patterns that begin with a root, `config/**`.",
        ),
        key(
            "modes",
            Shape::Map(&Shape::Verbatim),
            "Permissions that files get whatever the archive says: patterns that begin with a root, and octal digits, `{ \"home/.env*\": \"0600\" }`.",
        ),
        key(
            "identity",
            Shape::Text(Landing::Plain),
            "What opens an encrypted archive: a key file of age (mode 0600), or `{{ secrets.X }}`.",
        ),
        ENCRYPT,
    ]),
    short: None,
    output: &[
        Field {
            name: "summary",
            ty: FieldType::Text,
            doc: "What was done, in a sentence; in a dry run what would be.",
        },
        Field { name: "dry", ty: FieldType::Bool, doc: "Whether this was a dry run, in which nothing was touched." },
        Field { name: "archive", ty: FieldType::Text, doc: "The archive that was put back." },
        Field { name: "made", ty: FieldType::Text, doc: "When it was made." },
        Field { name: "files", ty: FieldType::Int, doc: "Files of it." },
        Field { name: "changed", ty: FieldType::Int, doc: "Those that were there with other bytes." },
        Field { name: "added", ty: FieldType::Int, doc: "Those that were not there." },
        Field { name: "bytes", ty: FieldType::Int, doc: "How much they are together." },
        Field { name: "databases", ty: FieldType::Int, doc: "SQLite databases among them, checked afterwards." },
        Field {
            name: "safety",
            ty: FieldType::Text,
            doc: "The archive of what was there before, of the name `NAME-before-restore`; empty in a dry run, and where nothing was restored.",
        },
        Field {
            name: "archives",
            ty: FieldType::List(&FieldType::Text),
            doc: "Every archive of this name, the newest first; the first 500.",
        },
        Field { name: "list", ty: FieldType::List(&FieldType::Text), doc: "The files; the first 500." },
        Field { name: "notes", ty: FieldType::List(&FieldType::Text), doc: "What a reader should know." },
    ],
    effects: Effects::Changes,
};
