//! The files of an ended child, kept before its end is told.

use super::end::used;
use super::{IntoInput, Shared};
use crate::act::Filled;
use crate::base::ids::RunId;
use crate::model::perform::Request;
use crate::runtime::artifacts::{self, Kept};
use crate::runtime::keeper::Report;
use std::sync::Arc;

impl Shared {
    /// Keeps the files of an ended child, and then replies.
    pub(super) async fn keep(self: Arc<Self>, run: RunId, request: Request, masks: Option<Filled>, report: Report) {
        let world = self.world(run);
        // One that an earlier owner ordered: sealed inputs are still what they were, others may not be.
        let filled = match masks {
            Some(filled) => Ok(filled),
            None if asks_providers(&request) => {
                Err("an earlier owner started it, and what its secrets were then can't be known".into())
            }
            None => world.secrets.gather(&request).await.map_err(|failure| failure.message),
        };
        let shared = Arc::clone(&self);
        let work = move || {
            let kept = match filled {
                Ok(filled) => artifacts::of(&request, &world, &filled, &shared.data),
                Err(why) => Kept::nothing(&why),
            };
            let usage = used(&report.end);
            let reply = kept.put_into(shared.reply_of(&request, report.end));
            let _ = shared.sender.send(reply.into_input(run, &request, usage));
            shared.state().keeping.remove(&report.attempt);
        };
        drop(self.handle.spawn_blocking(work));
    }
}

/// Whether it names a secret that is no sealed input.
pub(super) fn asks_providers(request: &Request) -> bool {
    let mut asks = false;
    request.params.each_secret(&mut |secret| asks |= !request.sealed.contains_key(&secret.name));
    let mut texts = request.env.iter().map(|(_, text)| text).chain(&request.workdir);
    asks || texts.any(|text| text.secrets().any(|secret| !request.sealed.contains_key(&secret.name)))
}
