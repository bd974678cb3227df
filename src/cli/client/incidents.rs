//! The client's side for incidents and silences.

use crate::api::wire::{
    ActRequest, AlertRow, IncidentDetail, IncidentReply, IncidentRow, IncidentStatistics, OpenRequest, ReportFormat,
    SilenceRequest, SilenceRow,
};
use crate::cli::client::{Client, body, part};
use crate::cli::trouble::Trouble;
use hyper::Method;

impl Client {
    /// Incidents, newest first.
    ///
    /// # Errors
    /// When the store can't be read or the owner does not answer.
    pub async fn incidents(&self, all: bool, limit: u32) -> Result<Vec<IncidentRow>, Trouble> {
        self.ask(Method::GET, &format!("/incidents?all={all}&limit={limit}"), Vec::new()).await
    }

    /// One incident.
    ///
    /// # Errors
    /// As [`Self::incidents`], or when there is none.
    pub async fn incident(&self, text: &str) -> Result<IncidentDetail, Trouble> {
        self.ask(Method::GET, &format!("/incidents/{}", part(text)), Vec::new()).await
    }

    /// The report of one, written out.
    ///
    /// # Errors
    /// As [`Self::incident`].
    pub async fn report(&self, text: &str, format: ReportFormat) -> Result<String, Trouble> {
        let word = match format {
            ReportFormat::Markdown => "markdown",
            ReportFormat::Html => "html",
            ReportFormat::Json => "json",
        };
        self.text(&format!("/incidents/{}/report?format={word}", part(text))).await
    }

    /// What the last so many weeks held of them.
    ///
    /// # Errors
    /// As [`Self::incidents`].
    pub async fn statistics(&self, weeks: u32) -> Result<IncidentStatistics, Trouble> {
        self.ask(Method::GET, &format!("/incidents/statistics?weeks={weeks}"), Vec::new()).await
    }

    /// Opens one by hand.
    ///
    /// # Errors
    /// Why it was not opened.
    pub async fn open_incident(&self, asked: &OpenRequest) -> Result<IncidentReply, Trouble> {
        self.ask(Method::POST, "/incidents", body(asked)).await
    }

    /// Does something about one.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act(&self, incident: &str, verb: &str, asked: &ActRequest) -> Result<IncidentReply, Trouble> {
        self.ask(Method::POST, &format!("/incidents/{}/{verb}", part(incident)), body(asked)).await
    }

    /// Alerts that are known, or pending.
    ///
    /// # Errors
    /// As [`Self::incidents`].
    pub async fn alerts(&self) -> Result<Vec<AlertRow>, Trouble> {
        self.ask(Method::GET, "/alerts", Vec::new()).await
    }

    /// Silences that count now.
    ///
    /// # Errors
    /// As [`Self::incidents`].
    pub async fn silences(&self) -> Result<Vec<SilenceRow>, Trouble> {
        self.ask(Method::GET, "/silences", Vec::new()).await
    }

    /// Mutes troubles with some labels.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn add_silence(&self, asked: &SilenceRequest) -> Result<SilenceRow, Trouble> {
        self.ask(Method::POST, "/silences", body(asked)).await
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// When none of that id counts.
    pub async fn end_silence(&self, id: &str) -> Result<(), Trouble> {
        self.send(Method::DELETE, &format!("/silences/{}", part(id)), Vec::new()).await.map(drop)
    }
}
