//! The outbox: pages on their way, one queue and one task for each channel, so that none waits for another's provider.
//!
//! Knows when a page is tried, tried again and given up. Never knows incidents: what a page says, and whether it
//! is still to be sent, is asked of its job right before each try (invariant 8), and what became of it is told.
//! Nothing here is durable: who owns the pages hands them in again after a crash.
//!
//! Test pages (`Pager::drill`) have a queue of their own behind each channel's: they go out one at a time, only while the
//! channel has nothing else to do, and what becomes of them changes nothing for the pages before them.

mod breaker;
mod follow;
mod lane;
mod queue;

#[cfg(test)]
mod tests;

use crate::act::{Secrets, World, channel};
use crate::base::ids::Name;
use crate::model::book::Settings;
use crate::model::defaults;
use crate::model::message::{Address, Message, Sent};
use crate::runtime::clock;
use crate::runtime::pager::lane::Lane;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a page is called: its owner's own name for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey(pub String);

/// Says what a page is, or that it is not wanted any more; asked right before each try.
pub type Compose = Box<dyn Fn() -> Option<Message> + Send + Sync>;

/// Hears what became of a page, once.
pub type Settled = Arc<dyn Fn(PageKey, Outcome, Vec<AttemptNote>) + Send + Sync>;

/// Tries once to send.
pub type SendOnce = Arc<dyn Fn(Message, Address) -> BoxFuture<'static, Sent> + Send + Sync>;

/// Asks once what became of a message that was accepted under that id; `None` = it is not known yet, or nobody can say.
pub type AskFate = Arc<dyn Fn(Message, Address, String) -> BoxFuture<'static, Option<Sent>> + Send + Sync>;

/// A page to be sent.
pub struct Job {
    /// What it is called.
    pub key: PageKey,
    /// What it is about: one incident's pages do not hold up another's.
    pub about: String,
    /// Where it goes.
    pub address: Address,
    /// How urgent, 1 first: the number of the severity.
    pub urgency: u8,
    /// What it says.
    pub compose: Compose,
    /// Who hears what became of it, where that is not who hears of all others.
    pub told: Option<Settled>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptNote {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub sent: Sent,
}

/// How a channel's provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// The channel.
    pub channel: Name,
    /// Pages that wait.
    pub queued: usize,
    /// Pages that are being tried.
    pub in_flight: usize,
    /// `closed` (pages go through), `open` (they fail at once), `half-open` (one is tried).
    pub breaker: &'static str,
    /// How long nothing is sent, because the provider asked for it.
    pub paused: Option<Duration>,
    /// Why the last try that failed did.
    pub last_error: Option<String>,
    /// Pages that were accepted or delivered.
    pub sent: u64,
    /// Pages that were given up.
    pub failed: u64,
    /// Tries in all.
    pub tries: u64,
}

/// How urgent a page of that severity is, 1 first: the number in it.
#[must_use]
pub fn urgency(severity: &str) -> u8 {
    let digits: String = severity.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(3)
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What its channel said last.
    Said(Sent),
    /// Its time was over before it was tried, and why: nothing is known of its way by that.
    NoTurn(String),
}

/// The urgency of test pages: everything else is more urgent.
pub const DRILL: u8 = u8::MAX;

/// How long a page of that urgency is tried before it is given up.
#[must_use]
pub fn patience(urgency: u8) -> Duration {
    if urgency == DRILL { lane::DRILL_PATIENCE } else { lane::PATIENCE[usize::from(urgency != lane::MOST_URGENT)] }
}

/// The outbox of a process; a cheap handle.
#[derive(Clone)]
pub struct Pager {
    shared: Arc<Shared>,
}

/// The settings that count now.
type Current = Arc<Mutex<Arc<Settings>>>;

struct Shared {
    send: SendOnce,
    /// Asks what became of a message, and how long it waits before each time; `None` = no provider is asked.
    fate: Option<(AskFate, [Duration; 5])>,
    settled: Settled,
    handle: tokio::runtime::Handle,
    settings: Current,
    lanes: Mutex<BTreeMap<Name, Arc<Lane>>>,
    /// Those of test pages.
    drills: Mutex<BTreeMap<Name, Arc<Lane>>>,
    followed: AtomicUsize,
}

