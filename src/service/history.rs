//! What happened: lists of runs, one run's events, and what its steps printed.

use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::level::Outcome;
use crate::base::limits::MAX_PIECE;
use crate::base::value::Value;
use crate::engine::event::Recorded;
use crate::engine::project::{BY_OUTCOME, BY_RUNBOOK, ENDED, STARTED, UNFINISHED};
use crate::engine::run::RunPhase;
use crate::keeper::{self, Printed, printed};
use crate::runtime::index::run_stream;
use crate::runtime::pump::{Feed, Message, feed};
use crate::runtime::recover;
use crate::runtime::spool;
use crate::service::answer::question;
use crate::service::{Service, Trouble};
use crate::store::Row;
use crate::store::disk::DiskJournal;
use jiff::Timestamp;
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// A run in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its id.
    pub run: RunId,
    /// The runbook.
    pub runbook: String,
    /// Where it stands.
    pub state: RunState,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How.
    pub outcome: Option<String>,
    /// How bad.
    pub level: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// Whether it only showed what it would do.
    pub dry: bool,
    /// The run it repeats.
    pub repeats: Option<String>,
    /// The run that called it.
    pub parent: Option<String>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It waits for its concurrency group.
    Queued,
    /// Somebody drives it.
    Running,
    /// It waits for a person.
    Waiting,
    /// Unfinished, and nobody drives it: the next owner will.
    Stranded,
    /// Its events can't be trusted: nobody drives it.
    Quarantined,
    /// Over.
    Ended,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// Only of this runbook.
    pub runbook: Option<String>,
    /// Only those that ended so; empty = all.
    pub outcome: Vec<String>,
    /// Only those asked for since then.
    pub since: Option<Timestamp>,
    /// Dry runs too.
    pub dry: bool,
    /// At most so many, newest first.
    pub limit: usize,
    /// Only those older than this one.
    pub before: Option<RunId>,
}

/// The events of a run: what there is, and what comes.
pub struct Follow {
    /// So far, each with its version.
    pub past: Vec<(u64, Recorded)>,
    /// From now on; may repeat what is in `past` (compare versions). `None` = nobody drives the run, or it is over.
    pub feed: Option<Feed>,
}

/// Which stream of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of what one attempt printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Which step.
    pub place: Place,
    /// Which attempt.
    pub attempt: u32,
    /// Which stream.
    pub stream: Stream,
    /// Where in the file the piece begins.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many bytes there are in all by now.
    pub total: u64,
    /// How what there is differs from what was kept.
    pub flaw: Option<String>,
    /// Whether anything is recorded of the attempt.
    pub recorded: bool,
}

/// In [`Runs::outcome`]: those that have not ended.
pub const RUNNING: &str = "running";

/// Where those that are wanted stand with as few others as there can be: a tree of the index, and how its keys begin.
fn place(wanted: &Runs) -> (&'static str, Vec<u8>) {
    let below = |name: &str| [name.as_bytes(), &[0]].concat();
    match (&wanted.runbook, wanted.outcome.as_slice()) {
        // The lists of those are short, however many ended well.
        (None, [only]) if only == RUNNING => (UNFINISHED, Vec::new()),
        (None, [only]) => (BY_OUTCOME, below(only)),
        (Some(_), [only]) if only != RUNNING && only != Outcome::Succeeded.as_str() => (BY_OUTCOME, below(only)),
        (Some(name), _) => (BY_RUNBOOK, below(name)),
        (None, _) => (STARTED, Vec::new()),
    }
}

