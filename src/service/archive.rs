//! Everything that is kept, carried elsewhere: an archive in JSON Lines, a copy of the data directory.

use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::runtime::incidents::past;
use crate::runtime::{artifacts, recover, spool};
use crate::service::trouble::admin;
use crate::service::{Service, Trouble};
use crate::store::archive::{self, Counts};
use crate::store::disk::{Copied, Imported, copy_all, copy_file, private_file};
use std::collections::BTreeSet;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Names the runs that an archive brought, below the data directory, one a line.
const IMPORTED: &str = "imported";

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

    /// Takes an archive into a data directory that is empty and that nobody drives. Until all of it is there nobody opens
    /// the directory; from then on it is held if anything in it is unfinished, which is said, too.
    ///
    /// # Errors
    /// [`Trouble`] with the line that is not what was written.
    pub fn import(&self, actor: &Actor, from: &Path) -> Result<(Counts, bool), Trouble> {
        admin(actor, "import into")?;
        if self.pump.is_some() {
            return Err(Trouble::Input("nothing is imported beneath an owner that drives runs: end it first".into()));
        }
        let disk = self.disk()?;
        let mut open = || Ok(Box::new(BufReader::new(std::fs::File::open(from)?)) as Box<dyn std::io::BufRead>);
        let counts = archive::import(self.journal.as_ref(), &mut open, &mut || disk.begin_import());
        let counts = counts.map_err(|error| Trouble::Input(error.to_string()))?;
        let cannot = |error: std::io::Error| Trouble::Store(format!("the import can't be brought to its end: {error}"));
        self.note_imported().map_err(cannot)?;
        let imported = if self.is_at_work()? { Imported::AtWork } else { Imported::Over };
        disk.end_import(imported).map_err(cannot)?;
        Ok((counts, imported == Imported::AtWork))
    }

    /// Whether anything that was imported may go on by itself.
    fn is_at_work(&self) -> Result<bool, Trouble> {
        let store = |error: crate::store::ReadError| Trouble::Store(error.to_string());
        let any = |prefix: &str| self.journal.streams(prefix).map(|streams| !streams.is_empty()).map_err(store);
        let runs = self.all_runs()?;
        let unfinished = runs.iter().any(|(_, run)| recover::may_be_unfinished(self.journal.as_ref(), *run));
        let incidents = !past::open(self.journal.as_ref()).map_err(store)?.is_empty();
        Ok(unfinished || incidents || any("schedule/")?)
    }

    /// Writes down of which runs an archive has brought the events alone.
    fn note_imported(&self) -> std::io::Result<()> {
        let mut file = private_file(&self.data.join(IMPORTED))?;
        for (_, run) in self.all_runs().map_err(|trouble| std::io::Error::other(trouble.to_string()))? {
            writeln!(file, "{run}")?;
        }
        file.sync_all()
    }

    /// The runs of which an archive has brought the events alone: what they printed and the files kept of them are where
    /// the archive was made.
    pub(super) fn imported(&self) -> BTreeSet<RunId> {
        let text = std::fs::read_to_string(self.data.join(IMPORTED)).unwrap_or_default();
        text.lines().filter_map(|line| RunId::parse(line).ok()).collect()
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
        match copy_file(&self.data, to, IMPORTED, &mut copied) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
            Ok(()) | Err(_) => {}
        }
        disk.seal_backup(to, &mut copied).map_err(cannot)?;
        Ok(copied)
    }
}
