//! What runs do, as traces: a span for each run and for each attempt of a step, sent to a collector by OpenTelemetry's protocol.
//!
//! Made from the durable events, as whoever follows a run hears of them, and never in the way of the thread that drives the runs: it puts what is
//! needed into a bounded queue and goes on. What does not fit is counted. Ids are made from the run's own, so that whoever comes next goes on
//! with the same trace. Knows no more of a collector than `act::otlp`.

mod ids;
mod said;
mod sender;
mod settings;
mod traces;

pub use ids::{parent_of, trace_of};
pub use settings::{Setup, setup};

use crate::act::World;
use crate::base::ids::RunId;
use crate::engine::event::Recorded;
use crate::runtime::tally::Tally;
use crate::store::Journal;
use said::Said;
use sender::Sender;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use traces::Traces;

/// Events that wait to become spans.
const EVENTS: usize = 16_384;
/// Spans that wait to be sent.
const SPANS: usize = 4_096;
/// How long what is left is sent at the end.
const LAST: Duration = Duration::from_millis(500);

/// Where the thread that drives the runs puts what happened. A copy is the same place; the default goes nowhere.
#[derive(Debug, Clone, Default)]
pub struct Telemetry(Option<Arc<Inlet>>);

#[derive(Debug)]
struct Inlet {
    to: mpsc::Sender<Said>,
    tally: Arc<Tally>,
}

/// The tasks that make spans and send them.
#[derive(Debug)]
pub struct Exporting {
    tasks: Vec<JoinHandle<()>>,
    end: Option<oneshot::Sender<()>>,
}

impl Telemetry {
    /// Begins to export. Must be called within a runtime.
    #[must_use]
    pub fn start(setup: Setup, world: World, journal: Arc<dyn Journal>, tally: &Arc<Tally>) -> (Self, Exporting) {
        let (to, events) = mpsc::channel(EVENTS);
        let (spans, ready) = mpsc::channel(SPANS);
        let (end, ends) = oneshot::channel();
        let sender = Sender::new(setup.collector, world, Arc::clone(tally));
        let tasks =
            vec![tokio::spawn(fold(events, spans, journal, Arc::clone(tally))), tokio::spawn(sender.run(ready, ends))];
        let inlet = Inlet { to, tally: Arc::clone(tally) };
        (Self(Some(Arc::new(inlet))), Exporting { tasks, end: Some(end) })
    }

    /// Events of a run are durable.
    pub fn told(&self, run: RunId, events: &[(u64, Recorded)]) {
        let Some(inlet) = &self.0 else { return };
        for said in events.iter().filter_map(|(version, recorded)| Said::of(run, *version, recorded)) {
            let ends = said.ends_a_span();
            if inlet.to.try_send(said).is_err() && ends {
                inlet.tally.spans("dropped", 1);
            }
        }
    }
}

impl Exporting {
    /// Sends what is left, for half a second at most.
    pub async fn close(mut self) {
        drop(self.end.take());
        for task in &mut self.tasks {
            if tokio::time::timeout(LAST, &mut *task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// Makes spans of events until there are no more.
async fn fold(
    mut events: mpsc::Receiver<Said>,
    spans: mpsc::Sender<crate::act::otlp::Span>,
    journal: Arc<dyn Journal>,
    tally: Arc<Tally>,
) {
    let mut traces = Traces::default();
    while let Some(said) = events.recv().await {
        // What is not known of a run any more is in the journal, which takes a moment to read.
        let made = if traces.knows(&said) {
            traces.take(said)
        } else {
            let journal = Arc::clone(&journal);
            let looked = tokio::task::spawn_blocking(move || {
                traces.recall(&said, journal.as_ref());
                let made = traces.take(said);
                (traces, made)
            });
            match looked.await {
                Ok((held, made)) => {
                    traces = held;
                    made
                }
                Err(error) => {
                    tracing::error!(%error, "a trace could not be made; what follows begins anew");
                    traces = Traces::default();
                    Vec::new()
                }
            }
        };
        for span in made {
            if spans.try_send(span).is_err() {
                tally.spans("dropped", 1);
            }
        }
    }
}
