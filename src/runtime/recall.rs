//! The past of series, looked up in the index before a decision that needs it.
//!
//! The engine says what it must know; this looks it up and asks the engine again. Knows rows of samples; never
//! what a threshold makes of them.

use crate::base::limits;
use crate::engine::decide::{self, Decision, Input, Undecided};
use crate::engine::evolve::IllegalEvent;
use crate::engine::run::Run;
use crate::engine::series::{Known, Past, Question};
use crate::model::measure::Threshold;
use crate::model::runbook::Runbook;
use crate::runtime::history;
use crate::store::{Journal, ReadError};
use jiff::Timestamp;
use std::sync::Arc;

/// Where the past is looked up; by default nothing has one.
#[derive(Clone, Default)]
pub struct Recall(Option<Arc<dyn Journal>>);

impl Recall {
    /// The samples of that journal's index.
    #[must_use]
    pub fn of(journal: Arc<dyn Journal>) -> Self {
        Self(Some(journal))
    }

    /// [`decide::decide`], with everything known that it asks for.
    ///
    /// # Errors
    /// [`IllegalEvent`], as there.
    pub fn decide(
        &self,
        book: &Runbook,
        run: &mut Run,
        mut input: Input,
        now: Timestamp,
    ) -> Result<Decision, IllegalEvent> {
        let may_ask = book.thresholds.values().any(Threshold::looks_back) || book.has_plots;
        let mut given = || if may_ask { input.clone() } else { std::mem::replace(&mut input, Input::Tick) };
        self.knowing(|known| decide::decide(book, run, given(), known, now))
    }

    /// [`decide::resume`], with everything known that it asks for.
    ///
    /// # Errors
    /// [`IllegalEvent`], as there.
    pub fn resume(
        &self,
        book: &Runbook,
        run: &mut Run,
        first: &Input,
        now: Timestamp,
    ) -> Result<Decision, IllegalEvent> {
        self.knowing(|known| decide::resume(book, run, first.clone(), known, now))
    }

    fn knowing(
        &self,
        mut attempt: impl FnMut(&Known) -> Result<Decision, Undecided>,
    ) -> Result<Decision, IllegalEvent> {
        let mut known = Known::new();
        loop {
            match attempt(&known) {
                Ok(decision) => return Ok(decision),
                Err(Undecided::Illegal(illegal)) => return Err(illegal),
                // Each answer is to a question that had none, so this ends.
                Err(Undecided::Asks(questions)) => {
                    known.extend(questions.into_iter().map(|question| {
                        let past = self.past(&question);
                        ((question.series, question.windows), past)
                    }));
                }
            }
        }
    }

    fn past(&self, question: &Question) -> Past {
        let Some(journal) = &self.0 else { return Past::default() };
        look_up(journal.as_ref(), question).unwrap_or_else(|error| {
            tracing::error!(measure = %question.series.name, %error, "stored samples can't be read; judged as if there were none");
            Past::default()
        })
    }
}

/// The answer of an index to a question. Of what is only kept as sums, a sum is one sample: its mean, at its beginning.
///
/// # Errors
/// [`ReadError`] when it can't be read.
pub fn look_up(journal: &dyn Journal, question: &Question) -> Result<Past, ReadError> {
    let (series, unit) = (&question.series, question.unit.as_deref());
    let mut past = Past { last: history::read::last(journal, series, unit, question.now)?, samples: Vec::new() };
    let share = (limits::MAX_BASELINE_SAMPLES / question.windows.len().max(1)).max(1);
    if question.windows.is_empty() {
        return Ok(past);
    }
    let mut reading = history::read::Reading::new(journal, series.key(), question.now)?;
    for window in &question.windows {
        let sums = reading.stretch(unit, *window, share)?;
        past.samples.extend(sums.iter().map(|sum| (sum.at, sum.mean())));
    }
    Ok(past)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::StepId;
    use crate::base::level::Level;
    use crate::engine::project::SAMPLES;
    use crate::engine::series::{Point, Series};
    use crate::store::memory::Memory;
    use crate::store::{Batch, Change, Row, StreamId};

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).expect("an instant")
    }

    fn series() -> Series {
        Series { name: StepId::parse("used").expect("a name"), labels: [].into() }
    }

    /// An index with a row for each: the second, and the row's value.
    fn index(rows: Vec<(i64, String)>) -> Memory {
        let rows: Vec<Change> = rows
            .into_iter()
            .map(|(secs, value)| Change {
                row: Row { tree: SAMPLES, key: [series().key_at(at(secs)), b"run".to_vec()].concat() },
                value: Some(value.into_bytes()),
            })
            .collect();
        let journal = Memory::new(Arc::new(move |_, _, _| rows.clone()));
        let batch = Batch {
            guards: Vec::new(),
            appends: vec![(StreamId::new("run", "x"), vec![Vec::new()])],
            ..Batch::default()
        };
        journal.append(batch, Box::new(|_| {}));
        journal
    }

    fn past(journal: &Memory, unit: &str, windows: &[(i64, i64)], now: i64) -> Past {
        let windows = windows.iter().map(|(from, to)| (at(*from), at(*to))).collect();
        let question = Question { series: series(), unit: Some(unit.into()), windows, now: at(now) };
        look_up(journal, &question).expect("reads")
    }

    #[test]
    fn samples_come_back_in_the_unit_asked_for_and_none_from_the_future() {
        let rows = [
            (-60, r#"[1.0,"ok","s"]"#),
            (10, r#"[250.0,"warning","ms"]"#),
            (20, r#"[3.0,"ok","%"]"#),
            (30, r#"[2.0,"critical","s"]"#),
            (99, r#"[9.0,"ok","s"]"#),
        ];
        let journal = index(rows.map(|(secs, row)| (secs, row.to_owned())).into());
        let found = past(&journal, "ms", &[(-60, 10), (10, 30)], 30);
        assert_eq!(found.last, Some(Point { at: at(30), value: 2000.0, level: Level::Critical }), "not that of 99");
        assert_eq!(found.samples, [(at(-60), 1000.0), (at(10), 250.0)], "a share is no time; 30 is not within");
        assert_eq!(past(&journal, "ms", &[], -61), Past::default());
    }

    #[test]
    fn of_many_samples_the_newest_of_each_window_count() {
        let journal = index((0..20_000).map(|secs| (secs, format!(r#"[{secs},"ok","s"]"#))).collect());
        let found = past(&journal, "s", &[(0, 10_000), (10_000, 20_000)], 20_000);
        assert_eq!(found.samples.len(), limits::MAX_BASELINE_SAMPLES);
        assert!(found.samples.iter().all(|(_, value)| value % 10_000.0 >= 5_000.0));
    }
}
