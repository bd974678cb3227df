//! The door's side for the data directory itself.

use crate::api::wire::{Carried, CarryRequest, Checkup};
use crate::cli::door::home::Way;
use crate::cli::door::{Door, said};
use crate::cli::trouble::Trouble;
use std::path::Path;

impl Door {
    /// Examines the data directory, or mends it.
    ///
    /// # Errors
    /// When it can't be read, or is to be mended while somebody drives its runs.
    pub async fn doctor(&self, repair: bool) -> Result<Checkup, Trouble> {
        asked!(self, desk => desk.doctor(&self.actor(), repair), client => client.doctor(repair).await)
    }

    /// Writes an archive of everything.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub async fn export(&self, to: &Path) -> Result<Carried, Trouble> {
        let asked = CarryRequest { to: to.display().to_string() };
        asked!(self, desk => desk.export(&self.actor(), &asked), client => client.carry("export", &asked).await)
    }

    /// Copies the data directory.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub async fn backup(&self, to: &Path) -> Result<Carried, Trouble> {
        let asked = CarryRequest { to: to.display().to_string() };
        asked!(self, desk => desk.backup(&self.actor(), &asked), client => client.carry("backup", &asked).await)
    }

    /// Takes an archive into an empty data directory; says, too, whether that is held then.
    ///
    /// # Errors
    /// With the line that is not what was written; when there is something already, or an owner.
    pub fn import(&self, from: &Path) -> Result<(Carried, bool), Trouble> {
        match self.home.way() {
            Way::Here(desk) => said(desk.import(&self.actor(), from)),
            Way::There(_) => Err(Trouble::new("another process drives the runs of this data directory")
                .help("an archive is imported into an empty one that nobody uses")),
        }
    }
}
