//! The world of a simulated machine: children that outlive their owner, reads that do not, and their ends.

use super::chance::{drawn, fold};
use super::script::ReplyFault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use stepladder::base::address::Place;
use stepladder::base::ids::{IncidentId, RunId};
use stepladder::base::value::{Value, json};
use stepladder::escalation::event::Page;
use stepladder::model::book::Settings;
use stepladder::model::perform::{Failure, Finding, Reply, Request};
use stepladder::model::policy::FailureKind;
use stepladder::runtime::pump::Perform;

/// An attempt: whose, where, which.
pub(crate) type Key = (RunId, Place, u32);

/// What an owner asked of the world.
pub(crate) enum Call {
    Perform(RunId, Box<Request>, Option<i64>, bool),
    Stop(RunId, Place, u32),
}

/// The hands of one owner: they take note, the machine carries out.
#[derive(Clone, Default)]
pub(crate) struct Hands {
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
    /// Attempts somebody is at, or whose end is on its way.
    pub(crate) busy: Arc<Mutex<std::collections::BTreeSet<Key>>>,
}

impl Perform for Hands {
    fn perform(&self, run: RunId, request: Request, deadline: Option<jiff::Timestamp>, again: bool) {
        self.busy.lock().unwrap().insert((run, request.place.clone(), request.attempt));
        let deadline = deadline.map(jiff::Timestamp::as_millisecond);
        self.calls.lock().unwrap().push(Call::Perform(run, Box::new(request), deadline, again));
    }

    fn stop(&self, run: RunId, place: &Place, attempt: u32) {
        self.calls.lock().unwrap().push(Call::Stop(run, place.clone(), attempt));
    }

    fn kill(&self, _run: RunId) {}

    fn gone(&self, _run: RunId) {}

    fn page(&self, _: IncidentId, _: &Page, _: &str, _: bool) {}

    fn settings(&self, _settings: &Arc<Settings>) {}

    fn withdraw(&self, _: IncidentId, _: u32) {}

    fn has(&self, run: RunId, place: &Place, attempt: u32) -> bool {
        self.busy.lock().unwrap().contains(&(run, place.clone(), attempt))
    }
}

/// One attempt as the world knows it.
struct Attempt {
    /// Whether it lives under the keeper; a read lives in its owner.
    child: bool,
    alive: bool,
    reply: Reply,
}

#[derive(Default)]
pub(crate) struct World {
    seed: u64,
    faults: BTreeMap<u64, ReplyFault>,
    attempts: BTreeMap<Key, Attempt>,
    /// Ends on their way: when, order, whose.
    due: BTreeMap<(u64, u64), Key>,
    order: u64,
    replies: u64,
    pub(crate) begun: u64,
}

