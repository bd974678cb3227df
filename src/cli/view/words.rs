//! The words for times, numbers and ids, the same everywhere.

use crate::api::wire::WireMeasure;
use crate::base::span::show_size;
use jiff::Timestamp;
use std::fmt::Write as _;

/// The end of a run's id: enough to name it on a command line.
#[must_use]
pub fn short(run: &str) -> &str {
    run.get(run.len().saturating_sub(6)..).unwrap_or(run)
}

/// A length of time for people: `40ms`, `4.2s`, `42s`, `3m 05s`, `2h 05m`, `3d 4h`.
#[must_use]
pub fn human(millis: i64) -> String {
    let millis = millis.max(0);
    let (secs, tenths) = (millis / 1_000, millis % 1_000 / 100);
    match secs {
        0 if millis < 100 => format!("{millis}ms"),
        0..10 => format!("{secs}.{tenths}s"),
        10..60 => format!("{secs}s"),
        60..3_600 => format!("{}m {:02}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h {:02}m", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{}d {}h", secs / 86_400, secs % 86_400 / 3_600),
    }
}

/// The time between two instants, in milliseconds; never negative.
#[must_use]
pub(super) fn between(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_millisecond() - from.as_millisecond()).max(0)
}

/// The same instant after the clock was set by so many milliseconds.
pub(super) fn moved(at: Timestamp, by_ms: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_millis(by_ms)).unwrap_or(at)
}

/// How long ago, for people; an instant to come is `in …`.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let millis = now.as_millisecond() - at.as_millisecond();
    match millis {
        ..-1_000 => format!("in {}", human(-millis)),
        -1_000..1_000 => "now".into(),
        1_000.. => format!("{} ago", human(millis)),
    }
}

/// How long until an instant: whole seconds (`4s`), so that a countdown is calm; below one as it is (`200ms`).
#[must_use]
pub(super) fn until(at: Timestamp, now: Timestamp) -> String {
    let millis = between(now, at);
    if millis < 1_000 {
        format!("{}ms", millis.max(1))
    } else {
        human((millis + 999) / 1_000 * 1_000).replace(".0s", "s")
    }
}

/// A number for people: at most four digits that matter.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    let text = if size >= 1_000.0 || value == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.01 {
        format!("{value:.3}")
    } else {
        return format!("{value:.2e}");
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number with its unit: `84 %`, `1.5 GiB`, `42 ms`.
#[must_use]
pub fn quantity(value: f64, unit: Option<&str>) -> String {
    match unit {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes below 2^53, checked")]
        Some("B") if (0.0..9e15).contains(&value) => show_size(value as u64),
        Some(unit) => format!("{} {unit}", number(value)),
        None => number(value),
    }
}

/// A measure's name with its labels: `disk_used{mount=/}`.
#[must_use]
pub(super) fn measure_name(measure: &WireMeasure) -> String {
    if measure.labels.is_empty() {
        return measure.name.clone();
    }
    let labels: Vec<String> = measure.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{{{}}}", measure.name, labels.join(","))
}

/// A measure in full: `disk_used{mount=/} 84 % is warning (>= 80)`.
#[must_use]
pub(super) fn measure(measure: &WireMeasure) -> String {
    let name = measure_name(measure);
    let mut text = match (measure.value, &measure.note) {
        (Some(value), _) => format!("{name} {}", quantity(value, measure.unit.as_deref())),
        (None, None) => format!("{name} without a number"),
        (None, Some(_)) => name,
    };
    if measure.level != "ok" {
        let _ = write!(text, " is {}", measure.level);
    }
    if let Some(note) = &measure.note {
        let _ = write!(text, " ({note})");
    }
    text
}

/// How bad a level's word is; unknown words are the worst.
#[must_use]
pub(super) fn badness(level: &str) -> u8 {
    match level {
        "ok" => 0,
        "notice" => 1,
        "warning" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_read_as_people_say_them() {
        for (millis, want) in [
            (40, "40ms"),
            (250, "0.2s"),
            (4_249, "4.2s"),
            (42_900, "42s"),
            (185_000, "3m 05s"),
            (7_500_000, "2h 05m"),
            (273_600_000, "3d 4h"),
            (-5, "0ms"),
        ] {
            assert_eq!(human(millis), want);
        }
        for (value, want) in
            [(0.0, "0"), (84.25, "84.2"), (42.0, "42"), (1234.5, "1234"), (0.125, "0.125"), (0.0001, "1.00e-4")]
        {
            assert_eq!(number(value), want);
        }
        assert_eq!(quantity(1_610_612_736.0, Some("B")), "1.5 GiB");
        let at = |millis| Timestamp::from_millisecond(millis).expect("an instant");
        assert_eq!((ago(at(0), at(120_000)).as_str(), ago(at(60_000), at(0)).as_str()), ("2m 00s ago", "in 1m 00s"));
        assert_eq!((until(at(3_200), at(0)).as_str(), until(at(200), at(0)).as_str()), ("4s", "200ms"));
    }

    #[test]
    fn a_measure_says_its_value_level_and_why() {
        let told = |value, level: &str, note: Option<&str>| {
            measure(&WireMeasure {
                name: "latency".into(),
                labels: [("host".to_owned(), "a".to_owned())].into(),
                value,
                unit: Some("ms".into()),
                level: level.into(),
                note: note.map(str::to_owned),
            })
        };
        assert_eq!(told(Some(120.0), "warning", Some(">= 100")), "latency{host=a} 120 ms is warning (>= 100)");
        assert_eq!(told(Some(12.0), "ok", None), "latency{host=a} 12 ms");
        assert_eq!(told(None, "warning", Some("no reading")), "latency{host=a} is warning (no reading)");
        assert_eq!(told(None, "ok", None), "latency{host=a} without a number");
    }
}
