//! One child from its start to its end: when to say TERM, when KILL, when it is over.
//!
//! The ended leader of a group is buried last: as long as it is not, the kernel gives its number to
//! nobody else, so a signal to the group can only meet the group.

use crate::base::limits::MAX_RESULT;
use crate::base::mask::Masker;
use crate::keeper::drain::Drain;
use crate::keeper::process::group_lives;
use crate::keeper::protocol::{Exit, Spawn, StreamInfo};
use crate::keeper::record::Record;
use crate::keeper::start::Pipes;
use crate::keeper::sys;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long output that outlives the child is waited for.
const LINGER: Duration = Duration::from_secs(2);
/// How long the pipes get to close after the group was killed.
const AFTER_KILL: Duration = Duration::from_millis(200);

/// One child. Instants are of the boot-time clock.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    session: i32,
    pub(crate) stem: PathBuf,
    record: Record,
    /// Standard output, standard error, the result.
    drains: Vec<Drain>,
    started: Duration,
    deadline: Option<Duration>,
    grace: Duration,
    /// Set once TERM was sent: when KILL follows.
    kill_at: Option<Duration>,
    /// Set once KILL was sent.
    killed_at: Option<Duration>,
    ended: Option<Ended>,
    timed_out: bool,
    stopped: bool,
    lingering: bool,
}

/// The leader is over.
#[derive(Debug, Clone, Copy)]
struct Ended {
    at: Duration,
    code: Option<i32>,
    signal: Option<i32>,
}

impl Child {
    /// A child that was just started.
    pub(crate) fn new(
        spawn: &Spawn,
        (pid, session): (Pid, i32),
        pipes: Pipes,
        masker: [Masker; 3],
        record: Record,
        now: Duration,
    ) -> Self {
        let stem = Path::new(&spawn.stem);
        let [for_stdout, for_stderr, unmasked] = masker;
        let limit = spawn.output_limit;
        let mut drains = vec![
            Drain::new(pipes.stdout, for_stdout, (stem, "stdout"), limit),
            Drain::new(pipes.stderr, for_stderr, (stem, "stderr"), limit),
        ];
        // Ours, not the author's: where it was cut, nobody could say what the step did.
        let result = |pipe| Drain::new(pipe, unmasked, (stem, "result"), MAX_RESULT as u64);
        drains.extend(pipes.result.map(result));
        Self {
            pid,
            session,
            stem: stem.into(),
            record,
            drains,
            started: now,
            deadline: spawn.deadline_ms.map(|ms| now.saturating_add(Duration::from_millis(ms))),
            grace: Duration::from_millis(spawn.grace_ms),
            kill_at: None,
            killed_at: None,
            ended: None,
            timed_out: false,
            stopped: false,
            lingering: false,
        }
    }

    /// The pipes to wait for, with their numbers here.
    pub(crate) fn pipes(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.drains.iter().enumerate().filter_map(|(index, drain)| Some((index, drain.pipe()?)))
    }

    /// Reads one of its pipes.
    pub(crate) fn read(&mut self, index: usize, buffer: &mut [u8], now: Duration) {
        if let Some(drain) = self.drains.get_mut(index) {
            drain.read(buffer, now);
        }
    }

    /// The owner asks for its end.
    pub(crate) fn stop(&mut self, grace: Duration, now: Duration) {
        if self.ended.is_none() {
            self.stopped |= !self.timed_out;
            self.end(grace, now);
        }
    }

    /// Its process, the leader of its group.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Looks whether it has ended, without burying it.
    pub(crate) fn look(&mut self, now: Duration) {
        if self.ended.is_some() {
            return;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if let Ok(Some(status)) = rustix::process::waitid(WaitId::Pid(self.pid), options) {
            self.ended = Some(Ended { at: now, code: status.exit_status(), signal: status.terminating_signal() });
        }
    }

    /// Does what is due. Whether it is over: nothing of it is left to wait for.
    pub(crate) fn turn(&mut self, now: Duration) -> bool {
        self.drains.iter_mut().for_each(|drain| drain.turn(now));
        if self.ended.is_none() && self.kill_at.is_none() && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.timed_out = true;
            self.end(self.grace, now);
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill(now);
        }
        let Some(ended) = self.ended else { return false };
        if self.waits_for_group() {
            return false;
        }
        if !self.pipes_open() {
            return true;
        }
        if ended.at + LINGER <= now {
            self.lingering = true;
            self.kill(now);
        }
        if self.killed_at.is_some_and(|at| at + AFTER_KILL <= now) {
            self.lingering = true;
            self.drains.iter_mut().for_each(|drain| drain.close(now));
            return true;
        }
        false
    }

    /// When [`Child::turn`] has something to do at the latest.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.drains.iter().filter_map(Drain::due).chain(self.end_due()).min()
    }

    fn end_due(&self) -> Option<Duration> {
        let kill_at = self.kill_at.filter(|_| self.killed_at.is_none());
        let Some(ended) = self.ended else { return kill_at.or(self.deadline.filter(|_| self.kill_at.is_none())) };
        let give_up = self.killed_at.map_or(ended.at + LINGER, |at| at + AFTER_KILL);
        Some(kill_at.map_or(give_up, |at| at.min(give_up)))
    }

    /// Buries it and says how it ended: to be written in its record, which belongs to that stem.
    pub(crate) fn bury(self) -> (PathBuf, Record, Exit) {
        let usage = sys::bury(self.pid).unwrap_or_default();
        let ended = self.ended.unwrap_or(Ended { at: self.started, code: None, signal: None });
        let mut infos = self.drains.into_iter().map(Drain::info);
        let mut info = || -> StreamInfo { infos.next().unwrap_or_default() };
        let exit = Exit {
            code: ended.code,
            signal: ended.signal,
            timed_out: self.timed_out,
            stopped: self.stopped,
            stdout: info(),
            stderr: info(),
            result: info(),
            user_ms: usage.user_ms,
            system_ms: usage.system_ms,
            max_rss_kib: usage.max_rss_kib,
            wall_ms: u64::try_from(ended.at.saturating_sub(self.started).as_millis()).unwrap_or(u64::MAX),
            lingering: self.lingering,
            start_error: None,
            retriable: false,
        };
        (self.stem, self.record, exit)
    }

    fn end(&mut self, grace: Duration, now: Duration) {
        let kill_at = now.saturating_add(grace);
        if self.kill_at.is_none() {
            self.signal(Signal::TERM);
            // A stopped group can't act on TERM.
            self.signal(Signal::CONT);
        }
        self.kill_at = Some(self.kill_at.map_or(kill_at, |at| at.min(kill_at)));
    }

    fn kill(&mut self, now: Duration) {
        if self.killed_at.is_none() {
            self.killed_at = Some(now);
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        // Fails when nothing of the group is left, which is what it is for.
        let _ = rustix::process::kill_process_group(self.pid, signal);
    }

    /// Who is told to end ends whole: the leader's end is not enough while others of its group live.
    fn waits_for_group(&self) -> bool {
        self.kill_at.is_some() && self.killed_at.is_none() && group_lives(self.pid.as_raw_nonzero().get(), self.session)
    }

    fn pipes_open(&self) -> bool {
        self.drains.iter().any(|drain| drain.pipe().is_some())
    }
}
