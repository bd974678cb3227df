//! The desk's side for the owner itself and its book.

use crate::api::desk::{Desk, reply, told};
use crate::api::present;
use crate::api::wire::{BookTexts, BrokenFile, Problem, Reloaded, SettingRow, StartReply, StartRequest, Status};
use crate::base::actor::Actor;
use crate::model::access::KeptAnswer;
use crate::service::{Broken, Claim, Claimed, Keyed, Watched};
use std::time::Duration;

impl Desk {
    /// Tells whoever catches all that the journal can't go on; returns over how many of how many ways.
    pub async fn last_words(&self, why: &str) -> (usize, usize) {
        self.service.last_words(why).await
    }

    /// Looks how much room there is for new runs.
    ///
    /// # Errors
    /// When the book can't be read.
    pub fn look_at_space(&self) -> Result<(), Problem> {
        self.service.look_at_space().map_err(told)
    }

    /// Asks the owner to let another one drive its runs.
    ///
    /// # Errors
    /// When it lasts itself, or the actor may not.
    pub fn make_room(&self, actor: &Actor) -> Result<(), Problem> {
        self.service.make_room(actor).map_err(told)
    }

    /// Starts a run, or finds the one that was started with this key; whether it was found. `request` is the body.
    ///
    /// # Errors
    /// Why it was not started.
    pub async fn start_once(
        &self,
        actor: Actor,
        asked: StartRequest,
        (key, request): (&str, &[u8]),
    ) -> Result<(StartReply, bool), Problem> {
        let wish = present::start(asked, actor);
        let Keyed { run, runbook, again } = self.service.start_once(wish, key, request).await.map_err(told)?;
        Ok((reply(run, &runbook), again))
    }

    /// Claims a key for a request that starts no run. `request` is all that makes it this one.
    ///
    /// # Errors
    /// When the key was used for something else, or it is not known what came of it.
    pub async fn claim_key(&self, actor: &Actor, key: &str, request: &[&[u8]]) -> Result<Claim, Problem> {
        self.service.claim_key(actor, key, request).await.map_err(told)
    }

    /// Keeps what was answered to a request with a key; `None` where it was refused and nothing was done.
    ///
    /// # Errors
    /// When it can't be kept.
    pub async fn settle_key(&self, claimed: Claimed, answer: Option<KeptAnswer>) -> Result<(), Problem> {
        self.service.settle_key(claimed, answer).await.map_err(told)
    }

    /// Says that nobody knows what came of a request with a key.
    pub async fn lose_key(&self, claimed: Claimed) {
        self.service.lose_key(claimed).await;
    }

    /// Whether the thread that drives the runs answers.
    pub async fn beats(&self) -> bool {
        self.service.beats().await
    }

    /// Calls the watcher outside where all is well; what became of it, and when the next call is due.
    pub async fn call_watcher(&self) -> (Watched, Option<Duration>) {
        self.service.call_watcher().await
    }

    /// How everything stands.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn status(&self) -> Result<Status, Problem> {
        self.service.status().map(present::status).map_err(told)
    }

    /// Reads the files of the book again, now.
    ///
    /// # Errors
    /// When no daemon serves it, they can't be read, or the actor may not.
    pub fn reload(&self, actor: Actor) -> Result<Reloaded, Problem> {
        let (taken, broken, restart) = self.service.reload(actor).map_err(told)?;
        let file = |one: Broken| {
            let Broken { file, kept, since, findings } = one;
            BrokenFile { file, kept, since, findings }
        };
        Ok(Reloaded { changed: taken.changed, broken: broken.into_iter().map(file).collect(), restart })
    }

    /// The texts of the book that count.
    ///
    /// # Errors
    /// When no daemon serves it, or the actor may not.
    pub fn book_texts(&self, actor: &Actor) -> Result<BookTexts, Problem> {
        let texts = self.service.book_texts(actor).map_err(told)?;
        Ok(BookTexts { texts: texts.into_iter().map(|(name, text)| (name, text.to_string())).collect() })
    }

    /// Every setting with what counts and where that comes from.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn settings(&self, actor: &Actor) -> Result<Vec<SettingRow>, Problem> {
        Ok(self.service.settings(actor).map_err(told)?.into_iter().map(present::setting).collect())
    }

    /// Gives the clock the schedules of the book as it counts now.
    ///
    /// # Errors
    /// When the book can't be read, or the owner has stopped.
    pub async fn arm(&self) -> Result<(), Problem> {
        self.service.arm().await.map_err(told)
    }

    /// Looks whether the files of the book have changed.
    pub fn look_at_book(&self) {
        if let Some(book) = &self.service.book {
            book.look();
        }
    }
}
