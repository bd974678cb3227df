//! Which rows of the index an event puts and deletes: absolute, pure, total, never an increment.

use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::value::{Value, json};
use crate::engine::event::{Event, Recorded, Sample, StepEvent, Tells};
use crate::engine::series::Series;
use jiff::Timestamp;

/// Runs by id: who, what, when. Key: the id's text.
pub const STARTED: &str = "run_started";
/// Ended runs by id: how and when.
pub const ENDED: &str = "run_ended";
/// Runs that have not ended. Key: the id's text.
pub const UNFINISHED: &str = "unfinished";
/// Runs of one runbook. Key: the name, a zero byte, the id's text.
pub const BY_RUNBOOK: &str = "by_runbook";
/// Ended runs of one outcome: those that failed are few among all. Key: the outcome, a zero byte, the id's text.
pub const BY_OUTCOME: &str = "by_outcome";

/// What incidents have not been told of yet. Key: [`owed_run`], or what another machine calls it.
pub const OWED: &str = "owed";
/// Ends of runs that say whether the trouble of a key is there, those of one key together and in the order of time. Key:
/// [`verdicts_of`], the instant, the run's id. Value: whether it is there.
pub const VERDICTS: &str = "verdicts";

/// Samples that have a value, those of one series together and in the order of time. Key: [`Series::key_at`], the
/// run's id, the event's version, the sample's number in it. Value: the number, its level, its unit, the labels of its series.
pub const SAMPLES: &str = "samples";
/// Runs that have samples. Key: the id's text.
pub const SAMPLED: &str = "sampled";
/// What is kept of series when runs are gone. Key: [`crate::engine::history::Place::key`]. Value: the event.
pub const CHUNKS: &str = "chunks";

