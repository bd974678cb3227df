//! One connection to one keeper: frames out through a queue, frames in to whoever listens.

use crate::keeper;
use crate::keeper::protocol::{Ask, BadFrame, PROTOCOL, Tell, encode, take};
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// A connection to a keeper. Dropping the last copy ends it.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
}

/// The other half: what the keeper says, in order; `None` = it is gone.
#[derive(Debug)]
pub(super) struct Hearing {
    incoming: OwnedReadHalf,
    bytes: Vec<u8>,
}

impl Seat {
    /// Connects to the keeper of that directory.
    pub(super) fn connect(dir: &Path) -> io::Result<(Self, Hearing)> {
        let stream = keeper::connect(dir)?;
        stream.set_nonblocking(true)?;
        let (incoming, socket) = UnixStream::from_std(stream)?.into_split();
        let (outgoing, queue) = mpsc::unbounded_channel();
        tokio::spawn(write(socket, queue));
        let seat = Self { outgoing };
        seat.say(&Ask::Hello { protocol: PROTOCOL }, &[]).map_err(io::Error::other)?;
        Ok((seat, Hearing { incoming, bytes: Vec::new() }))
    }

    /// Says something; a keeper that is gone does not hear it.
    pub(super) fn say(&self, ask: &Ask, stdin: &[u8]) -> Result<(), BadFrame> {
        let _ = self.outgoing.send(encode(ask, stdin)?);
        Ok(())
    }
}

impl Hearing {
    /// The next thing the keeper says; `None` = the connection is over.
    pub(super) async fn next(&mut self) -> Option<Tell> {
        loop {
            match take::<Tell>(&mut self.bytes) {
                Ok(Some((tell, _))) => return Some(tell),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "hanging up on a keeper");
                    return None;
                }
            }
            match self.incoming.read_buf(&mut self.bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

async fn write(mut socket: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = queue.recv().await {
        if socket.write_all(&frame).await.is_err() {
            return;
        }
    }
}
