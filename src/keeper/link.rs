//! One owner's connection: frames in, frames out, never waiting for either.

use crate::base::limits::MAX_UNHEARD;
use crate::keeper::protocol::{Ask, BadFrame, Tell, encode, take};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Bytes read from one owner before the others get their turn.
const READ: usize = 256 * 1024;

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    closed: bool,
}

impl Link {
    /// A connection that was just accepted.
    pub(crate) fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, incoming: Vec::new(), outgoing: Vec::new(), closed: false })
    }

    /// What to wait for.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether it waits for room to write.
    pub(crate) fn has_more(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether it is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Reads what there is and returns the whole frames of it.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Vec<(Ask, Vec<u8>)> {
        let mut read = 0;
        while read < READ {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.closed = true;
                    break;
                }
                Ok(count) => {
                    read += count;
                    self.incoming.extend_from_slice(&buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.closed = true;
                    break;
                }
            }
        }
        let mut asked = Vec::new();
        loop {
            match take(&mut self.incoming) {
                Ok(Some(ask)) => asked.push(ask),
                Ok(None) => return asked,
                Err(BadFrame(why)) => {
                    self.say(&Tell::Unknown { why });
                    self.closed = true;
                    return asked;
                }
            }
        }
    }

    /// Says something, now or when there is room.
    pub(crate) fn say(&mut self, tell: &Tell) {
        match encode(tell, &[]) {
            Ok(frame) if self.outgoing.len() + frame.len() <= MAX_UNHEARD => {
                self.outgoing.extend_from_slice(&frame);
                self.flush();
            }
            Ok(_) | Err(_) => self.closed = true,
        }
    }

    /// Writes what there is room for.
    pub(crate) fn flush(&mut self) {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.closed = true;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::protocol::Exit;

    #[test]
    fn an_owner_that_does_not_read_is_dropped_and_never_waited_for() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut link = Link::new(ours).expect("a link");
        let exit = Exit { start_error: Some("x".repeat(100_000)), ..Exit::default() };
        let tell = Tell::Ended { attempt: "a".into(), exit: Box::new(exit) };
        let said = (0..200).take_while(|_| {
            link.say(&tell);
            !link.is_closed()
        });
        assert!((10..100).contains(&said.count()), "bounded by `MAX_UNHEARD`");
    }

    #[test]
    fn two_frames_in_one_read_are_two_frames() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut link = Link::new(ours).expect("a link");
        let forget = |id: &str| Ask::Forget { attempts: vec![id.into()] };
        let wire = [encode(&forget("a"), b"").expect("short"), encode(&forget("b"), b"").expect("short")].concat();
        theirs.write_all(&wire).expect("written");
        let asked = link.read(&mut [0; 4096]);
        assert_eq!(asked, [(forget("a"), vec![]), (forget("b"), vec![])]);
    }
}
