//! The door's side for what was measured.

use crate::api::wire::{MeasureAsked, MeasurePast, MeasureRow};
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;

impl Door {
    /// The last sample of each series.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub async fn measures(&self) -> Result<Vec<MeasureRow>, Trouble> {
        asked!(self, desk => desk.measures(), client => client.measures().await)
    }

    /// What was measured between two instants.
    ///
    /// # Errors
    /// When there is no such measure or series, or that would be too many points.
    pub async fn past(&self, measure: &str, asked: &MeasureAsked) -> Result<Vec<MeasurePast>, Trouble> {
        asked!(self, desk => desk.past(measure, asked), client => client.past(measure, asked).await)
    }
}
