//! The alerts of the book, judged by the samples that the index has: where each stands, for each set of labels.
//!
//! Nothing is remembered from one look to the next. Knows rows of samples; never what becomes of an alert.

use crate::base::digest::Digest;
use crate::base::ids::StepId;
use crate::base::limits::{MAX_ALERT_SERIES, RAW_DAYS};
use crate::engine::series::Question;
use crate::model::alert::{Alert, Judge, Labels, Phase, STEP, Stored};
use crate::model::book::Book;
use crate::model::measure::Threshold;
use crate::runtime::history::series_of;
use crate::runtime::recall::look_up;
use crate::store::{Journal, ReadError};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of what tells an alert apart at most; what is longer is told apart by its hash.
const WRITTEN_OUT: usize = 200;

/// Where one alert stands for one set of labels; of those that are quiet nothing is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name in `alerts.yaml`.
    pub name: String,
    /// What tells it apart: the name, and the labels of its series.
    pub fingerprint: String,
    /// The labels of its series.
    pub labels: Labels,
    /// Where it stands: pending or firing.
    pub phase: Phase,
    /// The left side of its first comparison, where samples say one.
    pub value: Option<f64>,
}

/// Where every alert stands that is not quiet. `told`: the fingerprints of those that were told of as firing.
///
/// # Errors
/// [`ReadError`] when the index can't be read.
pub fn standings(
    journal: &dyn Journal,
    book: &Book,
    told: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Vec<Standing>, ReadError> {
    let stored = stored(journal, book, now)?;
    let mut found = Vec::new();
    for (name, alert) in &book.alerts {
        let rule = alert.rule();
        for labels in alert.when.subjects(&stored) {
            let judge = Judge::new(&alert.when, &labels, &stored, &book.thresholds);
            let fingerprint = fingerprint(name, &labels);
            let phase = rule.phase(now, told.contains(&fingerprint), |at| judge.at(at).holds);
            if phase != Phase::Quiet {
                let value = judge.at(rule.instant(now)).value;
                found.push(Standing { name: name.clone(), fingerprint, labels, phase, value });
            }
        }
    }
    Ok(found)
}

/// When the alerts are to be judged next.
#[must_use]
pub fn next_look(book: &Book, now: Timestamp) -> SignedDuration {
    let left = |alert: &Alert| {
        let rule = alert.rule();
        SignedDuration::from_millis(rule.step).saturating_sub(now.duration_since(rule.instant(now)))
    };
    book.alerts.values().map(left).min().unwrap_or(SignedDuration::from_millis(STEP)).max(SignedDuration::ZERO)
}

/// What tells an alert apart.
#[must_use]
pub fn fingerprint(name: &str, labels: &Labels) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let whole = format!("{name}/{}", pairs.join(","));
    // A value may have commas, so what it is made of is hashed with its ends where it could be taken for another.
    let plain = labels.values().all(|value| !value.contains([',', '=']));
    if whole.len() <= WRITTEN_OUT && plain {
        return whole;
    }
    let parts: Vec<&[u8]> = labels.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    format!("{name}/{}", Digest::of_parts(&parts))
}

/// The samples that the alerts of the book look at.
fn stored(journal: &dyn Journal, book: &Book, now: Timestamp) -> Result<Stored, ReadError> {
    let mut reach: BTreeMap<&StepId, SignedDuration> = BTreeMap::new();
    for alert in book.alerts.values() {
        let back = alert.rule().back.saturating_add(alert.when.reach(&book.thresholds));
        for read in alert.when.reads() {
            let known = reach.entry(&read.of.measure).or_default();
            *known = (*known).max(back);
        }
    }
    let mut stored = Stored::new();
    for (name, back) in reach {
        let Some(threshold) = book.thresholds.get(name) else { continue };
        let from = now.checked_sub(back).unwrap_or(Timestamp::MIN);
        stored.insert(name.clone(), samples_of(journal, threshold, from, now)?);
    }
    Ok(stored)
}

