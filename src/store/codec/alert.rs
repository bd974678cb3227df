//! What is known of an alert of another system as bytes, version 1: each event tells all of it, so that the newest counts.

use crate::model::reported::{Noted, Reported};
use crate::store::codec::CodecError;
use crate::store::codec::access::{read, write};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version 1 of an alert: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AlertV1 {
    v: u32,
    at: Timestamp,
    source: String,
    fingerprint: String,
    group: String,
    firing: bool,
    count: u64,
    since: Timestamp,
    group_since: Timestamp,
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_noted(noted: &Noted) -> Result<Vec<u8>, CodecError> {
    let Noted { at, source, alert, count, since, group_since } = noted.clone();
    let Reported { fingerprint, group, firing, title, text, severity, labels, annotations, starts_at, link } = alert;
    write(&AlertV1 {
        v: 1,
        at,
        source,
        fingerprint,
        group,
        firing,
        count,
        since,
        group_since,
        title,
        text,
        severity,
        labels,
        annotations,
        starts_at,
        link,
    })
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_noted(bytes: &[u8]) -> Result<Noted, CodecError> {
    let v1: AlertV1 = read(bytes)?;
    let alert = Reported {
        fingerprint: v1.fingerprint,
        group: v1.group,
        firing: v1.firing,
        title: v1.title,
        text: v1.text,
        severity: v1.severity,
        labels: v1.labels,
        annotations: v1.annotations,
        starts_at: v1.starts_at,
        link: v1.link,
    };
    let (at, source, count) = (v1.at, v1.source, v1.count);
    Ok(Noted { at, source, alert, count, since: v1.since, group_since: v1.group_since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_read_back_from_what_release_one_wrote() {
        let golden = r#"{"v":1,"at":"2026-11-24T06:31:00Z","source":"alertmanager","fingerprint":"a1b2","group":"g","firing":true,"count":2,"since":"2026-11-24T06:30:00Z","group_since":"2026-11-24T06:29:00Z","title":"Too many errors","text":"many","severity":"P1","labels":{"alertname":"HighErrorRate"},"annotations":{"summary":"Too many errors"},"starts_at":"2026-11-24T06:28:00Z","link":"http://prom/graph"}"#;
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let pair = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let alert = Reported {
            fingerprint: "a1b2".into(),
            group: "g".into(),
            firing: true,
            title: "Too many errors".into(),
            text: "many".into(),
            severity: Some("P1".into()),
            labels: pair("alertname", "HighErrorRate"),
            annotations: pair("summary", "Too many errors"),
            starts_at: Some(at("2026-11-24T06:28:00Z")),
            link: Some("http://prom/graph".into()),
        };
        let noted = Noted {
            at: at("2026-11-24T06:31:00Z"),
            source: "alertmanager".into(),
            alert,
            count: 2,
            since: at("2026-11-24T06:30:00Z"),
            group_since: at("2026-11-24T06:29:00Z"),
        };
        assert_eq!(decode_noted(golden.as_bytes()), Ok(noted.clone()));
        assert_eq!(encode_noted(&noted), Ok(golden.as_bytes().to_vec()));
        assert!(matches!(decode_noted(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
