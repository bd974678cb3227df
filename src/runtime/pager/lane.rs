//! The way of one channel: its queue, its limits, its tries.

use crate::base::digest::Digest;
use crate::base::ids::Name;
use crate::model::message::Sent;
use crate::runtime::clock;
use crate::runtime::pager::breaker::{Breaker, Verdict};
use crate::runtime::pager::queue::{Queue, Waiting};
use crate::runtime::pager::{AttemptNote, Job, Outcome, PageKey, ProviderState, Shared, patience};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The most urgent pages: never held back by a limit of our own, always tried.
pub(super) const MOST_URGENT: u8 = 1;

/// How long a page is tried again and again, from when it was handed over: the most urgent shorter, so that the next
/// address has its turn.
pub(super) const PATIENCE: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(5)];

/// The same of a test page, which waits until nothing else is to be sent.
pub(super) const DRILL_PATIENCE: Duration = Duration::from_hours(1);

/// Test pages a minute at most, and the part of a channel's own limit that they may take.
const DRILLS: (u64, u64) = (20, 4);

/// How often a test page looks whether its channel has nothing else to do.
const LOOK: Duration = Duration::from_secs(1);

/// The first wait between two tries, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The way of one channel.
#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    queue: Queue,
    trying: BTreeSet<PageKey>,
    in_flight: usize,
    breaker: Breaker,
    /// Nothing is sent before: the provider asked for it.
    paused: Option<Instant>,
    /// The instants of the last minute at which a page was let through, where there is a limit.
    minute: Vec<Instant>,
    last_error: Option<String>,
    sent: u64,
    failed: u64,
    tries: u64,
}

/// What a lane does next.
enum Next {
    /// Tries this page.
    Try(Waiting),
    /// Gives this page up without a try.
    GiveUp(Waiting, Outcome),
    /// Waits until something changes, or that instant.
    Wait(Option<Instant>),
}

impl Lane {
    pub(super) fn put(&self, job: Job) {
        self.state().queue.put(waiting(job, Instant::now()));
        self.wake();
    }