/// Each series of a measure that has a sample not too old to be kept, with its samples since then.
fn samples_of(
    journal: &dyn Journal,
    threshold: &Threshold,
    from: Timestamp,
    now: Timestamp,
) -> Result<BTreeMap<Labels, Vec<(Timestamp, f64)>>, ReadError> {
    let name = &threshold.name;
    let kept = SignedDuration::from_hours(24 * i64::try_from(RAW_DAYS).unwrap_or(7));
    let until = now.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
    let mut all = BTreeMap::new();
    for series in series_of(journal, Some(name), MAX_ALERT_SERIES)? {
        let labels = series.labels.clone();
        let question = Question { series, unit: threshold.unit.clone(), windows: vec![(from, until)], now };
        let past = look_up(journal, &question)?;
        let mut samples = past.samples;
        samples.sort_by_key(|(at, _)| *at);
        if past.last.is_some_and(|last| now.duration_since(last.at) < kept) {
            all.insert(labels, samples);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::project::SAMPLES;
    use crate::engine::series::Series;
    use crate::lang;
    use crate::store::memory::Memory;
    use crate::store::{Batch, Change, Row, StreamId};
    use std::sync::Arc;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).expect("an instant")
    }

    /// Second, value and unit.
    type Taken<'a> = (i64, f64, &'a str);

    /// An index of series: a mount, and its samples.
    fn index(series: &[(&str, &[Taken<'_>])]) -> Memory {
        let name = StepId::parse("used").expect("a name");
        let mut rows = Vec::new();
        for (mount, samples) in series {
            let labels = Labels::from([("mount".to_owned(), (*mount).to_owned())]);
            let series = Series { name: name.clone(), labels };
            let mut row = |tree, key, value: String| {
                rows.push(Change { row: Row { tree, key }, value: Some(value.into_bytes()) });
            };
            for (secs, value, unit) in *samples {
                let key = [series.key_at(at(*secs)), b"run".to_vec()].concat();
                row(SAMPLES, key, format!(r#"[{value},"ok","{unit}",{{"mount":"{mount}"}}]"#));
            }
        }
        let journal = Memory::new(Arc::new(move |_, _, _| rows.clone()));
        let appends = vec![(StreamId::new("run", "x"), vec![Vec::new()])];
        journal.append(Batch { appends, ..Batch::default() }, Box::new(|_| {}));
        journal
    }

    fn book(alert: &str) -> Book {
        let files =
            [("thresholds.yaml", "used: { unit: MiB, labels: [mount] }\n".to_owned()), ("alerts.yaml", alert.into())];
        lang::load(&files.map(|(name, text)| (name.to_owned(), text.as_str().into()))).book
    }

    /// What stands, with its value.
    fn stands(journal: &Memory, book: &Book, told: &[&str], now: i64) -> Vec<String> {
        let told = told.iter().map(|one| (*one).to_owned()).collect();
        let found = standings(journal, book, &told, at(now)).expect("it reads");
        let word = |phase| match phase {
            Phase::Quiet => "quiet".to_owned(),
            Phase::Pending { since } => format!("pending since {}", since.as_second()),
            Phase::Firing => "firing".to_owned(),
        };
        found.iter().map(|one| format!("{} {} {:?}", one.fingerprint, word(one.phase), one.value)).collect()
    }

    #[test]
    fn each_series_stands_where_its_stored_samples_put_it() {
        let full = [(600, 2_048.0, "MiB"), (630, 3.0, "GiB"), (690, 3.0, "GiB")];
        let journal =
            index(&[("/", &full), ("/var", &[(600, 1.0, "MiB"), (660, 2.5, "GiB")]), ("/old", &[(0, 1.0, "MiB")])]);
        let book = book("Full: { expr: used > 2GiB, for: 1m, severity: P3 }\n");
        assert_eq!(stands(&journal, &book, &[], 600), [""; 0], "not over it");
        assert_eq!(stands(&journal, &book, &[], 630), ["Full/mount=/ pending since 630 Some(3072.0)"]);
        let both = ["Full/mount=/ firing Some(3072.0)", "Full/mount=/var pending since 660 Some(2560.0)"];
        assert_eq!(stands(&journal, &book, &[], 700), both);
        // Without samples each stays as it is, for an hour by what is stored and then by what was told.
        let known = ["Full/mount=/ firing None", "Full/mount=/var firing None"];
        assert_eq!(stands(&journal, &book, &[], 3_000), known);
        assert_eq!(stands(&journal, &book, &[], 9_000), [""; 0]);
        assert_eq!(stands(&journal, &book, &["Full/mount=/"], 9_000), ["Full/mount=/ firing None"]);
        // A week without samples: it is no series any more.
        assert_eq!(stands(&journal, &book, &["Full/mount=/"], 700_000), [""; 0]);
        assert_eq!(next_look(&book, at(601)), SignedDuration::from_secs(14));
    }

    #[test]
    fn labels_that_look_alike_are_told_apart() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(fingerprint("Full", &labels(&[])), "Full");
        assert_eq!(fingerprint("Full", &labels(&[("host", "a"), ("mount", "/")])), "Full/host=a,mount=/");
        let (one, two) = (labels(&[("a", "1,b=2")]), labels(&[("a", "1"), ("b", "2")]));
        assert_ne!(fingerprint("Full", &one), fingerprint("Full", &two));
        assert!(fingerprint("Full", &labels(&[("a", &"x".repeat(5_000))])).len() < 100);
    }
}
