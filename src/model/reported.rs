//! Alerts that other systems send, brought to one shape: Alertmanager, Grafana, PagerDuty Events v2, Opsgenie, plain JSON.
//!
//! An alert is told apart by its fingerprint, never by its text.

use crate::base::digest::Digest;
use crate::base::limits::{MAX_FINGERPRINT, MAX_REPORTED_BODY, MAX_REPORTED_LABELS, MAX_REPORTED_TEXT};
use crate::base::value::{Map, Value, plain};
use crate::model::called::AlertTrigger;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// An alert as another system told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What tells it apart from the others of its source.
    pub fingerprint: String,
    /// The group it was told in; its own fingerprint where there is none.
    pub group: String,
    /// Whether it goes on; else it is over.
    pub firing: bool,
    /// A line for people; never empty.
    pub title: String,
    /// More of it.
    pub text: String,
    /// `P1` to `P5`, where its source says how bad it is.
    pub severity: Option<String>,
    /// Labels, for matching and routes.
    pub labels: BTreeMap<String, String>,
    /// What is said beside the labels.
    pub annotations: BTreeMap<String, String>,
    /// When it began, as its source says.
    pub starts_at: Option<Timestamp>,
    /// Where more is to be seen.
    pub link: Option<String>,
}

/// What is known of an alert: an event of the streams `alerts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When it was told last.
    pub at: Timestamp,
    /// By which source.
    pub source: String,
    /// The alert, as it was told last.
    pub alert: Reported,
    /// How often it was told since it fires.
    pub count: u64,
    /// Since when it fires, or fired; by our clock.
    pub since: Timestamp,
    /// Since when anything of its group does.
    pub group_since: Timestamp,
}

/// The alerts of a body, whichever of the known shapes it has. What says that somebody has seen an alert is no alert.
///
/// # Errors
/// A sentence, when it has none of the shapes or lacks what its shape needs.
pub fn read(body: &Value) -> Result<Vec<Reported>, String> {
    match body {
        Value::Array(list) => list.iter().map(generic).collect(),
        Value::Object(map) if map.contains_key("alerts") => alertmanager(body),
        Value::Object(map) if map.contains_key("event_action") => pagerduty(body),
        Value::Object(map) if map.contains_key("message") && !map.contains_key("status") => {
            opsgenie(body).map(|one| vec![one])
        }
        Value::Object(_) => generic(body).map(|one| vec![one]),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("an alert is an object, or a list of them".into())
        }
    }
}

/// Opsgenie's way to say that an alert is over: its alias stands in the path.
#[must_use]
pub fn closed(alias: &str) -> Reported {
    let fingerprint = bounded(alias);
    Reported {
        group: fingerprint.clone(),
        title: fingerprint.clone(),
        fingerprint,
        firing: false,
        text: String::new(),
        severity: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: None,
        link: None,
    }
}

impl Reported {
    /// Whether it is one that a trigger waits for.
    #[must_use]
    pub fn fits(&self, trigger: &AlertTrigger) -> bool {
        trigger.labels.iter().all(|(name, value)| self.labels.get(name) == Some(value))
    }

    /// What expressions see of it as `alert`.
    #[must_use]
    pub fn value(&self, source: &str) -> Value {
        crate::base::value::json!({
            "fingerprint": self.fingerprint,
            "group": self.group,
            "source": source,
            "status": if self.firing { "firing" } else { "resolved" },
            "title": self.title,
            "text": self.text,
            "severity": self.severity,
            "labels": self.labels,
            "annotations": self.annotations,
            "starts_at": self.starts_at.map(|at| at.to_string()),
            "link": self.link,
        })
    }
}

/// Alertmanager, version 4 of its webhook, and Grafana, whose is the same with a few fields more.
fn alertmanager(body: &Value) -> Result<Vec<Reported>, String> {
    let list = body["alerts"].as_array().ok_or("`alerts` is no list")?;
    let group = text(body, "groupKey");
    list.iter().map(|alert| one_of_group(alert, group.as_deref())).collect()
}

