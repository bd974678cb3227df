//! What became of a message that its provider had only accepted: providers that can be asked are, for a while.

use crate::model::message::{Address, Message, Sent};
use crate::runtime::pager::{Outcome, PageKey, Settled, Shared};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long after one another it is asked: a quarter of an hour in all.
pub(super) const ASKED: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(3),
    Duration::from_mins(10),
];
/// Messages that are followed at the same time; of more, the provider's own call tells.
const FOLLOWED: usize = 1_000;

impl Shared {
    /// Tells what became of a message that was accepted, once its provider knows.
    pub(super) fn follow(self: &Arc<Self>, (key, told): (PageKey, Settled), message: Message, to: Address, id: String) {
        let Some((fate, waits)) = self.fate.clone() else { return };
        if self.followed.fetch_add(1, Ordering::Relaxed) >= FOLLOWED {
            self.followed.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let shared = Arc::clone(self);
        drop(self.handle.spawn(async move {
            for wait in waits {
                tokio::time::sleep(wait).await;
                match fate(message.clone(), to.clone(), id.clone()).await {
                    Some(sent @ (Sent::Delivered { .. } | Sent::Refused { .. })) => {
                        told(key, Outcome::Said(sent), Vec::new());
                        break;
                    }
                    Some(Sent::Accepted { .. } | Sent::Later { .. }) | None => {}
                }
            }
            shared.followed.fetch_sub(1, Ordering::Relaxed);
        }));
    }
}
