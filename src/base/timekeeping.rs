//! How well a clock is kept, as data.

/// What the kernel says of its clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timekeeping {
    /// Whether somebody keeps it right.
    pub synchronised: bool,
    /// How far it is off, in milliseconds; what is ahead is positive.
    pub offset_ms: f64,
    /// How wrong that may be, in milliseconds.
    pub error_ms: f64,
    /// The most it may be wrong, in milliseconds.
    pub max_error_ms: f64,
}

/// By which clock something counts: a boot of a machine, and how far wall time was ahead of the clock of that boot, which
/// begins with it, goes on in suspend and is never set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reckoning {
    /// The boot, by the kernel's name for it.
    pub boot: String,
    /// How far wall time was ahead, in milliseconds. It moves when somebody sets the wall clock, and by nothing else.
    pub lead_ms: i64,
}
