//! Bugs on purpose: each undoes the line that keeps an invariant, so that the harnesses can show that they would see it.
//!
//! Nothing of this is in a build that is shipped: without the feature `planted`, which only tests turn
//! on, [`has`] is the constant `false`. The choice holds for one thread.

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident = $invariant:literal, $name:literal, $harness:literal;)*) => {
        /// One bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[$doc])* $variant,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Which invariant of `ARCHITECTURE.md` it breaks.
            #[must_use]
            pub const fn invariant(self) -> u8 {
                match self { $(Self::$variant => $invariant,)* }
            }

            /// Its name, for people.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Which harness finds it.
            #[must_use]
            pub const fn harness(self) -> &'static str {
                match self { $(Self::$variant => $harness,)* }
            }
        }
    };
}

bugs! {
    /// Effects are let out together with their batch.
    EarlyEffect = 1, "an effect starts before its event is durable", "simulator";
    /// A batch in doubt counts as taken.
    BelievesDoubt = 1, "a batch that may not be there counts as taken", "simulator";
    /// An attempt's end is taken whatever its number.
    AnyAttempt = 2, "the end of another attempt is taken for this one's", "transitions";
    /// An ended step may begin again.
    BeginsAgain = 2, "an ended run takes events", "transitions";
    /// Recovery uses the newest texts instead of the pinned ones.
    NewestText = 3, "a run goes on with the newest texts", "simulator";
    /// An instant for which another stands has no row.
    NoRow = 4, "an instant for which another stands leaves no row", "schedules";
    /// The row of an instant is not in the batch of its run.
    RowApart = 4, "a run starts without the row of its instant", "schedules";
    /// An instant that a change of the clock repeats fires both times.
    FoldTwice = 5, "a local time that comes twice fires twice", "oracle of clock changes";
    /// Instants that a change of the clock moves to one fire each.
    GapEach = 5, "several instants moved out of a gap fire each", "oracle of clock changes";
    /// A restarted owner starts again what may be alive.
    StartsAgain = 6, "a restarted owner starts again what may still run", "simulator";
    /// A lost attempt counts as failed and is tried again.
    RetriesLost = 6, "a lost attempt is tried again without asking", "simulator";
    /// The limit of a group is one too high.
    OneMoreHolder = 7, "a group lets one more in", "simulator";
    /// A cancelled run keeps its group.
    KeepsGroup = 7, "a cancelled run keeps its group for ever", "simulator";
    /// A mutex is given back before each next attempt.
    MutexPerAttempt = 7, "a mutex is given back between attempts", "simulator";
    /// Turns of a level come though somebody has taken the incident.
    PagesTaken = 8, "people are paged about what somebody has taken", "incidents";
    /// Unsent pages stay ordered after an answer.
    KeepsPages = 8, "a page is sent after the acknowledgement that stops it", "incidents";
    /// A failed address has its whole wait all the same.
    WaitsAfterFailure = 9, "the next address waits though the one before it failed", "incidents";
    /// A level of which nobody can be reached is not passed.
    StaysUnreachable = 9, "nobody of a level can be reached, and the next is not told", "incidents";
    /// Trouble told of again is not counted.
    LosesCount = 10, "trouble that is told of again is not counted", "incidents";
    /// The encodings of a secret are not masked.
    PlainMask = 11, "an encoded secret passes the mask", "canary";
    /// A secret that falls across two chunks is not masked.
    ChunkMask = 11, "a secret across two chunks passes the mask", "canary";
    /// A quote in a value ends the shell word.
    QuoteEnds = 12, "a quote in a value ends its shell word", "escape table";
    /// A refused batch takes its inputs with it.
    LosesInput = 13, "what reached a run is lost when its batch is refused", "simulator";
    /// A start that found no room is kept half way.
    HalfStart = 13, "a start that was refused happens all the same", "simulator";
    /// A wait does not say who is waited for.
    NamelessWait = 14, "a wait does not say who holds what it waits for", "simulator";
    /// Batches carry no guards.
    NoGuard = 15, "two owners advance one stream", "simulator";
    /// A cancel is written down as the engine's own.
    NoActor = 16, "a cancel does not say who asked", "simulator";
    /// A group that has room tells nobody.
    NoNudge = 17, "who waits for a group is not told of room, and no sweep looks", "simulator";
    /// The sweep does not look for attempts that nobody is at.
    NoSweep = 17, "the sweep passes over a lost attempt", "simulator";
    /// A due instant is forgotten.
    ForgetsDue = 17, "a due instant is forgotten, and no sweep looks", "simulator";
    /// A response has no end.
    NeverStops = 18, "a response that takes too long is not stopped", "incidents";
    /// A called run is no deeper than its caller.
    NoDepth = 18, "runs that call one another never end", "simulator";
    /// Timeouts that no child holds are counted by the wall clock, whoever sets it.
    CountsByWall = 19, "a timeout passes because somebody set the clock", "simulator";
}

#[cfg(feature = "planted")]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Chooses the bug this thread has from now on.
#[cfg(feature = "planted")]
pub fn choose(bug: Option<Bug>) {
    CHOSEN.set(bug);
}

/// Whether this thread has that bug.
#[cfg(feature = "planted")]
#[must_use]
pub fn has(bug: Bug) -> bool {
    CHOSEN.get() == Some(bug)
}

/// There are none in a build that is shipped.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn has(_bug: Bug) -> bool {
    false
}
