//! Making up for what a clock would have started: what is missing in the ledger, and starting one instant of it.

use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::base::limits::{MAX_BACKFILL, MAX_SHARED};
use crate::model::book::Book;
use crate::model::runbook::Runbook;
use crate::runtime::clock;
use crate::runtime::pump::Message;
use crate::runtime::schedules::ledger::{self, LedgerRow};
use crate::runtime::schedules::{Armed, Heard, Standing};
use crate::schedule::backfill::{Backfill, HadFate};
use crate::schedule::decide::Obstacle;
use crate::schedule::event::Instant;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::schedule::spec::{Spec, specs};
use crate::schedule::timetable::Verdict;
use crate::service::schedules::known;
use crate::service::trouble::may;
use crate::service::{BookNow, Service, Trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A due instant that did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRow {
    /// The trigger.
    pub id: ScheduleId,
    /// Its name.
    pub nominal: Nominal,
    /// When it was due.
    pub due: Timestamp,
    /// What became of it, in the ledger's word; `None` = it has no row.
    pub fate: Option<String>,
}

/// What is missing between two instants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// Oldest first, as many as one backfill makes up for.
    pub rows: Vec<MissingRow>,
    /// How many more there are.
    pub more: u64,
    /// How many ran.
    pub ran: u64,
    /// How many wait for the run before them.
    pub waiting: u64,
    /// How many a calendar or a change of the clock leaves out.
    pub left_out: u64,
}

