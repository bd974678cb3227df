//! What takes longer than it ever did, what waits longer than anything should, and what will never start: trouble that no run and no
//! alert tells of, since nothing of it has ended.

use crate::base::limits::{OVERDUE_RUNS, SLOW_OF_RUNS, SLOW_TIMES};
use crate::model::book::Book;
use crate::model::trouble::{Source, Trouble as Tale};
use crate::runtime::clock;
use crate::schedule::spec::{Spec, specs};
use crate::schedule::timetable::Verdict;
use crate::service::reach::Standings;
use crate::service::{RUNNING, RunRow, RunState, Runs, Service, Trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// What the keys of these incidents begin with.
const SLOW: &str = "slow/";
const QUEUED: &str = "queued/";
const UNPLANNED: &str = "unplanned/";
/// A run that takes less is never slow.
const SLOW_AT_LEAST: SignedDuration = SignedDuration::from_mins(5);
/// A run that has not begun after so long waits too long.
const QUEUED_TOO_LONG: SignedDuration = SignedDuration::from_hours(1);
/// Due instants that are looked at for one that starts something: what a calendar leaves out is no plan.
const LOOKED_AT: usize = 10_000;
/// What is due only behind this is no plan: a leap day is eight years away at most.
const FAR: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

impl Service {
    /// Opens incidents about runs that take or wait too long and schedules that start nothing any more; ends those that are over.
    ///
    /// # Errors
    /// [`Trouble`] when the book or the store can't be read.
    pub fn look_at_overdue(&self) -> Result<(), Trouble> {
        if self.paging.is_none() {
            return Ok(());
        }
        let now = clock::now();
        let (mut bad, all) = self.overdue_runs(now)?;
        bad.extend(self.unplanned(now)?);
        // Where not all runs were looked at, nothing is known to be over.
        let kinds: &[&str] = if all { &[SLOW, QUEUED, UNPLANNED] } else { &[UNPLANNED] };
        self.tell_standing(kinds, bad, now)
    }

    /// As it was found in this hour, unless the book is another: of very many schedules it takes its time.
    fn unplanned(&self, now: Timestamp) -> Result<Standings, Trouble> {
        let digest = self.book.as_ref().and_then(|book| book.stand().digest);
        let as_of = (digest, now.as_second().div_euclid(3_600));
        let mut known = self.reaching.unplanned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((digest, hour, found)) = known.as_ref()
            && (*digest, *hour) == as_of
        {
            return Ok(found.clone());
        }
        let found = unplanned(&*self.current_book()?, now);
        *known = Some((as_of.0, as_of.1, found.clone()));
        Ok(found)
    }

    /// Runs that take or wait too long, and whether all were looked at.
    fn overdue_runs(&self, now: Timestamp) -> Result<(Standings, bool), Trouble> {
        let wanted = Runs { limit: OVERDUE_RUNS, outcome: vec![RUNNING.into()], ..Runs::default() };
        let mut bad = Standings::new();
        let mut usual: BTreeMap<String, Option<SignedDuration>> = BTreeMap::new();
        let rows = self.runs(&wanted)?;
        let all = rows.len() < OVERDUE_RUNS;
        for row in rows {
            let age = now.duration_since(row.started);
            match row.state {
                RunState::Queued if age >= QUEUED_TOO_LONG => {
                    let who = self.queue(row.run).unwrap_or_else(|| "another run".into());
                    let text = format!("Run {} waits since {} for {who}.", row.run, row.started);
                    let title = format!("`{}` has waited for more than an hour to begin", row.runbook);
                    let way = format!(
                        "`stepladder show {}` says for what; `stepladder cancel` lets one of them go.",
                        row.run
                    );
                    bad.entry(format!("{QUEUED}{}", row.runbook))
                        .or_insert_with(|| tale(&row.runbook, title, &text, &way));
                }
                RunState::Running => {
                    let limit = match usual.get(&row.runbook) {
                        Some(limit) => *limit,
                        None => *usual.entry(row.runbook.clone()).or_insert(self.slow_after(&row)?),
                    };
                    if let Some(limit) = limit.filter(|limit| age > *limit) {
                        let title = format!("`{}` takes much longer than usual", row.runbook);
                        let text = format!(
                            "Run {} began at {}; {SLOW_TIMES} times what 95 of 100 of its last runs took at most is {limit:#}.",
                            row.run, row.started
                        );
                        let way = format!("`stepladder logs -f {}` shows what it does.", row.run);
                        bad.entry(format!("{SLOW}{}", row.runbook))
                            .or_insert_with(|| tale(&row.runbook, title, &text, &way));
                    }
                }
                RunState::Queued | RunState::Waiting | RunState::Stranded | RunState::Quarantined | RunState::Ended => {
                }
            }
        }
        Ok((bad, all))
    }

    /// After how long a run like this one is slow; `None` = too few have succeeded to say.
    fn slow_after(&self, row: &RunRow) -> Result<Option<SignedDuration>, Trouble> {
        let wanted = Runs {
            runbook: Some(row.runbook.clone()),
            outcome: vec!["succeeded".into()],
            limit: SLOW_OF_RUNS,
            before: Some(row.run),
            ..Runs::default()
        };
        let took = self.runs(&wanted)?;
        Ok(slow(took.iter().filter_map(|row| Some(row.ended?.duration_since(row.started))).collect()))
    }
}

/// So many times the 95th percentile of what runs took.
fn slow(mut took: Vec<SignedDuration>) -> Option<SignedDuration> {
    if took.len() < SLOW_OF_RUNS / 5 {
        return None;
    }
    took.sort_unstable();
    let usual = took.get((took.len() * 95).div_ceil(100).saturating_sub(1))?;
    Some(usual.saturating_mul(i32::try_from(SLOW_TIMES).unwrap_or(i32::MAX)).max(SLOW_AT_LEAST))
}

/// Schedules that should start something again and again, and have nothing ahead.
fn unplanned(book: &Book, now: Timestamp) -> Standings {
    let fires = |spec: &Spec| {
        let mut looked_at = 0;
        for due in spec.table.after(now).take(LOOKED_AT) {
            if due.at.duration_since(now) > FAR {
                return false;
            }
            if due.verdict == Verdict::Fires {
                return true;
            }
            looked_at += 1;
        }
        // A holiday of minutes is longer than anybody looks.
        looked_at == LOOKED_AT
    };
    let all = book.runbooks.values().flat_map(|runbook| specs(runbook, &book.settings));
    let none = all.filter(|spec| matches!(spec.kind, "cron" | "every") && !fires(spec));
    none.map(|spec| {
        let (runbook, time) = (spec.id.runbook.to_string(), &spec.shown);
        let title = format!("`{}` is never started by `{time}` again", spec.id);
        let text = "Nothing that this trigger is due at will come, or a calendar leaves out all of it.".to_owned();
        let way =
            format!("`stepladder next {runbook}` says why; mend its time or its calendar, or take the trigger out.");
        (format!("{UNPLANNED}{}", spec.id), tale(&runbook, title, &text, &way))
    })
    .collect()
}

fn tale(runbook: &str, title: String, text: &str, way: &str) -> Tale {
    let labels = [("component", "stepladder"), ("runbook", runbook)];
    Tale {
        // The key is put in where it is told.
        key: String::new(),
        title,
        text: format!("{text}\n\n{way}"),
        severity: Some("P3".to_owned()),
        kind: Some("engine".to_owned()),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        owner: None,
        source: Source::Alert { name: String::new() },
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;

    #[test]
    fn slow_is_three_times_what_nearly_all_took_and_five_minutes_at_least() {
        let took = |all: &[i64]| slow(all.iter().copied().map(SignedDuration::from_secs).collect());
        assert_eq!(took(&[60; 9]), None, "too few");
        assert_eq!(took(&[60; 10]), Some(SignedDuration::from_mins(5)));
        let mut many: Vec<i64> = (1..=50).map(|n| n * 60).collect();
        assert_eq!(took(&many), Some(SignedDuration::from_mins(3 * 48)));
        many[49] = 1_000_000;
        assert_eq!(took(&many), Some(SignedDuration::from_mins(3 * 48)), "one that hung says nothing of the others");
    }

    #[test]
    fn a_schedule_whose_days_a_calendar_leaves_out_is_planned_by_nothing() {
        let days: Vec<String> = (2027..2040).map(|year| format!("{year}-01-01")).collect();
        let settings = format!("timezone: UTC\ncalendars: {{ new_year: {{ dates: [{}] }} }}\n", days.join(", "));
        let runbook = |name: &str, trigger: &str| {
            format!("runbook: {name}\ntriggers: [ {trigger} ]\nsteps: [ {{ id: a, shell: 'true' }} ]\n")
        };
        let files = [
            ("stepladder.yaml", settings),
            ("runbooks/never.yaml", runbook("never", "{ id: n, cron: '0 3 1 1 *', except: [new_year] }")),
            ("runbooks/often.yaml", runbook("often", "{ id: o, cron: '0 3 * * *', except: [new_year] }")),
            ("runbooks/once.yaml", runbook("once", "{ id: w, at: '2026-01-01 03:00' }")),
        ];
        let book = lang::load(&files.map(|(name, text)| (name.to_owned(), text.as_str().into()))).book;
        assert_eq!(book.runbooks.len(), 3);
        let now: Timestamp = "2026-12-01T16:00:00Z".parse().expect("an instant");
        assert_eq!(unplanned(&book, now).into_keys().collect::<Vec<_>>(), ["unplanned/never/n"]);
    }
}
