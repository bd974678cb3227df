//! How the service's troubles look outside: a status, a stable word, the same sentence.

use crate::api::wire::Problem;
use crate::service::Trouble;

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let (status, kind, title) = match &trouble {
            Trouble::NoRunbook { .. } => (404, "no-such-runbook", "no such runbook"),
            Trouble::BadRunbook { .. } => (422, "bad-runbook", "the runbook does not pass its checks"),
            Trouble::Book(_) => (422, "bad-book", "the book cannot be read"),
            Trouble::Input(_) => (400, "bad-input", "that is not right"),
            Trouble::Forbidden { .. } => (403, "forbidden", "that needs another role"),
            Trouble::NoRun(_) => (404, "no-such-run", "no such run"),
            Trouble::Ended { .. } => (409, "not-possible-now", "the run is over"),
            Trouble::NoSpace { .. } => (507, "no-space", "too little space is left"),
            Trouble::NoOwner => (503, "no-owner", "nobody drives the runs"),
            Trouble::Stopped(_) => (503, "stopped", "the owner has stopped"),
            Trouble::Store(_) => (500, "internal", "the store cannot be read"),
        };
        Self::new(status, kind, title, trouble.to_string())
    }
}

/// A request that makes no sense.
pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad-input", "that is not right", detail)
}
