//! Retention: which finished runs go, and everything of them with them.
//!
//! A run goes when it is older than its runbook keeps runs, or when more of that runbook have finished
//! since than it keeps. Never an unfinished one, never a child whose caller has not ended, never
//! one that an unfinished incident was told of by or started, never one with samples that are nowhere else yet. Its stream
//! and rows go durably first, then what its steps printed, then the room on the disk, then blobs that
//! nobody names any more. Whatever stops this half way is made good by the next look.

use crate::base::ids::{Name, RunId};
use crate::base::span::Span;
use crate::base::value::Value;
use crate::engine::project::{BY_RUNBOOK, ENDED, SAMPLED, STARTED, UNFINISHED};
use crate::model::book::Settings;
use crate::model::runbook::Keep;
use crate::runtime::append::append;
use crate::runtime::index::{group_stream, run_stream};
use crate::runtime::room::room;
use crate::runtime::{artifacts, clock, history, incidents, recover, spool};
use crate::store::disk::{DiskJournal, torn};
use crate::store::{AppendError, Batch, Forget, Guard, Journal, ReadError, Row};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_mins(1);
/// Runs forgotten with one sync.
const TOGETHER: usize = 100;
/// Of so many kept runs one more may be there, so that not every run costs a sync for another's end.
const SLACK: u32 = 20;
/// The past of a group that nobody holds goes when it has so many events.
const GROUP_PAST: usize = 64;

/// How long finished runs are kept.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    runs: u32,
    age: Span,
    incidents: Span,
    min_free: u64,
    own: BTreeMap<Name, Keep>,
}

impl Keeping {
    /// As the settings say, and some runbooks for themselves.
    #[must_use]
    pub fn new(settings: &Settings, own: BTreeMap<Name, Keep>) -> Self {
        Self {
            runs: settings.keep_runs,
            age: settings.keep_age,
            incidents: settings.keep_incidents,
            min_free: settings.min_free,
            own,
        }
    }

    fn of(&self, runbook: &str) -> (u32, Span) {
        let own = self.own.iter().find(|(name, _)| name.as_str() == runbook).map(|(_, keep)| *keep);
        let own = own.unwrap_or_default();
        (own.runs.unwrap_or(self.runs), own.age.unwrap_or(self.age))
    }
}

