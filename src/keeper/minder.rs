//! The keeper's state and what it does when an owner asks: attempts that run, attempts that are over.

use crate::base::mask::Masker;
use crate::keeper::child::Child;
use crate::keeper::protocol::{Ask, Exit, Listed, Process, Spawn, Tell};
use crate::keeper::record::{Logs, Record, Seen, Started, Survive};
use crate::keeper::start::{Ground, Made, StartError};
use crate::keeper::sys;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When an end that could not be recorded is tried again.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// All attempts of this keeper.
#[derive(Debug)]
pub(crate) struct Minder {
    me: Process,
    hello: Tell,
    ground: Ground,
    logs: Logs,
    /// Made ready, not ordered yet, with the owner that will.
    held: BTreeMap<String, (u64, Result<Ready, String>)>,
    /// Running, by attempt.
    pub(crate) children: BTreeMap<String, Child>,
    /// Over, but the record could not be written yet (no space): nobody is told before it is.
    unrecorded: BTreeMap<String, Over>,
    again_at: Duration,
    /// Whether somebody may have ended since we looked.
    rung: bool,
    /// Over, recorded, not forgotten.
    over: BTreeMap<String, Over>,
}

/// A child that only has to be started, or the reason why it can't be.
#[derive(Debug)]
struct Ready {
    spawn: Spawn,
    maskers: [Masker; 3],
    made: Result<Made, StartError>,
}

#[derive(Debug)]
struct Over {
    stem: PathBuf,
    record: Option<Record>,
    exit: Exit,
}

impl Minder {
    /// A keeper without children.
    pub(crate) fn new(me: Process, hello: Tell, ground: Ground) -> Self {
        let (children, unrecorded, over) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (logs, held) = (Logs::default(), BTreeMap::new());
        Self { me, hello, ground, logs, held, children, unrecorded, again_at: Duration::ZERO, rung: true, over }
    }

    /// Somebody has ended.
    pub(crate) fn ring(&mut self) {
        self.rung = true;
    }

    /// Whether nothing would be lost if it ended now.
    pub(crate) fn is_idle(&self) -> bool {
        self.children.is_empty() && self.unrecorded.is_empty()
    }

    /// What to answer to the owner who asks.
    pub(crate) fn ask(&mut self, owner: u64, ask: Ask, stdin: &[u8], now: Duration) -> Option<Tell> {
        match ask {
            Ask::Hello { .. } => Some(self.hello.clone()),
            Ask::Spawn(spawn) => {
                let (attempt, ready) = (spawn.attempt.clone(), self.ready(*spawn, stdin));
                self.answer(attempt, ready, now)
            }
            Ask::Prepare(spawn) => {
                let (attempt, ready) = (spawn.attempt.clone(), self.ready(*spawn, stdin));
                self.held.insert(attempt, (owner, ready));
                None
            }
            Ask::Go { attempt } => {
                let unknown = || Err("it was ordered without having been made ready".into());
                let ready = self.held.remove(&attempt).map_or_else(unknown, |(_, ready)| ready);
                self.answer(attempt, ready, now)
            }
            Ask::Never { attempt } => {
                self.held.remove(&attempt);
                None
            }
            Ask::Stop { attempt, grace_ms } => {
                if let Some(child) = self.children.get_mut(&attempt) {
                    child.stop(Duration::from_millis(grace_ms), now);
                }
                None
            }
            Ask::List => Some(Tell::Listed { attempts: self.list() }),
            Ask::Forget { attempts } => {
                for attempt in &attempts {
                    self.over.remove(attempt);
                }
                None
            }
        }
    }

    /// An owner has hung up: what it had not ordered yet, it never will.
    pub(crate) fn hung_up(&mut self, owner: u64) {
        self.held.retain(|_, (of, _)| *of != owner);
    }

    /// Does what is due and returns what every owner must hear. `survive` is what the records of ends
    /// must outlive: where an owner listens, it makes the end durable in its journal, and a record that
    /// outlives a crash is enough; where nobody does, the record is all there is.
    pub(crate) fn turn(&mut self, now: Duration, survive: Survive) -> Vec<Tell> {
        // Whoever is buried may have hidden others from us: look again until nobody is.
        while self.bury(now) {}
        if self.unrecorded.is_empty() || now < self.again_at {
            return Vec::new();
        }
        self.again_at = now + RECORD_AGAIN;
        self.record(survive)
    }

    /// When [`Minder::turn`] has something to do at the latest.
    pub(crate) fn due(&self) -> Option<Duration> {
        let again = (!self.unrecorded.is_empty()).then_some(self.again_at);
        self.children.values().filter_map(Child::due).chain(again).min()
    }

    /// Buries those that are over; whether there were any.
    fn bury(&mut self, now: Duration) -> bool {
        if std::mem::take(&mut self.rung) {
            self.look(now);
        }
        let over: Vec<String> =
            self.children.iter_mut().filter_map(|(attempt, child)| child.turn(now).then(|| attempt.clone())).collect();
        for attempt in &over {
            if let Some(child) = self.children.remove(attempt) {
                let (stem, record, exit) = child.bury();
                self.unrecorded.insert(attempt.clone(), Over { stem, record: Some(record), exit });
                self.again_at = now;
            }
        }
        self.rung |= !over.is_empty();
        !over.is_empty()
    }

