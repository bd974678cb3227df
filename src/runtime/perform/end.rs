//! What the end of a child comes to.

use super::Shared;
use crate::act::{self, Captured, ProcessExit, Seat};
use crate::base::limits;
use crate::keeper::protocol::{Exit, StreamInfo};
use crate::keeper::{self, printed};
use crate::model::perform::{Failure, Reply, Request, Unkept, Usage};
use crate::model::policy::{FailureKind, OutputForm};
use crate::runtime::keeper::End;
use crate::runtime::{spool, step_host};
use std::path::Path;

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
        // What is shown is an end; what is read as a value is read whole.
        let most = if request.output == OutputForm::Text { limits::MAX_OUTPUT_VALUE } else { limits::MAX_PARSED };
        let stdout = captured(&stem, "stdout", &exit.stdout, most);
        let stderr = captured(&stem, "stderr", &exit.stderr, limits::MAX_OUTPUT_VALUE);
        act::reply(request, &process_exit(&exit, self.path(request)), &stdout, &stderr)
    }
}

impl Shared {
    /// The `PATH` of a step's children, as its author wrote it.
    fn path(&self, request: &Request) -> Option<String> {
        let own = request.env.iter().rfind(|(name, _)| name == "PATH").map(|(_, text)| text.to_string());
        let base = || self.world.base_env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        own.or_else(base)
    }
}

/// The last bytes of a stream, at most so many, or its very end where not all of it is kept.
fn captured(stem: &Path, name: &str, stream: &StreamInfo, most: usize) -> Captured {
    let from = i64::try_from(most).map_or(i64::MIN, |most| -most);
    let filed = || printed(stem, name, from, most as u64).map(|printed| printed.bytes).unwrap_or_default();
    let mut tail = stream.text.as_ref().map_or_else(filed, |text| text.clone().into_bytes());
    if stream.bytes_dropped > 0 {
        let end = keeper::end(stem, name);
        if end.len() as u64 == stream.bytes_dropped {
            tail.extend(end);
        } else if !end.is_empty() {
            tail = end;
        }
    }
    Captured { tail, total: stream.bytes_kept + stream.bytes_dropped, unkept: unkept(name, stream) }
}

fn unkept(name: &str, stream: &StreamInfo) -> Option<Unkept> {
    let (kept, more, why) = (stream.bytes_kept, stream.bytes_dropped, stream.error.clone());
    (more > 0).then(|| Unkept { stream: name.into(), kept, more, why })
}

/// What a child took whose end somebody saw, and what of its output is not kept.
pub(super) fn used(end: &End) -> Option<Usage> {
    let End::Exit(exit) = end else { return None };
    let unkept = [unkept("stdout", &exit.stdout), unkept("stderr", &exit.stderr)].into_iter().flatten().collect();
    let usage = Usage { cpu_ms: exit.user_ms + exit.system_ms, peak_kib: exit.max_rss_kib, unkept };
    exit.start_error.is_none().then_some(usage)
}

fn process_exit(exit: &Exit, path: Option<String>) -> ProcessExit {
    ProcessExit {
        code: exit.code,
        signal: exit.signal,
        timed_out: exit.timed_out,
        stopped: exit.stopped,
        start_error: exit.start_error.clone(),
        retriable: exit.retriable,
        duration_ms: exit.wall_ms,
        path,
    }
}
