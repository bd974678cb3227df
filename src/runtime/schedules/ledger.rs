//! What the journal holds of schedules: their streams, and the ledger in the index.

use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::Value;
use crate::engine::project::ENDED;
use crate::runtime::index::schedule_stream;
use crate::schedule::backfill::{Had, HadFate};
use crate::schedule::call::Accepted;
use crate::schedule::event::{Fate, Instant};
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::schedule::project::{CALLS, LEDGER, WAITING};
use crate::schedule::state::Schedule;
use crate::store::{Journal, ReadError, Row, codec};
use jiff::Timestamp;

/// A schedule as its stream adds up to.
///
/// # Errors
/// A sentence, when it does not read or does not add up.
pub fn read_schedule(journal: &dyn Journal, id: &ScheduleId) -> Result<Schedule, String> {
    let mut schedule = Schedule::default();
    for bytes in journal.read(&schedule_stream(id), 0).map_err(|error| error.to_string())? {
        let event = codec::decode_schedule(&bytes).map_err(|error| error.to_string())?;
        schedule.evolve(&event).map_err(|error| error.to_string())?;
    }
    Ok(schedule)
}

/// Every schedule that has a stream.
///
/// # Errors
/// [`ReadError`] when the store cannot be read.
pub fn known(journal: &dyn Journal) -> Result<Vec<ScheduleId>, ReadError> {
    let streams = journal.streams("schedule/")?;
    Ok(streams.iter().filter_map(|(stream, _)| ScheduleId::parse(stream.as_str().strip_prefix("schedule/")?)).collect())
}

/// Whether a due instant has a row of its own.
#[must_use]
pub fn has_row(journal: &dyn Journal, id: &ScheduleId, nominal: Nominal) -> bool {
    journal.get(&Row { tree: LEDGER, key: id.row(nominal) }).is_ok_and(|row| row.is_some())
}

/// A call that was accepted with that key, or the last about that subject that started something.
#[must_use]
pub fn called(journal: &dyn Journal, id: &ScheduleId, key: &Digest) -> Option<Accepted> {
    let found = journal.get(&Row { tree: CALLS, key: id.call(key) }).ok()??;
    let nominal: String = serde_json::from_slice(&found).ok()?;
    let nominal = Nominal::parse(&nominal)?;
    let row = journal.get(&Row { tree: LEDGER, key: id.row(nominal) }).ok().flatten();
    let row: Option<Value> = row.and_then(|row| serde_json::from_slice(&row).ok());
    let run = row.and_then(|row| RunId::parse(row["run"].as_str()?).ok());
    Some(Accepted { nominal, run })
}

