//! Lengths of time and amounts of bytes, as operators write them.

use std::fmt;
use std::time::Duration;

/// A length of time with the precision of a millisecond: `250ms`, `10s`, `1h30m`, `2d`, `1w`, `2y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Span {
    millis: u64,
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSpan {
    /// A number with nothing behind it.
    #[error("`{0}` has no unit: write `{0}s` for seconds or `{0}m` for minutes")]
    NoUnit(String),
    /// A unit that is none of ours.
    #[error("`{0}` is no unit of time: ms, s, m, h, d, w or y")]
    Unit(String),
    /// Not a number where one belongs.
    #[error("`{0}` is not a length of time: write it like 30s, 5m, 1h30m or 7d")]
    Number(String),
    /// More than a thousand years.
    #[error("`{0}` is too long")]
    TooLong(String),
}

const UNITS: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self { millis: 0 };

    /// That many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// That many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self { millis: secs * 1_000 }
    }

    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.millis
    }

    /// In seconds, with a fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a display of seconds; 2^53 ms are 285,000 years")]
    pub fn secs_f64(self) -> f64 {
        self.millis as f64 / 1_000.0
    }

    /// The length written as `text`: parts of a decimal number and a unit, largest first or not.
    ///
    /// # Errors
    /// [`BadSpan`], whose message says what to write instead.
    pub fn parse(text: &str) -> Result<Self, BadSpan> {
        let text = text.trim();
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let mut rest = text;
        let mut millis = 0f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let number: f64 = number.parse().map_err(|_| BadSpan::Number(text.into()))?;
            if unit.is_empty() {
                return Err(if tail.is_empty() { BadSpan::NoUnit(text.into()) } else { BadSpan::Number(text.into()) });
            }
            let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| BadSpan::Unit(unit.into()))?;
            #[expect(clippy::cast_precision_loss, reason = "factors are below 2^53")]
            let factor = *factor as f64;
            millis += number * factor;
            rest = tail.trim_start();
        }
        match millis {
            _ if text.is_empty() => Err(BadSpan::Number(text.into())),
            millis if millis > 3.2e13 => Err(BadSpan::TooLong(text.into())),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
            millis => Ok(Self { millis: millis.round() as u64 }),
        }
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_millis(span.millis)
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self { millis: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl From<Span> for jiff::SignedDuration {
    fn from(span: Span) -> Self {
        Self::from_millis(i64::try_from(span.millis).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Span {
    /// The shortest exact form: `1h30m`, `2.5s`, `40ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.millis;
        if left < 1_000 {
            return write!(f, "{left}ms");
        }
        for (unit, factor) in &UNITS[2..6] {
            let (count, rest) = (left / factor, left % factor);
            if *unit == "s" && rest > 0 {
                return write!(f, "{}.{}s", count, format!("{rest:03}").trim_end_matches('0'));
            }
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            left = rest;
        }
        Ok(())
    }
}

/// Units of bytes: both the decimal and the binary ones, as they are written.
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// The bytes written as `text`: `512`, `64MiB`, `1.5GB`.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not an amount of bytes: write it like 64MiB"))?;
    let unit = unit.trim();
    let factor = match SIZES.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => return Err(format!("`{unit}` is no unit of bytes: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")),
    };
    #[expect(clippy::cast_precision_loss, reason = "factors are below 2^53")]
    let bytes = number * factor as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the comparison")]
    if bytes < 9e18 { Ok(bytes as u64) } else { Err(format!("`{text}` is too much")) }
}

/// Bytes for people: `1.5 GiB`.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{amount:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_show() {
        for (text, millis, shown) in [
            ("250ms", 250, "250ms"),
            ("10s", 10_000, "10s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90s", 90_000, "1m30s"),
            ("1.5s", 1_500, "1.5s"),
            ("0", 0, "0ms"),
            ("2w", 1_209_600_000, "14d"),
        ] {
            let span = Span::parse(text).expect(text);
            assert_eq!((span.millis(), span.to_string().as_str()), (millis, shown), "{text}");
        }
        assert_eq!(Span::parse("10"), Err(BadSpan::NoUnit("10".into())));
        assert_eq!(Span::parse("10 parsecs"), Err(BadSpan::Number("10 parsecs".into())));
        assert_eq!(Span::parse("10x"), Err(BadSpan::Unit("x".into())));
        assert!(Span::parse("").is_err() && Span::parse("soon").is_err() && Span::parse("99999999y").is_err());
    }

    #[test]
    fn sizes_read_and_show() {
        assert_eq!(parse_size("64MiB"), Ok(67_108_864));
        assert_eq!(parse_size("1.5kB"), Ok(1_500));
        assert!(parse_size("64 potatoes").is_err());
        assert_eq!(show_size(67_108_864), "64.0 MiB");
        assert_eq!(show_size(12), "12 B");
    }
}
