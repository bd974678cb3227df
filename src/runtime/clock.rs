//! The only doorway to clocks and chance.

use crate::base::ids::RunId;
use crate::base::timekeeping::{Reckoning, Timekeeping};
use crate::keeper;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The longest a clock that can jump is not looked at: steps of it, suspend and a late machine are seen by then.
pub const LOOK: Duration = Duration::from_secs(1);

/// Wall time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only doorway to the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Monotonic time since some fixed instant, for latencies.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only doorway to the clock")]
pub fn ticks() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Time since the machine was started, suspend included; nobody sets it.
#[must_use]
pub fn boot_time() -> Duration {
    keeper::boot_clock()
}

/// The boot-time clock beside a wall clock: together they show when somebody sets the latter.
pub struct BootClock {
    /// Which boot it counts from, by the kernel's name for it.
    pub boot: String,
    /// The clock.
    pub now: Box<dyn Fn() -> Duration + Send>,
}

/// Looks that were interrupted between one clock and the other say nothing.
const TOGETHER: Duration = Duration::from_millis(5);

impl BootClock {
    /// This machine's; `None` where it has no name for its boot.
    #[must_use]
    pub fn here() -> Option<Self> {
        let boot = keeper::boot_id();
        (!boot.is_empty()).then(|| Self { boot, now: Box::new(boot_time) })
    }

    /// What the wall clock shows, and how far that is ahead; `None` where nobody can say that just now.
    #[must_use]
    pub fn reckon(&self, wall: &dyn Fn() -> Timestamp) -> (Timestamp, Option<Reckoning>) {
        let before = (self.now)();
        let now = wall();
        let at_once = (self.now)().saturating_sub(before) <= TOGETHER;
        let since = i64::try_from(before.as_millis()).ok().filter(|_| at_once);
        let lead = since.map(|since| now.as_millisecond().saturating_sub(since));
        (now, lead.map(|lead_ms| Reckoning { boot: self.boot.clone(), lead_ms }))
    }
}

/// Does something for at most so long on the boot-time clock, which goes on while the machine sleeps; `None` = its time is up.
pub async fn within<T>(left: Duration, work: impl Future<Output = T>) -> Option<T> {
    within_by(&boot_time, left, work).await
}

async fn within_by<T>(
    clock: &(dyn Fn() -> Duration + Send + Sync),
    left: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let end = clock().saturating_add(left);
    let mut work = std::pin::pin!(work);
    loop {
        // The timers of this process stand still while the machine sleeps: none is relied on for longer than a look apart.
        let left = end.saturating_sub(clock());
        if let Ok(done) = tokio::time::timeout(left.min(LOOK), &mut work).await {
            return Some(done);
        }
        if clock() >= end {
            return None;
        }
    }
}

/// How well the machine's clock is kept.
///
/// # Errors
/// When the kernel does not say.
pub fn timekeeping() -> std::io::Result<Timekeeping> {
    keeper::timekeeping()
}

/// Thirty-two bytes that nobody can guess; none where the machine has no source of chance.
#[must_use]
pub fn unguessable() -> Option<[u8; 32]> {
    let mut chance = [0; 32];
    getrandom::fill(&mut chance).is_ok().then_some(chance)
}

/// A new id for a run that begins at `now`.
#[must_use]
pub fn new_run(now: Timestamp) -> RunId {
    let mut chance = [0; 16];
    if getrandom::fill(&mut chance).is_err() {
        // No source of chance at all: the clock's nanoseconds and our own number still tell runs of one machine apart.
        let nanos = ticks().as_nanos() ^ (u128::from(std::process::id()) << 64);
        chance = nanos.to_le_bytes();
    }
    RunId::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), u128::from_le_bytes(chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The machine sleeps for an hour as soon as it is waited for.
    #[tokio::test]
    async fn what_has_half_an_hour_is_over_when_the_machine_slept_for_an_hour() {
        let looks = AtomicU64::new(0);
        let clock = || Duration::from_secs(if looks.fetch_add(1, Ordering::Relaxed) < 2 { 0 } else { 3_600 });
        assert_eq!(within_by(&clock, Duration::from_mins(30), std::future::pending::<()>()).await, None);
        assert!(looks.load(Ordering::Relaxed) <= 4, "it was seen at the next look");
    }

    #[tokio::test]
    async fn what_is_done_in_time_is_done() {
        assert_eq!(within(Duration::from_mins(1), async { 7 }).await, Some(7));
        assert_eq!(within(Duration::ZERO, async { 7 }).await, Some(7), "it is looked at once");
        assert_eq!(within(Duration::ZERO, std::future::pending::<()>()).await, None);
    }

    /// A lead is a whole number of milliseconds, and none where the clocks were not read together.
    #[test]
    fn a_lead_is_what_the_wall_clock_is_ahead() {
        let boot = |now: Box<dyn Fn() -> Duration + Send>| BootClock { boot: "b".into(), now };
        let wall = || Timestamp::from_millisecond(1_700_000_000_500).expect("an instant");
        let known = boot(Box::new(|| Duration::from_millis(500))).reckon(&wall).1;
        assert_eq!(known, Some(Reckoning { boot: "b".into(), lead_ms: 1_700_000_000_000 }));
        let looks = AtomicU64::new(0);
        let late = boot(Box::new(move || Duration::from_millis(6 * looks.fetch_add(1, Ordering::Relaxed))));
        assert_eq!(late.reckon(&wall).1, None);
    }
}
