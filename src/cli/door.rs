//! The one way from the command line to the runs: the service in this process, or the owner's socket.
//!
//! Speaks `api::wire` only. Which of the two it is decides the data directory's lock, never a command.

use crate::api::wire::{
    AnswerRequest, CancelRequest, OutputChunk, OutputRequest, RetryRequest, RunDetail, RunRow, RunsRequest, StartReply,
    StartRequest, WireEvent,
};
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use std::path::Path;
use tokio::sync::mpsc::Receiver;

/// What the door is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To start and drive runs: this process becomes the owner where there is none.
    Drive,
    /// To start runs that go on without this process.
    Leave,
    /// To look at what is there; nothing is driven on.
    Look,
}

/// Events of a run as they become durable, the first one first. The channel ends behind `run_ended`;
/// a lost connection is a last item that says so.
pub type Events = Receiver<Result<WireEvent, Trouble>>;

/// An open door.
#[derive(Debug)]
pub enum Door {
    /// There is nobody behind it: the engine is not part of this build.
    Closed,
}

fn closed<Asked, Answer>(_asked: Asked) -> Result<Answer, Trouble> {
    Err(Trouble::new("this build has no engine yet"))
}

impl Door {
    /// Opens the door of the book in that directory.
    ///
    /// # Errors
    /// A sentence when the data directory cannot be used or its owner does not answer.
    pub async fn open(_settings: &Settings, _book: &Path, _purpose: Purpose) -> Result<Self, Trouble> {
        Ok(Self::Closed)
    }

    /// Starts a run. It goes on when this returns; nothing of it is lost when nobody listens.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn start(&self, request: StartRequest) -> Result<StartReply, Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// Runs again what failed in a run.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn retry(&self, request: RetryRequest) -> Result<StartReply, Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// Everything that happened in a run and everything that will.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn events(&self, run: &str) -> Result<Events, Trouble> {
        match self {
            Self::Closed => closed(run),
        }
    }

    /// Asks for the end of a run.
    ///
    /// # Errors
    /// When there is no such run or it has ended.
    pub async fn cancel(&self, request: CancelRequest) -> Result<(), Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// Answers a question that a step waits for.
    ///
    /// # Errors
    /// When nothing waits there.
    pub async fn answer(&self, request: AnswerRequest) -> Result<(), Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, request: RunsRequest) -> Result<Vec<RunRow>, Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// One run in full, by its whole id.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub async fn run(&self, run: &str) -> Result<RunDetail, Trouble> {
        match self {
            Self::Closed => closed(run),
        }
    }

    /// The whole id of the run that begins or ends with `text`, or of the newest for `last`.
    ///
    /// # Errors
    /// When none fits, or several do.
    pub async fn find(&self, text: &str) -> Result<String, Trouble> {
        match self {
            Self::Closed => closed(text),
        }
    }

    /// What an attempt printed on one stream; an empty stretch where nothing is kept.
    ///
    /// # Errors
    /// When there is no such run or the output cannot be read.
    pub async fn output(&self, request: OutputRequest) -> Result<OutputChunk, Trouble> {
        match self {
            Self::Closed => closed(request),
        }
    }

    /// Lets a run go on without this process: nothing to do where another process owns it.
    ///
    /// # Errors
    /// When nobody could be found to drive it.
    pub async fn leave(&self, run: &str) -> Result<(), Trouble> {
        match self {
            Self::Closed => closed(run),
        }
    }
}
