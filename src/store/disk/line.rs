//! The way to the writer: a bounded queue and its thread, and the thread that keeps anchor and index up.
//!
//! Nobody who appends waits for the disk, unless there is nothing better to do. Whatever has queued up while
//! one group was synced becomes the next group, so the busier it is the more batches share a sync.

use crate::base::limits;
use crate::store::disk::writer::Writer;
use crate::store::{AppendError, Batch, Done};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches that may wait for the writer.
const QUEUE: usize = 8 * 1024;
/// Batches in one group.
const GROUP: usize = 1024;
/// Bytes of one group; with one batch more it still fits a segment.
const GROUP_BYTES: usize = 4 * limits::MAX_BATCH;
/// How often anchor and index are brought up to date.
const UPKEEP: Duration = Duration::from_secs(1);

/// A running writer thread.
pub(crate) struct Line {
    sender: Option<Sender<(Batch, Done)>>,
    desk: Option<Arc<Desk>>,
    thread: Option<JoinHandle<()>>,
}

/// Where one thread at a time writes.
struct Desk {
    writer: Mutex<Writer>,
    /// Batches that are queued or being written.
    waiting: AtomicUsize,
}

impl Line {
    /// Starts the thread.
    pub(crate) fn start(writer: Writer) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let desk = Arc::new(Desk { writer: Mutex::new(writer), waiting: AtomicUsize::new(0) });
        let its = Arc::clone(&desk);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || run(&its, &receiver))?;
        Ok(Self { sender: Some(sender), desk: Some(desk), thread: Some(thread) })
    }

    /// One that takes nothing: a journal that is not open yet.
    pub(crate) fn closed() -> Self {
        Self { sender: None, desk: None, thread: None }
    }

    /// Queues a batch, or answers at once that it can't.
    pub(crate) fn put(&self, batch: Batch, done: Done) {
        let (Some(sender), Some(desk)) = (&self.sender, &self.desk) else {
            return done(Err(AppendError::Broken("the journal is closed".into())));
        };
        // Counted here and not by the queue: one with so many places is made at once, and few journals ever need them.
        let sent = if desk.waiting.fetch_add(1, Ordering::SeqCst) < QUEUE {
            let gone = || AppendError::Broken("its writer is gone".into());
            sender.send((batch, done)).map_err(|unsent| (unsent.0.1, gone()))
        } else {
            Err((done, AppendError::Busy(format!("{QUEUE} batches wait"))))
        };
        let Err((done, why)) = sent else { return };
        desk.waiting.fetch_sub(1, Ordering::SeqCst);
        done(Err(why));
    }

    /// Writes a single batch in the caller's own thread where nobody else writes, and does what there is to do `meanwhile`;
    /// else queues them.
    pub(crate) fn put_here(&self, batches: Vec<(Batch, Done)>, meanwhile: &mut dyn FnMut()) {
        if let ([_], Some(desk)) = (&batches[..], &self.desk)
            && desk.waiting.load(Ordering::SeqCst) == 0
            && let Ok(mut writer) = desk.writer.try_lock()
        {
            return writer.commit(batches, Some(meanwhile));
        }
        for (batch, done) in batches {
            self.put(batch, done);
        }
    }

    /// Lets the writer finish what has queued up.
    pub(crate) fn stop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(desk: &Desk, queue: &Receiver<(Batch, Done)>) {
    while let Ok(first) = queue.recv() {
        let mut bytes = size(&first.0);
        let mut group = vec![first];
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += size(&next.0);
            group.push(next);
        }
        let count = group.len();
        desk.writer.lock().unwrap_or_else(PoisonError::into_inner).commit(group, None);
        desk.waiting.fetch_sub(count, Ordering::SeqCst);
    }
}

fn size(batch: &Batch) -> usize {
    batch.appends.iter().flat_map(|(_, events)| events).map(Vec::len).sum()
}

/// A thread that does something each second until it is stopped.
pub(crate) struct Upkeep {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts it.
    pub(crate) fn start(work: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let upkeep = move || {
            while stopped.recv_timeout(UPKEEP) == Err(RecvTimeoutError::Timeout) {
                work();
            }
        };
        let thread = std::thread::Builder::new().name("journal-upkeep".into()).spawn(upkeep)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it; returns when it has.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
