//! INT, TERM and HUP as values.

use crate::cli::trouble::Trouble;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a command.
#[derive(Debug)]
pub struct Interrupts {
    int: Signal,
    term: Signal,
    hup: Signal,
    /// One that came while something was not to be broken off.
    kept: Option<&'static str>,
}

impl Interrupts {
    /// Listens from now on; the process no longer dies of them.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self, Trouble> {
        let listen = |kind| signal(kind).map_err(|reason| Trouble::new(format!("cannot listen for signals: {reason}")));
        Ok(Self {
            int: listen(SignalKind::interrupt())?,
            term: listen(SignalKind::terminate())?,
            hup: listen(SignalKind::hangup())?,
            kept: None,
        })
    }

    /// Waits for something that is not to be broken off: the first that comes meanwhile is kept for [`Self::next`].
    ///
    /// # Errors
    /// At the second, a sentence.
    pub async fn kept_over<T>(&mut self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let mut work = std::pin::pin!(work);
        let mut first = None;
        loop {
            tokio::select! {
                done = &mut work => {
                    self.kept = first;
                    return done;
                }
                name = self.next() => {
                    if first.replace(name).is_some() {
                        return Err(Trouble::new(format!("{name} before it was known whether the run has begun"))
                            .help("`stepladder runs` shows whether it has"));
                    }
                }
            }
        }
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        tokio::select! {
            _ = self.int.recv() => "SIGINT",
            _ = self.term.recv() => "SIGTERM",
            _ = self.hup.recv() => "SIGHUP",
        }
    }
}
