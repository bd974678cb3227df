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
