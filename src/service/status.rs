//! How everything stands: the owner, what has not ended and what it waits for, the book.

use crate::base::actor::{Actor, Role};
use crate::base::ids::RunId;
use crate::engine::run::RunPhase;
use crate::lang::set::{self, Setting};
use crate::runtime::accepted::{Accepted, BOOK_FILE, Refused, Stand, Taken};
use crate::runtime::room::room;
use crate::runtime::shelf::Texts;
use crate::service::trouble::may;
use crate::service::{RUNNING, RunState, Runs, Service, Stay, Trouble};
use crate::store::disk::DiskJournal;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Unfinished runs that are shown at most, the newest.
const SHOWN: usize = 10_000;

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Who drives the runs; `None` = nobody.
    pub standing: Option<Standing>,
    /// What has not ended, oldest first.
    pub runs: Vec<Unfinished>,
    /// Since when the book is as it counts; `None` = each run reads the files.
    pub book_since: Option<Timestamp>,
    /// Files that count.
    pub files: u64,
    /// Files that do not count as they are.
    pub broken: Vec<Broken>,
    /// Runbooks that are gone and have runs that have not ended.
    pub orphans: BTreeMap<String, u64>,
    /// Whether settings have changed that count after a restart.
    pub restart: bool,
    /// What is set aside because it can't be trusted, a sentence each.
    pub aside: Vec<String>,
    /// People who may be paged within a week and can't be reached, a sentence each.
    pub unreached: Vec<String>,
}

/// Who drives the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its process.
    pub process: u32,
    /// Whether it stays when nothing is unfinished.
    pub stays: bool,
    /// Since when it is there.
    pub since: Timestamp,
    /// Its release.
    pub version: String,
}

/// What is looked up of the machine and of the book.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Keepers that live.
    pub keepers: usize,
    /// Free bytes where the data is.
    pub free: Option<u64>,
    /// The severities of the ladder.
    pub severities: Vec<String>,
    /// The levels of the ladder.
    pub levels: Vec<u32>,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub run: RunId,
    /// The runbook.
    pub runbook: String,
    /// Where it stands.
    pub state: RunState,
    /// What it waits for, and who holds that.
    pub waits_for: Option<String>,
    /// When it was asked for.
    pub started: Timestamp,
}

/// A file that does not count as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name in the book.
    pub file: String,
    /// Whether an earlier text of it counts.
    pub kept: bool,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, one a line.
    pub findings: Vec<String>,
}

impl Service {
    /// How everything stands.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn status(&self) -> Result<Status, Trouble> {
        let standing = self.duty.as_ref().filter(|_| self.pump.is_some()).map(|duty| Standing {
            process: std::process::id(),
            stays: duty.stay == Stay::Lasting,
            since: duty.since,
            version: env!("CARGO_PKG_VERSION").into(),
        });
        let wanted = Runs { dry: true, limit: SHOWN, outcome: vec![RUNNING.into()], ..Runs::default() };
        let rows = self.runs(&wanted)?;
        let mut runs: Vec<Unfinished> = rows
            .into_iter()
            .map(|row| Unfinished {
                run: row.run,
                waits_for: row.reason.or_else(|| self.queue(row.run)),
                runbook: row.runbook,
                state: row.state,
                started: row.started,
            })
            .collect();
        runs.reverse();
        let stand = self.book.as_ref().map(|book| book.stand()).unwrap_or_default();
        let mut orphans = BTreeMap::new();
        if stand.digest.is_some() {
            let gone = runs.iter().filter(|run| !stand.texts.values().any(|text| names(text, &run.runbook)));
            gone.for_each(|run| *orphans.entry(run.runbook.clone()).or_default() += 1);
        }
        let (book_since, files) = (stand.since, stand.texts.len() as u64);
        let (broken, restart) = (broken(&stand), stand.restart());
        let damaged = self.journal.directory().map(DiskJournal::damaged_streams).unwrap_or_default();
        let aside = damaged.into_iter().map(|(stream, why)| format!("`{stream}` is set aside: {why}")).collect();
        let unreached = self.unreached();
        Ok(Status { standing, runs, book_since, files, broken, orphans, restart, aside, unreached })
    }

    /// What is looked up of the machine and of the book when somebody asks.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let free = room(&self.data).map(|room| room.bytes);
        let book = self.current_book().ok();
        let ladder = book.as_ref().and_then(|book| book.escalation.as_ref());
        let severities = ladder.map(|ladder| ladder.severities.keys().cloned().collect()).unwrap_or_default();
        let levels = ladder.map(|ladder| ladder.levels.keys().copied().collect()).unwrap_or_default();
        Gauges { keepers: crate::keeper::keepers(&self.data).len(), free, severities, levels }
    }

    /// What a queued run waits for, and who holds it.
    pub(super) fn queue(&self, run: RunId) -> Option<String> {
        let RunPhase::Queued { group, holders } = self.run(run).ok()?.phase else { return None };
        let holders: Vec<String> = holders.iter().map(ToString::to_string).collect();
        Some(format!("group `{group}`, held by {}", holders.join(", ")))
    }

    /// Reads the files of the book again, now.
    ///
    /// # Errors
    /// [`Trouble`] when no daemon serves it, they can't be read, or the actor may not.
    pub fn reload(&self, actor: Actor) -> Result<(Taken, Vec<Broken>, bool), Trouble> {
        let book = self.kept_book(&actor, "reload")?;
        let taken = book.take(actor).map_err(Trouble::Book)?;
        let stand = book.stand();
        Ok((taken, broken(&stand), stand.restart()))
    }

    /// The texts that count.
    ///
    /// # Errors
    /// [`Trouble`] when no daemon serves the book, or the actor may not.
    pub fn book_texts(&self, actor: &Actor) -> Result<Texts, Trouble> {
        Ok(self.kept_book(actor, "read")?.stand().texts.clone())
    }

    /// Every setting with what counts and where that comes from: as this process began with it, or as it is now, where a
    /// change is obeyed at once. What may be a secret is hidden.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not.
    pub fn settings(&self, actor: &Actor) -> Result<Vec<Setting>, Trouble> {
        may(actor, Role::Operator, "read", "the settings")?;
        let now = self.book.as_ref().and_then(|book| book.stand().texts.get(BOOK_FILE).cloned());
        let mut all = set::settings(&self.settings_text, &self.env);
        if let Some(now) = now.filter(|now| *now != self.settings_text) {
            let live = set::settings(&now, &self.env).into_iter().filter(|setting| setting.live);
            all.retain(|setting| !setting.live);
            all.extend(live);
        }
        all.extend(self.own.iter().cloned());
        Ok(all)
    }

    fn kept_book(&self, actor: &Actor, verb: &'static str) -> Result<&Arc<Accepted>, Trouble> {
        may(actor, Role::Operator, verb, "the book")?;
        self.book.as_ref().ok_or(Trouble::NoDaemon)
    }
}

/// Whether that text is the runbook of that name.
fn names(text: &str, runbook: &str) -> bool {
    let named = text.lines().find_map(|line| line.strip_prefix("runbook:"));
    named.is_some_and(|name| name.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']) == runbook)
}

fn broken(stand: &Stand) -> Vec<Broken> {
    let one = |(file, refused): (&String, &Refused)| {
        let Refused { findings, kept, since } = refused.clone();
        Broken { file: file.clone(), kept, since, findings }
    };
    stand.refused.iter().map(one).collect()
}
