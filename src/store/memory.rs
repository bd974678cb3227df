//! The journal without a disk: for tests, simulations and dry runs. Answers before `append` returns.
//!
//! Knows the same rules as the disk and how to fail on purpose; never survives its process.

use crate::base::digest::Digest;
use crate::store::admit::{Held, admit};
use crate::store::{
    AppendError, Batch, Done, Forget, Journal, KeyValue, Project, ReadError, Row, StreamId, Version, no_rows,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What goes wrong with one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer is lost and nothing was written.
    Before,
    /// The answer is lost and everything was written.
    After,
    /// There is no space; nothing was written.
    Full,
    /// The journal is behind; nothing was written.
    Busy,
    /// The journal breaks; nothing is written from now on.
    Broken,
}

/// Says what goes wrong with the n-th append, from 0.
pub type Faults = Arc<dyn Fn(u64) -> Option<Fault> + Send + Sync>;

/// A journal in memory.
pub struct Memory {
    project: Project,
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    streams: BTreeMap<StreamId, Events>,
    rows: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    appends: u64,
    epoch: u64,
    broken: bool,
}

/// The events of a stream that are left, and how many are forgotten before them.
#[derive(Debug, Clone, Default)]
struct Events {
    forgotten: Version,
    kept: Vec<Vec<u8>>,
}

impl Events {
    fn version(&self) -> Version {
        self.forgotten + self.kept.len() as Version
    }

    fn behind(&self, from: Version) -> &[Vec<u8>] {
        let skip = usize::try_from(from.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        self.kept.get(skip..).unwrap_or_default()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(no_rows())
    }
}

impl Memory {
    /// An empty journal with that projection.
    #[must_use]
    pub fn new(project: Project) -> Self {
        Self::failing(project, Arc::new(|_| None))
    }

    /// An empty journal that fails as `faults` says.
    #[must_use]
    pub fn failing(project: Project, faults: Faults) -> Self {
        Self { project, faults, state: Mutex::new(State { epoch: 1, ..State::default() }) }
    }

    /// What the next process would find: the same events, rows and blobs, a new epoch, no faults.
    #[must_use]
    pub fn reopened(&self) -> Self {
        let mut state = self.state().clone();
        state.epoch += 1;
        state.appends = 0;
        state.broken = false;
        Self { project: Arc::clone(&self.project), faults: Arc::new(|_| None), state: Mutex::new(state) }
    }

    /// How many appends there were, refused ones included.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.state().appends
    }

