//! The sweep, at the start and each minute: what nobody would come back to is taken up, counted, said aloud.

use super::Pump;
use crate::runtime::driver::Witness;
use crate::runtime::recover;
use jiff::{SignedDuration, Timestamp};

/// How often everything unfinished is looked at.
const EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How many repairs are remembered; each was in the log.
const KEPT: usize = 1_000;

impl Pump {
    pub(super) fn sweep_when_due(&mut self, now: Timestamp) {
        let fresh = |at: Timestamp| at <= now && now.duration_since(at) < EVERY;
        if !self.swept.is_some_and(fresh) {
            self.sweep(now);
        }
    }

    /// Proves that somebody comes back to everything, and puts right what is not so.
    pub fn sweep(&mut self, now: Timestamp) {
        self.swept = Some(now);
        let (mut orders, mut repairs) =
            recover::take_up_forgotten(&mut self.driver, self.journal.as_ref(), &self.shelf, now);
        repairs.extend(self.take_up_forgotten_incidents());
        let journal = self.journal.as_ref();
        let perform = self.perform.as_ref();
        let witness = Witness {
            has: &|run, place, attempt| perform.has(run, place, attempt),
            unfinished: &|run| recover::is_unfinished(journal, run),
            group: &|name| recover::read_group(journal, name).ok(),
        };
        let (more, repaired) = self.driver.sweep(&mut self.suspects, &witness, now);
        orders.extend(more);
        repairs.extend(repaired);
        for repair in &repairs {
            tracing::error!(%repair, "the sweep put something right");
        }
        self.pay_debts(now);
        self.settle_debts(now, true);
        self.repairs.extend(repairs);
        self.repairs.drain(..self.repairs.len().saturating_sub(KEPT));
        self.carry_out(orders);
        self.call_what_is_owed(now);
    }
}
