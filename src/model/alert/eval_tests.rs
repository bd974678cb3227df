//! What conditions say of samples, in tables.

use super::*;
use crate::model::measure::MetricType;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).expect("an instant")
}

fn id(name: &str) -> StepId {
    StepId::parse(name).expect("a name")
}

fn measures() -> BTreeMap<StepId, Threshold> {
    let threshold = |name: &str, metric, unit: Option<&str>, stale: Option<u64>| {
        let threshold = Threshold {
            name: id(name),
            metric,
            help: None,
            unit: unit.map(str::to_owned),
            labels: ["host", "mount"].map(id).into(),
            bands: Vec::new(),
            missing: None,
            stale_after: stale.map(Span::from_secs),
            clear: Vec::new(),
            baseline: None,
        };
        (id(name), threshold)
    };
    let rows = [
        threshold("used", MetricType::Gauge, Some("%"), None),
        threshold("latency", MetricType::Gauge, Some("ms"), Some(60)),
        threshold("errors_total", MetricType::Counter, None, None),
        threshold("calls_total", MetricType::Counter, None, None),
        threshold("took", MetricType::Histogram, Some("s"), None),
    ];
    let mut rows = BTreeMap::from(rows);
    if let Some(took) = rows.get_mut(&id("took")) {
        took.labels = ["host", "le"].map(id).into();
    }
    rows
}

fn labels(text: &str) -> Labels {
    text.split_terminator(',').filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect()
}

/// `used{host=a}: 0=1 60=2`, a series a line.
fn stored(text: &str) -> Stored {
    let mut stored = Stored::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (series, samples) = line.split_once(": ").expect("a series");
        let (name, of) = series.split_once('{').unwrap_or((series, ""));
        let samples = samples.split(' ').filter_map(|one| one.split_once('='));
        let samples = samples.map(|(when, value)| (at(when.parse().expect("secs")), value.parse().expect("a value")));
        stored.entry(id(name)).or_default().insert(labels(of.trim_end_matches('}')), samples.collect());
    }
    stored
}

fn condition(text: &str) -> Condition {
    let mut condition = Condition::parse(text).expect(text);
    assert!(condition.fit(&measures()).is_empty(), "{text}");
    condition
}

/// Each set of labels, what is said of it, and the value.
fn judged(text: &str, stored: &Stored, now: i64) -> Vec<String> {
    let (condition, measures) = (condition(text), measures());
    let shown = |subject: Labels| {
        let verdict = Judge::new(&condition, &subject, stored, &measures).at(at(now));
        let holds = verdict.holds.map_or("missing", |holds| if holds { "yes" } else { "no" });
        let value = verdict.value.map_or("-".to_owned(), crate::model::measure::figure);
        let subject: Vec<String> = subject.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}: {holds} {value}", subject.join(","))
    };
    condition.subjects(stored).into_iter().map(shown).collect()
}

#[test]
fn a_histogram_is_judged_by_what_its_buckets_rose_in_the_window() {
    // A day of quick answers before: by all of them the percentile would still be quick.
    let stored = stored(
        "took{host=a,le=0.1}: 0=90000 60=90000 120=90000
         took{host=a,le=1}: 0=90000 60=90050 120=90100
         took{host=a,le=+Inf}: 0=90000 60=90050 120=90100
         took{host=a,le=sum}: 0=4500 60=4540 120=4580
         took{host=a,le=count}: 0=90000 60=90050 120=90100
         took{host=b,le=0.1}: 0=10 60=20 120=30
         took{host=b,le=+Inf}: 0=10 60=20 120=30
         took{host=b,le=sum}: 0=1 60=2 120=3
         took{host=b,le=count}: 0=10 60=20 120=30
         took{host=c,le=0.1}: 0=7 60=7 120=7
         took{host=c,le=+Inf}: 0=7 60=7 120=7",
    );
    let judged = |text: &str| judged(text, &stored, 120);
    assert_eq!(judged("p95(took, 3m) > 500ms"), ["host=a: yes 0.955", "host=b: no 0.095", "host=c: missing -"]);
    assert_eq!(judged("avg(took, 3m) > 500ms"), ["host=a: yes 0.8", "host=b: no 0.1", "host=c: missing -"]);
    assert_eq!(judged("absent(took, 3m)"), ["host=a: no -", "host=b: no -", "host=c: no -"]);
    let mut wrong = Condition::parse("max(took, 5m) > 1").expect("parsed");
    let said: Vec<String> = wrong.fit(&measures()).into_iter().map(|trouble| trouble.message).collect();
    assert_eq!(said, ["`max` makes no sense of `took`: it is a histogram of buckets"]);
}