    /// Throws the index away and makes it again from the events.
    pub fn rebuild(&self) {
        let mut state = self.state();
        state.rows.clear();
        let streams = state.streams.clone();
        for (stream, events) in &streams {
            for (version, payload) in (events.forgotten + 1..).zip(&events.kept) {
                state.apply(&self.project, stream, version, payload);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self, batch: Batch) -> Result<Vec<Version>, AppendError> {
        let mut state = self.state();
        let number = state.appends;
        state.appends += 1;
        if state.broken {
            return Err(AppendError::Broken("an earlier fault".into()));
        }
        let fault = (self.faults)(number);
        match fault {
            Some(Fault::Before) => return Err(AppendError::Unknown("a fault on purpose".into())),
            Some(Fault::Busy) => return Err(AppendError::Busy("a fault on purpose".into())),
            Some(Fault::Full) => return Err(AppendError::Full("a fault on purpose".into())),
            Some(Fault::Broken) => {
                state.broken = true;
                return Err(AppendError::Broken("a fault on purpose".into()));
            }
            Some(Fault::After) | None => {}
        }
        admit(&batch, &*state)?;
        for forget in &batch.forgets {
            state.forget(&self.project, forget);
        }
        let mut versions = Vec::new();
        for (stream, payloads) in batch.appends {
            for payload in payloads {
                let events = state.streams.entry(stream.clone()).or_default();
                events.kept.push(payload.clone());
                let version = events.version();
                state.apply(&self.project, &stream, version, &payload);
            }
            versions.push(state.streams.get(&stream).map_or(0, Events::version));
        }
        if fault == Some(Fault::After) { Err(AppendError::Unknown("a fault on purpose".into())) } else { Ok(versions) }
    }
}

impl State {
    fn forget(&mut self, project: &Project, forget: &Forget) {
        match forget {
            // Nothing in memory is ever lost.
            Forget::Loss(..) => {}
            Forget::Past(stream) | Forget::Damaged(stream) => {
                if let Some(events) = self.streams.get_mut(stream) {
                    events.forgotten = events.version();
                    events.kept.clear();
                }
            }
            Forget::Before(stream, version, _) => {
                self.streams.entry(stream.clone()).or_default().forgotten = *version;
            }
            Forget::Whole(stream) => {
                let events = self.streams.remove(stream).unwrap_or_default();
                for (version, payload) in (events.forgotten + 1..).zip(&events.kept) {
                    for change in project(stream, version, payload) {
                        self.rows.entry(change.row.tree).or_default().remove(&change.row.key);
                    }
                }
            }
        }
    }

    fn apply(&mut self, project: &Project, stream: &StreamId, version: Version, payload: &[u8]) {
        for change in project(stream, version, payload) {
            let tree = self.rows.entry(change.row.tree).or_default();
            match change.value {
                Some(value) => tree.insert(change.row.key, value),
                None => tree.remove(&change.row.key),
            };
        }
    }
}

impl Held for State {
    fn version(&self, stream: &StreamId) -> Result<Version, AppendError> {
        Ok(self.streams.get(stream).map_or(0, Events::version))
    }

    fn has(&self, row: &Row) -> Result<bool, AppendError> {
        Ok(self.rows.get(row.tree).is_some_and(|tree| tree.contains_key(&row.key)))
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Journal for Memory {
    fn append(&self, batch: Batch, done: Done) {
        let answer = self.take(batch);
        done(answer);
    }

    fn epoch(&self) -> u64 {
        self.state().epoch
    }

    fn streams(&self, prefix: &str) -> Result<Vec<(StreamId, Version)>, ReadError> {
        let state = self.state();
        let from = state.streams.range(StreamId::from_name(prefix)..);
        Ok(from
            .take_while(|(stream, _)| stream.as_str().starts_with(prefix))
            .map(|(stream, events)| (stream.clone(), events.version()))
            .collect())
    }

    fn version(&self, stream: &StreamId) -> Result<Version, ReadError> {
        Ok(self.state().streams.get(stream).map_or(0, Events::version))
    }

    fn read(&self, stream: &StreamId, from: Version) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(self.state().streams.get(stream).map(|events| events.behind(from).to_vec()).unwrap_or_default())
    }

    fn past(&self, stream: &StreamId) -> Result<(Version, Vec<u8>), ReadError> {
        let state = self.state();
        let past = state.streams.get(stream).map(|events| (events.forgotten, vec![0; 16]));
        Ok(past.unwrap_or_default())
    }

    fn get(&self, row: &Row) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.state().rows.get(row.tree).and_then(|tree| tree.get(&row.key)).cloned())
    }

    fn scan(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<KeyValue>, ReadError> {
        let state = self.state();
        let Some(rows) = state.rows.get(tree) else { return Ok(Vec::new()) };
        let rows = rows.range(from.to_vec()..).take_while(|(key, _)| to.is_empty() || key.as_slice() < to);
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        if backwards {
            let all: Vec<_> = rows.collect();
            return Ok(all.into_iter().rev().take(limit).map(own).collect());
        }
        Ok(rows.take(limit).map(own).collect())
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Digest, AppendError> {
        let digest = Digest::of(bytes);
        self.state().blobs.insert(digest, bytes.to_vec());
        Ok(digest)
    }

    fn has_blob(&self, digest: &Digest) -> bool {
        self.state().blobs.contains_key(digest)
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.state().blobs.get(digest).cloned().ok_or(ReadError::Blob(*digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{append, batch, dump, project, stream, suite};

    #[test]
    fn conforms() {
        suite(|| Memory::new(project()), |journal| journal.reopened());
    }

    #[test]
    fn fails_on_purpose() {
        let faults = [Some(Fault::Before), Some(Fault::After), Some(Fault::Full), None, Some(Fault::Broken)];
        let journal = Memory::failing(project(), Arc::new(move |n| faults.get(usize::try_from(n).ok()?).copied()?));
        let answers: Vec<_> = (0..6).map(|_| append(&journal, batch(&[], &[("a", &["put k v"])]))).collect();
        let unknown = || Err(AppendError::Unknown("a fault on purpose".into()));
        assert_eq!(answers[..2], [unknown(), unknown()]);
        assert!(matches!(answers[2], Err(AppendError::Full(_))));
        assert_eq!(answers[3], Ok(vec![2]), "the second was written, the first was not");
        assert!(matches!((&answers[4], &answers[5]), (Err(AppendError::Broken(_)), Err(AppendError::Broken(_)))));
        assert_eq!(journal.reopened().version(&stream("a")), Ok(2));
        let before = dump(&journal);
        journal.rebuild();
        assert_eq!(dump(&journal), before);
    }
}