/// Forgets what need not be kept any more; returns the runs that went. `through`: all samples from before are kept
/// elsewhere, `None` = none are.
///
/// # Errors
/// What the journal says; whatever went until then is gone for good.
pub fn forget_old(
    journal: &dyn Journal,
    keeping: &Keeping,
    through: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<RunId>, String> {
    let (mut gone, mut tied) = (Vec::new(), None::<BTreeSet<RunId>>);
    for runbook in runbooks(journal).map_err(|error| error.to_string())? {
        let mut old =
            old_runs(journal, &runbook, keeping.of(&runbook), through, now).map_err(|error| error.to_string())?;
        if !old.is_empty() {
            let tied = match &tied {
                Some(tied) => tied,
                None => tied.insert(incidents::keep::tied(journal)?),
            };
            old.retain(|run| !tied.contains(run));
        }
        for some in old.chunks(TOGETHER) {
            let forgets = some.iter().map(|run| Forget::Whole(run_stream(*run))).collect();
            append(journal, Batch { forgets, ..Batch::default() }).map_err(|error| error.to_string())?;
            gone.extend(some);
        }
    }
    forget_groups(journal)?;
    let count = incidents::keep::forget(journal, keeping.incidents, now)?;
    if count > 0 {
        tracing::info!(count, "incidents that need not be kept any more are gone");
    }
    Ok(gone)
}

/// Every runbook that has runs, found by skipping over them.
fn runbooks(journal: &dyn Journal) -> Result<Vec<String>, ReadError> {
    let (mut names, mut from) = (Vec::new(), Vec::new());
    while let Some((key, _)) = journal.scan(BY_RUNBOOK, &from, &[], false, 1)?.into_iter().next() {
        let name = key.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        from = [name.as_slice(), &[1]].concat();
        names.push(String::from_utf8_lossy(&name).into_owned());
    }
    Ok(names)
}

/// The runs of a runbook that need not be kept, the oldest first.
fn old_runs(
    journal: &dyn Journal,
    runbook: &str,
    (keep, age): (u32, Span),
    through: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<RunId>, ReadError> {
    let (from, to) = ([runbook.as_bytes(), &[0]].concat(), [runbook.as_bytes(), &[1]].concat());
    let rows = journal.scan(BY_RUNBOOK, &from, &to, true, usize::MAX)?;
    let newest_first =
        rows.iter().filter_map(|(key, _)| RunId::parse(&String::from_utf8_lossy(&key[from.len()..])).ok());
    let oldest = now.checked_sub(jiff::SignedDuration::from(age)).unwrap_or(Timestamp::MIN);
    // Ids begin with the instant they were made at.
    let oldest = RunId::new(u64::try_from(oldest.as_millisecond()).unwrap_or_default(), 0);
    let (mut finished, mut over, mut old) = (0_u32, Vec::new(), Vec::new());
    for run in newest_first {
        if rows.len() <= keep as usize && run >= oldest {
            continue;
        }
        if !may_go(journal, run, through)? {
            continue;
        }
        finished += 1;
        if run < oldest {
            old.push(run);
        } else if finished > keep {
            over.push(run);
        }
    }
    if !old.is_empty() || over.len() > (keep / SLACK) as usize {
        old.extend(over);
    }
    old.sort_unstable();
    Ok(old)
}

/// Whether a run has ended, and whoever called it too, and what it measured is kept elsewhere.
fn may_go(journal: &dyn Journal, run: RunId, through: Option<Timestamp>) -> Result<bool, ReadError> {
    let row = |tree, key: &str| journal.get(&Row { tree, key: key.as_bytes().to_vec() });
    let Some(ended) = row(ENDED, &run.to_string())? else { return Ok(false) };
    if row(SAMPLED, &run.to_string())?.is_some() {
        let ended: Value = serde_json::from_slice(&ended).unwrap_or_default();
        let ended = ended["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        if ended.zip(through).is_none_or(|(ended, through)| ended >= through) {
            return Ok(false);
        }
    }
    let started = row(STARTED, &run.to_string())?.unwrap_or_default();
    let started: Value = serde_json::from_slice(&started).unwrap_or_default();
    match started["parent"].as_str() {
        Some(parent) => Ok(row(UNFINISHED, parent)?.is_none()),
        None => Ok(true),
    }
}

/// The past of groups that nobody holds or waits for says nothing.
fn forget_groups(journal: &dyn Journal) -> Result<(), String> {
    for (stream, version) in journal.streams("group/").map_err(|error| error.to_string())? {
        let Ok(name) = Name::parse(stream.as_str().trim_start_matches("group/")) else { continue };
        let Ok(events) = journal.read(&stream, 0) else { continue };
        if events.len() < GROUP_PAST {
            continue;
        }
        let Ok(group) = recover::read_group(journal, &name) else { continue };
        if group.holders.is_empty() && group.waiters.is_empty() {
            let guards = vec![Guard::At(group_stream(name.as_str()), version)];
            let taken = append(journal, Batch { guards, forgets: vec![Forget::Past(stream)], ..Batch::default() });
            match taken {
                // Somebody holds it by now.
                Ok(()) | Err(AppendError::Conflict(_) | AppendError::Busy(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Ok(())
}

/// Takes away what steps of these runs printed, and the files that were kept of them.
pub fn remove_output(data: &Path, runs: &[RunId]) {
    for run in runs {
        drop(std::fs::remove_dir_all(spool::run_dir(data, &run.to_string())));
        drop(std::fs::remove_dir_all(artifacts::run_dir(data, &run.to_string())));
    }
}

/// Runs whose output or artifacts are there although they are not: their owner ended between the two.
#[must_use]
pub fn left_over(journal: &dyn Journal, data: &Path) -> Vec<RunId> {
    let names = |part: &str| std::fs::read_dir(data.join(part)).into_iter().flatten().flatten();
    let names = names("spool").chain(names("artifacts"));
    let runs = names.filter_map(|entry| RunId::parse(&entry.file_name().to_string_lossy()).ok());
    let runs: BTreeSet<RunId> = runs.filter(|run| journal.version(&run_stream(*run)) == Ok(0)).collect();
    runs.into_iter().collect()
}

/// A thread that looks once at the beginning and each minute.
pub struct Retention {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Retention {
    /// Starts it.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(journal: Arc<DiskJournal>, keeping: Keeping, data: PathBuf) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let work = move || {
            if !journal.is_doubtful() && torn(&data).is_empty() {
                remove_output(&data, &left_over(journal.as_ref(), &data));
            }
            let mut samples = history::keep::Keeping::default();
            loop {
                let stop = || matches!(stopped.try_recv(), Err(TryRecvError::Disconnected));
                look(&journal, &keeping, (&mut samples, &stop), &data);
                if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("retention".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it; returns when it has.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn look(
    journal: &DiskJournal,
    keeping: &Keeping,
    (samples, stop): (&mut history::keep::Keeping, &dyn Fn() -> bool),
    data: &Path,
) {
    let now = clock::now();
    let kept = if room(data).is_none_or(|room| room.bytes >= keeping.min_free) {
        match samples.look(journal, now, stop) {
            Ok(kept) => kept,
            Err(history::keep::KeepError::Stopped) => return,
            Err(error) => {
                tracing::warn!(%error, "samples could not be kept apart from their runs yet; those runs stay until they are");
                history::keep::Looked::default()
            }
        }
    } else {
        // What is left of the disk is for incidents, and runs that go make room: their samples go with them.
        history::keep::Looked { through: Some(now), gone: 0 }
    };
    let gone = match forget_old(journal, keeping, kept.through, now) {
        Ok(gone) => gone,
        Err(error) => return tracing::warn!(%error, "runs that need not be kept could not be forgotten"),
    };
    if gone.is_empty() && kept.gone == 0 {
        return;
    }
    tracing::info!(runs = gone.len(), "runs that need not be kept any more are gone");
    remove_output(data, &gone);
    let cleaned = journal.clean().and_then(|()| journal.sweep());
    if let Err(error) = cleaned {
        tracing::warn!(%error, "the room of runs that are gone could not be won back yet");
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
