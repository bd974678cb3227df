//! The name of a due instant: what the clock shows, and which of two such times it is.

use jiff::Timestamp;
use jiff::civil::DateTime;
use std::fmt;

/// Local time and fold; UTC for what follows no local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nominal {
    /// What the clock of the zone shows; `again` = for the second time, after it was set back.
    Local {
        /// The time.
        time: DateTime,
        /// Whether it is the second of two.
        again: bool,
    },
    /// An instant.
    Utc(Timestamp),
}

impl Nominal {
    /// The nominal instant of that text, as it is shown and stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.ends_with('Z') {
            return text.parse().ok().map(Self::Utc);
        }
        let (time, again) = text.strip_suffix("#2").map_or((text, false), |time| (time, true));
        Some(Self::Local { time: time.parse().ok()?, again })
    }
}

impl fmt::Display for Nominal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { time, again } => write!(f, "{time}{}", if *again { "#2" } else { "" }),
            Self::Utc(at) => write!(f, "{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_its_name() {
        for text in ["2026-03-29T02:30:00", "2026-10-25T02:30:00#2", "2026-11-24T06:30:15Z", "2026-11-24T06:30:15.5Z"] {
            assert_eq!(Nominal::parse(text).expect(text).to_string(), text);
        }
        for bad in ["", "#2", "noon", "2026-11-24T06:30:15Z#2"] {
            assert_eq!(Nominal::parse(bad), None, "{bad}");
        }
    }
}
