//! Conditions of alerts: what is read, what is refused, and where.

use super::*;
use crate::model::measure::{MetricType, Threshold};

fn measures() -> BTreeMap<StepId, Threshold> {
    let rows: [(&str, MetricType, Option<&str>, &[&str]); 8] = [
        ("api_latency", MetricType::Gauge, Some("ms"), &[]),
        ("cpu_used", MetricType::Gauge, Some("%"), &[]),
        ("disk_used", MetricType::Gauge, Some("%"), &["mount", "host"]),
        ("memory_free", MetricType::Gauge, Some("B"), &[]),
        ("rooms", MetricType::Gauge, None, &[]),
        ("errors_total", MetricType::Counter, None, &["host"]),
        ("connections_total", MetricType::Counter, None, &["host"]),
        ("answer_time", MetricType::Histogram, Some("s"), &[]),
    ];
    let id = |name: &str| StepId::parse(name).expect("a name");
    let threshold = |(name, metric, unit, labels): (&str, MetricType, Option<&str>, &[&str])| Threshold {
        name: id(name),
        metric,
        help: None,
        unit: unit.map(str::to_owned),
        labels: labels.iter().map(|label| id(label)).collect(),
        bands: Vec::new(),
        missing: None,
        stale_after: None,
        clear: Vec::new(),
        baseline: None,
    };
    rows.map(|row| (id(row.0), threshold(row))).into()
}

/// What is wrong, each as `CODE part of the text: message`.
fn wrong(text: &str) -> Vec<String> {
    let shown = |trouble: Trouble| {
        let part = text.get(trouble.at.0..trouble.at.1).expect("a part of the text");
        format!("{} `{part}`: {}", trouble.code.as_str(), trouble.message)
    };
    match Condition::parse(text) {
        Ok(mut condition) => condition.fit(&measures()).into_iter().map(shown).collect(),
        Err(trouble) => vec![shown(trouble)],
    }
}

