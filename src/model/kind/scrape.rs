//! `scrape`: a `/metrics` page read directly.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LATENCY, LEVEL};
use crate::model::kind::http::{AUTH, CA, HEADERS};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const BUCKET: &[Field] = &[
    Field {
        name: "le",
        ty: FieldType::Text,
        doc: "The bound of a bucket, `+Inf` of the last; then `sum` and `count`.",
    },
    Field { name: "value", ty: FieldType::Number, doc: "How many observations are not above it; the sum; the count." },
];

/// `scrape: { url: "http://localhost:8000/metrics", pick: { rooms: livekit_active_rooms } }`.
pub(super) const SCRAPE: KindSpec = KindSpec {
    name: "scrape",
    doc: "Reads a page of Prometheus metrics without a Prometheus and picks values from it. A metric that is picked and not there fails the step unless `missing` says otherwise.",
    example: "scrape: { url: \"http://localhost:8000/metrics\", pick: { rooms: livekit_active_rooms, p95: { metric: livekit_api_latency_seconds, quantile: 0.95 } } }",
    shape: Shape::Record(&[
        required("url", Shape::Text(Landing::Url), "The page. `scrape: URL` is short for this."),
        key(
            "pick",
            Shape::Map(&Shape::Either(&[
                Shape::Verbatim,
                Shape::Record(&[
                    required("metric", Shape::Verbatim, "The metric's name."),
                    key("labels", Shape::Map(&Shape::Text(Landing::Plain)), "Only samples with these labels."),
                    key(
                        "by",
                        Shape::Choice(&["sum", "avg", "min", "max", "count"]),
                        "How several samples become one value; `sum` by default.",
                    ),
                    key(
                        "quantile",
                        Shape::Number,
                        "Of a histogram or summary: 0.95 is the 95th percentile since the start of the process.",
                    ),
                    key("missing", Shape::Number, "The value when the metric is not there."),
                ]),
            ])),
            "Values to take, by name: a metric, or how to get at it.",
        ),
        key(
            "histograms",
            Shape::Map(&Shape::Either(&[
                Shape::Verbatim,
                Shape::Record(&[
                    required("metric", Shape::Verbatim, "The histogram's name."),
                    key("labels", Shape::Map(&Shape::Text(Landing::Plain)), "Only samples with these labels."),
                    key(
                        "missing",
                        Shape::Choice(&["fail", "ok"]),
                        "What one that is not there means; `fail` by default.",
                    ),
                ]),
            ])),
            "Whole histograms to take, by name: their buckets, sum and count as rows, for a measure of `type: histogram` with the label `le`.",
        ),
        HEADERS,
        AUTH,
        CA,
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("values", Shape::Map(&BOUNDS), "What picked values must be."),
                key("has", Shape::Many(&Shape::Verbatim), "Metrics that must be on the page."),
                LATENCY,
                LEVEL,
            ])),
            "What a good page looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("url"),
    output: &[
        Field { name: "values", ty: FieldType::Map(&FieldType::Number), doc: "The picked values by name." },
        Field {
            name: "histograms",
            ty: FieldType::Map(&FieldType::List(&FieldType::Record(BUCKET))),
            doc: "The histograms by name.",
        },
        Field { name: "metrics", ty: FieldType::Int, doc: "How many different metrics the page has." },
        Field { name: "samples", ty: FieldType::Int, doc: "How many samples it has." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "How long the page took." },
    ],
    effects: Effects::Reads,
};
