//! What became of due instants.

use crate::runtime::schedules::ledger::{self, LedgerRow};
use crate::service::{Service, Trouble};
use jiff::Timestamp;

impl Service {
    /// The rows of a runbook's triggers that have an instant, or those next to it where none has.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn why(&self, runbook: &str, at: Timestamp) -> Result<Vec<LedgerRow>, Trouble> {
        let store = |error: crate::store::ReadError| Trouble::Store(error.to_string());
        let journal = self.journal.as_ref();
        let ids = ledger::known(journal).map_err(store)?;
        let mut rows = Vec::new();
        for id in ids.iter().filter(|id| id.runbook.as_str() == runbook) {
            rows.extend(ledger::near(journal, id, at).map_err(store)?);
        }
        rows.sort_by(|one, other| (one.due, &one.id).cmp(&(other.due, &other.id)));
        Ok(rows)
    }
}
