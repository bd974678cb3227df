//! Who asked a schedule for something, and hears what came of it.

use crate::schedule::call::Answer;
use crate::schedule::decide::Obstacle;
use tokio::sync::oneshot;

/// Hears that something is durable, or in a sentence why it is not.
pub type Told = oneshot::Sender<Result<(), String>>;

/// Who hears.
#[derive(Debug)]
pub enum Heard {
    /// Somebody who wants to know that it is done.
    Done(Told),
    /// Somebody who called for a run.
    Call(oneshot::Sender<Result<Answer, Obstacle>>),
}

impl Heard {
    /// It is durable.
    pub(super) fn well(self, answer: Option<Answer>) {
        match (self, answer) {
            (Self::Done(told), _) => drop(told.send(Ok(()))),
            (Self::Call(told), Some(answer)) => drop(told.send(Ok(answer))),
            // Its end is heard of: there is no answer to a call that was not decided.
            (Self::Call(told), None) => drop(told),
        }
    }

    /// It is not, and nothing came of it.
    pub fn badly(self, obstacle: Obstacle) {
        match self {
            Self::Done(told) => {
                let (Obstacle::NoSpace(why) | Obstacle::Failed(why)) = obstacle;
                let _ = told.send(Err(why));
            }
            Self::Call(told) => drop(told.send(Err(obstacle))),
        }
    }
}
