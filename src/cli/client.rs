//! Talking to the owner of a data directory over its socket: the same requests as the API's.

mod incidents;
mod measures;
mod people;
mod schedules;

use crate::api::wire::{
    AnswerRequest, ApprovalRow, BookTexts, CancelRequest, Carried, CarryRequest, Checkup, LedgerRow, OutputChunk,
    OutputRequest, OutputStream, PauseRequest, Paused, Problem, Reloaded, RetryRequest, RunDetail, RunRow, RunsRequest,
    ScheduleRow, SettingRow, StartReply, StartRequest, Status, TokenReply, TokenRequest, TokenRow, VoteReply,
    VoteRequest, WhyRequest, WireEvent,
};
use crate::base::value::{Value, json};
use crate::cli::trouble::Trouble;
use crate::keeper;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Events that wait for whoever draws them.
const CHANNEL: usize = 256;

/// The way to an owner: one connection for each request.
#[derive(Debug, Clone)]
pub struct Client {
    data: PathBuf,
}

impl Client {
    /// The owner of that data directory; whether it answers shows the first request.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { data: data.into() }
    }

    /// Starts a run.
    ///
    /// # Errors
    /// Why it was not started, or that the owner does not answer.
    pub async fn start(&self, asked: &StartRequest) -> Result<StartReply, Trouble> {
        self.ask(Method::POST, "/runs", body(asked)).await
    }

    /// Runs again what failed in a run.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn retry(&self, asked: &RetryRequest) -> Result<StartReply, Trouble> {
        let new = asked.new.as_ref().map_or_else(Vec::new, |new| body(&json!({ "new": new })));
        self.ask(Method::POST, &format!("/runs/{}/retry", part(&asked.run)), new).await
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// When there is no such run, it has ended, or the owner does not answer.
    pub async fn cancel(&self, asked: &CancelRequest) -> Result<(), Trouble> {
        let said = body(&json!({ "reason": asked.reason, "mode": asked.mode }));
        self.send(Method::POST, &format!("/runs/{}/cancel", part(&asked.run)), said).await.map(drop)
    }

    /// Answers a question that a step waits with.
    ///
    /// # Errors
    /// As [`Self::cancel`].
    pub async fn answer(&self, asked: &AnswerRequest) -> Result<(), Trouble> {
        let said = body(&json!({ "place": asked.place, "answer": asked.answer }));
        self.send(Method::POST, &format!("/runs/{}/answer", part(&asked.run)), said).await.map(drop)
    }

    /// What waits for the yes of people, in all runs or in one.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn approvals(&self, run: Option<&str>) -> Result<Vec<ApprovalRow>, Trouble> {
        let query = run.map_or(String::new(), |run| format!("?run={}", part(run)));
        self.ask(Method::GET, &format!("/approvals{query}"), Vec::new()).await
    }

    /// Approves or rejects.
    ///
    /// # Errors
    /// When nothing waits there, or it does not count.
    pub async fn vote(&self, asked: &VoteRequest) -> Result<VoteReply, Trouble> {
        let verb = if asked.approve { "approve" } else { "reject" };
        let VoteRequest { run, approve: _, place, fields, note, over } = asked;
        let said = body(&json!({ "place": place, "fields": fields, "note": note, "override": over }));
        self.ask(Method::POST, &format!("/runs/{}/{verb}", part(run)), said).await
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the store can't be read or the owner does not answer.
    pub async fn runs(&self, asked: &RunsRequest) -> Result<Vec<RunRow>, Trouble> {
        let mut path =
            format!("/runs?limit={}&dry={}&outcome={}", asked.limit, asked.dry, part(&asked.outcome.join(",")));
        if let Some(runbook) = &asked.runbook {
            let _ = write!(path, "&runbook={}", part(runbook));
        }
        if let Some(since) = asked.since {
            let _ = write!(path, "&since={}", part(&since.to_string()));
        }
        if let Some(before) = &asked.before {
            let _ = write!(path, "&before={}", part(before));
        }
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// The plan that a finished dry run makes.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn plan(&self, run: &str) -> Result<Value, Trouble> {
        self.ask(Method::GET, &format!("/runs/{}/plan", part(run)), Vec::new()).await
    }

    /// Every schedule of the book.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn schedules(&self) -> Result<Vec<ScheduleRow>, Trouble> {
        self.ask(Method::GET, "/schedules", Vec::new()).await
    }

    /// Pauses (`pause`) or resumes (`resume`) the schedules of a runbook.
    ///
    /// # Errors
    /// As [`Self::runs`], or when it has none.
    pub async fn pause(&self, what: &str, runbook: &str, asked: &PauseRequest) -> Result<Paused, Trouble> {
        self.ask(Method::POST, &format!("/schedules/{}/{what}", part(runbook)), body(asked)).await
    }

    /// What became of an instant.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn why(&self, asked: &WhyRequest) -> Result<Vec<LedgerRow>, Trouble> {
        let at = asked.at.to_string();
        let path = format!("/schedules/{}/why?at={}", part(&asked.runbook), part(&at));
        self.ask(Method::GET, &path, Vec::new()).await
    }

    /// One run in full.
    ///
    /// # Errors
    /// As [`Self::runs`], or when there is no such run.
    pub async fn run(&self, run: &str) -> Result<RunDetail, Trouble> {
        self.ask(Method::GET, &format!("/runs/{}", part(run)), Vec::new()).await
    }

    /// The whole id of the run that begins or ends with `text`, or of the newest for `last`.
    ///
    /// # Errors
    /// When none fits, several do, or the owner does not answer.
    pub async fn find(&self, text: &str) -> Result<String, Trouble> {
        self.ask(Method::GET, &format!("/find/{}", part(text)), Vec::new()).await
    }

    /// What an attempt printed on one stream.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn output(&self, asked: &OutputRequest) -> Result<OutputChunk, Trouble> {
        let stream = match asked.stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        let OutputRequest { run, place, attempt, from, .. } = asked;
        let query = format!("place={}&attempt={attempt}&stream={stream}&from={from}", part(place));
        self.ask(Method::GET, &format!("/runs/{}/output?{query}", part(run)), Vec::new()).await
    }

    /// Events of a run behind number `from`, and those to come. The channel ends behind `run_ended`; a
    /// lost connection is a last item that says so.
    ///
    /// # Errors
    /// When there is no such run or the owner does not answer.
    pub async fn events(&self, run: &str, from: u64) -> Result<mpsc::Receiver<Result<WireEvent, Trouble>>, Trouble> {
        let path = format!("/runs/{}/events?from={from}", part(run));
        let response = self.send(Method::GET, &path, Vec::new()).await?;
        let (sender, events) = mpsc::channel(CHANNEL);
        tokio::spawn(lines(response.into_body(), sender));
        Ok(events)
    }

    /// Examines the data directory.
    ///
    /// # Errors
    /// As [`Self::runs`]; an owner mends nothing beneath itself.
    pub async fn doctor(&self, repair: bool) -> Result<Checkup, Trouble> {
        self.ask(Method::GET, &format!("/store/doctor?repair={repair}"), Vec::new()).await
    }

    /// Writes an archive (`export`) or a copy (`backup`).
    ///
    /// # Errors
    /// When it can't be written or the owner does not answer.
    pub async fn carry(&self, what: &str, asked: &CarryRequest) -> Result<Carried, Trouble> {
        self.ask(Method::POST, &format!("/store/{what}"), body(asked)).await
    }

    /// How everything stands.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn status(&self) -> Result<Status, Trouble> {
        self.ask(Method::GET, "/status", Vec::new()).await
    }

    /// Has the files of the book read again.
    ///
    /// # Errors
    /// When no daemon serves it.
    pub async fn reload(&self) -> Result<Reloaded, Trouble> {
        self.ask(Method::POST, "/book/reload", Vec::new()).await
    }

    /// The texts of the book that count.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub async fn book_texts(&self) -> Result<BookTexts, Trouble> {
        self.ask(Method::GET, "/book", Vec::new()).await
    }

    /// Every setting as the owner goes by it.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn settings(&self) -> Result<Vec<SettingRow>, Trouble> {
        self.ask(Method::GET, "/settings", Vec::new()).await
    }

    /// Makes a token.
    ///
    /// # Errors
    /// When the name is taken or the owner does not answer.
    pub async fn create_token(&self, asked: &TokenRequest) -> Result<TokenReply, Trouble> {
        self.ask(Method::POST, "/tokens", body(asked)).await
    }

    /// Every token there ever was.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, Trouble> {
        self.ask(Method::GET, "/tokens", Vec::new()).await
    }

    /// Takes a token's right away.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn revoke_token(&self, name: &str) -> Result<(), Trouble> {
        self.send(Method::DELETE, &format!("/tokens/{}", part(name)), Vec::new()).await.map(drop)
    }

    /// Asks the owner to let this process drive its runs.
    ///
    /// # Errors
    /// When it stays itself or does not answer.
    pub async fn make_room(&self) -> Result<(), Trouble> {
        self.send(Method::POST, "/owner/make-room", Vec::new()).await.map(drop)
    }

    /// Whether there is an owner that answers.
    pub async fn answers(&self) -> bool {
        let none = RunsRequest { limit: 1, ..RunsRequest::default() };
        self.runs(&none).await.is_ok()
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, Trouble> {
        let response = self.send(method, path, body).await?;
        let bytes = response.into_body().collect().await.map_err(|error| self.silent(&error))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("the owner of `{}` answered something unknown here: {error}", self.data.display());
            Trouble::new(message).help("it may be another release than this one; restart it")
        })
    }

    /// An answer that is no JSON.
    async fn text(&self, path: &str) -> Result<String, Trouble> {
        let response = self.send(Method::GET, path, Vec::new()).await?;
        let bytes = response.into_body().collect().await.map_err(|error| self.silent(&error))?.to_bytes();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, Trouble> {
        let stream = keeper::socket(&self.data, |path| std::os::unix::net::UnixStream::connect(path));
        let stream = stream.and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
        let stream = stream.and_then(UnixStream::from_std).map_err(|error| self.silent(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.silent(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", "owner")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.silent(&error))?;
        let response = sender.send_request(request).await.map_err(|error| self.silent(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|error| self.silent(&error))?.to_bytes();
        let problem: Result<Problem, _> = serde_json::from_slice(&bytes);
        Err(problem.map_or_else(|_| Trouble::new(format!("the owner answered {status}")), Trouble::from))
    }

    fn silent(&self, error: &dyn Display) -> Trouble {
        let message = format!("the owner of `{}` does not answer: {error}", self.data.display());
        Trouble::lost(message).help("if it has just ended, try again: the next command takes its place")
    }
}

async fn lines(mut incoming: Incoming, sender: mpsc::Sender<Result<WireEvent, Trouble>>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut ended = false;
    while let Some(Ok(frame)) = incoming.frame().await {
        bytes.extend_from_slice(frame.data_ref().map_or(&[], AsRef::as_ref));
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let event = serde_json::from_slice::<WireEvent>(&line);
            ended |= event.as_ref().is_ok_and(|event| matches!(event.what, crate::api::wire::What::RunEnded { .. }));
            // A reader passes over what it does not know: an owner of a newer release may tell more.
            let Ok(event) = event else { continue };
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    }
    if !ended {
        let lost = Trouble::new("the owner has gone; the run is not over").help("the next owner drives it on");
        let _ = sender.send(Err(lost)).await;
    }
}

fn body(asked: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(asked).unwrap_or_default()
}

/// Percent-encoded, for a component of a path or a query.
fn part(text: &str) -> String {
    text.bytes().fold(String::new(), |mut part, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}");
        }
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_travel_in_a_path() {
        assert_eq!(part("fleet[1]/pass:2/é"), "fleet%5B1%5D%2Fpass%3A2%2F%C3%A9");
    }
}