    pub(super) fn withdraw(&self, key: &PageKey) {
        let mut state = self.state();
        let tried = state.trying.contains(key);
        state.queue.withdraw(key, tried);
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is.
    pub(super) fn look(&self, channel: Name) -> ProviderState {
        let (state, now) = (self.state(), Instant::now());
        ProviderState {
            channel,
            queued: state.queue.len(),
            in_flight: state.in_flight,
            breaker: state.breaker.word(),
            paused: state.paused.filter(|until| *until > now).map(|until| until - now),
            last_error: state.last_error.clone(),
            sent: state.sent,
            failed: state.failed,
            tries: state.tries,
        }
    }

    /// Lets pages through, for ever.
    pub(super) async fn run(self: Arc<Self>, channel: Name, shared: Arc<Shared>) {
        loop {
            let limits = shared.limits(&channel);
            let next = self.state().next(limits, Instant::now());
            self.act(next, &shared).await;
        }
    }

    /// Lets test pages through, for ever: one at a time, and only while the lane before it has nothing to do.
    pub(super) async fn run_behind(self: Arc<Self>, before: Arc<Self>, channel: Name, shared: Arc<Shared>) {
        loop {
            let (own, now) = (shared.limits(&channel).1, Instant::now());
            let per_minute = own.map_or(DRILLS.0, |own| (own / DRILLS.1).clamp(1, DRILLS.0));
            let idle = before.state().is_idle(now);
            let next = self.state().next_behind(idle, (1, Some(per_minute)), now);
            self.act(next, &shared).await;
        }
    }

    async fn act(self: &Arc<Self>, next: Next, shared: &Arc<Shared>) {
        match next {
            Next::Try(waiting) => {
                let (lane, shared, handle) = (Arc::clone(self), Arc::clone(shared), shared.handle.clone());
                drop(handle.spawn(async move { lane.attempt(waiting, &shared).await }));
            }
            Next::GiveUp(waiting, outcome) => tell(waiting, outcome, shared),
            Next::Wait(None) => self.wake.notified().await,
            Next::Wait(Some(at)) => drop(tokio::time::timeout_at(at, self.wake.notified()).await),
        }
    }

    /// One try of one page, which is asked right before whether it is still wanted.
    async fn attempt(self: Arc<Self>, mut waiting: Waiting, shared: &Arc<Shared>) {
        let (at, begun) = (clock::now(), Instant::now());
        let Some(message) = (waiting.job.compose)() else {
            self.state().not_tried(&waiting.job.key, begun);
            self.wake();
            return;
        };
        let sent = (shared.send)(message.clone(), waiting.job.address.clone()).await;
        let now = Instant::now();
        waiting.notes.push(AttemptNote { at, took: now - begun, sent: sent.clone() });
        let over = self.state().ended(waiting, sent, now);
        self.wake();
        if let Some((waiting, sent)) = over {
            if let Sent::Accepted { id: Some(id) } = &sent {
                let told = waiting.job.told.as_ref().unwrap_or(&shared.settled);
                let hears = (waiting.job.key.clone(), Arc::clone(told));
                shared.follow(hears, message, waiting.job.address.clone(), id.clone());
            }
            tell(waiting, Outcome::Said(sent), shared);
        }
    }
}

/// The end of a page whose time is over.
fn over(waiting: &Waiting, why: &str) -> Outcome {
    let reason = format!("not tried in time: {why}");
    if waiting.notes.is_empty() { Outcome::NoTurn(reason) } else { Outcome::Said(Sent::Later { reason, after: None }) }
}

/// Whoever hears of a page hears what became of it.
fn tell(waiting: Waiting, outcome: Outcome, shared: &Shared) {
    let Waiting { job, notes, .. } = waiting;
    job.told.as_ref().unwrap_or(&shared.settled)(job.key, outcome, notes);
}

impl State {
    /// What is to be done now.
    fn next(&mut self, (at_once, per_minute): (usize, Option<u64>), now: Instant) -> Next {
        self.queue.bring_due(now);
        let due = self.queue.next_due();
        let Some(urgency) = self.queue.urgency() else { return Next::Wait(due) };
        let urgent = urgency == MOST_URGENT;
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return self.while_paused(until, due);
        }
        if self.in_flight >= at_once {
            return Next::Wait(due);
        }
        if let Some(at) = self.held_back(per_minute, now).filter(|_| !urgent) {
            return Next::Wait(Some(due.map_or(at, |due| due.min(at))));
        }
        let verdict = self.breaker.ask(urgent, now);
        let Some(waiting) = self.queue.take() else { return Next::Wait(due) };
        if verdict == Verdict::Fail {
            self.failed += 1;
            let why = self.last_error.as_deref().unwrap_or("it did not answer");
            let reason = format!("not tried: its provider fails again and again ({why})");
            return Next::GiveUp(waiting, Outcome::Said(Sent::Later { reason, after: None }));
        }
        self.in_flight += 1;
        self.tries += 1;
        self.trying.insert(waiting.job.key.clone());
        if per_minute.is_some() {
            self.minute.push(now);
        }
        Next::Try(waiting)
    }

    /// Whether it has nothing to do, and would let a page through at once.
    fn is_idle(&self, now: Instant) -> bool {
        let passes = match self.breaker {
            Breaker::Fresh | Breaker::Failing(_) => true,
            Breaker::Open(until) => now >= until,
            Breaker::Probing => false,
        };
        passes && self.queue.len() == 0 && self.in_flight == 0 && self.paused.is_none_or(|until| until <= now)
    }

    /// What is to be done of test pages: nothing unless the lane before this one is idle, and never one that has waited too
    /// long.
    fn next_behind(&mut self, idle: bool, limits: (usize, Option<u64>), now: Instant) -> Next {
        self.queue.bring_due(now);
        if let Some(waiting) = self.queue.take_late(now) {
            self.failed += 1;
            let outcome = over(&waiting, "its channel had something else to do, or too many were before it");
            return Next::GiveUp(waiting, outcome);
        }
        match (idle, self.queue.urgency()) {
            (true, _) => self.next(limits, now),
            (false, None) => Next::Wait(self.queue.next_due()),
            (false, Some(_)) => Next::Wait(Some(now + LOOK)),
        }
    }