impl Service {
    /// Runs, newest first.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn runs(&self, wanted: &Runs) -> Result<Vec<RunRow>, Trouble> {
        let mut rows = self.indexed_runs(wanted)?;
        // What can't be trusted may have no row; it is listed all the same.
        let known: BTreeSet<RunId> = rows.iter().map(|row| row.run).collect();
        for run in self.quarantined(wanted).into_iter().filter(|run| !known.contains(run)) {
            rows.extend(self.row(run)?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.run));
        rows.truncate(wanted.limit.max(1));
        Ok(rows)
    }

    /// Runs whose streams are damaged, where all runs are asked for.
    fn quarantined(&self, wanted: &Runs) -> Vec<RunId> {
        let some = wanted.runbook.is_some() || wanted.before.is_some();
        if some || !wanted.outcome.is_empty() || wanted.since.is_some() {
            return Vec::new();
        }
        let damaged = self.journal.directory().map(DiskJournal::damaged_streams).unwrap_or_default();
        damaged.iter().filter_map(|(stream, _)| RunId::parse(stream.as_str().strip_prefix("run/")?).ok()).collect()
    }

    fn indexed_runs(&self, wanted: &Runs) -> Result<Vec<RunRow>, Trouble> {
        let limit = wanted.limit.max(1);
        let mut rows = Vec::new();
        let id = |run: RunId| run.to_string().into_bytes();
        let (tree, prefix) = place(wanted);
        let mut before = wanted.before.map(|run| [prefix.as_slice(), &id(run)].concat());
        loop {
            let page = self.page(tree, &prefix, before.as_deref())?;
            let Some((last, _)) = page.last() else { return Ok(rows) };
            before = Some(last.clone());
            for (_, run) in &page {
                let Some(row) = self.row(*run)? else { continue };
                if wanted.since.is_some_and(|since| row.started < since) {
                    return Ok(rows);
                }
                let outcome = row.outcome.as_deref().unwrap_or(RUNNING);
                let fits = wanted.runbook.as_ref().is_none_or(|name| *name == row.runbook)
                    && (wanted.outcome.is_empty() || wanted.outcome.iter().any(|wanted| wanted == outcome))
                    && (wanted.dry || !row.dry);
                if fits {
                    rows.push(row);
                }
                if rows.len() == limit {
                    return Ok(rows);
                }
            }
        }
    }

    /// A page of ids before a key, newest first, each with its key.
    fn page(&self, tree: &'static str, prefix: &[u8], before: Option<&[u8]>) -> Result<Vec<(Vec<u8>, RunId)>, Trouble> {
        let end = match (before, prefix.split_last()) {
            (Some(before), _) => before.to_vec(),
            (None, Some((_, name))) => [name, &[1]].concat(),
            (None, None) => Vec::new(),
        };
        let rows =
            self.journal.scan(tree, prefix, &end, true, 200).map_err(|error| Trouble::Store(error.to_string()))?;
        let id = |key: &[u8]| RunId::parse(&String::from_utf8_lossy(&key[key.len().saturating_sub(26)..])).ok();
        Ok(rows.into_iter().filter_map(|(key, _)| id(&key).map(|run| (key, run))).collect())
    }

    /// A run in a line.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn row(&self, run: RunId) -> Result<Option<RunRow>, Trouble> {
        let get = |tree| -> Result<Option<Value>, Trouble> {
            let row = Row { tree, key: run.to_string().into_bytes() };
            let bytes = self.journal.get(&row).map_err(|error| Trouble::Store(error.to_string()))?;
            Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        };
        let trusted = self.journal.version(&run_stream(run)).is_ok();
        let started = match get(STARTED)? {
            Some(started) => started,
            None if trusted => return Ok(None),
            None => serde_json::json!({ "runbook": "?", "at": run.began().to_string() }),
        };
        let ended = get(ENDED)?;
        let text = |value: &Value, key: &str| value[key].as_str().map(ToOwned::to_owned);
        let instant = |value: &Value| text(value, "at").and_then(|at| at.parse().ok());
        // Where the store trusts nothing of it, an end that is still in the index says nothing.
        let ended = ended.filter(|_| trusted);
        let (state, asks) = match &ended {
            Some(_) => (RunState::Ended, None),
            None => self.unfinished_state(run),
        };
        Ok(Some(RunRow {
            run,
            runbook: text(&started, "runbook").unwrap_or_default(),
            state,
            started: instant(&started).unwrap_or_default(),
            ended: ended.as_ref().and_then(instant),
            outcome: ended.as_ref().and_then(|ended| text(ended, "outcome")),
            level: ended.as_ref().and_then(|ended| text(ended, "level")),
            reason: ended.as_ref().and_then(|ended| text(ended, "reason")).or(asks),
            actor: text(&started, "actor").unwrap_or_default(),
            dry: started["dry"].as_bool().unwrap_or_default(),
            repeats: text(&started, "repeats"),
            parent: text(&started, "parent"),
        }))
    }

    /// How an unfinished run stands, and what it waits to be told.
    fn unfinished_state(&self, run: RunId) -> (RunState, Option<String>) {
        if let Some(why) = self.tally.why_set_aside(run) {
            return (RunState::Quarantined, Some(why));
        }
        let Ok(run) = self.run(run) else { return (RunState::Quarantined, None) };
        if self.pump.is_none() {
            return (RunState::Stranded, None);
        }
        let asks = question(&run);
        match run.phase {
            RunPhase::Queued { .. } => (RunState::Queued, None),
            RunPhase::At(_) | RunPhase::Ended(_) if asks.is_some() => (RunState::Waiting, asks),
            RunPhase::At(_) | RunPhase::Ended(_) => (RunState::Running, None),
        }
    }

    /// That a run was not set aside.
    ///
    /// # Errors
    /// [`Trouble::Quarantined`] where it was.
    pub fn is_driven_on(&self, run: RunId) -> Result<(), Trouble> {
        match self.tally.why_set_aside(run) {
            Some(why) => Err(Trouble::Quarantined { run: run.to_string(), why }),
            None => Ok(()),
        }
    }

    /// Whether this process drives that run.
    pub async fn drives(&self, run: RunId) -> bool {
        let Some(pump) = &self.pump else { return false };
        let (follower, _unheard) = feed();
        let (held, answer) = oneshot::channel();
        pump.send(Message::Follow { run, follower, held }).is_ok() && answer.await.unwrap_or_default()
    }

    /// The events of a run behind version `from`, each with its version.
    ///
    /// # Errors
    /// [`Trouble::Store`] when they do not read.
    pub fn events(&self, run: RunId, from: u64) -> Result<Vec<(u64, Recorded)>, Trouble> {
        recover::read_events(self.journal.as_ref(), run, from).map_err(Trouble::Store)
    }

    /// The one run whose id begins or ends with `text`, or the newest for `last`.
    ///
    /// # Errors
    /// [`Trouble::NoRun`], or a sentence naming several that fit.
    pub fn find_run(&self, text: &str) -> Result<RunId, Trouble> {
        if let Ok(run) = RunId::parse(text) {
            return Ok(run);
        }
        let wanted = Runs { dry: true, limit: 2_000, ..Runs::default() };
        let text = text.to_ascii_lowercase();
        let rows = self.runs(&wanted)?;
        if text == "last" {
            // A run that another one called is no run that anybody means by it.
            let mut own = rows.iter().filter(|row| row.parent.is_none());
            // Nor is a dry run, unless there is nothing else.
            let own = own.clone().find(|row| !row.dry).or_else(|| own.next());
            return own.map(|row| row.run).ok_or(Trouble::NoRun(text));
        }
        let fits = |id: &str| id.starts_with(&text) || id.ends_with(&text);
        let found: Vec<_> = rows.iter().filter(|row| fits(&row.run.to_string())).collect();
        match found.as_slice() {
            [] => {
                let mut own = rows.iter().filter(|row| row.runbook == text);
                let newest = own.clone().find(|row| !row.dry).or_else(|| own.next());
                newest.map(|row| row.run).ok_or(Trouble::NoRun(text))
            }
            [one] => Ok(one.run),
            [first, second, ..] => {
                Err(Trouble::Input(format!("`{text}` could be {} or {}: write more of it", first.run, second.run)))
            }
        }
    }

    /// The events of a run behind version `from`, and those to come.
    ///
    /// # Errors
    /// [`Trouble::NoRun`] or [`Trouble::Store`].
    pub async fn follow(&self, run: RunId, from: u64) -> Result<Follow, Trouble> {
        let mut followed = None;
        if let Some(pump) = &self.pump {
            let (follower, heard) = feed();
            let (held, answer) = oneshot::channel();
            let sent = pump.send(Message::Follow { run, follower, held });
            if sent.is_ok() && answer.await.unwrap_or_default() {
                followed = Some(heard);
            }
        }
        let past = recover::read_events(self.journal.as_ref(), run, from)
            .map_err(|why| Trouble::Quarantined { run: run.to_string(), why })?;
        if followed.is_none() {
            // Whoever follows must hear of it when nothing will come any more.
            self.run(run)?;
            self.is_driven_on(run)?;
        }
        Ok(Follow { past, feed: followed })
    }

    /// What an attempt printed on one stream, from an offset on; a negative `from` counts from the end.
    ///
    /// # Errors
    /// [`Trouble::Store`] when its file is there and can't be read.
    pub fn output(
        &self,
        run: RunId,
        place: &Place,
        attempt: u32,
        stream: Stream,
        from: i64,
    ) -> Result<Output, Trouble> {
        let name = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        let stem = spool::stem(&self.data, &run.to_string(), place, attempt);
        let cannot = |error| Trouble::Store(format!("cannot read `{}.{name}`: {error}", stem.display()));
        let Printed { offset, bytes, total } = printed(&stem, name, from, MAX_PIECE as u64).map_err(cannot)?;
        let last = !bytes.is_empty() && offset + bytes.len() as u64 == total;
        let flaw = match keeper::read_exit(&stem) {
            // All of it is read once more, and only once: for who reads its end.
            Some(exit) if last => keeper::flaw_of_bytes(&stem, name, &exit).map_err(cannot)?,
            Some(exit) => keeper::flaw(&stem, name, &exit).map_err(cannot)?,
            None => None,
        };
        let (flaw, recorded) = (flaw.map(|flaw| flaw.to_string()), keeper::is_recorded(&stem));
        Ok(Output { place: place.clone(), attempt, stream, offset, bytes, total, flaw, recorded })
    }
}
