//! Every use case in the shapes that are sent: the one desk behind the socket's routes and, within the
//! owner's process, the command line itself. So both answer alike.

use crate::api::problem::bad;
use crate::api::wire::{
    AnswerRequest, CancelRequest, Outline, OutputChunk, OutputRequest, OutputStream, Problem, RetryRequest, RunDetail,
    RunRow, RunsRequest, StartReply, StartRequest, What, WireEvent,
};
use crate::base::actor::Actor;
use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::engine::event::Answer;
use crate::model::runbook::Runbook;
use crate::service::{Follow, Output, Runs, Service, StartRun, Stream, Trouble};
use tokio::sync::mpsc;

/// Events that wait for a slow reader in the channel.
const CHANNEL: usize = 256;
/// Events that wait for a slow reader behind it; past that it is hung up on, and may ask again from
/// where it was.
const MAX_BEHIND: usize = 10_000;
/// Runs in one list at most.
const MAX_RUNS: u32 = 10_000;

/// Events of a run, the first one first. Ends behind `run_ended`; an earlier end is the owner's, or
/// the reader was too slow.
pub type Events = mpsc::Receiver<WireEvent>;

/// The service, spoken to in wire shapes.
#[derive(Clone)]
pub struct Desk {
    service: Service,
}

impl Desk {
    /// A desk before that service.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// Starts a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn start(&self, actor: Actor, asked: StartRequest) -> Result<StartReply, Problem> {
        let StartRequest { runbook, inputs, dry, from, only, skip } = asked;
        let started = self.service.start(StartRun { runbook, inputs, dry, from, only, skip, actor }).await?;
        Ok(reply(started.0, &started.1))
    }

    /// Runs again what failed in a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn retry(&self, actor: Actor, asked: &RetryRequest) -> Result<StartReply, Problem> {
        let started = self.service.retry(run_id(&asked.run)?, actor).await?;
        Ok(reply(started.0, &started.1))
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// When there is no such run, it has ended, or the actor may not.
    pub fn cancel(&self, actor: Actor, asked: &CancelRequest) -> Result<(), Problem> {
        Ok(self.service.cancel(run_id(&asked.run)?, actor, &asked.reason)?)
    }

    /// Answers a question that a step waits with.
    ///
    /// # Errors
    /// As [`Self::cancel`].
    pub fn answer(&self, actor: Actor, asked: &AnswerRequest) -> Result<(), Problem> {
        let answer = match asked.answer.as_str() {
            "go" => Answer::Go,
            "stop" => Answer::Stop,
            "succeeded" => Answer::Succeeded,
            "failed" => Answer::Failed,
            "again" => Answer::Again,
            other => {
                return Err(bad(format!("`{other}` is no answer: `go`, `stop`, `succeeded`, `failed` or `again`")));
            }
        };
        Ok(self.service.answer(run_id(&asked.run)?, place(&asked.place)?, actor, answer)?)
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&self, asked: RunsRequest) -> Result<Vec<RunRow>, Problem> {
        let RunsRequest { runbook, outcome, since, dry, limit } = asked;
        let limit = usize::try_from(limit.clamp(1, MAX_RUNS)).unwrap_or(1);
        let rows = self.service.runs(&Runs { runbook, outcome, since, dry, limit })?;
        Ok(rows.into_iter().map(RunRow::from).collect())
    }

    /// One run in full.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub async fn run(&self, run: &str) -> Result<RunDetail, Problem> {
        let id = run_id(run)?;
        let row = self.service.row(id)?.ok_or_else(|| Trouble::NoRun(run.into()))?;
        let state = self.service.run(id)?;
        let Follow { past, .. } = self.service.follow(id, 0).await?;
        let events: Vec<WireEvent> = past.iter().map(|(version, event)| WireEvent::new(*version, event)).collect();
        // The events are told even when their text does not pass this binary's checks any more.
        let outline = self.service.pinned(&state).map(|runbook| Outline::from(runbook.as_ref())).unwrap_or_default();
        Ok(RunDetail { row: row.into(), outline, events })
    }

    /// The whole id of the run that begins or ends with `text`, or of the newest for `last`.
    ///
    /// # Errors
    /// When none fits, or several do.
    pub fn find(&self, text: &str) -> Result<String, Problem> {
        Ok(self.service.find_run(text)?.to_string())
    }

    /// Events of a run behind number `from`, and those to come.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub async fn events(&self, run: &str, from: u64) -> Result<Events, Problem> {
        let follow = self.service.follow(run_id(run)?, from).await?;
        let (sender, events) = mpsc::channel(CHANNEL);
        tokio::spawn(forward(follow, from, sender));
        Ok(events)
    }

    /// What an attempt printed on one stream.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn output(&self, asked: &OutputRequest) -> Result<OutputChunk, Problem> {
        let stream = match asked.stream {
            OutputStream::Stdout => Stream::Stdout,
            OutputStream::Stderr => Stream::Stderr,
        };
        let place = place(&asked.place)?;
        let Output { offset, bytes, total, .. } =
            self.service.output(run_id(&asked.run)?, &place, asked.attempt, stream, asked.from)?;
        let whole = whole_characters(&bytes);
        let text = String::from_utf8_lossy(whole).into_owned();
        let (place, attempt, bytes) = (asked.place.clone(), asked.attempt, whole.len() as u64);
        Ok(OutputChunk { place, attempt, stream: asked.stream, offset, text, bytes, total })
    }
}

async fn forward(follow: Follow, from: u64, sender: mpsc::Sender<WireEvent>) {
    let mut seen = from;
    for (version, event) in &follow.past {
        seen = seen.max(*version);
        if sender.send(WireEvent::new(*version, event)).await.is_err() {
            return;
        }
    }
    let Some(mut feed) = follow.feed else { return };
    while let Some((version, event)) = feed.recv().await {
        if feed.len() > MAX_BEHIND {
            return;
        }
        if version <= seen {
            continue;
        }
        let event = WireEvent::new(version, &event);
        let last = matches!(event.what, What::RunEnded { .. });
        if sender.send(event).await.is_err() || last {
            return;
        }
    }
}

fn reply(run: RunId, runbook: &Runbook) -> StartReply {
    StartReply { run: run.to_string(), outline: Outline::from(runbook) }
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    RunId::parse(text).map_err(|_| Trouble::NoRun(text.into()).into())
}

fn place(text: &str) -> Result<Place, Problem> {
    Place::parse(text).map_err(|error| bad(error.to_string()))
}

/// Without the beginning of a character at the end, unless there is nothing else: its rest may come.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let start = (bytes.len().saturating_sub(3)..bytes.len()).rev().find(|at| bytes[*at] & 0xC0 != 0x80);
    let Some(start) = start.filter(|start| *start > 0) else { return bytes };
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => &bytes[..start],
        Err(_) | Ok(_) => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        for (bytes, want) in [
            (&b"plain"[..], &b"plain"[..]),
            ("aé".as_bytes(), "aé".as_bytes()),
            (b"a\xc3", b"a"),
            (b"a\xf0\x9f\x98", b"a"),
            (b"\xf0\x9f\x98", b"\xf0\x9f\x98"),
            (b"a\xff", b"a\xff"),
            (b"a\x80\x80\x80\x80", b"a\x80\x80\x80\x80"),
            (b"", b""),
        ] {
            assert_eq!(whole_characters(bytes), want, "{bytes:?}");
        }
    }
}