#[test]
fn each_set_of_labels_is_judged_by_itself() {
    let stored = stored(
        "used{host=a}: 0=50 60=90
         used{host=b}: 0=90 60=50
         errors_total{host=a}: 0=0 60=60
         latency: 60=700",
    );
    for (text, want) in [
        ("used > 85", vec!["host=a: yes 90", "host=b: no 50"]),
        ("85% < used", vec!["host=a: yes 85", "host=b: no 85"]),
        ("used{host=\"b\"} < 0.6 ", vec!["host=b: no 50"]),
        ("used{host!=\"b\"} > 1 and used{host=~\"a|b\"} < 95", vec!["host=a: yes 90", "host=b: missing 50"]),
        // What has no labels counts for each that has some; units are one.
        ("used > 85 and latency > 0.5s", vec!["host=a: yes 90", "host=b: no 50"]),
        ("used > 85 or rate(errors_total, 2m) > 5", vec!["host=a: yes 90", "host=b: missing 50"]),
        ("used > 85 and rate(errors_total, 2m) > 5", vec!["host=a: no 90", "host=b: no 50"]),
        ("not used > 85", vec!["host=a: no 90", "host=b: yes 50"]),
        ("used - 40 > 45 + 1", vec!["host=a: yes 50", "host=b: no 10"]),
        // Nothing of it is stored.
        ("rate(calls_total{host=\"c\"}, 5m) > 1", vec!["host=c: missing -"]),
        ("absent(latency{host=\"c\"})", vec!["host=c: yes -"]),
        ("absent(latency)", vec![": no -"]),
    ] {
        assert_eq!(judged(text, &stored, 60), want, "{text}");
    }
}

#[test]
fn what_is_stale_or_not_yet_is_missing() {
    let stored = stored("used: 0=90\nlatency: 0=700");
    for (text, now, want) in [
        ("used > 1", -1, "missing"),
        ("used > 1", 0, "yes"),
        ("used > 1", 299, "yes"),
        ("used > 1", 300, "missing"),
        ("latency > 1", 59, "yes"),
        ("latency > 1", 60, "missing"),
        ("last(used, 10m) > 1", 599, "yes"),
        ("last(used, 10m) > 1", 600, "missing"),
        ("absent(used)", 299, "no"),
        ("absent(used)", 300, "yes"),
        ("absent(used, 1m)", 60, "yes"),
        ("used > 1 or absent(used)", 300, "yes"),
        ("count(used, 1m) > 0", 60, "missing"),
    ] {
        let told = judged(text, &stored, now);
        assert!(told[0].starts_with(&format!(": {want} ")), "{text} at {now}: {told:?}");
    }
}

#[test]
fn functions_are_those_of_prometheus() {
    let stored = stored(
        "used: 0=10 60=20 120=30 180=60
         errors_total: 0=100 60=160 120=20 180=80
         calls_total: 100=0 160=6",
    );
    for (text, now, want) in [
        // Windows do not include their beginning.
        ("avg(used, 3m) > 0", 180, "36.667"),
        ("min(used, 3m) > 0", 180, "20"),
        ("max(used, 2m) > 0", 120, "30"),
        ("sum(used, 3m) > 0", 180, "110"),
        ("count(used, 3m) > 0", 180, "3"),
        ("median(used, 5m) > 0", 180, "25"),
        ("p95(used, 5m) > 0", 180, "55.5"),
        ("last(used, 5m) > 0", 150, "30"),
        // Reset at 120: it rose by 60, by 20, by 60; a first sample at the window's own beginning does not count.
        ("increase(errors_total, 4m) > 0", 180, "186.667"),
        ("increase(errors_total, 3m) > 0", 180, "120"),
        ("rate(errors_total, 3m) > 0", 180, "0.667"),
        // A counter was never below nothing: before its first sample it is not extended.
        ("increase(calls_total, 5m) > 0", 160, "6"),
        // Past a gap half of what is usual.
        ("increase(errors_total, 30m) > 0", 600, "186.667"),
    ] {
        let told = judged(text, &stored, now);
        assert_eq!(told[0].split(' ').next_back(), Some(want), "{text} at {now}: {told:?}");
    }
    assert_eq!(judged("rate(calls_total, 1m) > 0", &stored, 160), [": missing -"], "one sample is no rise");
    assert_eq!(
        judged("rate(errors_total, 3m) / rate(calls_total, 3m) > 5%", &stored, 180)[0].split(' ').nth(1),
        Some("yes")
    );
}

#[test]
fn nothing_by_nothing_does_not_hold() {
    let stored = stored("errors_total: 0=0 60=0\ncalls_total: 0=0 60=0");
    assert_eq!(judged("rate(errors_total, 5m) / rate(calls_total, 5m) > 0.05", &stored, 60), [": no NaN"]);
}