    /// Nothing is sent now. A page whose time ends before is given up at once, so that another way is tried.
    fn while_paused(&mut self, until: Instant, due: Option<Instant>) -> Next {
        while let Some(waiting) = self.queue.take() {
            if waiting.until < until {
                self.failed += 1;
                let why = self.last_error.as_deref().unwrap_or("too many requests");
                let outcome = over(&waiting, &format!("its provider wants nothing for a while ({why})"));
                return Next::GiveUp(waiting, outcome);
            }
            self.queue.put_later(until, waiting);
        }
        Next::Wait(Some(due.map_or(until, |due| due.min(until))))
    }

    /// When there is room again under a limit of pages a minute; `None` where there is now.
    fn held_back(&mut self, per_minute: Option<u64>, now: Instant) -> Option<Instant> {
        let most = usize::try_from(per_minute?).unwrap_or(usize::MAX);
        let minute = Duration::from_mins(1);
        self.minute.retain(|at| *at + minute > now);
        let oldest = self.minute.len().checked_sub(most).and_then(|index| self.minute.get(index))?;
        Some(*oldest + minute)
    }

    /// A page is not being tried any more.
    fn left(&mut self, key: &PageKey) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.trying.remove(key);
        self.queue.was_withdrawn(key);
    }

    /// A page was not wanted any more: if it was to tell whether the provider works, the next one does.
    fn not_tried(&mut self, key: &PageKey, now: Instant) {
        self.left(key);
        self.breaker.untold(now);
    }

    /// What a try comes to: the page and its end, or nothing where it is tried again.
    fn ended(&mut self, waiting: Waiting, sent: Sent, now: Instant) -> Option<(Waiting, Sent)> {
        let withdrawn = self.queue.was_withdrawn(&waiting.job.key);
        self.left(&waiting.job.key);
        let (reason, after) = match &sent {
            Sent::Accepted { .. } | Sent::Delivered { .. } => {
                self.breaker.answered();
                self.sent += 1;
                return Some((waiting, sent));
            }
            Sent::Refused { reason } => {
                self.breaker.answered();
                self.last_error = Some(reason.clone());
                self.failed += 1;
                return Some((waiting, sent));
            }
            Sent::Later { reason, after } => (reason.clone(), *after),
        };
        self.last_error = Some(reason);
        match after {
            // It works, and is asked too much: everything of this channel waits, and nothing of another.
            Some(millis) => {
                self.breaker.answered();
                let until = now + Duration::from_millis(millis);
                self.paused = Some(self.paused.map_or(until, |known| known.max(until)));
            }
            None => self.breaker.failed(now),
        }
        let wait = after.map_or_else(|| backoff(&waiting), Duration::from_millis);
        if withdrawn || !self.breaker.works() || now + wait > waiting.until {
            self.failed += 1;
            return Some((waiting, sent));
        }
        self.queue.put_later(now + wait, waiting);
        None
    }
}

/// A page as it comes in.
fn waiting(job: Job, now: Instant) -> Waiting {
    let until = now + patience(job.urgency);
    Waiting { job, until, notes: Vec::new() }
}

/// How long until the next try: doubled each time, up to the longest, and half of it by lot. The lot comes from the
/// page's key, so that it is the same whoever draws it.
fn backoff(waiting: &Waiting) -> Duration {
    let tries = waiting.notes.len();
    let doubled = 1_u32 << tries.saturating_sub(1).min(10);
    let whole = BACKOFF.0.saturating_mul(doubled).min(BACKOFF.1);
    let lot = Digest::of_parts(&[waiting.job.key.0.as_bytes(), &tries.to_le_bytes()]).seed() % 1_000;
    whole / 2 + whole.mul_f64(f64::from(u32::try_from(lot).unwrap_or_default()) / 2_000.0)
}

#[cfg(test)]
pub(super) use simulated::Simulated;

#[cfg(test)]
mod simulated {
    //! A lane without tasks: its rules, driven through virtual time.

    use super::*;
    use crate::model::message::Message;

    /// One lane and its provider.
    pub(in crate::runtime::pager) struct Simulated {
        state: State,
        start: Instant,
        now: Instant,
        takes: Duration,
        answer: Answers,
        on_the_way: Vec<(Instant, Waiting, Sent)>,
        /// What may be at once, and in a minute.
        pub(in crate::runtime::pager) limits: (usize, Option<u64>),
        /// How many tries there were.
        pub(in crate::runtime::pager) tried: usize,
        /// What happened: milliseconds and words.
        pub(in crate::runtime::pager) story: Vec<String>,
    }

