//! Measures and the bands that judge them (`thresholds.yaml`).

use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::base::span::Span;
use crate::expr::Expr;
use crate::model::baseline::Baseline;
use crate::model::buckets::LE;
use crate::template::Template;

/// One `measure:` entry of a step.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The declared name.
    pub name: StepId,
    /// For `each:`, the list; the item is `it` in the others.
    pub each: Option<Expr>,
    /// The number.
    pub value: Expr,
    /// The unit it is in; `None` = the declared one, known from the output field.
    pub unit: Option<String>,
    /// Labels.
    pub labels: Vec<(StepId, Template)>,
}

/// What kind of number a measure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Goes up and down.
    Gauge,
    /// Only rises, but for restarts.
    Counter,
    /// Observations in buckets.
    Histogram,
}

/// One entry of `thresholds.yaml`.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// The measure.
    pub name: StepId,
    /// Gauge by default.
    pub metric: MetricType,
    /// HELP text.
    pub help: Option<String>,
    /// The unit samples are stored in.
    pub unit: Option<String>,
    /// Label names it may carry.
    pub labels: Vec<StepId>,
    /// Bands, tested in this order: critical, warning, notice.
    pub bands: Vec<(Level, Band)>,
    /// What a missing sample means: a level, or a value put in its place.
    pub missing: Option<Missing>,
    /// After how long a sample is too old to judge by.
    pub stale_after: Option<Span>,
    /// For clearing with hysteresis: the level is left only when this holds.
    pub clear: Vec<(Level, Band)>,
    /// What "of baseline" compares with.
    pub baseline: Option<Baseline>,
}

/// What a missing sample means.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// It is that bad.
    Level(Level),
    /// It is taken for this value.
    Value(f64),
    /// The level stays what it was.
    Keep,
}

/// A band: `< 120 || > 600`, alternatives of comparisons joined by `&&`.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// As written.
    pub text: String,
    /// Any of these: all of its comparisons.
    pub any: Vec<Vec<Comparison>>,
}

/// One comparison of the value with a number or with a share of the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// How.
    pub op: Op,
    /// With what.
    pub with: Bound,
}

/// The right side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A number, in the threshold's unit.
    Number(f64),
    /// That share of the baseline (0.5 = 50 %).
    OfBaseline(f64),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Threshold {
    /// Whether its series are the buckets of a histogram, by their label `le`.
    #[must_use]
    pub fn is_bucketed(&self) -> bool {
        self.metric == MetricType::Histogram && self.labels.iter().any(|label| label.as_str() == LE)
    }

    /// The level of a value, with the band that says so. `baseline` is `None` while there are too few samples.
    #[must_use]
    pub fn judge(&self, value: f64, baseline: Option<f64>) -> (Level, Option<&Band>) {
        let hit = self.bands.iter().find(|(_, band)| band.holds(value, baseline));
        hit.map_or((Level::Ok, None), |(level, band)| (*level, Some(band)))
    }

    /// The worst level between `judged` and `before` that the value does not leave, with the band that would let it.
    /// A band relative to a baseline that is not there lets everything.
    #[must_use]
    pub fn holds_on(&self, value: f64, baseline: Option<f64>, judged: Level, before: Level) -> Option<(Level, &Band)> {
        let lets = |band: &Band| band.holds(value, baseline) || (baseline.is_none() && band.needs_baseline());
        let kept = self.clear.iter().find(|(level, band)| *level <= before && *level > judged && !lets(band));
        kept.map(|(level, band)| (*level, band))
    }

    /// The baseline, where a band compares with it.
    #[must_use]
    pub fn compared_baseline(&self) -> Option<&Baseline> {
        let compares = self.bands.iter().chain(&self.clear).any(|(_, band)| band.needs_baseline());
        self.baseline.as_ref().filter(|_| compares)
    }

    /// Whether judging a sample may need what was stored before it.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        self.compared_baseline().is_some()
            || !self.clear.is_empty()
            || self.stale_after.is_some()
            || self.missing == Some(Missing::Keep)
    }
}

impl Band {
    /// Whether the value lies in the band.
    #[must_use]
    pub fn holds(&self, value: f64, baseline: Option<f64>) -> bool {
        self.any.iter().any(|all| all.iter().all(|one| one.holds(value, baseline)))
    }

    /// What of it holds, in words with figures: `under 50% of the baseline 80`; as written where no baseline counts.
    #[must_use]
    pub fn shown(&self, value: f64, baseline: Option<f64>) -> String {
        let held = self.any.iter().find(|all| all.iter().all(|one| one.holds(value, baseline)));
        match (held, baseline) {
            (Some(all), Some(baseline)) if all.iter().any(|one| matches!(one.with, Bound::OfBaseline(_))) => {
                all.iter().map(|one| one.shown(baseline)).collect::<Vec<_>>().join(" and ")
            }
            (Some(_) | None, Some(_) | None) => self.text.clone(),
        }
    }

