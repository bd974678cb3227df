//! `report`: a file for people or programs, whole or not at all.

use crate::base::arg::Landing;
use crate::base::limits::{MAX_PLOT_POINTS, MIN_PLOT_POINTS};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// One plot.
#[expect(clippy::cast_possible_wrap, reason = "both are small, and written in the table of limits")]
const PLOT: Shape = Shape::Record(&[
    required("measure", Shape::Id, "A measure of `thresholds.yaml`."),
    required(
        "over",
        Shape::Duration,
        "How far back it goes: `7d`. Samples go with their runs, so these must be kept as long (`keep:`).",
    ),
    key(
        "labels",
        Shape::Map(&Shape::Text(Landing::Plain)),
        "Which series of it: a value for every label it is declared with. An empty one means the series without that label.",
    ),
    key(
        "title",
        Shape::Text(Landing::Plain),
        "What is written over it. In a page, the `help` of the measure unless said.",
    ),
    key(
        "by",
        Shape::Choice(&["mean", "median", "p95", "max", "min"]),
        "How the samples of one stretch of time become one point. `mean` unless said.",
    ),
    key(
        "points",
        Shape::Int(MIN_PLOT_POINTS as i64, MAX_PLOT_POINTS as i64),
        "How many stretches `over` is cut into: 40 in text, 120 in a page and as data unless said.",
    ),
]);

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
        key(
            "plots",
            Shape::Map(&PLOT),
            "Plots of stored measures, by the names by which the body puts them in place: `{{ plots.NAME }}` is a drawing (SVG) in `html`, a line like `▁▂▅▇ min 41 %, max 87 %, last 87 % (7d)` in `markdown` and `text`, and a list of `[instant, value]` in `json`.",
        ),
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
