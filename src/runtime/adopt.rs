//! A data directory that was brought here from elsewhere is taken over: a restored backup, a copy, an archive.
//!
//! What its attempts did there nobody here can see. Each that was ordered and has no known end is written down as such
//! before the directory is ours, so that none of them is looked for here, and none begins a second time unasked.

use crate::base::ids::RunId;
use crate::engine::run::StepPhase;
use crate::keeper;
use crate::runtime::{recover, spool};
use crate::store::Journal;
use crate::store::disk::DiskJournal;
use std::io;
use std::path::Path;

/// Makes the directory ours; how many attempts count as lost from now on.
///
/// # Errors
/// What the system says: it is held as before then.
pub fn adopt(journal: &DiskJournal, data: &Path) -> io::Result<usize> {
    let attempts = disown(journal, data)?;
    journal.adopt()?;
    Ok(attempts)
}

fn disown(journal: &dyn Journal, data: &Path) -> io::Result<usize> {
    let mut attempts = 0;
    for (stream, _) in journal.streams("run/").map_err(|error| io::Error::other(error.to_string()))? {
        let Ok(id) = RunId::parse(stream.as_str().trim_start_matches("run/")) else { continue };
        if !recover::may_be_unfinished(journal, id) {
            continue;
        }
        // What does not read is driven by nobody.
        let Ok(Some(run)) = recover::read_run(journal, id) else { continue };
        for (place, step) in &run.steps {
            if let StepPhase::Running(running) = &step.phase
                && let Some(request) = &running.request
            {
                keeper::disown(&spool::stem(data, &request.run, place, running.attempt))?;
                attempts += 1;
            }
        }
    }
    Ok(attempts)
}