    /// Whether it compares with the baseline.
    #[must_use]
    pub fn needs_baseline(&self) -> bool {
        self.any.iter().flatten().any(|one| matches!(one.with, Bound::OfBaseline(_)))
    }

    /// The band written as `text`: `>= 80`, `< 120 || > 600`, `< 50% of baseline`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let any = text
            .split("||")
            .map(|all| all.split("&&").map(Comparison::parse).collect::<Result<Vec<_>, _>>())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.trim().into(), any })
    }
}

impl Comparison {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let ops = [
            ("<=", Op::AtMost),
            (">=", Op::AtLeast),
            ("==", Op::Equal),
            ("!=", Op::NotEqual),
            ("<", Op::Less),
            (">", Op::More),
        ];
        let (op, rest) = ops
            .into_iter()
            .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (op, rest.trim())))
            .ok_or_else(|| format!("`{text}` is not a band: write it like `>= 80` or `< 120 || > 600`"))?;
        let bound = |number: &str| {
            number.trim().parse::<f64>().map_err(|_| format!("`{number}` is not a number")).and_then(|number| {
                if number.is_finite() { Ok(number) } else { Err("a band ends at a finite number".into()) }
            })
        };
        let with = match rest.strip_suffix("of baseline") {
            Some(share) => {
                let share = share
                    .trim()
                    .strip_suffix('%')
                    .ok_or_else(|| format!("write `{rest}` as a share: `50% of baseline`"))?;
                Bound::OfBaseline(bound(share)? / 100.0)
            }
            None => Bound::Number(bound(rest)?),
        };
        Ok(Self { op, with })
    }

    fn shown(self, baseline: f64) -> String {
        let (sign, word) = match self.op {
            Op::Less => ("<", "under"),
            Op::AtMost => ("<=", "at most"),
            Op::More => (">", "over"),
            Op::AtLeast => (">=", "at least"),
            Op::Equal => ("==", "exactly"),
            Op::NotEqual => ("!=", "not"),
        };
        match self.with {
            Bound::Number(number) => format!("{sign} {}", figure(number)),
            Bound::OfBaseline(share) => {
                format!("{word} {}% of the baseline {}", figure(share * 100.0), figure(baseline))
            }
        }
    }

    #[expect(clippy::float_cmp, reason = "`== 0` in a band means exactly that")]
    fn holds(self, value: f64, baseline: Option<f64>) -> bool {
        let with = match (self.with, baseline) {
            (Bound::Number(number), _) => number,
            (Bound::OfBaseline(share), Some(baseline)) => share * baseline,
            (Bound::OfBaseline(_), None) => return false,
        };
        match self.op {
            Op::Less => value < with,
            Op::AtMost => value <= with,
            Op::More => value > with,
            Op::AtLeast => value >= with,
            Op::Equal => value == with,
            Op::NotEqual => value != with,
        }
    }
}

/// A number as a person reads it: at most three digits behind the point, none for nothing.
#[must_use]
pub fn figure(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// How much of `to` one of `from` is, where both are units of one thing.
#[must_use]
pub fn convert(from: &str, to: &str) -> Option<f64> {
    const TIME: &[(&str, f64)] =
        &[("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0), ("d", 86400.0)];
    const BYTES: &[(&str, f64)] = &[
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
    ];
    const SHARE: &[(&str, f64)] = &[("%", 0.01), ("ratio", 1.0)];
    let factor = |table: &[(&str, f64)], unit| table.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    if from == to {
        return Some(1.0);
    }
    [TIME, BYTES, SHARE].into_iter().find_map(|table| Some(factor(table, from)? / factor(table, to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hold_as_the_guide_prints_them() {
        let duration = Band::parse("< 120 || > 600").expect("band");
        assert!(duration.holds(119.0, None) && duration.holds(601.0, None) && !duration.holds(120.0, None));
        let fall = Band::parse("< 50% of baseline").expect("band");
        assert!(fall.holds(4.0, Some(10.0)) && !fall.holds(5.0, Some(10.0)) && !fall.holds(4.0, None));
        for bad in ["80", ">= lots", "< 50 of baseline", "", "> inf"] {
            assert!(Band::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_band_says_what_of_it_holds() {
        let both = Band::parse("> 300% of baseline || < 50% of baseline && > 5").expect("band");
        assert_eq!(both.shown(12.0, Some(80.0)), "under 50% of the baseline 80 and > 5");
        assert_eq!(both.shown(241.0, Some(80.25)), "over 300% of the baseline 80.25");
        assert_eq!(Band::parse(" >= 80 ").expect("band").shown(81.0, Some(3.0)), ">= 80");
    }

    #[test]
    fn units_convert_only_within_one_thing() {
        assert_eq!(convert("s", "ms"), Some(1000.0));
        assert_eq!(convert("MiB", "B"), Some(1_048_576.0));
        assert_eq!(convert("s", "%"), None);
        assert_eq!(convert("rooms", "rooms"), Some(1.0));
    }
}
