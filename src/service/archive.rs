//! Everything that is kept, carried elsewhere: an archive in JSON Lines, a copy of the data directory.

use crate::base::actor::Actor;
use crate::runtime::{artifacts, spool};
use crate::service::trouble::admin;
use crate::service::{Service, Trouble};
use crate::store::archive::{self, Counts};
use crate::store::disk::{Copied, copy_all, private_file};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

impl Service {
    /// Writes every stream and blob into a new file; says how much, and which streams can't be read.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, the file can't be written, or the store can't be read.
    pub fn export(&self, actor: &Actor, to: &Path) -> Result<(Counts, Vec<String>), Trouble> {
        admin(actor, "export")?;
        let cannot = |error: std::io::Error| Trouble::Input(format!("cannot write `{}`: {error}", to.display()));
        let file = private_file(to).map_err(cannot)?;
        let mut out = BufWriter::new(&file);
        let exported = archive::export(self.journal.as_ref(), &mut out);
        drop(out);
        let exported = exported.map_err(|error| Trouble::Store(error.to_string()));
        let exported = exported.and_then(|all| file.sync_all().map(|()| all).map_err(cannot));
        if exported.is_err() {
            drop(std::fs::remove_file(to));
        }
        exported
    }

    /// Takes an archive into a data directory that is empty and that nobody drives.
    ///
    /// # Errors
    /// [`Trouble`] with the line that is not what was written.
    pub fn import(&self, actor: &Actor, from: &Path) -> Result<Counts, Trouble> {
        admin(actor, "import into")?;
        if self.pump.is_some() {
            return Err(Trouble::Input("nothing is imported beneath an owner that drives runs: end it first".into()));
        }
        let open = || Ok(Box::new(BufReader::new(std::fs::File::open(from)?)) as Box<dyn std::io::BufRead>);
        let mut open = open;
        archive::import(self.journal.as_ref(), &mut open).map_err(|error| Trouble::Input(error.to_string()))
    }

    /// Copies the data directory into another that is not there or empty, while runs go on.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, or the system says no.
    pub fn backup(&self, actor: &Actor, to: &Path) -> Result<Copied, Trouble> {
        admin(actor, "copy")?;
        let cannot = |error: std::io::Error| Trouble::Input(format!("cannot copy into `{}`: {error}", to.display()));
        if to.starts_with(&self.data) {
            return Err(Trouble::Input("a copy within the data directory would copy itself".into()));
        }
        let disk = self.disk()?;
        let (mut copied, streams) = disk.backup(&self.data, to).map_err(cannot)?;
        // What belongs to the runs that are in it, and to no later ones.
        for run in streams.iter().filter_map(|stream| stream.as_str().strip_prefix("run/")) {
            for part in [spool::run_dir, artifacts::run_dir] {
                let (from, to) = (part(&self.data, run), part(to, run));
                if from.exists() {
                    let above = to.parent().unwrap_or(&to);
                    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(cannot)?;
                    copy_all(&from, &to, &mut copied).map_err(cannot)?;
                }
            }
        }
        disk.seal_backup(&self.data, to, &mut copied).map_err(cannot)?;
        Ok(copied)
    }
}
