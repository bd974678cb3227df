//! What is given to an incident that is only played, and what is expected of it: by a test of the ladder, or by whoever
//! wants to see a night before it comes.

use crate::base::span::Span;
use crate::model::test::Written;

/// What level 1 comes to, after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// The first runbook helps, and whoever told of the trouble says that it is over.
    Helps(Span),
    /// All of them fail, the last so long after the first began.
    Fails(Span),
    /// The first never ends by itself: the level's limit ends it.
    Hangs,
}

/// When somebody takes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Acknowledged {
    /// Nobody does.
    Never,
    /// So long after its opening.
    After {
        /// How long.
        after: Span,
        /// By that contact; whoever was told last where none is named.
        by: Option<Written<String>>,
        /// Whether they do nothing about it after that: then their acknowledgement lapses.
        idle: bool,
    },
}

/// Somebody ends it, so long after its opening.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// How long.
    pub after: Span,
    /// By that contact; whoever has taken it where none is named.
    pub by: Option<Written<String>>,
}

/// The world around it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenIncident {
    /// What level 1 comes to.
    pub level_1: Option<Mending>,
    /// When somebody takes it.
    pub acknowledged: Option<Acknowledged>,
    /// When somebody ends it.
    pub resolved: Option<Resolved>,
    /// When whoever told of it says that it is over.
    pub cleared: Option<Span>,
    /// When nothing drives it: from and to, after the opening.
    pub away: Option<(Span, Span)>,
    /// Whether channels deliver.
    pub channels: Vec<(Written<String>, bool)>,
}

/// What must have come of it; what is not written is not looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpectIncident {
    /// How long after the opening levels were first entered; `None` = never.
    pub levels: Vec<(Written<u32>, Option<Span>)>,
    /// How it stands at the end: `triggered`, `acknowledged`, `resolved`.
    pub status: Option<Written<String>>,
    /// Which promises were broken, in order.
    pub breached: Option<Written<Vec<String>>>,
}
