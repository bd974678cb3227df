//! The level of one sample: bands, what a missing reading means, what was before.
//!
//! Knows a threshold, a value and the past of its series; never how the value came about.

use crate::base::level::Level;
use crate::base::span::Span;
use crate::engine::baseline::{self, Usual};
use crate::engine::series::{Past, Point, Window};
use crate::model::measure::{Missing, Threshold, figure};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a value, or its absence, comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    /// The value to store; `None` where there was no reading and none is taken for it.
    pub(super) value: Option<f64>,
    pub(super) level: Level,
    pub(super) note: Option<String>,
}

/// When and where a sample is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

/// Whether this reading can't be judged without the past of its series.
pub(super) fn looks_back(threshold: &Threshold, value: Option<f64>) -> bool {
    let stands_in = || threshold.missing == Some(Missing::Keep) || threshold.stale_after.is_some();
    !threshold.clear.is_empty() || threshold.compared_baseline().is_some() || (value.is_none() && stands_in())
}

/// Which times of the past a judgement needs beside the last sample.
pub(super) fn windows(threshold: &Threshold, here: Here<'_>) -> Vec<Window> {
    threshold.compared_baseline().map_or_else(Vec::new, |wanted| baseline::windows(wanted, here.now, here.zone))
}

/// The judgement; `None` where there is no reading and nothing is said about that.
pub(super) fn judge(threshold: &Threshold, value: Option<f64>, past: &Past, here: Here<'_>) -> Option<Judgement> {
    let last = past.last.filter(|last| threshold.stale_after.is_none_or(|most| age(last, here.now) <= most));
    match value {
        Some(value) => Some(judge_value(threshold, value, None, past, last, here)),
        None => missing(threshold, past, last, here),
    }
}

/// No reading: a sample that is not too old stands in, else `missing` says what that means.
fn missing(threshold: &Threshold, past: &Past, last: Option<Point>, here: Here<'_>) -> Option<Judgement> {
    let nothing = |level, note: String| Some(Judgement { value: None, level, note: Some(note) });
    let stands_in = threshold.stale_after.is_some() || threshold.missing == Some(Missing::Keep);
    if let Some(last) = last.filter(|_| stands_in) {
        let age = match age(&last, here.now) {
            Span::ZERO => "less than 1s".to_owned(),
            age => age.to_string(),
        };
        return nothing(last.level, format!("no reading; {} from {age} ago stands in", figure(last.value)));
    }
    match threshold.missing.as_ref()? {
        Missing::Level(level) => nothing(*level, "no reading".into()),
        Missing::Value(value) => {
            let note = Some(format!("no reading, counts as {}", figure(*value)));
            Some(judge_value(threshold, *value, note, past, last, here))
        }
        Missing::Keep => nothing(Level::Ok, "no reading, and none before it to keep".into()),
    }
}

fn judge_value(
    threshold: &Threshold,
    value: f64,
    remark: Option<String>,
    past: &Past,
    last: Option<Point>,
    here: Here<'_>,
) -> Judgement {
    let usual = threshold.compared_baseline().map(|wanted| baseline::usual(wanted, &past.samples, here.now, here.zone));
    let known = match usual {
        Some(Usual::Value(figure)) => Some(figure),
        Some(Usual::TooFew { .. }) | None => None,
    };
    let number = known.map(|figure| figure.value);
    let (judged, band) = threshold.judge(value, number);
    let held = last.and_then(|last| threshold.holds_on(value, number, judged, last.level));
    let (level, note) = match (held, band, usual) {
        (Some((level, until)), _, _) => (level, Some(format!("stays {level} until {}", until.text))),
        (None, Some(band), _) => {
            let made_of = known.filter(|_| band.needs_baseline()).map_or(String::new(), |figure| format!(", {figure}"));
            (judged, Some(format!("{}{made_of}", band.shown(value, number))))
        }
        (None, None, Some(Usual::TooFew { found, at_least })) => {
            (judged, Some(format!("no baseline yet ({found} of {at_least})")))
        }
        (None, None, Some(Usual::Value(figure))) => (judged, Some(figure.note())),
        (None, None, None) => (judged, None),
    };
    let note = [remark, note].into_iter().flatten().reduce(|first, second| format!("{first}; {second}"));
    Judgement { value: Some(value), level, note }
}

