//! The index: rows made from events by the projection, and when the stored ones are believed.
//!
//! Rows wait in memory in front of the table until they are flushed behind the journal's sync. While
//! the journal is small there is no table at all: making the rows again is quicker than opening one.
//! Knows rows and frame numbers; never what they mean.

use crate::store::disk::reader::Reader;
use crate::store::disk::table::{Doubt, Makers, Put, Table};
use crate::store::{Change, KeyValue, Project, ReadError, Row};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Below this many bytes of journal the rows are made in memory at each opening.
const SMALL: u64 = 512 * 1024;
/// Rows that wait in memory at most while all are made again.
const WAITING: usize = 20_000;

/// Rows by tree and key, each with the frame it is from; `None` deletes one.
type Waiting = BTreeMap<&'static str, BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>>;

/// The rows.
pub(crate) struct Index {
    folder: Option<PathBuf>,
    project: Project,
    makers: Makers,
    small: u64,
    state: Mutex<State>,
    /// Held while rows go into the table, so that only one thread does it.
    flushing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Rows in front of the base.
    waiting: Waiting,
    /// The last frame whose rows wait or are stored.
    applied: u64,
    base: Base,
    doubt: Option<String>,
}

#[derive(Default)]
enum Base {
    /// Nobody asked yet.
    #[default]
    Unread,
    /// There is nothing below the waiting rows: they are all.
    Nothing,
    /// The table.
    Table(Arc<Table>),
}

impl Index {
    /// An index in that folder, or in memory alone; nothing is opened yet.
    pub(crate) fn new(folder: Option<PathBuf>, project: Project, makers: Makers) -> Self {
        Self { folder, project, makers, small: SMALL, state: Mutex::default(), flushing: Mutex::default() }
    }

    /// The same with a table from the first row on.
    #[cfg(test)]
    pub(crate) fn eager(self) -> Self {
        Self { small: 0, ..self }
    }