fn one_of_group(alert: &Value, group: Option<&str>) -> Result<Reported, String> {
    let labels = pairs(&alert["labels"])?;
    let annotations = pairs(&alert["annotations"])?;
    // Who leaves the fingerprint out has one alert for each set of labels.
    let fingerprint = text(alert, "fingerprint").unwrap_or_else(|| hash_of(&labels));
    let firing = match text(alert, "status").as_deref() {
        Some("firing") | None => true,
        Some("resolved") => false,
        Some(other) => return Err(format!("`status` is `{}`: it is `firing` or `resolved`", cut(other, 32))),
    };
    let said = |names: &[&str]| names.iter().find_map(|name| annotations.get(*name)).cloned();
    let title = said(&["summary", "title"]).or_else(|| labels.get("alertname").cloned());
    Ok(Reported {
        group: group.map_or_else(|| bounded(&fingerprint), bounded),
        fingerprint: bounded(&fingerprint),
        firing,
        title: line(title.as_deref().unwrap_or("an alert without a name")),
        text: cut(&said(&["description", "message"]).unwrap_or_default(), MAX_REPORTED_BODY),
        severity: labels.get("severity").and_then(|word| severity(word)),
        starts_at: instant(&alert["startsAt"]),
        link: text(alert, "generatorURL").map(|link| cut(&link, MAX_REPORTED_TEXT)).filter(|link| !link.is_empty()),
        labels,
        annotations,
    })
}

/// PagerDuty Events, version 2.
fn pagerduty(body: &Value) -> Result<Vec<Reported>, String> {
    let firing = match text(body, "event_action").as_deref() {
        Some("trigger") => true,
        Some("resolve") => false,
        Some("acknowledge") => return Ok(Vec::new()),
        Some(_) | None => return Err("`event_action` is `trigger`, `acknowledge` or `resolve`".into()),
    };
    let (payload, key) = (&body["payload"], text(body, "dedup_key"));
    let summary = text(payload, "summary");
    let title = match (&summary, firing, &key) {
        (Some(summary), _, _) => summary.clone(),
        (None, true, _) => return Err("`payload.summary` is missing".into()),
        (None, false, Some(key)) => key.clone(),
        (None, false, None) => return Err("`dedup_key` is missing: it says what is over".into()),
    };
    let mut labels = BTreeMap::new();
    for name in ["source", "component", "group", "class", "severity"] {
        labels.extend(text(payload, name).map(|value| (name.to_owned(), cut(&value, MAX_REPORTED_TEXT))));
    }
    let annotations = match &payload["custom_details"] {
        details @ Value::Object(_) => pairs(details)?,
        Value::Null => BTreeMap::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            BTreeMap::from([("details".to_owned(), cut(&plain(other), MAX_REPORTED_TEXT))])
        }
    };
    let fingerprint = key.unwrap_or_else(|| generated(&title, &labels));
    let link = body["links"].get(0).and_then(|link| text(link, "href")).or_else(|| text(body, "client_url"));
    Ok(vec![Reported {
        group: bounded(&fingerprint),
        fingerprint: bounded(&fingerprint),
        firing,
        title: line(&title),
        text: String::new(),
        severity: labels.get("severity").and_then(|word| severity(word)),
        labels,
        annotations,
        starts_at: instant(&payload["timestamp"]),
        link: link.map(|link| cut(&link, MAX_REPORTED_TEXT)),
    }])
}

/// The key that an event gets which brings none.
fn generated(title: &str, labels: &BTreeMap<String, String>) -> String {
    Digest::of_parts(&[title.as_bytes(), hash_of(labels).as_bytes()]).to_string()
}

/// Opsgenie's `POST /v2/alerts`.
fn opsgenie(body: &Value) -> Result<Reported, String> {
    let message = text(body, "message").filter(|text| !text.is_empty()).ok_or("`message` is missing")?;
    let fingerprint = text(body, "alias").unwrap_or_else(|| Digest::of(message.as_bytes()).to_string());
    let mut labels = BTreeMap::new();
    for name in ["entity", "source", "priority"] {
        labels.extend(text(body, name).map(|value| (name.to_owned(), cut(&value, MAX_REPORTED_TEXT))));
    }
    for tag in body["tags"].as_array().into_iter().flatten().take(MAX_REPORTED_LABELS / 2) {
        labels.extend(tag.as_str().map(|tag| (format!("tag_{}", cut(tag, 64)), "true".to_owned())));
    }
    Ok(Reported {
        group: bounded(&fingerprint),
        fingerprint: bounded(&fingerprint),
        firing: true,
        title: line(&message),
        text: cut(&text(body, "description").unwrap_or_default(), MAX_REPORTED_BODY),
        severity: severity(&text(body, "priority").unwrap_or_else(|| "P3".into())),
        labels,
        annotations: pairs(&body["details"])?,
        starts_at: None,
        link: None,
    })
}

