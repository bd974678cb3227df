//! A child that its keeper does not mind, because it is dead or does not answer: what an owner does in its place.
//!
//! Why is written down before the first signal, in the attempt's own record: whoever reads that later, with or without the
//! keeper's word of the end, comes to the same. Nothing is signalled that the record does not name.

use crate::keeper::evidence::lives;
use crate::keeper::protocol::{Exit, Process, StreamInfo};
use crate::keeper::record::{Started, begin_to_end, part, read_record};
use crate::keeper::sys;
use crate::keeper::turn::boot_clock;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why an owner ends a child in the place of its keeper; written down before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its time is up.
    TimedOut,
    /// Somebody asked for it.
    Stopped,
}

impl Ending {
    /// An end as it is told for that reason, whatever its keeper knew of it.
    pub(crate) fn of(self, exit: Exit) -> Exit {
        Exit { timed_out: self == Self::TimedOut, stopped: self == Self::Stopped, ..exit }
    }
}

/// A child whose end nobody else sees to.
#[derive(Debug)]
pub struct Unminded {
    stem: PathBuf,
    started: Started,
    ending: Option<Ending>,
    /// Whether its keeper may still go on.
    stopped: bool,
}

/// The child of the attempt of that stem, where its keeper is dead or one of the `silent`. `None`, too, where nothing was
/// started or all is over.
#[must_use]
pub fn unminded(stem: &Path, silent: &[Process]) -> Option<Unminded> {
    let told = read_record(stem)?;
    let (None, Some(seen), Some(started)) = (told.exit, told.seen, told.child) else { return None };
    let stopped = seen.keeper.is_alive();
    let minded = stopped && !silent.contains(&seen.keeper);
    (!minded).then(|| Unminded { stem: stem.into(), started, ending: told.ending, stopped })
}

impl Unminded {
    /// Whether its time is up. One that has ended under a stopped keeper is not late: the keeper knows how.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        let up = |ms: u64| Duration::from_millis(ms) <= boot_clock();
        let at_work = || self.started.child.is_alive() || (!self.stopped && lives(&self.started));
        self.started.deadline_ms.is_some_and(up) && (self.ending.is_some() || at_work())
    }

    /// From TERM to KILL when its time is up.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.started.grace_ms)
    }

    /// Asks it to end: TERM to its group.
    ///
    /// # Errors
    /// When it can't be written down why; it is asked all the same, and its end is told from what its keeper says.
    pub fn ask_to_end(&self, why: Ending) -> io::Result<()> {
        let noted = self.note(why);
        self.signal(Signal::TERM);
        // A stopped group can't act on TERM.
        self.signal(Signal::CONT);
        noted
    }

    /// Ends it: KILL to its group.
    ///
    /// # Errors
    /// The same.
    pub fn kill(&self, why: Ending) -> io::Result<()> {
        let noted = self.note(why);
        self.signal(Signal::KILL);
        noted
    }

    fn note(&self, why: Ending) -> io::Result<()> {
        if self.ending.is_some() { Ok(()) } else { begin_to_end(&self.stem, why) }
    }

    /// Signals its group, and no other.
    fn signal(&self, signal: Signal) {
        let Some(group) = Pid::from_raw(self.started.child.pid) else { return };
        // Held before it is looked at: whoever had the number then is who is signalled, also if it ends meanwhile.
        let leader = pidfd_open(group, PidfdFlags::empty());
        if !lives(&self.started) {
            return;
        }
        let held = leader.is_ok_and(|leader| sys::signal_group(&leader, signal).is_ok());
        if !held {
            // Its leader is buried, or the kernel is older: the group has a member, so its number is nobody else's.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// The end of a child that an owner took from its keeper, once nothing of it is alive.
pub(crate) fn exit(stem: &Path, ending: Ending) -> Exit {
    let kept = |name: &str| {
        let bytes = std::fs::metadata(part(stem, name)).map_or(0, |file| file.len());
        let error = Some("its keeper was not there to say what else it printed".to_owned());
        StreamInfo { bytes_total: bytes, bytes_kept: bytes, error, ..StreamInfo::default() }
    };
    ending.of(Exit { stdout: kept("stdout"), stderr: kept("stderr"), result: kept("result"), ..Exit::default() })
}
