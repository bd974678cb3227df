//! What the pump does when the journal did not take a batch, or may not have.
//!
//! Conflict and doubt: the heads are read before anything else, then the batch counts as taken or is
//! decided again. No room: what runs keeps its batch and waits, new runs are refused. What can never be
//! taken sets its run aside. Only a journal that can't go on ends the pump.

use super::{Next, Pump};
use crate::base::ids::RunId;
use crate::base::planted::{self, Bug};
use crate::runtime::driver::Heads;
use crate::runtime::index::schedule_stream;
use crate::runtime::recover;
use crate::store::AppendError;
use jiff::{SignedDuration, Timestamp};

/// From one try to find room to the next.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

impl Pump {
    /// A batch was not taken, or nobody can say.
    pub(super) fn refused(&mut self, number: u64, error: &AppendError, now: Timestamp) -> Next {
        let row =
            self.driver.flight(number).and_then(|flight| Some((flight.run, flight.schedule.as_ref()?.id.clone())));
        let next = self.heed_refusal(number, error, now);
        if let Some((run, id)) = row
            && !self.held.contains(&number)
        {
            self.read_schedule_again(&id, Some(run), now);
        }
        next
    }

    fn heed_refusal(&mut self, number: u64, error: &AppendError, now: Timestamp) -> Next {
        let Some(flight) = self.driver.flight(number) else { return Next::Go };
        let (run, fresh) = (flight.run, flight.base == 0 && !flight.events.is_empty());
        let due = flight.schedule.is_some();
        match error {
            AppendError::Broken(_) => self.end(run, &error.to_string()),
            AppendError::Busy(_) => self.hold(number),
            AppendError::Full(_) => {
                tracing::error!(%error, "there is no space: no run is started until there is, those at work wait");
                self.full = Some(error.to_string());
                if fresh && (due || self.starting.contains_key(&run)) {
                    self.refuse_start(number, run, &error.to_string())
                } else {
                    self.hold(number)
                }
            }
            AppendError::Conflict(_) => self.read_again(number, run, error, now),
            AppendError::Unknown(_) => {
                self.in_doubt.insert(run);
                self.read_again(number, run, error, now)
            }
            AppendError::Refused(_) => match self.heads(number) {
                Ok(heads) => {
                    self.driver.abandon(number, heads);
                    let orders = self.driver.quarantine(run, error.to_string());
                    self.carry_out(orders);
                    Next::Go
                }
                Err(why) => self.end(run, &why),
            },
        }
    }

    /// The heads first, then the batch again, or its effects.
    fn read_again(&mut self, number: u64, run: RunId, error: &AppendError, now: Timestamp) -> Next {
        let heads = match self.heads(number) {
            Ok(heads) => heads,
            Err(why) => {
                self.driver.abandon(number, Heads { run: None, groups: Vec::new(), schedule: 0 });
                let orders = self.driver.quarantine(run, why);
                self.carry_out(orders);
                return Next::Go;
            }
        };
        if planted::has(Bug::BelievesDoubt) && matches!(error, AppendError::Unknown(_)) {
            let orders = self.driver.appended(number, now);
            self.carry_out(orders);
            return Next::Go;
        }
        if matches!(error, AppendError::Conflict(_)) && self.driver.is_unmoved(number, &heads) {
            return self.end(run, &error.to_string());
        }
        tracing::warn!(%run, %error, "what the journal holds of the run was read again, and it goes on from there");
        let orders = self.driver.reread(number, heads, now);
        self.carry_out(orders);
        Next::Go
    }

    fn refuse_start(&mut self, number: u64, run: RunId, why: &str) -> Next {
        if planted::has(Bug::HalfStart) {
            self.answer_start(run, Err(why.to_owned()));
            return self.hold(number);
        }
        match self.heads(number) {
            Ok(heads) => {
                self.driver.abandon(number, heads);
                self.answer_start(run, Err(why.to_owned()));
                Next::Go
            }
            Err(why) => self.end(run, &why),
        }
    }

    fn hold(&mut self, number: u64) -> Next {
        self.held.insert(number);
        Next::Go
    }

    /// Batches that waited for room go again, in their order, each second.
    pub(super) fn try_held(&mut self, now: Timestamp) {
        let soon = |tried: Timestamp| tried <= now && now.duration_since(tried) < PAUSE;
        if self.held.is_empty() || self.tried.is_some_and(soon) {
            return;
        }
        self.tried = Some(now);
        for number in std::mem::take(&mut self.held) {
            if let Some(flight) = self.driver.flight(number).cloned() {
                self.append(&flight);
            }
        }
    }

    /// The journal can't go on.
    fn end(&mut self, run: RunId, why: &str) -> Next {
        let answer = if self.in_doubt.contains(&run) {
            format!(
                "nobody can say whether run {run} was started: {why}. Once the store can be written, `stepladder runs` shows it \
                 if it was, and the next owner goes on with it"
            )
        } else {
            why.to_owned()
        };
        self.answer_start(run, Err(answer));
        tracing::error!(%why, "the journal did not take a batch; its runs are left to the next owner");
        (self.broken)(why);
        Next::End
    }

    /// What the journal holds of the streams of a batch.
    fn heads(&self, number: u64) -> Result<Heads, String> {
        let flight = self.driver.flight(number).ok_or("the batch is not known")?;
        let journal = self.journal.as_ref();
        let run = recover::read_run(journal, flight.run)?;
        let groups = flight.groups.iter().map(|(name, ..)| Ok((name.clone(), recover::read_group(journal, name)?)));
        let groups = groups.collect::<Result<_, String>>()?;
        let schedule = match &flight.schedule {
            Some(row) => journal.version(&schedule_stream(&row.id)).map_err(|error| error.to_string())?,
            None => 0,
        };
        Ok(Heads { run, groups, schedule })
    }
}