impl Pager {
    /// An outbox that sends over the channels of a place. Must be called within a runtime.
    ///
    /// `settled` is called in the sending task for each page that was not withdrawn: `Accepted` and `Delivered`
    /// say that it is sent, `Refused`, `Later` and `NoTurn` that it was given up, and why. It is called again, without tries, where a
    /// provider that had accepted a page says later what became of it.
    #[must_use]
    pub fn new(world: World, settled: Settled) -> Self {
        let settings: Current = Arc::new(Mutex::new(Arc::clone(&world.settings)));
        let current = Arc::clone(&settings);
        let place = move || {
            let settings = Arc::clone(&current.lock().unwrap_or_else(PoisonError::into_inner));
            let secrets = Secrets { sources: settings.secrets.clone(), ..(*world.secrets).clone() }.into();
            World { now: clock::now(), settings, secrets, ..world.clone() }
        };
        let asks = place.clone();
        let send: SendOnce = Arc::new(move |message, address| {
            let world = place();
            Box::pin(async move { channel::send(&message, &address, &world).await })
        });
        let fate: AskFate = Arc::new(move |message, address, id| {
            let world = asks();
            Box::pin(async move { channel::fate(&message, &address, &id, &world).await })
        });
        Self::made(send, Some((fate, follow::ASKED)), settings, settled)
    }

    /// An outbox whose pages are sent by `send`: for tests, and for rehearsals.
    #[must_use]
    pub fn with(send: SendOnce, settings: Arc<Settings>, settled: Settled) -> Self {
        Self::made(send, None, Arc::new(Mutex::new(settings)), settled)
    }

    fn made(send: SendOnce, fate: Option<(AskFate, [Duration; 5])>, settings: Current, settled: Settled) -> Self {
        let handle = tokio::runtime::Handle::current();
        let (lanes, drills, followed) = (Mutex::default(), Mutex::default(), AtomicUsize::new(0));
        Self { shared: Arc::new(Shared { send, fate, settled, handle, settings, lanes, drills, followed }) }
    }

    /// Hands a page over. It is tried as soon as its channel lets it.
    pub fn send(&self, job: Job) {
        let lane = self.lane(&job.address.channel);
        lane.put(job);
    }

    /// Hands a test page over. It is tried once its channel has nothing else to do, and its job says who hears of it.
    pub fn drill(&self, job: Job) {
        let channel = job.address.channel.clone();
        let before = self.lane(&channel);
        let mut drills = self.shared.drills.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = drills.entry(channel.clone()).or_insert_with(|| {
            let lane = Arc::new(Lane::default());
            drop(self.shared.handle.spawn(Arc::clone(&lane).run_behind(before, channel, Arc::clone(&self.shared))));
            lane
        });
        lane.put(job);
    }

    /// Takes a page back: no try of it begins any more. One that has begun goes on and is told of.
    pub fn withdraw(&self, key: &PageKey) {
        let lanes: Vec<Arc<Lane>> = self.shared.lanes().values().cloned().collect();
        for lane in &lanes {
            lane.withdraw(key);
        }
    }

    /// Goes by other settings from the next try on.
    pub fn reconfigure(&self, settings: Arc<Settings>) {
        *self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        let lanes: Vec<Arc<Lane>> = self.shared.lanes().values().cloned().collect();
        for lane in &lanes {
            lane.wake();
        }
    }

    /// How every provider is that had a page since the start.
    #[must_use]
    pub fn look(&self) -> Vec<ProviderState> {
        let lanes: Vec<(Name, Arc<Lane>)> =
            self.shared.lanes().iter().map(|(name, lane)| (name.clone(), Arc::clone(lane))).collect();
        lanes.into_iter().map(|(name, lane)| lane.look(name)).collect()
    }

    /// The lane of a channel; its task begins with its first page.
    fn lane(&self, channel: &Name) -> Arc<Lane> {
        let mut lanes = self.shared.lanes();
        if let Some(lane) = lanes.get(channel) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::default());
        lanes.insert(channel.clone(), Arc::clone(&lane));
        drop(self.shared.handle.spawn(Arc::clone(&lane).run(channel.clone(), Arc::clone(&self.shared))));
        lane
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pages a channel is handed at the same time, and how many a minute.
    fn limits(&self, channel: &Name) -> (usize, Option<u64>) {
        let settings = Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner));
        let number = |key: &str| settings.channels.get(channel)?.get(key)?.value()?.as_u64();
        let at_once = number("at_once").unwrap_or_else(|| defaults::count(defaults::AT_ONCE));
        (usize::try_from(at_once).unwrap_or(1).max(1), number("per_minute"))
    }
}

impl std::fmt::Debug for Pager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let channels: BTreeSet<Name> = self.shared.lanes().keys().cloned().collect();
        f.debug_struct("Pager").field("channels", &channels).finish_non_exhaustive()
    }
}
