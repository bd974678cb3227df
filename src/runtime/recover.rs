//! Recovery: what an earlier owner left unfinished, read back and taken up.

use crate::base::ids::{Name, RunId};
use crate::engine::evolve::replay;
use crate::engine::group::Group;
use crate::engine::project::UNFINISHED;
use crate::engine::run::Run;
use crate::runtime::driver::{Driver, Order, Repair};
use crate::runtime::index::{group_stream, run_stream};
use crate::runtime::shelf::{BUNDLE, Shelf};
use crate::store::{Journal, Row, codec};
use jiff::Timestamp;

/// How many rows one look into the index takes.
const PAGE: usize = 1_000;

/// Takes up every unfinished run. What does not read is left alone, loudly, and stops nothing else.
pub fn recover(driver: &mut Driver, journal: &dyn Journal, shelf: &Shelf, now: Timestamp) -> Vec<Order> {
    let groups = journal.streams("group/").unwrap_or_else(|error| {
        tracing::error!(%error, "the groups can't be listed");
        Vec::new()
    });
    for (stream, _) in groups {
        let name = stream.as_str().trim_start_matches("group/").to_owned();
        match Name::parse(&name)
            .map_err(|error| error.to_string())
            .and_then(|name| Ok((name.clone(), read_group(journal, &name)?)))
        {
            Ok((name, group)) => driver.restore_group(name, group),
            Err(error) => tracing::error!(group = %name, %error, "a group can't be read; it is taken for empty"),
        }
    }
    let mut orders = Vec::new();
    for key in keys(journal, UNFINISHED) {
        let text = String::from_utf8_lossy(&key).into_owned();
        let Ok(run) = RunId::parse(&text) else {
            tracing::error!(run = %text, "this is no id of a run; it is left as it is");
            continue;
        };
        orders.extend(match take_up(driver, journal, shelf, run, now) {
            Ok(more) => more,
            Err(error) => driver.quarantine(run, error),
        });
    }
    orders
}

/// Takes up what the index says is unfinished and nobody drives, and says so of each.
pub fn take_up_forgotten(
    driver: &mut Driver,
    journal: &dyn Journal,
    shelf: &Shelf,
    now: Timestamp,
) -> (Vec<Order>, Vec<Repair>) {
    let (mut orders, mut repairs) = (Vec::new(), Vec::new());
    for key in keys(journal, UNFINISHED) {
        let Ok(run) = RunId::parse(&String::from_utf8_lossy(&key)) else { continue };
        if driver.knows(run) {
            continue;
        }
        match take_up(driver, journal, shelf, run, now) {
            Ok(more) => {
                orders.extend(more);
                repairs.push(format!("nobody drove run {run}"));
            }
            Err(error) => orders.extend(driver.quarantine(run, error)),
        }
    }
    (orders, repairs)
}

/// Whether the index says that a run is unfinished.
#[must_use]
pub fn is_unfinished(journal: &dyn Journal, run: RunId) -> bool {
    let row = Row { tree: UNFINISHED, key: run.to_string().into_bytes() };
    journal.get(&row).is_ok_and(|value| value.is_some())
}

/// The same; true, too, where the index can't be read.
#[must_use]
pub fn may_be_unfinished(journal: &dyn Journal, run: RunId) -> bool {
    let row = Row { tree: UNFINISHED, key: run.to_string().into_bytes() };
    journal.get(&row).map_or(true, |value| value.is_some())
}

fn take_up(
    driver: &mut Driver,
    journal: &dyn Journal,
    shelf: &Shelf,
    id: RunId,
    now: Timestamp,
) -> Result<Vec<Order>, String> {
    let run = read_run(journal, id)?.ok_or("its stream is empty")?;
    if run.ended().is_some() {
        return Ok(Vec::new());
    }
    let digest = run.started.texts.get(BUNDLE).ok_or("it is pinned to no texts")?;
    let book = shelf.book(journal, digest).map_err(|error| error.to_string())?;
    let name = &run.started.runbook;
    let runbook =
        book.runbooks.get(name).cloned().ok_or_else(|| format!("`{name}` does not pass this binary's checks"))?;
    Ok(driver.restore(runbook, run, now))
}

/// The run of that id; `None` = it has no event.
///
/// # Errors
/// A sentence, when its stream does not read or does not add up.
pub fn read_run(journal: &dyn Journal, id: RunId) -> Result<Option<Run>, String> {
    let events = read_events(journal, id, 0)?;
    if events.is_empty() {
        return Ok(None);
    }
    let recorded: Vec<_> = events.into_iter().map(|(_, recorded)| recorded).collect();
    replay(&recorded).map(Some).map_err(|illegal| illegal.to_string())
}

/// The events of a run behind version `from`, each with its version.
///
/// # Errors
/// A sentence, when its stream does not read.
pub fn read_events(
    journal: &dyn Journal,
    id: RunId,
    from: u64,
) -> Result<Vec<(u64, crate::engine::event::Recorded)>, String> {
    let mut get = |digest: &crate::base::digest::Digest| journal.blob(digest).map(Some);
    let events = journal.read(&run_stream(id), from).map_err(|error| error.to_string())?;
    // Whoever asks over HTTP names any number.
    let numbered = events.into_iter().zip(1..).map(|(bytes, nth): (_, u64)| (from.saturating_add(nth), bytes));
    numbered
        .map(|(version, bytes)| {
            Ok((version, codec::decode_fetching(&bytes, &mut get).map_err(|error| error.to_string())?))
        })
        .collect()
}

/// A group as its stream adds up to.
///
/// # Errors
/// A sentence, when its stream does not read or does not add up.
pub fn read_group(journal: &dyn Journal, name: &Name) -> Result<Group, String> {
    let stream = group_stream(name.as_str());
    let mut group = Group::default();
    let events = journal.read(&stream, 0).map_err(|error| error.to_string())?;
    let version = journal.version(&stream).map_err(|error| error.to_string())?;
    // Its past may be forgotten, up to where nobody held it.
    group.version = version.saturating_sub(events.len() as u64);
    for bytes in events {
        let event = codec::decode_group(&bytes).map_err(|error| error.to_string())?;
        group.evolve(&event).map_err(|error| error.to_string())?;
    }
    Ok(group)
}

fn keys(journal: &dyn Journal, tree: &'static str) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    loop {
        let from = keys.last().map(|last| [last.as_slice(), &[0]].concat()).unwrap_or_default();
        match journal.scan(tree, &from, &[], false, PAGE) {
            Ok(rows) if rows.is_empty() => return keys,
            Ok(rows) => keys.extend(rows.into_iter().map(|(key, _)| key)),
            Err(error) => {
                tracing::error!(tree, %error, "the index can't be read");
                return keys;
            }
        }
    }
}