/// Plain JSON: what it has is taken, what tells it apart is its `fingerprint`, else its `key`, else its labels.
fn generic(body: &Value) -> Result<Reported, String> {
    let Value::Object(map) = body else { return Err("an alert is an object".into()) };
    let key = text(body, "key").or_else(|| text(body, "id"));
    let mut alert: Map<String, Value> = map.clone();
    if alert.get("fingerprint").is_none_or(Value::is_null) {
        alert.extend(key.map(|key| ("fingerprint".to_owned(), Value::String(key))));
    }
    let known = ["fingerprint", "labels"].iter().any(|name| alert.get(*name).is_some_and(|value| !value.is_null()));
    let title = text(body, "title").or_else(|| text(body, "summary")).or_else(|| text(body, "message"));
    if !known {
        return Err("nothing tells this alert apart: give it a `fingerprint`, or `labels`".into());
    }
    let group = text(body, "group");
    let mut one = one_of_group(&Value::Object(alert), group.as_deref())?;
    if let Some(title) = title {
        one.title = line(&title);
    }
    if let Some(said) = text(body, "text").or_else(|| text(body, "description")) {
        one.text = cut(&said, MAX_REPORTED_BODY);
    }
    one.severity = text(body, "severity").and_then(|word| severity(&word)).or(one.severity);
    one.starts_at = one.starts_at.or_else(|| instant(&body["starts_at"]));
    one.link = one.link.or_else(|| text(body, "link").map(|link| cut(&link, MAX_REPORTED_TEXT)));
    Ok(one)
}

/// How bad it is, from the words of other systems.
fn severity(word: &str) -> Option<String> {
    let known = match word.to_ascii_lowercase().as_str() {
        "critical" | "p1" => "P1",
        "error" | "high" | "p2" => "P2",
        "warning" | "p3" => "P3",
        "info" | "low" | "p4" => "P4",
        "none" | "p5" => "P5",
        _ => return None,
    };
    Some(known.to_owned())
}

fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn pairs(value: &Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(map) => Ok(map
            .iter()
            .take(MAX_REPORTED_LABELS)
            .map(|(key, value)| (cut(key, 128), cut(&plain(value), MAX_REPORTED_TEXT / 4)))
            .collect()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("labels, annotations and details are objects".into())
        }
    }
}

/// An instant; Go's zero is none.
fn instant(value: &Value) -> Option<Timestamp> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

fn hash_of(labels: &BTreeMap<String, String>) -> String {
    let parts: Vec<&[u8]> = labels.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    Digest::of_parts(&parts).to_string()[..16].to_owned()
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_FINGERPRINT { text.to_owned() } else { Digest::of(text.as_bytes()).to_string() }
}