impl Service {
    /// Due instants of a runbook from one instant to another, both included, that did not run. What its triggers say today
    /// counts, whether or not anybody obeyed them then.
    ///
    /// # Errors
    /// [`Trouble`] when there is no such runbook or trigger, or the ledger can't be read.
    pub fn missing(
        &self,
        runbook: &str,
        trigger: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Missing, Trouble> {
        let book = self.current_book()?;
        let found = known(&book, runbook)?;
        let specs = timed(&book, &found, trigger)?;
        let (now, mut missing) = (clock::now(), Missing::default());
        for spec in &specs {
            self.missing_of(spec, from, to.min(now), now, &mut missing)?;
        }
        missing.rows.sort_by(|one, other| (one.due, &one.id).cmp(&(other.due, &other.id)));
        missing.more = missing.rows.len().saturating_sub(MAX_BACKFILL) as u64;
        missing.rows.truncate(MAX_BACKFILL);
        Ok(missing)
    }

    fn missing_of(
        &self,
        spec: &Spec,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
        missing: &mut Missing,
    ) -> Result<(), Trouble> {
        let rows = ledger::between(self.journal.as_ref(), &spec.id, from, to);
        let rows = Rows::of(rows.map_err(|error| Trouble::Store(error.to_string()))?);
        let just_before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(from);
        for (passed, due) in spec.table.after(just_before).take_while(|due| due.at <= to).enumerate() {
            if passed >= MAX_SHARED {
                return Err(Trouble::Input(format!(
                    "`{}` has more than {MAX_SHARED} due instants between {from} and {to}: take a shorter time",
                    spec.id
                )));
            }
            if spec.starts(due.at, due.nominal) > now {
                continue;
            }
            if due.verdict != Verdict::Fires {
                missing.left_out += 1;
                continue;
            }
            let row = rows.of_instant(Instant { nominal: due.nominal, at: due.at });
            match row.map(LedgerRow::had).transpose().map_err(Trouble::Store)?.map(|had| had.fate) {
                Some(HadFate::Ran(_)) => missing.ran += 1,
                Some(HadFate::Waits) => missing.waiting += 1,
                Some(HadFate::Nothing { .. }) | None => missing.rows.push(MissingRow {
                    id: spec.id.clone(),
                    nominal: due.nominal,
                    due: due.at,
                    fate: row.map(|row| row.fate.clone()),
                }),
            }
        }
        Ok(())
    }

    /// Starts the run of one due instant that did not run; row and run are durable when this returns. Whether it was started
    /// now: one that ran already is not started again, and its run is told where it is known.
    ///
    /// # Errors
    /// [`Trouble`] when it would not have started, is still to come, waits, or the actor may not.
    pub async fn backfill(
        &self,
        actor: &Actor,
        runbook: &str,
        trigger: &str,
        due: Instant,
    ) -> Result<(Option<RunId>, bool), Trouble> {
        let armed = self.armed_for(actor, runbook, trigger).await?;
        let fill = Backfill { due, actor: actor.clone() };
        let (told, answer) = oneshot::channel();
        self.send(Message::Backfill { armed: Box::new(armed), fill, told: Heard::Call(told) })?;
        match answer.await {
            Ok(Ok(answer)) => Ok((answer.run, answer.fate.is_some())),
            Ok(Err(Obstacle::Failed(why))) => Err(Trouble::Input(why)),
            Ok(Err(Obstacle::NoSpace(why))) => Err(Trouble::Full(why)),
            Err(_) => Err(Trouble::Stopped("the owner stopped before it was durable".into())),
        }
    }

    /// The trigger with all that a run of it needs: of the book that a daemon goes by, else of the files as they are now.
    async fn armed_for(&self, actor: &Actor, runbook: &str, trigger: &str) -> Result<Armed, Trouble> {
        let accepted = self.book.as_ref().and_then(|book| book.stand().digest);
        let (book, digest, standing) = if let Some(digest) = accepted {
            self.arm().await?;
            (self.current_book()?, digest, Standing::Obeyed)
        } else {
            let BookNow { texts, loaded } = (self.files)().map_err(Trouble::Book)?;
            crate::service::start::find(&loaded, runbook)?;
            let book = Arc::new(loaded.book.clone());
            let digest = self.shelf.pin(self.journal.as_ref(), &texts, &book);
            (book, digest.map_err(|error| Trouble::Store(error.to_string()))?, Standing::Asked)
        };
        let found = known(&book, runbook)?;
        may(actor, found.allow.start, "start", runbook)?;
        self.has_space(book.settings.min_free)?;
        timed(&book, &found, Some(trigger))?;
        let all = Armed::of(&found, &book.settings, digest, &self.env);
        let armed = all.into_iter().find(|armed| armed.spec.id.trigger.as_str() == trigger);
        let armed = armed.ok_or_else(|| Trouble::Input(format!("`{runbook}` has no trigger `{trigger}`")))?;
        Ok(Armed { standing, ..armed })
    }
}

/// Rows of a trigger, by the instants they have.
struct Rows {
    own: BTreeMap<Nominal, LedgerRow>,
    /// Those of several instants, in the order of time.
    shared: Vec<LedgerRow>,
}

impl Rows {
    fn of(rows: Vec<LedgerRow>) -> Self {
        let shared = rows.iter().filter(|row| row.count > 1).cloned().collect();
        Self { own: rows.into_iter().map(|row| (row.from, row)).collect(), shared }
    }

    fn of_instant(&self, due: Instant) -> Option<&LedgerRow> {
        let behind = self.shared.partition_point(|row| row.due <= due.at);
        let shared = || self.shared.get(behind.checked_sub(1)?).filter(|row| due.at <= row.until);
        self.own.get(&due.nominal).or_else(shared)
    }
}

/// The triggers of a runbook that a clock sets off, or the one of that name.
fn timed(book: &Book, runbook: &Runbook, trigger: Option<&str>) -> Result<Vec<Spec>, Trouble> {
    let name = &runbook.name;
    let timed: Vec<Spec> = specs(runbook, &book.settings).into_iter().filter(Spec::is_timed).collect();
    if timed.is_empty() {
        return Err(Trouble::Input(format!("no clock starts `{name}`: it has no `cron`, `every` or `at` trigger")));
    }
    let ids = timed.iter().map(|spec| spec.id.trigger.as_str()).collect::<Vec<_>>().join(", ");
    let is_it = |spec: &Spec| trigger.is_none_or(|trigger| spec.id.trigger.as_str() == trigger);
    let found: Vec<Spec> = timed.into_iter().filter(is_it).collect();
    if let (Some(trigger), true) = (trigger, found.is_empty()) {
        return Err(Trouble::Input(format!("no clock starts `{name}` by a trigger `{trigger}`: it has {ids}")));
    }
    Ok(found)
}
