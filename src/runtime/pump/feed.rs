//! What happens in a run, for whoever follows it.
//!
//! Who follows is not woken for each event: next to steps of a millisecond that would cost the run a tenth of its time, by the
//! processor that a thread takes when it is woken, and nobody sees so fast. What comes while a follower pauses waits for it;
//! the run's end does not.

use crate::engine::event::Recorded;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long one who follows pauses once there is nothing more to see.
const PAUSE: Duration = Duration::from_millis(10);

/// One who is told.
#[derive(Debug)]
pub struct Follower {
    events: mpsc::UnboundedSender<(u64, Recorded)>,
    /// Goes with the follower, and so behind the last event.
    _end: oneshot::Sender<()>,
}

/// Events as they become durable, each with its version. Ends after the run's last.
#[derive(Debug)]
pub struct Feed {
    events: mpsc::UnboundedReceiver<(u64, Recorded)>,
    end: oneshot::Receiver<()>,
    /// Whether the next wait begins with a pause.
    pauses: bool,
    ended: bool,
}

/// A follower and what it is told.
#[must_use]
pub fn feed() -> (Follower, Feed) {
    let (to, events) = mpsc::unbounded_channel();
    let (going, end) = oneshot::channel();
    (Follower { events: to, _end: going }, Feed { events, end, pauses: false, ended: false })
}

impl Follower {
    /// Tells it; whether it still listens.
    #[must_use]
    pub fn tell(&self, version: u64, event: Recorded) -> bool {
        self.events.send((version, event)).is_ok()
    }
}

impl Feed {
    /// The next event, as soon as it is there.
    pub async fn next(&mut self) -> Option<(u64, Recorded)> {
        self.events.recv().await
    }

    /// The next event, for eyes: several that come one after the other are seen together.
    pub async fn seen(&mut self) -> Option<(u64, Recorded)> {
        self.seen_after(PAUSE).await
    }

    async fn seen_after(&mut self, pause: Duration) -> Option<(u64, Recorded)> {
        if let Ok(event) = self.events.try_recv() {
            return Some(event);
        }
        if self.pauses && !self.ended {
            tokio::select! {
                _ = &mut self.end => self.ended = true,
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Waited out, whatever comes of the wait below: this future may be dropped in it.
        self.pauses = false;
        let event = self.events.recv().await;
        self.pauses = true;
        event
    }

    /// How many wait to be seen.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use jiff::Timestamp;

    const LONG: Duration = Duration::from_hours(1);

    fn tell(follower: &Follower, version: u64) {
        assert!(follower.tell(version, Recorded { at: Timestamp::UNIX_EPOCH, event: Event::Admitted }));
    }

    /// What is seen right now; `None` = who follows sleeps.
    async fn now(feed: &mut Feed) -> Option<Option<u64>> {
        tokio::select! {
            biased;
            event = feed.seen_after(LONG) => Some(event.map(|(version, _)| version)),
            () = tokio::task::yield_now() => None,
        }
    }

    #[tokio::test]
    async fn who_has_seen_something_pauses_and_the_end_ends_the_pause() {
        let (follower, mut feed) = feed();
        assert_eq!(now(&mut feed).await, None);
        tell(&follower, 1);
        assert_eq!(now(&mut feed).await, Some(Some(1)), "the first is seen at once");
        tell(&follower, 2);
        assert_eq!(now(&mut feed).await, Some(Some(2)), "it is there already: nobody is woken for it");
        let pausing = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some((version, _)) = feed.seen_after(LONG).await {
                seen.push(version);
            }
            seen
        });
        tokio::task::yield_now().await;
        tell(&follower, 3);
        tokio::task::yield_now().await;
        assert!(!pausing.is_finished());
        tell(&follower, 4);
        drop(follower);
        let seen = tokio::time::timeout(Duration::from_secs(30), pausing).await;
        assert_eq!(seen.expect("at once").expect("seen"), [3, 4]);
    }

    #[tokio::test]
    async fn a_pause_is_over_by_itself() {
        let (follower, mut feed) = feed();
        for version in 1..=3 {
            tell(&follower, version);
            assert_eq!(feed.seen_after(Duration::from_millis(1)).await.map(|(version, _)| version), Some(version));
        }
        let next = tokio::spawn(async move { feed.seen_after(Duration::from_millis(1)).await });
        tokio::task::yield_now().await;
        tell(&follower, 4);
        assert_eq!(next.await.expect("seen").map(|(version, _)| version), Some(4));
    }
}
