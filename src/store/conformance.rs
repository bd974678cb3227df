//! One suite for every journal: what is promised, whatever keeps it.

use crate::base::digest::Digest;
use crate::base::limits;
use crate::store::{AppendError, Batch, Change, Guard, Journal, Project, ReadError, Row, StreamId, Version};
use std::fmt::Write;
use std::sync::{Arc, mpsc};

/// Rows of the suite: an event `put K V` or `del K` of any stream changes row K of `rows`, and each
/// stream has its version in `heads`.
pub(crate) fn project() -> Project {
    Arc::new(|stream, version, payload| {
        let row = |tree, key: &str| Row { tree, key: key.into() };
        let head = Change { row: row("heads", stream.as_str()), value: Some(version.to_string().into()) };
        let text = String::from_utf8_lossy(payload).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["put", key, value] => vec![head, Change { row: row("rows", key), value: Some(value.into()) }],
            ["del", key] => vec![head, Change { row: row("rows", key), value: None }],
            _ => vec![head],
        }
    })
}

pub(crate) fn stream(name: &str) -> StreamId {
    StreamId::from_name(name)
}

pub(crate) fn batch(guards: &[Guard], appends: &[(&str, &[&str])]) -> Batch {
    let payloads = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    Batch {
        guards: guards.into(),
        appends: appends.iter().map(|(name, texts)| (stream(name), payloads(texts))).collect(),
        forgets: Vec::new(),
    }
}

/// Appends and waits for the answer.
pub(crate) fn append(journal: &dyn Journal, batch: Batch) -> Result<Vec<Version>, AppendError> {
    let (tell, told) = mpsc::channel();
    journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
    told.recv().expect("every batch is answered")
}

pub(crate) fn texts(journal: &dyn Journal, name: &str, from: Version) -> Vec<String> {
    let events = journal.read(&stream(name), from).expect(name);
    events.into_iter().map(|event| String::from_utf8(event).expect("text")).collect()
}

