//! One connection to one keeper: frames out at once or when there is room, frames in to a thread that listens.
//!
//! Whoever asks for a child writes to the socket itself, and the thread that hears its end passes it on:
//! between an order and a child, and back, there is no other thread to wake.

use crate::keeper;
use crate::keeper::protocol::{Ask, BadFrame, PROTOCOL, Tell, encode, take};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// A connection to a keeper. Dropping the last copy ends it.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    stream: UnixStream,
    waiting: Mutex<Waiting>,
}

/// Frames for which there was no room: a stopped keeper holds up nobody.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Whether a thread is at it.
    drained: bool,
}

/// The other half: what the keeper says, in order.
#[derive(Debug)]
pub(super) struct Hearing {
    stream: UnixStream,
    buffer: Vec<u8>,
    bytes: Vec<u8>,
    /// Whether nothing it says makes sense any more.
    over: bool,
}

impl Seat {
    /// Connects to the keeper of that directory.
    pub(super) fn connect(dir: &Path) -> io::Result<(Self, Hearing)> {
        let stream = keeper::connect(dir)?;
        let hearing = Hearing { stream: stream.try_clone()?, buffer: vec![0; READ], bytes: Vec::new(), over: false };
        let seat = Self { line: Arc::new(Line { stream, waiting: Mutex::default() }) };
        seat.say(&Ask::Hello { protocol: PROTOCOL }, &[]).map_err(io::Error::other)?;
        Ok((seat, hearing))
    }

    /// Says something; a keeper that is gone does not hear it.
    pub(super) fn say(&self, ask: &Ask, stdin: &[u8]) -> Result<(), BadFrame> {
        self.send(&encode(ask, stdin)?);
        Ok(())
    }

    /// Sends a whole frame, now or when there is room.
    pub(super) fn send(&self, frame: &[u8]) {
        let mut waiting = self.line.waiting();
        if waiting.drained {
            return waiting.bytes.extend_from_slice(frame);
        }
        let mut sent = 0;
        while sent < frame.len() {
            match rustix::net::send(&self.line.stream, &frame[sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    waiting.bytes.extend_from_slice(&frame[sent..]);
                    let line = Arc::clone(&self.line);
                    let drain = std::thread::Builder::new().name("keeper-mouth".into()).spawn(move || line.drain());
                    waiting.drained = drain.is_ok();
                    return;
                }
                // It is gone; whoever listens to it notices and looks after what was asked.
                Err(_) => return,
            }
        }
    }
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, however long the keeper takes.
    fn drain(&self) {
        loop {
            let bytes = {
                let mut waiting = self.waiting();
                waiting.drained = !waiting.bytes.is_empty();
                std::mem::take(&mut waiting.bytes)
            };
            if bytes.is_empty() || (&self.stream).write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Wakes the thread that listens.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Hearing {
    /// What the keeper says next, all that has come of it; `None` = the connection is over.
    pub(super) fn next(&mut self) -> Option<Vec<Tell>> {
        let mut tells = Vec::new();
        while !self.over {
            match take::<Tell>(&mut self.bytes) {
                Ok(Some((tell, _))) => {
                    tells.push(tell);
                    continue;
                }
                Ok(None) if !tells.is_empty() => return Some(tells),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "hanging up on a keeper");
                    self.over = true;
                    return (!tells.is_empty()).then_some(tells);
                }
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return None,
                Ok(read) => self.bytes.extend_from_slice(&self.buffer[..read]),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return None,
                Err(_) => {}
            }
        }
        None
    }
}