impl World {
    pub(crate) fn new(seed: u64, faults: BTreeMap<u64, ReplyFault>) -> Self {
        Self { seed, faults, ..Self::default() }
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Whether anything still runs of a run.
    pub(crate) fn is_alive(&self, run: RunId) -> bool {
        self.attempts.iter().any(|((other, ..), attempt)| *other == run && attempt.alive)
    }

    /// Begins an attempt, or finds it. `left` is how long it may take. An error is a broken promise.
    pub(crate) fn perform(
        &mut self,
        (run, request): (RunId, &Request),
        left: Option<u64>,
        (again, stale): (bool, bool),
        now: u64,
    ) -> Result<(), String> {
        let key = (run, request.place.clone(), request.attempt);
        let is_read = matches!(request.kind.as_str(), "http" | "tcp" | "dns");
        if stale && is_read {
            // A read in a process that nobody listens to any more.
            return Ok(());
        }
        let child = !is_read;
        if let Some(known) = self.attempts.get(&key) {
            if !again {
                return if stale { Ok(()) } else { Err(format!("6: {} was started a second time", show(&key))) };
            }
            if known.child || known.alive {
                // The keeper has it, or its evidence.
                if !known.alive && !self.due.values().any(|due| *due == key) {
                    self.later(now + 1, key);
                }
                return Ok(());
            }
        }
        let other = |((other, place, attempt), state): (&Key, &Attempt)| {
            *other == run && *place == request.place && *attempt != request.attempt && state.alive
        };
        if self.attempts.iter().any(other) {
            return Err(format!("6: {} was started while an earlier attempt is alive", show(&key)));
        }
        let (takes, reply) = self.outcome(&key, request);
        let (takes, reply) = match left {
            Some(left) if left < takes => (left, Reply::Failed(Failure::new(FailureKind::Timeout, "its time was up"))),
            Some(_) | None => (takes, reply),
        };
        self.begun += 1;
        self.attempts.insert(key.clone(), Attempt { child, alive: true, reply });
        self.later(now + takes, key);
        Ok(())
    }

    /// How long it takes and how it ends: drawn once for each attempt.
    fn outcome(&self, key: &Key, request: &Request) -> (u64, Reply) {
        let mut chance = drawn(self.seed, &format!("{} {}", key.1, key.2));
        let takes = match chance.below(10) {
            0..=2 => chance.below(5),
            3..=7 => chance.between(100, 9_000),
            8 => chance.between(9_000, 60_000),
            _ => chance.between(60_000, 200_000),
        };
        let word = request.place.step().as_str();
        let failed = |kind, message: &str| Reply::Failed(Failure::new(kind, message));
        let reply = match chance.below(20) {
            0..=12 => Reply::Done { output: json!({}), findings: Vec::new() },
            13 => Reply::Done {
                output: json!({ "stdout": "x".repeat(5_000) }),
                findings: vec![Finding { level: "warning".into(), message: format!("{word} is slow") }],
            },
            14..=17 => failed(FailureKind::Exit, "exit code 1"),
            18 => failed(FailureKind::Connect, "refused"),
            _ => Reply::Failed(Failure { lasting: true, ..Failure::new(FailureKind::Other, "it can't be") }),
        };
        (takes, reply)
    }

    pub(crate) fn stop(&mut self, key: Key, now: u64) {
        let Some(attempt) = self.attempts.get_mut(&key).filter(|attempt| attempt.alive) else { return };
        if matches!(attempt.reply, Reply::Stopped { .. }) {
            return;
        }
        attempt.reply = Reply::Stopped { output: Value::Null };
        self.due.retain(|_, due| *due != key);
        let takes = drawn(self.seed, &format!("stop {}", key.1)).below(2_000);
        self.later(now + takes, key);
    }

    fn later(&mut self, at: u64, key: Key) {
        self.order += 1;
        self.due.insert((at, self.order), key);
    }

    /// The next end that is due: whose, what its owner hears (none, one or two times).
    pub(crate) fn end(&mut self, now: u64) -> Option<(Key, Vec<Reply>)> {
        let (at, order) = *self.due.keys().next().filter(|(at, _)| *at <= now)?;
        let key = self.due.remove(&(at, order))?;
        let attempt = self.attempts.get_mut(&key)?;
        let first = attempt.alive;
        attempt.alive = false;
        let fault = if first { self.faults.get(&self.replies).copied() } else { None };
        self.replies += u64::from(first);
        Some(match fault {
            Some(ReplyFault::Late(millis)) => {
                self.later(now + millis, key.clone());
                (key, Vec::new())
            }
            Some(ReplyFault::Lost) => (key, vec![]),
            Some(ReplyFault::Twice) => {
                let reply = attempt.reply.clone();
                (key, vec![reply.clone(), reply])
            }
            Some(ReplyFault::Vanished) if attempt.child => {
                attempt.reply = Reply::Lost { known: "its process is gone".into() };
                let reply = attempt.reply.clone();
                (key, vec![reply])
            }
            Some(ReplyFault::Vanished) | None => {
                let reply = attempt.reply.clone();
                (key, vec![reply])
            }
        })
    }

    /// Whether nobody will ever hear of its end by itself.
    pub(crate) fn is_silent(&self, key: &Key) -> bool {
        self.attempts.get(key).is_none_or(|attempt| !attempt.alive) && !self.due.values().any(|due| due == key)
    }

    /// The owner is gone, and with it what ran in it.
    pub(crate) fn owner_gone(&mut self) {
        let dead: Vec<Key> =
            self.attempts.iter().filter(|(_, attempt)| !attempt.child).map(|(key, _)| key.clone()).collect();
        for key in dead {
            self.due.retain(|_, due| *due != key);
            if let Some(attempt) = self.attempts.get_mut(&key) {
                attempt.alive = false;
            }
        }
    }

    /// The machine is gone, and with it everything that ran.
    pub(crate) fn reboot(&mut self) {
        self.due.clear();
        for attempt in self.attempts.values_mut().filter(|attempt| attempt.alive) {
            attempt.alive = false;
            attempt.reply = Reply::Lost { known: "the machine was started again".into() };
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.attempts.keys().fold(self.begun, |hash, key| fold(hash, show(key).as_bytes()))
    }
}

pub(crate) fn show((run, place, attempt): &Key) -> String {
    format!("attempt {attempt} of `{place}` of run {run}")
}
