//! `prometheus`: an instant or range query.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LEVEL};
use crate::model::kind::http::{AUTH, CA, HEADERS};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const POINT: &[Field] = &[
    Field { name: "time", ty: FieldType::Text, doc: "The instant." },
    Field { name: "value", ty: FieldType::Number, doc: "The value." },
];

const SERIES: &[Field] = &[
    Field { name: "labels", ty: FieldType::Map(&FieldType::Text), doc: "Its labels." },
    Field { name: "value", ty: FieldType::Number, doc: "Its value, the last one of a range." },
    Field { name: "points", ty: FieldType::List(&FieldType::Record(POINT)), doc: "Its points, for a range." },
];

/// `prometheus: { url: "http://localhost:9090", query: "up" }`.
pub(super) const PROMETHEUS: KindSpec = KindSpec {
    name: "prometheus",
    doc: "A PromQL query, instant or over a range. No data at all fails the step unless `expect.series` allows 0.",
    example: "prometheus: { url: \"http://localhost:9090\", query: 'sum(rate(http_requests_total{host=\"$host\"}[5m]))', params: { host: api-1 } }",
    shape: Shape::Record(&[
        required("url", Shape::Text(Landing::Url), "Where Prometheus is."),
        required("query", Shape::Verbatim, "The PromQL; never templated."),
        key(
            "params",
            Shape::Map(&Shape::Text(Landing::Plain)),
            "Values for `$name` inside a quoted text of the query, escaped for it.",
        ),
        key("range", Shape::Duration, "Ask for this long back from now instead of an instant."),
        key(
            "step",
            Shape::Duration,
            "The distance of a range's points; the range divided by 100 by default, at least 15s.",
        ),
        HEADERS,
        AUTH,
        CA,
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key("value", BOUNDS, "What every series' value must be."),
                key("series", BOUNDS, "How many series there must be; at least 1 unless said otherwise."),
                LEVEL,
            ])),
            "What a good answer looks like; a list of entries may each carry a `level`.",
        ),
    ]),
    short: None,
    output: &[
        Field { name: "value", ty: FieldType::Number, doc: "The value of the first series; null when there is none." },
        Field {
            name: "series",
            ty: FieldType::List(&FieldType::Record(SERIES)),
            doc: "Every series, at most 200 of them.",
        },
        Field { name: "count", ty: FieldType::Int, doc: "How many series there are." },
        Field { name: "warnings", ty: FieldType::List(&FieldType::Text), doc: "What Prometheus warned of." },
        Field { name: "latency_ms", ty: FieldType::Number, doc: "How long the query took." },
    ],
    effects: Effects::Reads,
};
