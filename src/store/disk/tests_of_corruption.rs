//! Bits that flip, pages that are zeroed, files that are cut or gone: what is damaged is named, what is
//! not goes on, and nothing promised before the last anchor is wrong in silence.

use crate::base::digest::Digest;
use crate::store::conformance::{append, batch, stream};
use crate::store::disk::faulty::Faulty;
use crate::store::disk::tests::stepped_in_segments_of;
use crate::store::{AppendError, Journal, ReadError};
use std::collections::BTreeMap;

const SEGMENT: u64 = 64 * 1024;
type Events = BTreeMap<String, Vec<Vec<u8>>>;

/// A journal of three segments, closed cleanly, and what is in it.
fn image() -> (Faulty, Events) {
    let disk = Faulty::default();
    let journal = stepped_in_segments_of(&disk, SEGMENT).expect("opens");
    for turn in 0..70 {
        let (own, text) = (format!("run/{}", turn % 9), format!("put k{turn} {}", "v".repeat(turn * 37)));
        let both: &[(&str, &[&str])] = &[(&own, &[&text]), ("group/g", &["held"])];
        append(&journal, batch(&[], if turn % 4 == 0 { both } else { &both[..1] })).expect("taken");
    }
    append(&journal, batch(&[], &[("run/last", &["only"])])).expect("taken");
    let streams = journal.streams("").expect("streams");
    let events = streams.iter().map(|(name, _)| (name.to_string(), journal.read(name, 0).expect("events"))).collect();
    drop(journal);
    (disk, events)
}

fn segments(disk: &Faulty) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.starts_with("journal/")).collect()
}

/// Opens the image; every stream is as it was, or says that it is not. Returns those that say so.
fn check(disk: &Faulty, events: &Events, what: &str) -> Vec<String> {
    let journal = stepped_in_segments_of(disk, SEGMENT).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut damaged = Vec::new();
    for (name, events) in events {
        match (journal.read(&stream(name), 0), journal.version(&stream(name))) {
            (Ok(found), Ok(version)) if found == *events && version == found.len() as u64 => {}
            (Err(ReadError::Corrupt { stream: named, what: why }), Err(_)) => {
                assert_eq!((&named, why.is_empty()), (name, false), "{what}");
                damaged.push(named);
            }
            (Ok(found), Ok(0)) if found.is_empty() => {
                let unnamed = journal.damage().iter().any(|damage| damage.streams.is_empty());
                assert!(unnamed, "{what}: `{name}` is gone in silence");
                damaged.push(name.clone());
            }
            other => panic!("{what}: `{name}` is wrong in silence: {:?}", other.1),
        }
    }
    assert_eq!(damaged.is_empty(), journal.damage().is_empty(), "{what}: {:?}", journal.damage());
    for name in events.keys() {
        let answer = append(&journal, batch(&[], &[(name, &["more"])]));
        let refused = matches!(&answer, Err(AppendError::Refused(why)) if why.contains(name.as_str()));
        let gone = damaged.contains(name) && answer == Ok(vec![1]);
        assert_eq!(refused || gone, damaged.contains(name), "{what}: {answer:?}");
    }
    let before = journal.damaged_streams();
    drop(journal);
    let again = stepped_in_segments_of(disk, SEGMENT).unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!(again.damaged_streams(), before, "{what}: opening again finds the same");
    damaged
}

#[test]
fn one_flipped_bit_harms_the_streams_of_one_frame_at_most() {
    let (disk, events) = image();
    let (mut cases, mut harmed) = (0, 0);
    for path in segments(&disk).iter().chain(&["anchor".to_owned()]) {
        let length = disk.content(path).len();
        let mut at = 0;
        while at < length {
            let bent = disk.copy();
            bent.bend(path, |bytes| bytes[at] ^= 1 << (at % 8));
            let damaged = check(&bent, &events, &format!("bit {} of byte {at} of {path}", at % 8));
            assert!(damaged.len() <= 2, "{damaged:?}");
            harmed += usize::from(!damaged.is_empty());
            cases += 1;
            at += 211;
        }
    }
    println!("{cases} flipped bits, {harmed} in a payload");
    assert!(harmed > 100 && harmed < cases);
}

#[test]
fn cut_zeroed_and_missing_segments_are_never_silent() {
    let (disk, events) = image();
    let mut cases = 0;
    for path in segments(&disk) {
        let length = disk.content(&path).len();
        for at in (0..length).step_by(1_511) {
            let cut = disk.copy();
            cut.bend(&path, |bytes| bytes.truncate(at));
            check(&cut, &events, &format!("{path} cut at {at}"));
            let zeroed = disk.copy();
            zeroed.bend(&path, |bytes| bytes[at..(at + 4096).min(length)].fill(0));
            check(&zeroed, &events, &format!("{path} zeroed at {at}"));
            cases += 2;
        }
        let gone = disk.copy();
        crate::store::disk::device::Disk::remove(&gone, &path).expect("removed");
        assert!(!check(&gone, &events, &format!("{path} gone")).is_empty());
    }
    println!("{cases} cuts and zeroed pages");
}

#[test]
fn events_that_were_exchanged_break_the_chain() {
    let (disk, events) = image();
    // Two payloads of equal length change places, checksums made to fit: only the chain can tell.
    let path = segments(&disk).remove(0);
    let bent = disk.copy();
    bent.bend(&path, |bytes| {
        let found = crate::store::disk::frame::read(bytes, 0).expect("a frame");
        let entries = found.entries.clone().expect("a table");
        let payload = vec![b'z'; found.body.clone().expect("a body").len() - 4];
        let mut frame = Vec::new();
        crate::store::disk::frame::write(
            &mut frame,
            found.header.number,
            found.header.durable,
            &entries,
            &[&payload, b"held"],
        );
        bytes[..frame.len()].copy_from_slice(&frame);
    });
    let journal = stepped_in_segments_of(&bent, SEGMENT).expect("opens");
    let read = journal.read(&stream("run/0"), 0);
    assert!(
        matches!(&read, Err(ReadError::Corrupt { stream, what }) if stream == "run/0" && what.contains("chain")),
        "{read:?}"
    );
    assert_eq!(journal.read(&stream("run/1"), 0).as_ref(), Ok(&events["run/1"]));
}

#[test]
fn a_damaged_blob_is_missing_and_can_be_put_again() {
    let disk = Faulty::default();
    let journal = stepped_in_segments_of(&disk, SEGMENT).expect("opens");
    let digest = journal.put_blob(b"output").expect("kept");
    let name = digest.to_string();
    disk.bend(&format!("blobs/{}/{name}", &name[..2]), |bytes| bytes[0] ^= 1);
    assert_eq!(journal.blob(&digest), Err(ReadError::Blob(digest)));
    assert_eq!(journal.put_blob(b"output"), Ok(digest));
    assert_eq!(journal.blob(&digest), Ok(b"output".to_vec()));
    assert_eq!(journal.blob(&Digest::of(b"")), Err(ReadError::Blob(Digest::of(b""))));
}
