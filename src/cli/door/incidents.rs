//! The door's side for incidents and silences.

use crate::api::wire::{
    ActRequest, AlertRow, IncidentDetail, IncidentReply, IncidentRow, IncidentStatistics, OpenRequest, ReportFormat,
    SilenceRequest, SilenceRow,
};
use crate::base::limits::MAX_ALERTS;
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;

impl Door {
    /// Incidents, newest first.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn incidents(&self, all: bool, limit: u32) -> Result<Vec<IncidentRow>, Trouble> {
        asked!(self, desk => desk.incidents(all, limit), client => client.incidents(all, limit).await)
    }

    /// One incident.
    ///
    /// # Errors
    /// When there is none.
    pub async fn incident(&self, text: &str) -> Result<IncidentDetail, Trouble> {
        asked!(self, desk => desk.incident(text), client => client.incident(text).await)
    }

    /// The report of one, written out.
    ///
    /// # Errors
    /// When there is none.
    pub async fn report(&self, text: &str, format: ReportFormat) -> Result<String, Trouble> {
        asked!(self, desk => desk.report(text, format), client => client.report(text, format).await)
    }

    /// What the last so many weeks held of them.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn statistics(&self, weeks: u32) -> Result<IncidentStatistics, Trouble> {
        asked!(self, desk => desk.statistics(weeks), client => client.statistics(weeks).await)
    }

    /// Opens one by hand.
    ///
    /// # Errors
    /// Why it was not opened.
    pub async fn open_incident(&self, asked: &OpenRequest) -> Result<IncidentReply, Trouble> {
        asked!(self, desk => desk.open_incident(self.actor(), asked.clone()).await,
            client => client.open_incident(asked).await)
    }

    /// Does something about one.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act(&self, incident: &str, verb: &str, asked: &ActRequest) -> Result<IncidentReply, Trouble> {
        asked!(self, desk => desk.act(self.actor(), incident, verb, asked.clone()).await,
            client => client.act(incident, verb, asked).await)
    }

    /// Alerts that are known, or pending.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn alerts(&self) -> Result<Vec<AlertRow>, Trouble> {
        asked!(self, desk => desk.known_alerts(MAX_ALERTS).await, client => client.alerts().await)
    }

    /// Silences that count now.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn silences(&self) -> Result<Vec<SilenceRow>, Trouble> {
        asked!(self, desk => desk.silences(), client => client.silences().await)
    }

    /// Mutes troubles with some labels.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn add_silence(&self, asked: &SilenceRequest) -> Result<SilenceRow, Trouble> {
        asked!(self, desk => desk.add_silence(self.actor(), asked.clone()), client => client.add_silence(asked).await)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// When none of that id counts.
    pub async fn end_silence(&self, id: &str) -> Result<(), Trouble> {
        asked!(self, desk => desk.end_silence(self.actor(), id), client => client.end_silence(id).await)
    }
}