    type Answers = Box<dyn Fn(&str, usize) -> Sent>;

    impl Simulated {
        pub(in crate::runtime::pager) fn new(takes: Duration, answer: Answers) -> Self {
            let start = Instant::now();
            let (state, on_the_way, story) = (State::default(), Vec::new(), Vec::new());
            Self { state, start, now: start, takes, answer, on_the_way, limits: (8, None), tried: 0, story }
        }

        pub(in crate::runtime::pager) fn breaker(&self) -> &'static str {
            self.state.breaker.word()
        }

        pub(in crate::runtime::pager) fn put(&mut self, job: Job) {
            self.state.queue.put(waiting(job, self.now));
        }

        pub(in crate::runtime::pager) fn withdraw(&mut self, key: &str) {
            let key = PageKey(key.into());
            let tried = self.state.trying.contains(&key);
            self.state.queue.withdraw(&key, tried);
        }

        /// What it does so many seconds after the start as a lane of test pages, with the one before it idle or not.
        pub(in crate::runtime::pager) fn behind(&mut self, idle: bool, seconds: u64) -> String {
            let now = self.start + Duration::from_secs(seconds);
            match self.state.next_behind(idle, (1, Some(20)), now) {
                Next::Try(waiting) => format!("{} is tried", waiting.job.key.0),
                Next::GiveUp(waiting, outcome) => {
                    let unproved = matches!(outcome, Outcome::NoTurn(_));
                    format!("{} is given up, had no turn: {unproved}", waiting.job.key.0)
                }
                Next::Wait(_) => "waits".to_owned(),
            }
        }

        /// Lets time go by up to so many milliseconds after the start.
        pub(in crate::runtime::pager) fn run_until(&mut self, millis: u64) {
            let end = self.start + Duration::from_millis(millis);
            loop {
                let wake = match self.state.next(self.limits, self.now) {
                    Next::Try(waiting) => {
                        self.begin(waiting);
                        continue;
                    }
                    Next::GiveUp(waiting, Outcome::Said(sent)) => {
                        self.tell(&waiting, &sent);
                        continue;
                    }
                    Next::GiveUp(waiting, Outcome::NoTurn(reason)) => {
                        self.tell(&waiting, &Sent::Later { reason, after: None });
                        continue;
                    }
                    Next::Wait(wake) => wake,
                };
                let ends = self.on_the_way.iter().map(|(at, _, _)| *at).min();
                match wake.into_iter().chain(ends).min().filter(|at| *at <= end) {
                    Some(at) => self.now = self.now.max(at),
                    None => break,
                }
                self.land();
            }
            self.now = end;
        }

        fn begin(&mut self, waiting: Waiting) {
            let Some(Message { key, .. }) = (waiting.job.compose)() else {
                return self.state.not_tried(&waiting.job.key, self.now);
            };
            self.tried += 1;
            self.story.push(format!("{} {key} tried", self.millis()));
            let sent = (self.answer)(&key, waiting.notes.len() + 1);
            self.on_the_way.push((self.now + self.takes, waiting, sent));
            if self.takes.is_zero() {
                self.land();
            }
        }

        /// Whatever was on the way until now is there.
        fn land(&mut self) {
            while let Some(index) = self.on_the_way.iter().position(|(at, _, _)| *at <= self.now) {
                let (_, mut waiting, sent) = self.on_the_way.remove(index);
                waiting.notes.push(AttemptNote {
                    at: jiff::Timestamp::UNIX_EPOCH,
                    took: self.takes,
                    sent: sent.clone(),
                });
                if let Some((waiting, sent)) = self.state.ended(waiting, sent, self.now) {
                    self.tell(&waiting, &sent);
                }
            }
        }

        fn tell(&mut self, waiting: &Waiting, sent: &Sent) {
            let word = match sent {
                Sent::Accepted { .. } => "accepted".to_owned(),
                Sent::Delivered { .. } => "delivered".to_owned(),
                Sent::Later { reason, .. } => format!("given up: {reason}"),
                Sent::Refused { reason } => format!("refused: {reason}"),
            };
            let (key, tries) = (&waiting.job.key.0, waiting.notes.len());
            self.story.push(format!("{} {key} {word} after {tries} tries", self.millis()));
        }

        fn millis(&self) -> u128 {
            (self.now - self.start).as_millis()
        }
    }
}
