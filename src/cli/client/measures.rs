//! The client's side for what was measured.

use crate::api::wire::{MeasureAsked, MeasurePast, MeasureRow};
use crate::cli::client::{Client, part};
use crate::cli::trouble::Trouble;
use hyper::Method;

impl Client {
    /// The last sample of each series.
    ///
    /// # Errors
    /// When the book or the store can't be read or the owner does not answer.
    pub async fn measures(&self) -> Result<Vec<MeasureRow>, Trouble> {
        self.ask(Method::GET, "/measures", Vec::new()).await
    }

    /// What was measured between two instants.
    ///
    /// # Errors
    /// As [`Self::measures`], or when there is no such measure or series, or that would be too many points.
    pub async fn past(&self, measure: &str, asked: &MeasureAsked) -> Result<Vec<MeasurePast>, Trouble> {
        let times = [("from", asked.from), ("to", asked.to)].map(|(name, at)| (name, at.map(|at| at.to_string())));
        let words = [("step", asked.step.clone()), ("labels", asked.labels.clone())];
        let all = times.into_iter().chain(words).filter_map(|(name, value)| Some(format!("{name}={}", part(&value?))));
        let path = format!("/measures/{}?{}", part(measure), all.collect::<Vec<_>>().join("&"));
        self.ask(Method::GET, &path, Vec::new()).await
    }
}