    /// Looks who has ended, ours or one that came to us when its parent ended.
    fn look(&mut self, now: Duration) {
        self.children.values_mut().for_each(|child| child.look(now));
        // An unburied leader would be shown to us again and again: then orphans wait for its burial.
        while let Some(ended) = sys::first_ended() {
            if self.children.values().any(|child| child.pid() == ended) {
                return self.children.values_mut().for_each(|child| child.look(now));
            }
            if sys::bury(ended).is_err() {
                return;
            }
        }
    }

    fn list(&self) -> Vec<Listed> {
        let mut attempts: Vec<Listed> = Vec::new();
        let stem = |stem: &Path| stem.to_string_lossy().into_owned();
        for (attempt, child) in &self.children {
            attempts.push(Listed { attempt: attempt.clone(), stem: stem(&child.stem), exit: None });
        }
        for (attempt, over) in &self.unrecorded {
            attempts.push(Listed { attempt: attempt.clone(), stem: stem(&over.stem), exit: None });
        }
        for (attempt, over) in &self.over {
            attempts.push(Listed { attempt: attempt.clone(), stem: stem(&over.stem), exit: Some(over.exit.clone()) });
        }
        attempts.sort_by(|a, b| a.attempt.cmp(&b.attempt));
        attempts
    }

    fn ready(&self, spawn: Spawn, stdin: &[u8]) -> Result<Ready, String> {
        let maskers = [Masker::new(&spawn.masks)?, Masker::new(&spawn.masks)?, Masker::new(&[])?];
        let made = self.ground.make(&spawn, stdin);
        Ok(Ready { spawn, maskers, made })
    }

    fn answer(&mut self, attempt: String, ready: Result<Ready, String>, now: Duration) -> Option<Tell> {
        let quiet = ready.as_ref().is_ok_and(|ready| ready.spawn.quiet);
        match ready.and_then(|ready| self.begin(ready, now)) {
            Ok(_) if quiet => None,
            Ok(process) => Some(Tell::Spawned { attempt, process }),
            Err(why) => Some(Tell::Refused { attempt, why }),
        }
    }

    fn begin(&mut self, ready: Ready, now: Duration) -> Result<Option<Process>, String> {
        let Ready { spawn, maskers, made } = ready;
        let again = || format!("attempt `{}` was seen before; it is never started twice", spawn.attempt);
        let known = [self.children.contains_key(&spawn.attempt), self.unrecorded.contains_key(&spawn.attempt)];
        if known.contains(&true) || self.over.contains_key(&spawn.attempt) {
            return Err(again());
        }
        let cannot = |error: std::io::Error| format!("cannot write the record of `{}`: {error}", spawn.stem);
        let seen = Seen { attempt: spawn.attempt.clone(), keeper: self.me.clone() };
        let claimed = self.logs.claim(Path::new(&spawn.stem), &seen);
        let mut record = match claimed {
            Ok(record) => record,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(again()),
            Err(error) => {
                // Nothing was started, and with room it may go better.
                let retriable = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
                let exit = Exit { start_error: Some(cannot(error)), retriable, ..Exit::default() };
                let over = Over { stem: PathBuf::from(&spawn.stem), record: None, exit };
                self.unrecorded.insert(spawn.attempt.clone(), over);
                self.again_at = now;
                return Ok(None);
            }
        };
        match made.and_then(|made| self.ground.start(made)) {
            Ok((pid, pipes)) => {
                let process = Process::of(pid, self.me.boot_id.clone());
                let session = self.me.pid;
                let deadline = spawn.deadline_ms.map(|ms| now.saturating_add(Duration::from_millis(ms)));
                let deadline_ms = deadline.and_then(|deadline| u64::try_from(deadline.as_millis()).ok());
                let started = Started { child: process.clone(), session, deadline_ms, grace_ms: spawn.grace_ms };
                // Without this record the attempt is told from its keeper; it costs certainty, not truth.
                let _ = record.started(&started);
                let child = Child::new(&spawn, (pid, session), pipes, maskers, record, now);
                self.children.insert(spawn.attempt.clone(), child);
                Ok(Some(process))
            }
            Err(error) => {
                let over = Over { stem: PathBuf::from(&spawn.stem), record: Some(record), exit: error.into_exit() };
                self.unrecorded.insert(spawn.attempt.clone(), over);
                self.again_at = now;
                Ok(None)
            }
        }
    }

    fn record(&mut self, survive: Survive) -> Vec<Tell> {
        let mut told = Vec::new();
        for (attempt, mut over) in std::mem::take(&mut self.unrecorded) {
            match over.record.as_mut().map_or(Ok(()), |record| record.ended(&over.exit, survive)) {
                Ok(()) => {
                    told.push(Tell::Ended { attempt: attempt.clone(), exit: Box::new(over.exit.clone()) });
                    self.over.insert(attempt, Over { record: None, ..over });
                }
                Err(_) => drop(self.unrecorded.insert(attempt, over)),
            }
        }
        told
    }
}