#[test]
fn what_operators_of_prometheus_write_is_read() {
    for text in [
        "cpu_used > 85",
        "85 < cpu_used",
        "cpu_used >= 85%",
        "api_latency > 0.5s",
        "api_latency > 1m30s",
        "rate(errors_total, 5m) / rate(connections_total, 5m) > 0.05",
        "rate(errors_total[5m]) / rate(connections_total[5m]) > 5%",
        "increase(errors_total{host=\"a\", host!='b'}, 1h30m) > 1e3",
        "disk_used{mount=~\"/(var|home)\",} > 90 and not (disk_used{mount!~\"/tmp.*\"} < 95)",
        "avg(cpu_used, 5m) > 70 && max(cpu_used, 5m) > 90 || p99(answer_time, 10m) > 2",
        "memory_free < 2GiB",
        "(rooms + 1) * -2 < -10 - rooms",
        "absent(rooms, 15m)",
        "absent(rooms) or rooms == 0",
        "count(answer_time, 5m) > 10 AND median(answer_time, 5m) > 500ms",
        "last(errors_total) > 3",
        "100 - disk_used < 10%",
    ] {
        assert_eq!(wrong(text), [""; 0], "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    for (text, told) in [
        ("", "SL0305 ``: the condition is empty"),
        ("cpu_used >", "SL0305 ``: the condition ends where a measure or a number is expected"),
        ("cpu_used = 85", "SL0305 `=`: `=` compares nothing"),
        ("cpu_used", "SL0302 `cpu_used`: `cpu_used` is a number, a condition is needed here"),
        ("rooms > 1 + (rooms > 2)", "SL0302 `(rooms > 2)`: `(rooms > 2)` is a condition, `+` needs a number"),
        ("1 < rooms < 5", "SL0305 `<`: a second comparison in a row"),
        ("rooms > 1 rooms", "SL0305 `rooms`: `rooms` stands where nothing more is expected"),
        ("avg_over_time(rooms[5m]) > 1", "SL0303 `avg_over_time`: unknown function `avg_over_time`"),
        ("rat(errors_total, 5m) > 1", "SL0303 `rat`: unknown function `rat`"),
        ("rate(errors_total) > 1", "SL0305 `rate(errors_total)`: `rate` needs a window"),
        ("rate(errors_total, 5) > 1", "SL0501 `5`: `5` has no unit: write `5s` for seconds or `5m` for minutes"),
        ("rate(errors_total, 0m) > 1", "SL0501 `0m`: a window without length holds no sample"),
        ("sum(rate(errors_total[5m])) > 1", "SL0305 `rate`: `sum` takes a measure, not what `rate` makes of one"),
        ("rooms[5m] > 1", "SL0305 `[`: `[` stands where a comparison is expected"),
        ("rooms > 1 unless rooms > 5", "SL0305 `unless`: `unless` stands where nothing more is expected"),
        ("disk_used{mount=/} > 1", "SL0305 `/`: `/` stands where a text in quotes is expected"),
        ("disk_used{mount=~\"(\"} > 1", "SL0508 `\"(\"`: the pattern does not parse: unclosed group"),
        ("disk_used{mount=\"/} > 1", "SL0305 `\"/} > 1`: this quote is never closed"),
        ("disk_used{mont=\"/\"} > 1", "SL0103 `mont`: `disk_used` is not declared with a label `mont`"),
        ("cpu_usd > 85", "SL0106 `cpu_usd`: `cpu_usd` is not declared in thresholds.yaml"),
        (
            "avg(errors_total, 5m) > 1",
            "SL0306 `avg(errors_total, 5m)`: `avg` makes no sense of `errors_total`: it is a counter, which only rises",
        ),
        (
            "rate(cpu_used, 5m) > 1",
            "SL0306 `rate(cpu_used, 5m)`: `rate` makes no sense of `cpu_used`: it is a gauge, which goes up and down",
        ),
        (
            "errors_total > 1",
            "SL0306 `errors_total`: `errors_total` cannot stand alone: it is a counter, which only rises",
        ),
        (
            "answer_time > 1",
            "SL0306 `answer_time`: `answer_time` cannot stand alone: it is a histogram, of which one sample says nothing",
        ),
        ("avg(cpu_used, 8d) > 1", "SL0307 `8d`: the window of 8d is longer than samples are kept, which is 7d"),
        ("cpu_used > 5s", "SL0505 `5s`: `s` cannot be converted to `%`, in which the other side is"),
        ("rooms > 5s", "SL0505 `5s`: the other side has no unit, so `s` cannot be converted"),
        ("cpu_used > api_latency", "SL0505 `api_latency`: `ms` cannot be converted to `%`, in which the other side is"),
        ("1 > 2", "SL0202 `1 > 2`: two numbers are compared: this never changes"),
        ("cpu_used > 85 ; rooms > 1", "SL0305 `;`: `;` means nothing in the condition of an alert"),
        ("cpu_used > 85é", "SL0305 `é`: `é` means nothing in the condition of an alert"),
        ("Rooms > 1", "SL0305 `Rooms`: `Rooms` is no name of a measure"),
    ] {
        assert_eq!(wrong(text), [told], "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = format!("{}rooms > 1{}", "(".repeat(100), ")".repeat(100));
    assert!(wrong(&deep)[0].contains("SL0007"), "{:?}", wrong(&deep));
    assert!(wrong(&format!("rooms > 1{}", " + 1".repeat(1_000)))[0].contains("SL0007"));
    let long = format!("rooms > 1{}", " ".repeat(5_000));
    assert!(wrong(&long)[0].starts_with("SL0007"));
}

#[test]
fn every_mistake_of_the_names_is_told() {
    assert_eq!(wrong("a > 1 and b > 2 or rate(cpu_used, 9d) > 1").len(), 4);
}

/// The number on the right, once it is in the unit of the left.
fn right(text: &str) -> f64 {
    let mut condition = Condition::parse(text).expect(text);
    assert!(condition.fit(&measures()).is_empty(), "{text}");
    let Condition::Compare { right: Value::Number { value, .. }, .. } = condition else { panic!("{text}") };
    value
}

#[test]
fn numbers_come_in_the_unit_of_what_they_are_compared_with() {
    for (text, number) in [
        ("api_latency > 500", 500.0),
        ("api_latency > 500ms", 500.0),
        ("api_latency > 0.5s", 500.0),
        ("api_latency > 1m30s", 90_000.0),
        ("cpu_used > 85%", 85.0),
        ("memory_free < 2KiB", 2_048.0),
        ("rate(errors_total, 5m) / rate(connections_total, 5m) > 5%", 0.05),
        ("rate(errors_total, 5m) / rate(connections_total, 5m) > 0.05", 0.05),
        ("api_latency * 2 > 1s", 1_000.0),
    ] {
        assert!((right(text) - number).abs() < 1e-9, "{text}: {}", right(text));
    }
}

#[test]
fn every_function_has_its_row() {
    for row in FUNCTIONS {
        assert_eq!(row.function.row().name, row.name);
    }
}

#[test]
fn labels_select_as_in_prometheus() {
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    };
    for (text, meant) in [
        ("disk_used{mount=\"/\"} > 1", true),
        ("disk_used{mount!=\"/\"} > 1", false),
        ("disk_used{mount=~\"/.*\"} > 1", true),
        ("disk_used{mount=~\"x|/|y\"} > 1", true),
        ("disk_used{mount=~\"var\"} > 1", false),
        ("disk_used{mount!~\"/.+\"} > 1", true),
        ("disk_used{host=\"\"} > 1", true),
        ("disk_used{mount=\"/\", host=\"a\"} > 1", false),
    ] {
        let condition = Condition::parse(text).expect(text);
        assert_eq!(condition.reads()[0].of.selects(&labels(&[("mount", "/")])), meant, "{text}");
    }
}
