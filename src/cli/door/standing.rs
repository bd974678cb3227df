//! The door's side for the owner itself and its book.

use crate::api::wire::{
    BookTexts, PauseRequest, Paused, Reloaded, ScheduleRow, SettingRow, Status, TokenReply, TokenRequest, TokenRow,
};
use crate::cli::client::Client;
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;
use std::path::Path;

/// Every setting as whoever drives the runs of that data directory goes by it; `None` = nobody does.
///
/// # Errors
/// When the owner answers and does not say.
pub async fn settings_of_owner(data: &Path) -> Result<Option<Vec<SettingRow>>, Trouble> {
    let client = Client::new(data);
    if client.answers().await { client.settings().await.map(Some) } else { Ok(None) }
}

impl Door {
    /// How everything stands.
    ///
    /// # Errors
    /// When the store can't be read or the owner does not answer.
    pub async fn status(&self) -> Result<Status, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.status()),
            Way::There(client) => client.status().await,
        }
    }

    /// Reads the files of the book again, now.
    ///
    /// # Errors
    /// When no daemon serves it.
    pub async fn reload(&self) -> Result<Reloaded, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.reload(self.actor())),
            Way::There(client) => client.reload().await,
        }
    }

    /// The texts of the book that count.
    ///
    /// # Errors
    /// When no daemon serves it.
    pub async fn book_texts(&self) -> Result<BookTexts, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.book_texts(&self.actor())),
            Way::There(client) => client.book_texts().await,
        }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// When the name is taken.
    pub async fn create_token(&self, asked: TokenRequest) -> Result<TokenReply, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.create_token(self.actor(), asked)),
            Way::There(client) => client.create_token(&asked).await,
        }
    }

    /// Every token there ever was.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.tokens(&self.actor())),
            Way::There(client) => client.tokens().await,
        }
    }

    /// Takes a token's right away.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn revoke_token(&self, name: &str) -> Result<(), Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.revoke_token(self.actor(), name)),
            Way::There(client) => client.revoke_token(name).await,
        }
    }

    /// Every schedule of the book.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub async fn schedules(&self) -> Result<Vec<ScheduleRow>, Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.schedules()),
            Way::There(client) => client.schedules().await,
        }
    }

    /// Pauses the schedules of a runbook, or goes on with them.
    ///
    /// # Errors
    /// When it has none, or no daemon serves the book.
    pub async fn pause(&self, pauses: bool, runbook: &str, asked: &PauseRequest) -> Result<Paused, Trouble> {
        match self.home.way() {
            Way::Here(desk) if pauses => said(desk.pause(&self.actor(), runbook, asked).await),
            Way::Here(desk) => said(desk.resume(&self.actor(), runbook, asked).await),
            Way::There(client) => client.pause(if pauses { "pause" } else { "resume" }, runbook, asked).await,
        }
    }
}
