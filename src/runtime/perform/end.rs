//! What the end of a child comes to.

use super::Shared;
use crate::act::{self, Captured, ProcessExit, Seat};
use crate::base::limits;
use crate::keeper::printed;
use crate::keeper::protocol::{Exit, StreamInfo};
use crate::model::perform::{Failure, Reply, Request, Usage};
use crate::model::policy::FailureKind;
use crate::runtime::keeper::End;
use crate::runtime::{spool, step_host};

impl Shared {
    /// The reply of a child that has ended, or was lost.
    pub(super) fn reply_of(&self, request: &Request, end: End) -> Reply {
        let exit = match end {
            End::Exit(exit) => exit,
            End::Lost { known } => return Reply::Lost { known },
            // A refusal is no want of room: whoever tried again might do it twice.
            End::Refused { why } => return Reply::Failed(Failure::lasting(FailureKind::Start, why)),
            End::NoKeeper { why } => return Reply::Failed(Failure::new(FailureKind::Start, why)),
        };
        let stem = spool::stem(&self.data, &request.run, &request.place, request.attempt);
        if act::seat(request) == Seat::Host {
            return step_host::reply(request, &exit, &stem);
        }
        let captured = |name: &str, stream: &StreamInfo| {
            let tail = stream.text.as_ref().map(|text| text.clone().into_bytes());
            let most = i64::try_from(limits::MAX_OUTPUT_VALUE).unwrap_or(i64::MAX);
            let filed = || printed(&stem, name, -most, most.unsigned_abs());
            let tail = tail.or_else(|| filed().ok().map(|printed| printed.bytes)).unwrap_or_default();
            Captured { tail, total: stream.bytes_total }
        };
        let (stdout, stderr) = (captured("stdout", &exit.stdout), captured("stderr", &exit.stderr));
        act::reply(request, &process_exit(&exit), &stdout, &stderr)
    }
}

/// What a child took whose end somebody saw.
pub(super) fn used(end: &End) -> Option<Usage> {
    let End::Exit(exit) = end else { return None };
    let usage = Usage { cpu_ms: exit.user_ms + exit.system_ms, peak_kib: exit.max_rss_kib };
    exit.start_error.is_none().then_some(usage)
}

fn process_exit(exit: &Exit) -> ProcessExit {
    ProcessExit {
        code: exit.code,
        signal: exit.signal,
        timed_out: exit.timed_out,
        stopped: exit.stopped,
        start_error: exit.start_error.clone(),
        retriable: exit.retriable,
        duration_ms: exit.wall_ms,
    }
}