/// One line of it.
fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("an alert without a title");
    cut(first, MAX_REPORTED_TEXT / 2)
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;
    use crate::model::called::Resolved;

    /// In a line: what tells it apart, its group, what it is, how bad, and what people read.
    fn told(body: &Value) -> Vec<String> {
        match read(body) {
            Err(why) => vec![format!("refused: {why}")],
            Ok(alerts) => alerts
                .iter()
                .map(|one| {
                    let firing = if one.firing { "firing" } else { "resolved" };
                    let severity = one.severity.as_deref().unwrap_or("-");
                    format!("{} in {}: {firing} {severity} {}", one.fingerprint, one.group, one.title)
                })
                .collect(),
        }
    }

    #[test]
    fn every_shape_comes_to_the_same() {
        let alert = |status: &str| {
            json!({
                "status": status, "labels": { "alertname": "HighErrorRate", "severity": "critical", "instance": "web-1" },
                "annotations": { "summary": "Too many errors" }, "startsAt": "2026-11-24T06:30:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom/graph", "fingerprint": "a1b2"
            })
        };
        let group = json!({ "version": "4", "groupKey": "{}:{alertname=\"HighErrorRate\"}", "status": "firing",
                            "alerts": [alert("firing"), alert("resolved")] });
        let in_group = "a1b2 in {}:{alertname=\"HighErrorRate\"}";
        let event = |action: &str| {
            json!({ "routing_key": "k", "event_action": action, "dedup_key": "disk/web-1",
            "payload": { "summary": "Disk full", "source": "web-1", "severity": "error", "custom_details": { "free": 1 } } })
        };
        for (body, want) in [
            (
                group,
                vec![
                    format!("{in_group}: firing P1 Too many errors"),
                    format!("{in_group}: resolved P1 Too many errors"),
                ],
            ),
            (event("trigger"), vec!["disk/web-1 in disk/web-1: firing P2 Disk full".into()]),
            (event("resolve"), vec!["disk/web-1 in disk/web-1: resolved P2 Disk full".into()]),
            (event("acknowledge"), vec![]),
            (
                json!({ "message": "CPU is hot\nvery", "alias": "cpu", "priority": "P2", "tags": ["web"] }),
                vec!["cpu in cpu: firing P2 CPU is hot".into()],
            ),
            (
                json!([{ "fingerprint": "x", "status": "resolved" }, { "labels": { "a": "b" }, "title": "T", "severity": "low" }]),
                vec![
                    "x in x: resolved - an alert without a name".into(),
                    format!("{0} in {0}: firing P4 T", hash_of(&BTreeMap::from([("a".into(), "b".into())]))),
                ],
            ),
            (
                json!({ "title": "T" }),
                vec!["refused: nothing tells this alert apart: give it a `fingerprint`, or `labels`".into()],
            ),
            (json!("x"), vec!["refused: an alert is an object, or a list of them".into()]),
            (json!({ "alerts": 1 }), vec!["refused: `alerts` is no list".into()]),
            (
                json!({ "alerts": [{ "status": "odd" }] }),
                vec!["refused: `status` is `odd`: it is `firing` or `resolved`".into()],
            ),
            (
                json!({ "event_action": "x" }),
                vec!["refused: `event_action` is `trigger`, `acknowledge` or `resolve`".into()],
            ),
        ] {
            assert_eq!(told(&body), want, "{body}");
        }
    }

    #[test]
    fn what_tells_an_alert_apart_is_never_its_text() {
        let one =
            |summary: &str| json!({ "alerts": [{ "labels": { "a": "b" }, "annotations": { "summary": summary } }] });
        let of = |body: &Value| read(body).expect("it reads").remove(0).fingerprint;
        assert_eq!(of(&one("3 instances")), of(&one("2 instances")));
    }

    #[test]
    fn a_text_without_end_is_cut_and_its_alert_taken() {
        let long = "ä".repeat(100_000);
        let mut labels = Map::new();
        (0..1_000).for_each(|number| drop(labels.insert(format!("l{number:04}"), json!(long))));
        let alert =
            json!({ "fingerprint": long, "labels": labels, "annotations": { "summary": long, "description": long } });
        let found = read(&json!({ "groupKey": long, "alerts": [alert] })).expect("it is taken").remove(0);
        let size = found.value("x").to_string().len();
        assert!(size < 60_000 && found.labels.len() == MAX_REPORTED_LABELS && found.fingerprint.len() == 64, "{size}");
    }

    #[test]
    fn a_trigger_waits_for_labels() {
        let alert = read(&json!({ "labels": { "a": "1", "b": "2" } })).expect("it reads").remove(0);
        let wants = |labels: &[(&str, &str)]| AlertTrigger {
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            per_alert: false,
            resolved: Resolved::Finish,
            cooldown: None,
        };
        assert!(alert.fits(&wants(&[("a", "1")])) && alert.fits(&wants(&[])));
        assert!(!alert.fits(&wants(&[("a", "2")])) && !alert.fits(&wants(&[("c", "1")])));
    }
}
