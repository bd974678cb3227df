//! The audit: each request that may have changed something, who asked, from where, and what came of it.

use crate::base::actor::Actor;
use crate::model::access::Deed;
use crate::runtime::clock;
use crate::service::trouble::admin;
use crate::service::{Service, Stay, Trouble};
use crate::store::{Batch, Forget, StreamId, codec};

/// How long it is kept, in months: 400 days and what is left of a month.
const MONTHS: usize = 14;

/// The stream of a month; a month is forgotten as a whole.
fn stream(month: &str) -> StreamId {
    StreamId::new("audit", month)
}

impl Service {
    /// Writes a request down. The answer does not wait for it: what was changed has its own event, with its actor.
    pub fn audit(&self, actor: Actor, from: String, what: String, status: u16) {
        // A passing owner has no door but its socket, and whoever came through it stands in what was done.
        if self.duty.as_ref().is_none_or(|duty| duty.stay == Stay::Passing) {
            return;
        }
        let at = clock::now();
        let deed = codec::encode_deed(&Deed { at, actor, from, what, status });
        let month = at.strftime("%Y-%m").to_string();
        let Ok(deed) = deed.inspect_err(|error| tracing::error!(%error, "a request can't be audited")) else { return };
        let new = self.journal.version(&stream(&month)).is_ok_and(|version| version == 0);
        let forgets = if new { self.old_months() } else { Vec::new() };
        let batch = Batch { appends: vec![(stream(&month), vec![deed])], forgets, ..Batch::default() };
        let heard = |answer: Result<_, crate::store::AppendError>| {
            if let Err(error) = answer {
                tracing::error!(%error, "a request could not be audited");
            }
        };
        self.journal.append(batch, Box::new(heard));
    }

    /// Months that need not be kept any more.
    fn old_months(&self) -> Vec<Forget> {
        let months = self.journal.streams("audit/").unwrap_or_default();
        let old = months.len().saturating_sub(MONTHS - 1);
        months.into_iter().take(old).map(|(stream, _)| Forget::Whole(stream)).collect()
    }

    /// What was done, newest first.
    ///
    /// # Errors
    /// [`Trouble`] when it can't be read, or the actor may not.
    pub fn deeds(&self, actor: &Actor, limit: usize) -> Result<Vec<Deed>, Trouble> {
        admin(actor, "read the audit of")?;
        let cannot = |why: String| Trouble::Store(format!("the audit can't be read: {why}"));
        let mut deeds = Vec::new();
        let months = self.journal.streams("audit/").map_err(|error| cannot(error.to_string()))?;
        for (month, version) in months.iter().rev() {
            let missing = (limit - deeds.len()) as u64;
            let events = self.journal.read(month, version.saturating_sub(missing));
            for bytes in events.map_err(|error| cannot(error.to_string()))?.iter().rev() {
                deeds.push(codec::decode_deed(bytes).map_err(|error| cannot(error.to_string()))?);
            }
            if deeds.len() >= limit {
                break;
            }
        }
        Ok(deeds)
    }
}