    /// The projection.
    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    /// Why the stored rows were not believed, if they were not.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.state().doubt.clone()
    }

    /// Takes the rows of frames that are durable; the last of them is `number`.
    pub(crate) fn apply(&self, number: u64, changes: Vec<(u64, Change)>) {
        let mut state = self.state();
        if matches!(state.base, Base::Unread) {
            // All of them are made when somebody asks, from what is there then.
            return;
        }
        for (from, change) in changes {
            state.put(from, change);
        }
        state.applied = state.applied.max(number);
    }

    /// The last frame whose rows are in.
    pub(crate) fn current(&self, reader: &Reader) -> Result<u64, ReadError> {
        let mut state = self.state();
        self.make(&mut state, reader)?;
        Ok(state.applied)
    }

    /// The value of a row.
    pub(crate) fn get(&self, reader: &Reader, row: &Row) -> Result<Option<Vec<u8>>, ReadError> {
        let mut state = self.state();
        self.make(&mut state, reader)?;
        if let Some((_, value)) = state.waiting.get(row.tree).and_then(|tree| tree.get(&row.key)) {
            return Ok(value.clone());
        }
        match &state.base {
            Base::Table(table) => table.get(row.tree, &row.key).map_err(|doubt| unreadable(&doubt)),
            Base::Nothing | Base::Unread => Ok(None),
        }
    }

    /// Rows of a tree in order.
    pub(crate) fn scan(
        &self,
        reader: &Reader,
        tree: &'static str,
        range: (&[u8], &[u8]),
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<KeyValue>, ReadError> {
        let (from, to) = range;
        if limit == 0 || (!to.is_empty() && from >= to) {
            return Ok(Vec::new());
        }
        let mut state = self.state();
        self.make(&mut state, reader)?;
        let none = BTreeMap::new();
        let waiting = state.waiting.get(tree).unwrap_or(&none).range(from.to_vec()..);
        let waiting =
            waiting.take_while(|(key, _)| to.is_empty() || key.as_slice() < to).map(|(key, (_, value))| (key, value));
        let mut waiting: Vec<(&Vec<u8>, &Option<Vec<u8>>)> = waiting.collect();
        if !backwards {
            waiting.reverse();
        }
        let mut rows = Rows { waiting, found: Vec::new(), backwards, limit };
        if let Base::Table(table) = &state.base {
            let scanned = table.scan(tree, from, to, backwards, &mut |key, value| rows.stored(key, value));
            scanned.map_err(|doubt| unreadable(&doubt))?;
        }
        rows.rest();
        Ok(rows.found)
    }

    /// Writes the waiting rows into the table, durably; opens one when the journal has grown. Returns the frame whose rows
    /// and those before it are as they will be found again: what is made from all events is always so.
    pub(crate) fn flush(&self, reader: &Reader, clean: bool) -> Result<u64, ReadError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let (number, table) = match &state.base {
            Base::Table(table) => (state.applied, Arc::clone(table)),
            Base::Unread | Base::Nothing if self.folder.is_none() || clean || reader.bytes() <= self.small => {
                return Ok(match &state.base {
                    Base::Nothing => state.applied,
                    Base::Unread | Base::Table(_) if self.folder.as_ref().is_some_and(|folder| folder.exists()) => 0,
                    Base::Unread | Base::Table(_) => u64::MAX,
                });
            }
            Base::Unread => {
                self.make(&mut state, reader)?;
                return Ok(state.applied);
            }
            Base::Nothing => {
                state.base = Base::Unread;
                self.make(&mut state, reader)?;
                return Ok(state.applied);
            }
        };
        let waiting = state.waiting.clone();
        drop(state);
        let written = table.write(puts(&waiting), number, clean);
        let mut state = self.state();
        match written {
            Ok(()) => state.forget(number),
            Err(doubt) => {
                state.distrust(&doubt);
                drop(table);
                self.remove();
                // One that could not be taken away may be believed again one day.
                if self.folder.as_ref().is_some_and(|folder| folder.exists()) {
                    return Ok(0);
                }
            }
        }
        Ok(number)
    }

    /// Throws the rows away and makes them again.
    pub(crate) fn rebuild(&self, reader: &Reader) -> Result<(), ReadError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        state.waiting.clear();
        state.base = Base::Unread;
        self.remove();
        self.make(&mut state, reader)
    }

    /// Lets go of the table.
    pub(crate) fn close(&self) {
        self.state().base = Base::Unread;
    }

    /// Makes the rows available, if they are not: believes the table or makes all of them again.
    fn make(&self, state: &mut State, reader: &Reader) -> Result<(), ReadError> {
        if !matches!(state.base, Base::Unread) {
            return Ok(());
        }
        // Whatever an attempt that failed has left is made anew.
        state.waiting.clear();
        state.applied = 0;
        let until = reader.number();
        let Some(folder) = self.folder.as_ref().filter(|_| reader.bytes() > self.small) else {
            self.replay(state, reader, 0, None)?;
            state.base = Base::Nothing;
            // A table of larger days would be believed again one day, and know nothing of what goes from here on.
            if self.folder.as_ref().is_some_and(|folder| folder.exists()) {
                self.remove();
            }
            return Ok(());
        };
        let fresh = !folder.exists();
        let opened = Table::open(folder, self.makers.clone()).and_then(|table| {
            let at = if fresh { 0 } else { table.believe(until)? };
            Ok((table, at))
        });
        let opened = opened.or_else(|doubt| {
            state.doubt = Some(doubt.0);
            self.remove();
            Table::open(folder, self.makers.clone()).map(|table| (table, 0))
        });
        match opened {
            Ok((table, at)) => {
                self.replay(state, reader, at, Some(&table))?;
                let table = Arc::new(table);
                match table.write(puts(&state.waiting), until, false) {
                    Ok(()) => {
                        state.base = Base::Table(table);
                        state.forget(until);
                    }
                    Err(doubt) => {
                        state.distrust(&doubt);
                        return Err(unreadable(&doubt));
                    }
                }
            }
            Err(doubt) => {
                // No table can be had at all: the rows are kept in memory for this time.
                state.doubt = Some(doubt.0);
                self.replay(state, reader, 0, None)?;
                state.base = Base::Nothing;
            }
        }
        Ok(())
    }

    fn replay(&self, state: &mut State, reader: &Reader, after: u64, table: Option<&Table>) -> Result<(), ReadError> {
        let mut failed = None;
        // What becomes durable meanwhile may be told or not, and is applied behind this.
        let until = reader.number();
        reader.replay(after, &mut |told| {
            if told.forgotten && after == 0 {
                return;
            }
            let number = told.number;
            for mut change in (self.project)(told.stream, told.version, told.payload) {
                change.value = change.value.filter(|_| !told.forgotten);
                state.put(number, change);
            }
            if let Some(table) = table.filter(|_| state.count() > WAITING) {
                // Not the whole frame may be in yet: current only up to the one before.
                match table.write(puts(&state.waiting), number - 1, false) {
                    Ok(()) => state.waiting.clear(),
                    Err(doubt) => failed = Some(doubt),
                }
            }
        })?;
        state.applied = state.applied.max(until);
        failed.map_or(Ok(()), |doubt| Err(unreadable(&doubt)))
    }

    fn remove(&self) {
        let Some(folder) = &self.folder else { return };
        let old = folder.with_extension("old");
        drop(std::fs::remove_dir_all(&old));
        if std::fs::rename(folder, &old).is_ok() {
            drop(std::fs::remove_dir_all(&old));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn puts(waiting: &Waiting) -> impl Iterator<Item = Put<'_>> {
    waiting
        .iter()
        .flat_map(|(tree, rows)| rows.iter().map(|(key, (_, value))| (*tree, key.as_slice(), value.as_deref())))
}

fn unreadable(doubt: &Doubt) -> ReadError {
    ReadError::Io(format!("the index can't be read and will be made again: {doubt}"))
}

impl State {
    fn put(&mut self, number: u64, change: Change) {
        self.waiting.entry(change.row.tree).or_default().insert(change.row.key, (number, change.value));
    }

    fn count(&self) -> usize {
        self.waiting.values().map(BTreeMap::len).sum()
    }

    fn forget(&mut self, number: u64) {
        self.waiting.values_mut().for_each(|tree| tree.retain(|_, (from, _)| *from > number));
    }

    fn distrust(&mut self, doubt: &Doubt) {
        self.doubt = Some(doubt.0.clone());
        self.base = Base::Unread;
        self.waiting.clear();
    }
}

/// Two ordered lists of rows becoming one; what waits hides what is stored.
struct Rows<'a> {
    /// The next one last.
    waiting: Vec<(&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    found: Vec<KeyValue>,
    backwards: bool,
    limit: usize,
}

impl Rows<'_> {
    /// Takes the next stored row; false when there are enough.
    fn stored(&mut self, key: &[u8], value: &[u8]) -> bool {
        while let Some((next, _)) = self.waiting.last() {
            let first = if self.backwards { next.as_slice() >= key } else { next.as_slice() <= key };
            if !first || self.found.len() >= self.limit {
                break;
            }
            let hides = next.as_slice() == key;
            self.take();
            if hides {
                return self.found.len() < self.limit;
            }
        }
        if self.found.len() < self.limit {
            self.found.push((key.to_vec(), value.to_vec()));
        }
        self.found.len() < self.limit
    }

    fn take(&mut self) {
        if let Some((key, Some(value))) = self.waiting.pop() {
            self.found.push((key.clone(), value.clone()));
        }
    }

    fn rest(&mut self) {
        while !self.waiting.is_empty() && self.found.len() < self.limit {
            self.take();
        }
    }
}
