//! What every version of the codec promises.

use crate::base::digest::Digest;
use crate::base::limits;
use crate::base::value::{Map, Value, json};
use crate::engine::event::{AttemptResult, Event, Recorded, StepEvent};
use crate::store::ReadError;
use crate::store::codec::samples::{self, KINDS, kind};
use crate::store::codec::{CodecError, decode, decode_fetching, encode, encode_spilling, glance, is_quiet_step};
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn every_event_comes_back_as_it_was() {
    for event in samples::all() {
        let bytes = encode(&event).expect("encodes");
        assert_eq!(decode(&bytes), Ok(event), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn stored_events_of_every_kind_are_read_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events/v1");
    let first = |kind_name: &&'static str| {
        let sample = samples::all().into_iter().find(|sample| kind(&sample.event) == *kind_name);
        (*kind_name, sample.unwrap_or_else(|| panic!("no sample of `{kind_name}`")))
    };
    for (kind_name, sample) in KINDS.iter().map(first).chain(samples::added()) {
        let file = folder.join(format!("{kind_name}.json"));
        let written = encode(&sample).expect("encodes");
        if std::env::var_os("UPDATE").is_some() && !file.exists() {
            std::fs::create_dir_all(&folder).expect("a folder for fixtures");
            std::fs::write(&file, [&written[..], b"\n"].concat()).expect("a new fixture");
        }
        let stored =
            std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; UPDATE=1 adds it", file.display()));
        assert_eq!(decode(&stored), Ok(sample), "{kind_name}: stored events are never edited; write a version 2");
        assert_eq!(String::from_utf8_lossy(stored.trim_ascii_end()), String::from_utf8_lossy(&written), "{kind_name}");
    }
}

#[test]
fn a_step_that_measured_nothing_is_told_without_reading() {
    for event in samples::all() {
        let measured =
            |event: &StepEvent| matches!(event, StepEvent::Attempted { result, .. } if !result.samples.is_empty());
        let quiet = matches!(&event.event, Event::Step { event, .. } if !measured(event));
        let bytes = encode(&event).expect("encodes");
        assert_eq!(is_quiet_step(&bytes), quiet, "{}", String::from_utf8_lossy(&bytes));
    }
    assert!(!is_quiet_step(b"") && !is_quiet_step(br#"{"v":1,"at":""#));
}

#[test]
fn what_is_no_event_is_refused_in_words() {
    let refused = |text: &str| decode(text.as_bytes()).expect_err(text).to_string();
    let newer = "this event has version 2 and was written by a newer stepladder; this one reads up to version 1: use the newer binary";
    assert_eq!(refused(r#"{"v":2,"at":"whatever","e":{"not":"known"}}"#), newer);
    for text in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"v":0}"#,
        r#"{"v":1}"#,
        r#"{"v":1,"at":"noon","e":"admitted"}"#,
        r#"{"v":1,"at":"2026-11-23T00:00:00Z","e":"adopted"}"#,
        r#"{"v":1,"at":"2026-11-23T00:00:00Z","e":"admitted","x":1}"#,
        r#"{"v":1,"at":"2026-11-23T00:00:00Z","e":{"queued":{"group":"No","holders":[]}}}"#,
        r#"{"v":1,"at":"2026-11-23T00:00:00Z","e":{"queued":{"group":"a","holders":["7"]}}}"#,
        r#"{"v":1,"at":"2026-11-23T00:00:00Z","e":{"step":{"place":"A","event":"timed_out"}}}"#,
    ] {
        let why = refused(text);
        assert!(why.starts_with("this is not an event of stepladder: "), "{text}: {why}");
    }
    for sample in samples::all() {
        let bytes = encode(&sample).expect("encodes");
        for cut in (0..bytes.len()).step_by(7) {
            assert!(decode(&bytes[..cut]).is_err(), "half an event is none");
        }
    }
}

fn attempted(output: Value) -> Recorded {
    let place = crate::base::address::Place::parse("a").expect("a place");
    let result =
        AttemptResult { output, failure: None, stopped: false, findings: Vec::new(), samples: Vec::new(), usage: None };
    let event = Event::Step { place, event: StepEvent::Attempted { number: 1, result: Box::new(result) } };
    Recorded { at: jiff::Timestamp::UNIX_EPOCH, event }
}

#[test]
fn large_values_stand_elsewhere_and_come_back() {
    let mut blobs = BTreeMap::new();
    let mut put = |bytes: &[u8]| {
        blobs.insert(Digest::of(bytes), bytes.to_vec());
        Ok(Digest::of(bytes))
    };
    let small = attempted(json!({"stdout": "ok"}));
    assert_eq!(encode_spilling(&small, &mut put), encode(&small), "small events are whole");
    let large = attempted(json!({"stdout": "x".repeat(500_000)}));
    let bytes = encode_spilling(&large, &mut put).expect("spills");
    assert!(bytes.len() < 300 && blobs.len() == 1);
    let mut get = |digest: &Digest| blobs.get(digest).cloned().map(Some).ok_or(ReadError::Blob(*digest));
    assert_eq!(decode_fetching(&bytes, &mut get), Ok(large));
    assert_eq!(glance(&bytes), Ok(attempted(Value::Null)), "an index needs no blob");
    let lost = *blobs.keys().next().expect("one blob");
    assert_eq!(decode(&bytes), Err(CodecError::Blob(ReadError::Blob(lost))), "a missing value is no empty value");
}

#[test]
fn samples_stay_in_their_event_for_the_index() {
    let mut event = attempted(json!({"stdout": "x".repeat(500_000)}));
    if let Event::Step { event: StepEvent::Attempted { result, .. }, .. } = &mut event.event {
        result.samples = vec![samples::reading(Some(81.5)); 200];
    }
    let bytes = encode_spilling(&event, &mut |bytes| Ok(Digest::of(bytes))).expect("spills");
    let Ok(Recorded { event: Event::Step { event: StepEvent::Attempted { result, .. }, .. }, .. }) = glance(&bytes)
    else {
        panic!("{}", String::from_utf8_lossy(&bytes))
    };
    assert!(result.output.is_null() && result.samples.len() == 200);
}

#[test]
fn a_reading_that_is_missing_is_stored_as_no_number() {
    let mut event = attempted(Value::Null);
    if let Event::Step { event: StepEvent::Attempted { result, .. }, .. } = &mut event.event {
        result.samples = vec![samples::reading(None)];
    }
    let written = encode(&event).expect("encodes");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events/v1/step-attempted-no-reading.json");
    if std::env::var_os("UPDATE").is_some() && !file.exists() {
        std::fs::write(&file, [&written[..], b"\n"].concat()).expect("a new fixture");
    }
    let stored = std::fs::read(&file).expect("UPDATE=1 adds it");
    assert_eq!(decode(&stored), Ok(event), "stored events are never edited; write a version 2");
    assert_eq!(String::from_utf8_lossy(stored.trim_ascii_end()), String::from_utf8_lossy(&written));
}

#[test]
fn what_is_too_large_without_its_large_values_is_refused() {
    let mut event = samples::all().remove(0);
    if let Event::Started(started) = &mut event.event {
        started.inputs = Map::new();
        started.texts = (0..2_000).map(|n| (format!("{n}.yaml"), Digest::of(b""))).collect();
    }
    let refused = encode_spilling(&event, &mut |bytes| Ok(Digest::of(bytes))).expect_err("too large");
    assert!(matches!(&refused, CodecError::Unstorable(why) if why.contains("64.0 KiB")), "{refused}");
    assert!(encode(&event).expect("whole").len() > limits::MAX_EVENT);
}