fn scan(journal: &dyn Journal, from: &str, to: &str, backwards: bool, limit: usize) -> String {
    let rows = journal.scan("rows", from.as_bytes(), to.as_bytes(), backwards, limit).expect("a scan");
    let row = |(key, value): &(Vec<u8>, Vec<u8>)| {
        format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// Every stream with its events and every row, as text: two journals with the same text are the same.
pub(crate) fn dump(journal: &dyn Journal) -> String {
    let mut text = String::new();
    for (name, version) in journal.streams("").expect("streams") {
        writeln!(text, "{name} {version} {:?}", texts(journal, name.as_str(), 0)).expect("text");
    }
    for tree in ["heads", "rows"] {
        for (key, value) in journal.scan(tree, b"", b"", false, usize::MAX).expect("rows") {
            writeln!(text, "{tree} {} {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value))
                .expect("text");
        }
    }
    text
}

/// Runs the whole suite; `reopen` closes the journal and opens it again.
pub(crate) fn suite<J: Journal>(open: impl Fn() -> J, reopen: impl Fn(J) -> J) {
    appends_and_reads(&open());
    guards_are_all_or_nothing(&open());
    answers_come_in_order(&open());
    rows_follow_events(&open());
    limits_are_kept(&open());
    blobs_come_back(&open());
    let journal = open();
    rows_follow_events(&journal);
    let (before, epoch) = (dump(&journal), journal.epoch());
    let journal = reopen(journal);
    assert_eq!(dump(&journal), before, "opening again changes nothing");
    assert!(journal.epoch() > epoch, "each opening has a higher epoch");
    assert_eq!(
        append(&journal, batch(&[Guard::Lease(epoch)], &[("a", &["late"])]))
            .map_err(|error| matches!(error, AppendError::Conflict(_))),
        Err(true)
    );
    assert_eq!(append(&journal, batch(&[Guard::Lease(journal.epoch())], &[("late", &["now"])])), Ok(vec![1]));
}

fn appends_and_reads(journal: &dyn Journal) {
    assert_eq!((journal.version(&stream("a")), journal.read(&stream("a"), 0)), (Ok(0), Ok(Vec::new())));
    assert_eq!(append(journal, batch(&[], &[("a", &["1", "2"]), ("b", &["x"])])), Ok(vec![2, 1]));
    assert_eq!(append(journal, batch(&[], &[("b", &["y"]), ("a", &["3"]), ("b", &["z"])])), Ok(vec![2, 3, 3]));
    assert_eq!(append(journal, batch(&[], &[("a", &["4", "5"])])), Ok(vec![5]));
    assert_eq!(texts(journal, "b", 0), ["x", "y", "z"]);
    let all = ["1", "2", "3", "4", "5"];
    for from in 0..=6 {
        assert_eq!(texts(journal, "a", from), all[all.len().min(usize::try_from(from).unwrap())..], "behind {from}");
    }
    append(journal, batch(&[], &[("run/1", &["r"])])).expect("taken");
    assert_eq!(journal.streams("run/"), Ok(vec![(stream("run/1"), 1)]));
    assert_eq!(journal.streams(""), Ok(vec![(stream("a"), 5), (stream("b"), 3), (stream("run/1"), 1)]));
}

fn guards_are_all_or_nothing(journal: &dyn Journal) {
    let at = |name: &str, version| Guard::At(stream(name), version);
    let absent = |key: &str| Guard::Absent(Row { tree: "rows", key: key.into() });
    assert_eq!(append(journal, batch(&[at("a", 0), absent("k")], &[("a", &["put k 1"])])), Ok(vec![1]));
    let conflict = |guards: &[Guard], why: &str| {
        let before = dump(journal);
        let refused = append(journal, batch(guards, &[("a", &["del k"]), ("b", &["put j 1"])]));
        assert_eq!(refused, Err(AppendError::Conflict(why.into())));
        assert_eq!(dump(journal), before, "a refused batch leaves nothing behind");
    };
    conflict(&[at("b", 0), at("a", 0)], "stream `a` is at version 1, not 0");
    conflict(&[at("a", 1), at("b", 1)], "stream `b` is at version 0, not 1");
    conflict(&[absent("k")], "`rows` already has the row `k`");
    let epoch = journal.epoch();
    conflict(
        &[at("a", 1), Guard::Lease(epoch + 1)],
        &format!("the data directory is held under epoch {epoch}, not {}", epoch + 1),
    );
    let go = [at("a", 1), at("b", 0), absent("j"), Guard::Lease(epoch)];
    assert_eq!(append(journal, batch(&go, &[("a", &["del k"]), ("b", &["put j 1"])])), Ok(vec![2, 1]));
    assert_eq!(append(journal, batch(&[absent("k")], &[])), Ok(Vec::new()), "guards alone are a question");
    assert!(append(journal, batch(&[absent("j")], &[])).is_err());
}

fn answers_come_in_order(journal: &dyn Journal) {
    let (tell, told) = mpsc::channel();
    for turn in 0..300_u64 {
        let tell = tell.clone();
        // Every third batch names a version that is long past.
        let guard = Guard::At(stream("a"), if turn % 3 == 2 { 0 } else { turn - turn / 3 });
        let done = move |answer: Result<Vec<Version>, AppendError>| drop(tell.send((turn, answer)));
        journal.append(batch(&[guard], &[("a", &["x"])]), Box::new(done));
    }
    for turn in 0..300 {
        let (answered, answer) = told.recv().expect("every batch is answered");
        assert_eq!(answered, turn);
        assert_eq!(answer.ok(), (turn % 3 != 2).then(|| vec![turn - turn / 3 + 1]), "batch {turn}");
    }
    assert_eq!(journal.version(&stream("a")), Ok(200));
}

fn rows_follow_events(journal: &dyn Journal) {
    for (n, key) in ["b", "d", "a", "c", "e"].iter().enumerate() {
        let put = format!("put {key} {n}");
        append(journal, batch(&[], &[(&format!("run/{n}"), &[&put])])).expect("taken");
    }
    append(journal, batch(&[], &[("run/1", &["del d", "put b 9", "put b 8"])])).expect("taken");
    let get = |key: &str| journal.get(&Row { tree: "rows", key: key.into() }).expect("a row");
    assert_eq!((get("b"), get("d"), get("z")), (Some(b"8".to_vec()), None, None));
    assert_eq!(scan(journal, "", "", false, 9), "a=2 b=8 c=3 e=4");
    assert_eq!(scan(journal, "", "", true, 9), "e=4 c=3 b=8 a=2");
    assert_eq!(scan(journal, "b", "e", false, 9), "b=8 c=3");
    assert_eq!(scan(journal, "b", "e", true, 1), "c=3");
    assert_eq!(scan(journal, "", "", false, 2), "a=2 b=8");
    assert_eq!((scan(journal, "e", "b", false, 9), scan(journal, "", "", false, 0)), (String::new(), String::new()));
    assert_eq!(journal.scan("other", b"", b"", false, 9), Ok(Vec::new()));
}

fn limits_are_kept(journal: &dyn Journal) {
    let sized = |events: usize, size: usize| Batch {
        guards: Vec::new(),
        appends: vec![(stream("a"), vec![vec![b'x'; size]; events])],
        forgets: Vec::new(),
    };
    let refused = |batch| match append(journal, batch) {
        Err(AppendError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(append(journal, sized(1, limits::MAX_EVENT)), Ok(vec![1]));
    assert_eq!(append(journal, sized(15, limits::MAX_EVENT)), Ok(vec![16]));
    let why = refused(sized(1, limits::MAX_EVENT + 1));
    assert_eq!(why, "an event for stream `a` has 64.0 KiB, at most 64.0 KiB are taken: keep large values as blobs");
    assert!(refused(sized(16, limits::MAX_EVENT)).starts_with("a batch for stream `a` has 1.0 MiB"));
    assert_eq!(refused(batch(&[], &[("a", &[])])), "no event for stream `a`");
    assert_eq!(refused(batch(&[], &[("", &["x"])])), "`` is no name for a stream");
    assert_eq!(journal.version(&stream("a")), Ok(16));
    assert_eq!(journal.read(&stream("a"), 15).map(|events| events[0].len()), Ok(limits::MAX_EVENT));
}

fn blobs_come_back(journal: &dyn Journal) {
    for size in [0, 1, 3_000_000] {
        let bytes = vec![7; size];
        let digest = journal.put_blob(&bytes).expect("kept");
        assert_eq!((digest, journal.put_blob(&bytes)), (Digest::of(&bytes), Ok(digest)));
        assert_eq!(journal.blob(&digest), Ok(bytes));
    }
    let other = Digest::of(b"other");
    assert_eq!(journal.blob(&other), Err(ReadError::Blob(other)));
}