/// How long ago a sample was taken, in whole seconds; nothing for one that a clock set back puts ahead.
fn age(last: &Point, now: Timestamp) -> Span {
    Span::from_secs(u64::try_from(now.duration_since(last.at).as_secs()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::StepId;
    use crate::model::baseline::{Baseline, By, Days, Same};
    use crate::model::measure::{Band, MetricType};

    fn threshold() -> Threshold {
        let band = |text: &str| Band::parse(text).expect("a band");
        Threshold {
            name: StepId::parse("used").expect("a name"),
            metric: MetricType::Gauge,
            help: None,
            unit: None,
            labels: Vec::new(),
            bands: vec![(Level::Critical, band("> 90")), (Level::Warning, band(">= 80"))],
            missing: None,
            stale_after: None,
            clear: vec![(Level::Critical, band("< 85")), (Level::Warning, band("< 75"))],
            baseline: None,
        }
    }

    fn now() -> Timestamp {
        "2026-11-24T09:45:00Z".parse().expect("an instant")
    }

    fn ago(secs: i64, value: f64, level: Level) -> Past {
        let at = now() - jiff::SignedDuration::from_secs(secs);
        Past { last: Some(Point { at, value, level }), samples: Vec::new() }
    }

    /// `81 warning (>= 80)`, `- warning (no reading)`, or nothing.
    fn told(threshold: &Threshold, value: Option<f64>, past: &Past) -> String {
        let here = Here { now: now(), zone: &TimeZone::UTC };
        judge(threshold, value, past, here).map_or("nothing".into(), |judged| {
            let value = judged.value.map_or("-".into(), figure);
            let note = judged.note.map_or(String::new(), |note| format!(" ({note})"));
            format!("{value} {}{note}", judged.level)
        })
    }

    #[test]
    fn a_level_is_left_when_its_clear_holds() {
        let threshold = threshold();
        for (before, value, want) in [
            (Level::Ok, 86.0, "86 warning (>= 80)"),
            (Level::Ok, 78.0, "78 ok"),
            (Level::Critical, 91.0, "91 critical (> 90)"),
            (Level::Critical, 86.0, "86 critical (stays critical until < 85)"),
            (Level::Critical, 84.0, "84 warning (>= 80)"),
            (Level::Critical, 78.0, "78 warning (stays warning until < 75)"),
            (Level::Critical, 74.0, "74 ok"),
            (Level::Warning, 91.0, "91 critical (> 90)"),
            (Level::Warning, 78.0, "78 warning (stays warning until < 75)"),
            (Level::Warning, 75.0, "75 warning (stays warning until < 75)"),
            (Level::Warning, 74.9, "74.9 ok"),
            (Level::Notice, 78.0, "78 ok"),
        ] {
            assert_eq!(told(&threshold, Some(value), &ago(60, 0.0, before)), want, "{before}, then {value}");
        }
        assert_eq!(told(&threshold, Some(78.0), &Past::default()), "78 ok", "the first of its series");
        let stale = Threshold { stale_after: Some(Span::from_secs(300)), ..threshold };
        let at_the_edge = ago(300, 0.0, Level::Critical);
        assert_eq!(told(&stale, Some(86.0), &at_the_edge), "86 critical (stays critical until < 85)");
        assert_eq!(told(&stale, Some(86.0), &ago(301, 0.0, Level::Critical)), "86 warning (>= 80)", "too long ago");
    }

    #[test]
    fn a_missing_reading_means_what_the_threshold_says() {
        let with = |missing, stale| Threshold { missing, stale_after: stale, ..threshold() };
        let minutes = |count: u64| Some(Span::from_secs(count * 60));
        let (level, keep) = (Some(Missing::Level(Level::Warning)), Some(Missing::Keep));
        let (fresh, old) = (ago(120, 95.0, Level::Critical), ago(900, 95.0, Level::Critical));
        for (threshold, past, want) in [
            (with(None, None), &fresh, "nothing"),
            (with(level.clone(), None), &fresh, "- warning (no reading)"),
            (with(level.clone(), minutes(5)), &fresh, "- critical (no reading; 95 from 2m ago stands in)"),
            (with(level.clone(), minutes(5)), &old, "- warning (no reading)"),
            (with(level, minutes(5)), &Past::default(), "- warning (no reading)"),
            (with(None, minutes(5)), &fresh, "- critical (no reading; 95 from 2m ago stands in)"),
            (with(None, minutes(5)), &old, "nothing"),
            (with(keep.clone(), None), &old, "- critical (no reading; 95 from 15m ago stands in)"),
            (with(keep.clone(), None), &ago(0, 3.0, Level::Ok), "- ok (no reading; 3 from less than 1s ago stands in)"),
            (with(keep.clone(), minutes(5)), &old, "- ok (no reading, and none before it to keep)"),
            (with(keep, None), &Past::default(), "- ok (no reading, and none before it to keep)"),
            (with(Some(Missing::Value(0.0)), None), &Past::default(), "0 ok (no reading, counts as 0)"),
            (with(Some(Missing::Value(92.0)), None), &Past::default(), "92 critical (no reading, counts as 92; > 90)"),
        ] {
            assert_eq!(told(&threshold, None, past), want, "{:?} {:?}", threshold.missing, threshold.stale_after);
        }
    }

    #[test]
    fn a_band_relative_to_the_baseline_says_its_figures() {
        let band = |text: &str| Band::parse(text).expect("a band");
        let baseline = Baseline {
            same: Same::Hour,
            of: Days::Every,
            over: Span::from_secs(28 * 86_400),
            by: By::Median,
            at_least: 3,
        };
        let threshold = Threshold {
            bands: vec![(Level::Critical, band("== 0")), (Level::Warning, band("< 50% of baseline"))],
            clear: vec![(Level::Warning, band(">= 80% of baseline"))],
            baseline: Some(baseline),
            ..threshold()
        };
        let days = |count: i64, last: Option<Level>| Past {
            last: last.map(|level| Point { at: now(), value: 0.0, level }),
            samples: (1..=count).map(|day| (now() - jiff::SignedDuration::from_hours(24 * day), 80.0)).collect(),
        };
        for (value, past, want) in [
            (12.0, days(2, None), "12 ok (no baseline yet (2 of 3))"),
            (0.0, days(2, None), "0 critical (== 0)"),
            (12.0, days(3, None), "12 warning (under 50% of the baseline 80, the median of 3 hours)"),
            (0.0, days(3, None), "0 critical (== 0)"),
            (40.0, days(3, None), "40 ok (usually 80, the median of 3 hours)"),
            (60.0, days(3, Some(Level::Warning)), "60 warning (stays warning until >= 80% of baseline)"),
            (64.0, days(3, Some(Level::Warning)), "64 ok (usually 80, the median of 3 hours)"),
            (60.0, days(2, Some(Level::Warning)), "60 ok (no baseline yet (2 of 3))"),
        ] {
            assert_eq!(told(&threshold, Some(value), &past), want);
        }
    }
}
