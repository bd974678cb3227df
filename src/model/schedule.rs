//! What a trigger says beside its kind: what becomes of an instant at which something was due.

use crate::base::ids::Name;
use crate::base::span::Span;
use jiff::civil::Time;

/// The keys `missed`, `within`, `overlap`, `dst`, `jitter`, `except`, `deadline`; as written, `None` = not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Which instants that passed while nobody looked still start.
    pub missed: Option<Missed>,
    /// How old they may be.
    pub within: Option<Span>,
    /// What happens while the last run is still going.
    pub overlap: Overlap,
    /// What a change of the clock means.
    pub dst: Option<Dst>,
    /// The most that a start is put off by.
    pub jitter: Span,
    /// Calendars on whose days it does not fire.
    pub except: Vec<Name>,
    /// When its run must have ended well.
    pub deadline: Option<Deadline>,
}

/// `missed:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// None of them.
    Skip,
    /// The latest.
    Latest,
    /// Every one of them, one after the other.
    All,
}

/// `overlap:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The new one does not start.
    #[default]
    Skip,
    /// So many new ones wait, the newest are kept.
    Queue(u32),
    /// The last run is cancelled, the new one starts once it has ended.
    Replace,
    /// Both run.
    Allow,
}

/// `dst:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dst {
    /// Once for each local time: after the gap, at the first of two.
    Once,
    /// Not in a gap; at the first of two.
    Skip,
    /// Each time that the clock shows it.
    Each,
}

/// `deadline:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub when: DeadlineAt,
    /// The severity of the incident.
    pub severity: Option<String>,
}

/// When a deadline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineAt {
    /// The first such time of day after the due instant.
    By(Time),
    /// So long after it.
    After(Span),
}