/// How a run ended: whether well, and when.
#[must_use]
pub fn ended(journal: &dyn Journal, run: RunId) -> Option<(bool, Timestamp)> {
    let row = journal.get(&Row { tree: ENDED, key: run.to_string().into_bytes() }).ok()??;
    let row: Value = serde_json::from_slice(&row).ok()?;
    let well = matches!(row["outcome"].as_str(), Some("succeeded" | "recovered"));
    Some((well, row["at"].as_str()?.parse().ok()?))
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerRow {
    /// The trigger.
    pub id: ScheduleId,
    /// Its first instant.
    pub from: Nominal,
    /// Its last.
    pub to: Nominal,
    /// When the first was due.
    pub due: Timestamp,
    /// When the last was.
    pub until: Timestamp,
    /// How many instants it stands for.
    pub count: u64,
    /// What became of them, in a word.
    pub fate: String,
    /// When that was decided.
    pub at: Timestamp,
    /// The run.
    pub run: Option<String>,
    /// How it ran, where it was not by its time: `backfill`.
    pub how: Option<String>,
    /// Who made up for it.
    pub by: Option<String>,
    /// Why, where the word does not say it.
    pub why: Option<String>,
    /// The calendar that left it out.
    pub calendar: Option<String>,
}

/// The rows of a schedule, oldest first.
///
/// # Errors
/// [`ReadError`] when the store cannot be read.
pub fn rows(journal: &dyn Journal, id: &ScheduleId) -> Result<Vec<LedgerRow>, ReadError> {
    let from = id.prefix();
    let mut to = from.clone();
    to.pop();
    to.push(1);
    let found = journal.scan(LEDGER, &from, &to, false, usize::MAX)?;
    let mut rows: Vec<LedgerRow> = found.iter().filter_map(|(_, value)| row(id, value)).collect();
    rows.sort_by_key(|row| row.due);
    Ok(rows)
}

/// The row that has an instant, else the one before it and the one after.
///
/// # Errors
/// [`ReadError`] when the store cannot be read.
pub fn near(journal: &dyn Journal, id: &ScheduleId, at: Timestamp) -> Result<Vec<LedgerRow>, ReadError> {
    let rows = between(journal, id, at, at)?;
    let having = |row: &&LedgerRow| row.due <= at && at <= row.until;
    let own: Vec<LedgerRow> = rows.iter().filter(having).cloned().collect();
    if !own.is_empty() {
        return Ok(own);
    }
    let before = rows.iter().rfind(|row| row.until < at).cloned();
    let after = rows.iter().find(|row| row.due > at).cloned();
    Ok(before.into_iter().chain(after).collect())
}

/// The row that has an instant, as the schedule machine takes it.
///
/// # Errors
/// A sentence, when it can't be read.
pub fn had(journal: &dyn Journal, id: &ScheduleId, due: Instant) -> Result<Option<Had>, String> {
    of(journal, id, due).map_err(|error| error.to_string())?.map(|row| row.had()).transpose()
}

/// The row of one instant.
///
/// # Errors
/// [`ReadError`] when the store cannot be read.
fn of(journal: &dyn Journal, id: &ScheduleId, due: Instant) -> Result<Option<LedgerRow>, ReadError> {
    if let Some(own) = journal.get(&Row { tree: LEDGER, key: id.row(due.nominal) })? {
        return Ok(row(id, &own));
    }
    let rows = between(journal, id, due.at, due.at)?;
    Ok(rows.into_iter().find(|row| row.count > 1 && row.due <= due.at && due.at <= row.until))
}

/// The rows of the instants from one to another, and some on both sides.
///
/// # Errors
/// [`ReadError`] when the store cannot be read.
pub fn between(
    journal: &dyn Journal,
    id: &ScheduleId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<LedgerRow>, ReadError> {
    let name = |at: Timestamp, hours: i64| {
        let moved = at.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap_or(at);
        id.row(Nominal::Local { time: jiff::tz::TimeZone::UTC.to_datetime(moved), again: false })
    };
    let (first, last) = (name(from, -NEAR), name(to, NEAR));
    // Names are local times: within a day of the instant, and never equal to another trigger's.
    let prefix = id.prefix();
    let scan = |from: &[u8], to: &[u8], backwards, most| journal.scan(LEDGER, from, to, backwards, most);
    let mut end = prefix.clone();
    end.pop();
    end.push(1);
    let mut found = scan(&prefix, &first, true, 1)?;
    found.extend(scan(&first, &last, false, MOST_NEAR)?);
    found.extend(scan(&last, &end, false, 1)?);
    let mut rows: Vec<LedgerRow> = found.iter().filter_map(|(_, value)| row(id, value)).collect();
    rows.sort_by_key(|row| row.due);
    Ok(rows)
}

impl LedgerRow {
    /// As the schedule machine takes it.
    ///
    /// # Errors
    /// A sentence: its fate is a word of another release.
    pub fn had(&self) -> Result<Had, String> {
        let calendar = self.calendar.as_deref().and_then(|name| Name::parse(name).ok());
        let unknown = || format!("the ledger says `{}` of {}, which this release does not know", self.fate, self.from);
        let fate = match self.fate.as_str() {
            WAITING => HadFate::Waits,
            word if word == Fate::Ran.word() => {
                HadFate::Ran(self.run.as_deref().and_then(|run| RunId::parse(run).ok()))
            }
            word => {
                let fate = Fate::parse(word, calendar).ok_or_else(unknown)?;
                HadFate::Nothing { fate, why: self.why.clone() }
            }
        };
        let from = Instant { nominal: self.from, at: self.due };
        Ok(Had { from, to: Instant { nominal: self.to, at: self.until }, count: self.count, fate })
    }
}

/// Hours round an instant in which the local time of every zone is.
const NEAR: i64 = 27;
/// Rows of a trigger that are looked through: two days of every two seconds.
const MOST_NEAR: usize = 100_000;

/// The row of these bytes of the index.
#[must_use]
pub fn row(id: &ScheduleId, bytes: &[u8]) -> Option<LedgerRow> {
    let row: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    Some(LedgerRow {
        id: id.clone(),
        from: Nominal::parse(row["from"].as_str()?)?,
        to: Nominal::parse(row["to"].as_str()?)?,
        due: row["due"].as_str()?.parse().ok()?,
        until: row["until"].as_str()?.parse().ok()?,
        count: row["count"].as_u64()?,
        fate: text("fate")?,
        at: row["at"].as_str()?.parse().ok()?,
        run: text("run"),
        how: text("how"),
        by: text("by"),
        why: text("why"),
        calendar: text("calendar"),
    })
}
