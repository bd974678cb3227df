//! The looks at the clock: each sees whether the wall clock was set since the one before, and runs hear it before anything is decided.

use super::Pump;
use crate::base::span::Span;
use crate::engine::reckon::was_set;
use jiff::Timestamp;

impl Pump {
    /// What the wall clock shows. Where it was set, or the machine was started again since, every run counts on by it first.
    pub(super) fn look(&mut self) -> Timestamp {
        let (now, reckoning) = match &self.boot {
            Some(boot) => boot.reckon(&*self.clock),
            None => ((self.clock)(), None),
        };
        self.looked = now;
        let Some(reckoning) = reckoning else { return now };
        let before = self.driver.reckoning();
        if before.is_some_and(|before| !was_set(before, &reckoning)) {
            return now;
        }
        if let Some(before) = before.filter(|before| before.boot == reckoning.boot) {
            let by = reckoning.lead_ms.saturating_sub(before.lead_ms);
            let way = if by < 0 { "back" } else { "forward" };
            let span = Span::from_millis(by.unsigned_abs());
            tracing::warn!("the wall clock was set {way} by {span}: what is due by it moves, timeouts count on");
        }
        let orders = self.driver.reckon(reckoning, now);
        self.carry_out(orders);
        now
    }
}
