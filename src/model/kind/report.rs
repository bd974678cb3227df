//! `report`: a file for people or programs, whole or not at all.

use crate::base::arg::Landing;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// `report: { to: "daily_report.json", json: { status: "{{ level }}" } }`.
pub(super) const REPORT: KindSpec = KindSpec {
    name: "report",
    doc: "Writes a file, atomically: readers see the old one or the new one. Below the book's `reports/`, or below a named root.",
    example: "report: { to: \"daily_report_{{ date run.started '%Y-%m-%d' }}.json\", json: { level: \"{{ level }}\" } }",
    shape: Shape::Record(&[
        required(
            "to",
            Shape::Text(Landing::Path),
            "The file, relative to `reports/` (or to `root`). Directories are made; it may never lead outside.",
        ),
        key("root", Shape::Name, "A root of `stepladder.yaml` instead of `reports/`."),
        key("json", Shape::Any(Landing::Json), "Any value, written as indented JSON."),
        key("markdown", Shape::Text(Landing::Markdown), "A Markdown page."),
        key("html", Shape::Text(Landing::Html), "An HTML page."),
        key("text", Shape::Text(Landing::Plain), "Plain text."),
        key("replace", Shape::Bool, "`false` fails when the file is already there; `true` by default."),
    ]),
    short: None,
    output: &[
        Field { name: "path", ty: FieldType::Text, doc: "The whole path of the file." },
        Field { name: "bytes", ty: FieldType::Int, doc: "Its size." },
        Field { name: "sha256", ty: FieldType::Text, doc: "Its checksum." },
        Field { name: "replaced", ty: FieldType::Bool, doc: "Whether there was one before." },
    ],
    effects: Effects::Changes,
};
