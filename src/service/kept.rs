//! What is kept beside the journal, against what was written down of it: output, artifacts, the key of sealed inputs.

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::value::Value;
use crate::engine::event::{AttemptResult, Event, Recorded, StepEvent};
use crate::engine::run::Run;
use crate::keeper;
use crate::runtime::index::run_stream;
use crate::runtime::spool;
use crate::service::Service;
use crate::service::doctor::{Checkup, Grade};
use std::collections::{BTreeMap, BTreeSet};

/// So many losses are named; of the others the number is said.
const NAMED: usize = 50;
/// Streams of output.
const STREAMS: [&str; 3] = ["stdout", "stderr", "result"];

/// What was found of all runs.
pub(super) struct Kept<'a> {
    service: &'a Service,
    /// Runs whose output stayed where their archive was made.
    imported: BTreeSet<RunId>,
    lost: Vec<String>,
    /// Why sealed inputs can't be opened, and of which runs: whether each has ended.
    sealed: BTreeMap<String, Vec<(RunId, bool)>>,
}

impl<'a> Kept<'a> {
    pub(super) fn of(service: &'a Service) -> Self {
        let imported = service.imported();
        Self { service, imported, lost: Vec::new(), sealed: BTreeMap::new() }
    }

    /// Looks at what is kept of a run.
    pub(super) fn look(&mut self, id: RunId, events: &[Recorded], run: &Run) {
        let opens = |text: &String| self.service.secrets.seal.as_ref().map(|seal| seal.open(text));
        if let Some(Err(why)) = run.started.sealed.values().next().and_then(opens) {
            self.sealed.entry(why).or_default().push((id, run.ended().is_some()));
        }
        if self.imported.contains(&id) {
            return;
        }
        let mut lost = Vec::new();
        if keeper::has_lost(&spool::run_dir(&self.service.data, &id.to_string())) {
            lost.push(format!("the log of the attempts of run `{id}` is not what was written, or gone"));
        }
        for recorded in events {
            if let Event::Step { place, event: StepEvent::Attempted { number, result } } = &recorded.event {
                self.attempt((id, place, *number), result, &mut lost);
            }
        }
        // What is forgotten meanwhile goes with its run.
        if !lost.is_empty() && self.service.journal.version(&run_stream(id)) != Ok(0) {
            self.lost.append(&mut lost);
        }
    }

    fn attempt(&self, (run, place, number): (RunId, &Place, u32), result: &AttemptResult, lost: &mut Vec<String>) {
        let of = format!("attempt {number} of `{place}` of run `{run}`");
        let data = &self.service.data;
        // Of what was no process there is no record.
        if result.usage.is_some() {
            let stem = spool::stem(data, &run.to_string(), place, number);
            match keeper::read_exit(&stem) {
                Some(exit) => {
                    for stream in STREAMS {
                        match keeper::flaw_of_bytes(&stem, stream, &exit) {
                            Ok(None) => {}
                            Ok(Some(flaw)) => lost.push(format!("{stream} of {of} {flaw}")),
                            Err(error) => lost.push(format!("{stream} of {of} can't be read: {error}")),
                        }
                    }
                }
                None if keeper::is_recorded(&stem) => {}
                None => lost.push(format!("the record of {of} is gone, and what it printed with it")),
            }
        }
        let output = result.failure.as_ref().map_or(&result.output, |failure| &failure.output);
        for file in output.get("artifacts").and_then(Value::as_array).into_iter().flatten() {
            let (Some(path), Some(bytes)) = (file["path"].as_str(), file["bytes"].as_u64()) else { continue };
            if !path.starts_with(&format!("artifacts/{run}/")) {
                continue;
            }
            match std::fs::metadata(data.join(path)) {
                Ok(found) if found.len() == bytes => {}
                Ok(found) => lost.push(format!("`{path}`, kept of {of}, has {} bytes of {bytes}", found.len())),
                Err(error) => lost.push(format!("`{path}`, kept of {of}, can't be read: {error}")),
            }
        }
    }

    /// Says what was found.
    pub(super) fn tell(self, checkup: &mut Checkup) {
        let way = "it can't be mended: a backup may have it in the same place; the last of it before a loss of power may \
                   never have reached the disk";
        let more = self.lost.len().saturating_sub(NAMED);
        for what in self.lost.into_iter().take(NAMED) {
            checkup.say(Grade::Damage, what, way);
        }
        if more > 0 {
            checkup.say(Grade::Damage, format!("{more} more of output and artifacts are not what was kept"), way);
        }
        for (why, runs) in self.sealed {
            let unfinished = runs.iter().find(|(_, ended)| !ended);
            let grade = if unfinished.is_some() { Grade::Damage } else { Grade::Notice };
            let named = unfinished.or(runs.first()).map_or_else(String::new, |(run, _)| run.to_string());
            let what = format!("the secret inputs of {} runs can't be opened, one is `{named}`: {why}", runs.len());
            let way = "steps of unfinished ones fail, and none of them can be repeated with what it was given";
            checkup.say(grade, what, way);
        }
    }
}
