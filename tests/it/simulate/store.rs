//! A journal whose batches take their time, fail as the script says, and outlive the process or not.
//!
//! What is committed is in memory, once, for every owner there ever is; a session is one owner's hold
//! on it, and only the last one's is good.

use super::script::BatchFault;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use stepladder::base::digest::Digest;
use stepladder::runtime::index::projection;
use stepladder::store::memory::Memory;
use stepladder::store::{AppendError, Batch, Done, Guard, Journal, KeyValue, ReadError, Row, StreamId, Version};

/// An event that has become durable.
pub(crate) type Committed = (StreamId, Version, Vec<u8>);

pub(crate) struct Store {
    memory: Memory,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    now: u64,
    batches: u64,
    faults: BTreeMap<u64, BatchFault>,
    full_until: u64,
    broken: Option<u64>,
    pending: VecDeque<Pending>,
    fresh: Vec<Committed>,
    last_due: u64,
}

struct Pending {
    session: u64,
    due: u64,
    fault: Option<BatchFault>,
    batch: Batch,
    done: Done,
}

/// How long a batch takes when nothing is wrong.
const QUICK: u64 = 3;

impl Store {
    pub(crate) fn new(faults: BTreeMap<u64, BatchFault>) -> Arc<Self> {
        let state = Mutex::new(State { faults, ..State::default() });
        Arc::new(Self { memory: Memory::new(projection()), state })
    }

    /// The next owner's hold.
    pub(crate) fn session(self: &Arc<Self>) -> Arc<Session> {
        let mut state = self.state();
        state.epoch += 1;
        Arc::new(Session { store: Arc::clone(self), epoch: state.epoch })
    }

    /// The process of the last session is gone; of its batches on their way, `kept` are durable all the same.
    pub(crate) fn crash(&self, kept: usize) {
        let pending: Vec<Pending> = self.state().pending.drain(..).collect();
        for lost in pending.into_iter().take(kept) {
            self.commit(Pending { done: Box::new(|_| {}), ..lost });
        }
    }

    pub(crate) fn set_now(&self, now: u64) {
        self.state().now = now;
    }

    pub(crate) fn full_until(&self, until: u64) {
        self.state().full_until = until;
    }

    pub(crate) fn rebuild(&self) {
        self.memory.rebuild();
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.state().pending.front().map(|pending| pending.due)
    }

    /// How many batches were given to the journal.
    pub(crate) fn batches(&self) -> u64 {
        self.state().batches
    }

    /// Does what is due; true = something was.
    pub(crate) fn turn(&self) -> bool {
        let due = {
            let mut state = self.state();
            let now = state.now;
            state.pending.front().is_some_and(|pending| pending.due <= now).then(|| state.pending.pop_front())
        };
        due.flatten().map(|pending| self.commit(pending)).is_some()
    }

    /// What has become durable since the last look.
    pub(crate) fn fresh(&self) -> Vec<Committed> {
        std::mem::take(&mut self.state().fresh)
    }

    pub(crate) fn journal(&self) -> &Memory {
        &self.memory
    }

    fn commit(&self, Pending { session, fault, mut batch, done, .. }: Pending) {
        let (epoch, full, broken) = {
            let state = self.state();
            (state.epoch, state.now < state.full_until, state.broken == Some(session))
        };
        let held = batch.guards.iter().all(|guard| !matches!(guard, Guard::Lease(lease) if *lease != epoch));
        batch.guards.retain(|guard| !matches!(guard, Guard::Lease(_)));
        let refused = match fault {
            _ if !held => Some(AppendError::Conflict("the data directory is held by another".into())),
            _ if broken => Some(AppendError::Broken("an earlier fault".into())),
            Some(BatchFault::Broken) => {
                self.state().broken = Some(session);
                Some(AppendError::Broken("the disk is gone".into()))
            }
            _ if full => Some(AppendError::Full("the device has no room".into())),
            Some(BatchFault::UnknownLost) => Some(AppendError::Unknown("no answer".into())),
            Some(BatchFault::UnknownWritten | BatchFault::Busy | BatchFault::Slow(_)) | None => None,
        };
        if let Some(error) = refused {
            return done(Err(error));
        }
        let appends = batch.appends.clone();
        let (tell, told) = std::sync::mpsc::channel();
        self.memory.append(batch, Box::new(move |answer| drop(tell.send(answer))));
        let answer = told.recv().unwrap();
        if let Ok(versions) = &answer {
            for ((stream, payloads), last) in appends.into_iter().zip(versions) {
                let first = last + 1 - payloads.len() as u64;
                let events = (first..).zip(payloads).map(|(version, payload)| (stream.clone(), version, payload));
                self.state().fresh.extend(events);
            }
        }
        match (answer, fault) {
            (Ok(_), Some(BatchFault::UnknownWritten)) => done(Err(AppendError::Unknown("no answer".into()))),
            (answer, _) => done(answer),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// One owner's hold.
pub(crate) struct Session {
    store: Arc<Store>,
    epoch: u64,
}

impl Journal for Session {
    fn append(&self, batch: Batch, done: Done) {
        let mut state = self.store.state();
        let number = state.batches;
        state.batches += 1;
        let fault = state.faults.get(&number).copied();
        if fault == Some(BatchFault::Busy) {
            drop(state);
            return done(Err(AppendError::Busy("the writer is behind".into())));
        }
        let takes = if let Some(BatchFault::Slow(millis)) = fault { millis } else { number % QUICK };
        state.last_due = state.last_due.max(state.now + takes);
        let pending = Pending { session: self.epoch, due: state.last_due, fault, batch, done };
        state.pending.push_back(pending);
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn streams(&self, prefix: &str) -> Result<Vec<(StreamId, Version)>, ReadError> {
        self.store.memory.streams(prefix)
    }

    fn version(&self, stream: &StreamId) -> Result<Version, ReadError> {
        self.store.memory.version(stream)
    }

    fn read(&self, stream: &StreamId, from: Version) -> Result<Vec<Vec<u8>>, ReadError> {
        self.store.memory.read(stream, from)
    }

    fn get(&self, row: &Row) -> Result<Option<Vec<u8>>, ReadError> {
        self.store.memory.get(row)
    }

    fn scan(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<KeyValue>, ReadError> {
        self.store.memory.scan(tree, from, to, backwards, limit)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Digest, AppendError> {
        self.store.memory.put_blob(bytes)
    }

    fn has_blob(&self, digest: &Digest) -> bool {
        self.store.memory.has_blob(digest)
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ReadError> {
        self.store.memory.blob(digest)
    }
}
