//! Spans on their way out: many at a time, again after a pause while the collector can't take them, given up after some minutes.

use crate::act::World;
use crate::act::otlp::{Collector, Exported, Span};
use crate::runtime::clock;
use crate::runtime::tally::Tally;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// Spans in one request.
const TOGETHER: usize = 512;
/// How long the first of them waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// The first pause between two tries, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// How long spans are tried.
const PATIENCE: Duration = Duration::from_mins(5);

/// Who sends.
pub(super) struct Sender {
    collector: Collector,
    world: World,
    tally: Arc<Tally>,
    /// Why the last could not be sent; it is said once.
    failing: Option<String>,
}

impl Sender {
    pub(super) fn new(collector: Collector, world: World, tally: Arc<Tally>) -> Self {
        Self { collector, world, tally, failing: None }
    }

    /// Sends until there is nothing more to come. When `end` is gone nothing is tried a second time.
    pub(super) async fn run(mut self, mut spans: mpsc::Receiver<Span>, mut end: oneshot::Receiver<()>) {
        let mut ending = false;
        loop {
            let Some(first) = spans.recv().await else { return };
            let mut batch = vec![first];
            let more = async {
                while batch.len() < TOGETHER {
                    match spans.recv().await {
                        Some(span) => batch.push(span),
                        None => break,
                    }
                }
            };
            if ending {
                drop(timeout(Duration::ZERO, more).await);
            } else {
                tokio::select! {
                    _ = timeout(GATHER, more) => {}
                    _ = &mut end => ending = true,
                }
            }
            while batch.len() < TOGETHER
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
            self.deliver(&batch, &mut end, &mut ending).await;
        }
    }

    /// Tries until they are taken, refused, or it takes too long.
    async fn deliver(&mut self, batch: &[Span], end: &mut oneshot::Receiver<()>, ending: &mut bool) {
        let (begun, mut pause) = (clock::ticks(), PAUSE);
        loop {
            let world = World { now: clock::now(), ..self.world.clone() };
            match self.collector.send(batch, &world).await {
                Exported::Taken(rejected, why) => return self.taken(batch.len() as u64, rejected, &why),
                Exported::Refused(why) => {
                    self.tally.spans("rejected", batch.len() as u64);
                    return self.failed(&why);
                }
                Exported::Later(why, after) => {
                    self.failed(&why);
                    if *ending || clock::ticks().saturating_sub(begun) >= PATIENCE {
                        return self.tally.spans("dropped", batch.len() as u64);
                    }
                    let asked = after.map(Duration::from_millis).unwrap_or_default();
                    tokio::select! {
                        () = sleep(pause.max(asked).min(PATIENCE)) => {}
                        _ = &mut *end => *ending = true,
                    }
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    fn taken(&mut self, count: u64, rejected: u64, why: &str) {
        let rejected = rejected.min(count);
        self.tally.spans("sent", count - rejected);
        if rejected > 0 {
            self.tally.spans("rejected", rejected);
            return self.failed(&format!("{rejected} of {count} spans were rejected: {why}"));
        }
        if self.failing.take().is_some() {
            let lost = self.tally.counts().spans;
            let lost = ["dropped", "rejected"].iter().filter_map(|what| lost.get(what)).sum::<u64>();
            tracing::info!(lost, "traces are taken again");
        }
    }

    /// Says it once, until it is over.
    fn failed(&mut self, why: &str) {
        if self.failing.replace(why.to_owned()).is_none() {
            tracing::warn!(%why, "traces can't be sent (`telemetry`): it is tried again, and what does not fit is counted in `stepladder_trace_spans_total`");
        }
    }
}