/// One absolute change: tree, key, value (`None` deletes).
pub type Put = (&'static str, Vec<u8>, Option<Value>);

/// The changes of one event of a run's stream; `version` is its place in it.
#[must_use]
pub fn project(run: RunId, version: u64, recorded: &Recorded) -> Vec<Put> {
    let key = run.to_string().into_bytes();
    match &recorded.event {
        Event::Started(started) => {
            let row = json!({
                "runbook": started.runbook.as_str(),
                "at": recorded.at.to_string(),
                "actor": started.actor.id,
                "dry": started.dry,
                "parent": started.parent.as_ref().map(|parent| parent.run.to_string()),
                "repeats": started.repeats.map(|run| run.to_string()),
            });
            let mut by_runbook = started.runbook.as_str().as_bytes().to_vec();
            by_runbook.push(0);
            by_runbook.extend(&key);
            vec![
                (STARTED, key.clone(), Some(row)),
                (UNFINISHED, key, Some(json!(started.node))),
                (BY_RUNBOOK, by_runbook, Some(Value::Null)),
            ]
        }
        Event::Ended(ended) => {
            let row = json!({
                "outcome": ended.outcome.as_str(),
                "level": ended.level.as_str(),
                "reason": ended.reason,
                "at": recorded.at.to_string(),
            });
            let by_outcome = [ended.outcome.as_str().as_bytes(), &[0], &key].concat();
            let mut puts = vec![
                (ENDED, key.clone(), Some(row)),
                (UNFINISHED, key, None),
                (BY_OUTCOME, by_outcome, Some(Value::Null)),
            ];
            if let Some(tells) = &ended.tells {
                puts.push((OWED, owed_run(run), Some(json!(recorded.at.to_string()))));
                puts.extend(verdict(run, recorded.at, tells));
            }
            puts
        }
        Event::Step { event: StepEvent::Attempted { result, .. }, .. } => {
            let samples = (0..).zip(&result.samples);
            let mut rows: Vec<Put> =
                samples.filter_map(|(number, sample)| sample_row(run, version, number, recorded, sample)).collect();
            if !rows.is_empty() {
                rows.push((SAMPLED, key, Some(Value::Null)));
            }
            rows
        }
        Event::Queued { .. }
        | Event::Admitted
        | Event::CancelAsked { .. }
        | Event::TimedOut
        | Event::Entered(_)
        | Event::ClockSet { .. }
        | Event::Step { .. } => Vec::new(),
    }
}

/// The key of what the end of a run owes to incidents.
#[must_use]
pub fn owed_run(run: RunId) -> Vec<u8> {
    format!("run/{run}").into_bytes()
}

/// Where the verdicts of a key stand.
#[must_use]
pub fn verdicts_of(key: &str) -> Vec<u8> {
    Digest::of(key.as_bytes()).to_string().as_bytes()[..32].to_vec()
}

fn verdict(run: RunId, at: Timestamp, tells: &Tells) -> Option<Put> {
    let (key, bad) = match tells {
        Tells::Response { .. } => return None,
        Tells::Good { key } => (key, false),
        Tells::Bad { key, .. } => (key, true),
    };
    let micros = u64::try_from(at.as_microsecond()).unwrap_or_default();
    let row = [verdicts_of(key).as_slice(), &micros.to_be_bytes(), run.to_string().as_bytes()].concat();
    Some((VERDICTS, row, Some(json!(bad))))
}

/// A sample, with all that tells its series apart: no row is shared by two runs, of which one may go.
fn sample_row(run: RunId, version: u64, number: u16, recorded: &Recorded, sample: &Sample) -> Option<Put> {
    let value = sample.value.filter(|value| value.is_finite())?;
    let series = Series { name: sample.name.clone(), labels: sample.labels.clone() };
    let mut key = series.key_at(recorded.at);
    key.extend(run.to_string().as_bytes());
    key.extend(version.to_be_bytes());
    key.extend(number.to_be_bytes());
    Some((SAMPLES, key, Some(json!([value, sample.level.as_str(), sample.unit, series.labels]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Place;
    use crate::base::ids::StepId;
    use crate::base::level::Level;
    use crate::engine::event::AttemptResult;

    fn rows(at: &str, labels: &[(&str, &str)], values: &[Option<f64>]) -> Vec<Put> {
        let sample = |value: &Option<f64>| Sample {
            name: StepId::parse("used").expect("a name"),
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            value: *value,
            unit: Some("%".into()),
            level: Level::Warning,
            note: None,
        };
        let samples = values.iter().map(sample).collect();
        let result = AttemptResult {
            output: Value::Null,
            failure: None,
            stopped: false,
            findings: Vec::new(),
            samples,
            usage: None,
        };
        let event = StepEvent::Attempted { number: 1, result: Box::new(result) };
        let event = Event::Step { place: Place::parse("look").expect("a place"), event };
        project(RunId::new(1, 2), 7, &Recorded { at: at.parse().expect("an instant"), event })
    }

    fn keys(rows: &[Put]) -> Vec<&[u8]> {
        rows.iter().filter(|(tree, _, _)| *tree == SAMPLES).map(|(_, key, _)| key.as_slice()).collect()
    }

    #[test]
    fn a_series_is_one_stretch_of_keys_in_the_order_of_time() {
        let early = rows("1969-12-31T23:59:59Z", &[("mount", "/")], &[Some(1.0)]);
        let late = rows("2026-11-24T00:00:00Z", &[("mount", "/")], &[Some(2.0), None, Some(3.0)]);
        let other = rows("2026-01-01T00:00:00Z", &[("mount", "/data")], &[Some(4.0)]);
        let (first, rest) = (keys(&early), keys(&late));
        assert!(first[0] < rest[0] && rest[0] < rest[1], "by time, then by number");
        assert_eq!(rest.len(), 2, "a gap has no row");
        let prefix = &first[0][.."used".len() + 17];
        assert!(rest.iter().all(|key| key.starts_with(prefix)) && !keys(&other)[0].starts_with(prefix));
        assert!(keys(&other)[0].starts_with(b"used\0"));
        assert_eq!(late[0].2, Some(json!([2.0, "warning", "%", { "mount": "/" }])));
        assert_eq!(late[2], (SAMPLED, RunId::new(1, 2).to_string().into_bytes(), Some(Value::Null)));
        assert_eq!(super::tests::rows("2026-11-24T00:00:00Z", &[], &[None]), [], "a gap is no sample");
        let longest = StepId::parse(&"x".repeat(64)).expect("a name");
        let longest = Series { name: longest, labels: [("a".to_owned(), "b".repeat(10_000))].into() };
        assert!(longest.key().len() + 8 + 26 + 8 + 2 <= 125);
    }
}
