//! The rows of the index in sled: the only file that knows sled.
//!
//! sled 0.34.7 is fast and survives kill -9, but it syncs nothing by itself, loses a flipped bit in
//! silence and may panic on what it reads. So: it is flushed by our own thread and synced by a second
//! descriptor, counts and hashes of the rows stand beside them, every call is fenced, and whatever is
//! doubtful is thrown away and made again from the journal.

use crate::base::digest::Digest;
use crate::store::disk::directory::Host;
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// Memory sled may keep pages in.
const CACHE: u64 = 64 * 1024 * 1024;
/// Rows written in one atomic step.
const STEP: usize = 1_000;
/// An opening that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long somebody else may still hold sled's lock. The data directory's own lock is ours by then, so
/// it can only be a copy of the descriptor in a process that is being started and lives until its exec.
const LOCKED: Duration = Duration::from_secs(5);
/// Between two looks at that lock.
const LOOK: Duration = Duration::from_millis(5);
/// What sled says of it, in an error without a kind.
const LOCK_IS_HELD: &str = "could not acquire lock";
/// Rows about the rows begin with this; no tree's name does.
const MARK: &[u8] = b"\0mark";
const COUNT: &[u8] = b"\0tree\0";

/// Why the table is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Doubt(pub(crate) String);

/// A row by tree and key, and its value or its absence.
pub(crate) type Put<'a> = (&'static str, &'a [u8], Option<&'a [u8]>);

/// The open table.
pub(crate) struct Table {
    db: sled::Db,
    file: File,
    counts: Mutex<Counts>,
    makers: Makers,
}

/// Who made the rows: another maker's are not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Makers {
    /// The version of the projection.
    pub(crate) project: String,
    /// The machine, and its boot.
    pub(crate) host: Host,
}

type Counts = BTreeMap<Vec<u8>, Count>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    rows: u64,
    xor: [u8; 16],
}

impl Count {
    fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let hash = Digest::of_parts(&[key, value]);
        self.xor.iter_mut().zip(hash.bytes()).for_each(|(mine, byte)| *mine ^= byte);
    }

    fn bytes(self) -> Vec<u8> {
        [&self.rows.to_le_bytes()[..], &self.xor].concat()
    }
}

fn fenced<T>(what: &str, call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, Doubt> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Doubt(format!("{what}: {error}"))),
        Err(_) => Err(Doubt(format!("{what}: it panicked"))),
    }
}

/// Opens sled, once nobody else holds its lock.
fn unlocked(path: &Path) -> Result<sled::Db, Doubt> {
    let mut waited = Duration::ZERO;
    loop {
        let open = || sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None).open();
        match fenced("open", open) {
            Err(Doubt(why)) if why.contains(LOCK_IS_HELD) && waited < LOCKED => {
                std::thread::sleep(LOOK);
                waited += LOOK;
            }
            opened => return opened,
        }
    }
}

fn full_key(tree: &str, key: &[u8]) -> Vec<u8> {
    [tree.as_bytes(), b"\0", key].concat()
}

impl Table {
    /// Opens the table as it is, without a look at its rows.
    pub(crate) fn open(folder: &Path, makers: Makers) -> Result<Self, Doubt> {
        let (tell, told) = mpsc::channel();
        let path: PathBuf = folder.into();
        std::thread::spawn(move || drop(tell.send(unlocked(&path))));
        let db = told.recv_timeout(PATIENCE).map_err(|_| Doubt("open: it hangs".into()))??;
        let file =
            File::options().write(true).open(folder.join("db")).map_err(|error| Doubt(format!("open: {error}")))?;
        Ok(Self { db, file, counts: Mutex::default(), makers })
    }

    /// Whether the rows can be believed, by a look at each; if so, up to which frame they are current.
    pub(crate) fn believe(&self, journal: u64) -> Result<u64, Doubt> {
        let mark = fenced("mark", || self.db.get(MARK))?.ok_or_else(|| Doubt("it has no mark".into()))?;
        let mark = String::from_utf8_lossy(&mark).into_owned();
        let words: Vec<&str> = mark.split('\n').collect();
        let [number, clean, project, machine, boot] = words[..] else {
            return Err(Doubt("its mark is damaged".into()));
        };
        let number: u64 = number.parse().map_err(|_| Doubt("its mark is damaged".into()))?;
        if number > journal {
            return Err(Doubt(format!("it is at frame {number}, the journal at {journal}")));
        }
        if project != self.makers.project {
            return Err(Doubt("another projection made it".into()));
        }
        if clean != "clean" && (machine, boot) != (&*self.makers.host.machine, &*self.makers.host.boot) {
            return Err(Doubt("it was not closed before the machine went down".into()));
        }
        self.count()?;
        Ok(number)
    }

    fn count(&self) -> Result<(), Doubt> {
        let mut counted: Counts = BTreeMap::new();
        let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        fenced("count", || {
            for row in self.db.iter() {
                let (key, value) = row?;
                if let Some(tree) = key.strip_prefix(COUNT) {
                    stored.insert(tree.into(), value.to_vec());
                } else if let Some(end) = key.iter().position(|byte| *byte == 0).filter(|end| *end > 0) {
                    let count = counted.entry(key[..end].into()).or_default();
                    count.rows += 1;
                    count.toggle(&key, &value);
                }
            }
            Ok(())
        })?;
        stored.retain(|_, count| *count != Count::default().bytes());
        let same = stored.len() == counted.len()
            && counted.iter().all(|(tree, count)| stored.get(tree) == Some(&count.bytes()));
        *self.counts() = counted;
        if same { Ok(()) } else { Err(Doubt("its rows are not those that were counted".into())) }
    }

    /// Writes rows, and that they are current up to that frame; durable when this returns.
    pub(crate) fn write<'a>(&self, rows: impl Iterator<Item = Put<'a>>, number: u64, clean: bool) -> Result<(), Doubt> {
        let rows: Vec<Put<'a>> = rows.collect();
        let mut counts = self.counts();
        for step in rows.chunks(STEP) {
            let mut batch = sled::Batch::default();
            for (tree, key, value) in step {
                self.put(&mut counts, &mut batch, tree, key, *value)?;
            }
            for (tree, count) in &*counts {
                batch.insert([COUNT, tree].concat(), count.bytes());
            }
            fenced("write", || self.db.apply_batch(batch))?;
        }
        let host = &self.makers.host;
        let state = if clean { "clean" } else { "open" };
        let mark = format!("{number}\n{state}\n{}\n{}\n{}", self.makers.project, host.machine, host.boot);
        fenced("mark", || self.db.insert(MARK, mark.as_bytes()))?;
        fenced("flush", || self.db.flush())?;
        self.file.sync_data().map_err(|error| Doubt(format!("sync: {error}")))
    }

    fn put(
        &self,
        counts: &mut Counts,
        batch: &mut sled::Batch,
        tree: &str,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Doubt> {
        let full = full_key(tree, key);
        let count = counts.entry(tree.as_bytes().into()).or_default();
        if let Some(old) = fenced("read", || self.db.get(&full))? {
            count.toggle(&full, &old);
            count.rows = count.rows.saturating_sub(1);
        }
        if let Some(value) = value {
            count.toggle(&full, value);
            count.rows += 1;
            batch.insert(full, value);
        } else {
            batch.remove(full);
        }
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a row.
    pub(crate) fn get(&self, tree: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Doubt> {
        Ok(fenced("read", || self.db.get(full_key(tree, key)))?.map(|value| value.to_vec()))
    }

    /// Calls `row` with rows of a tree in order, or from the end, until it says stop.
    pub(crate) fn scan(
        &self,
        tree: &str,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        row: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Doubt> {
        let start = full_key(tree, from);
        let end = if to.is_empty() { [tree.as_bytes(), b"\x01"].concat() } else { full_key(tree, to) };
        let skip = tree.len() + 1;
        fenced("scan", || {
            let mut rows = self.db.range(start..end);
            while let Some(found) = if backwards { rows.next_back() } else { rows.next() } {
                let (key, value) = found?;
                if !row(&key[skip..], &value) {
                    break;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(folder: &Path) -> Table {
        let host = Host { machine: "m".into(), boot: "b".into() };
        Table::open(folder, Makers { project: "1".into(), host }).expect("opens")
    }

    #[test]
    fn rows_that_were_changed_behind_our_back_are_noticed() {
        type Forge = fn(&sled::Db);
        let forgeries: [(&str, Forge); 3] = [
            ("a row lost", |db| drop(db.remove(b"runs\0b").expect("removed"))),
            ("a row changed", |db| drop(db.insert(b"runs\0b", b"9").expect("changed"))),
            ("a row more", |db| drop(db.insert(b"runs\0z", b"9").expect("added"))),
        ];
        for (what, forge) in forgeries {
            let folder = tempfile::tempdir().expect("a folder");
            let rows: [Put<'_>; 3] = [("runs", b"a", Some(b"1")), ("runs", b"b", Some(b"2")), ("due", b"a", None)];
            table(folder.path()).write(rows.into_iter(), 7, true).expect("written");
            assert_eq!(table(folder.path()).believe(7), Ok(7));
            forge(&unlocked(folder.path()).expect("opens"));
            assert!(table(folder.path()).believe(7).is_err(), "{what}");
        }
    }

    #[test]
    fn a_lock_that_outlives_its_holder_for_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(table(folder.path()));
        let held = File::open(folder.path().join("db")).expect("there");
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("locked");
        // What a test beside this one does to us: its child has a copy of the descriptor until its exec.
        let child = held.try_clone().expect("a copy");
        drop(held);
        let (tell, told) = mpsc::channel();
        let path = folder.path().to_owned();
        std::thread::spawn(move || drop(tell.send(unlocked(&path).map(drop))));
        assert_eq!(told.recv_timeout(LOOK * 10), Err(mpsc::RecvTimeoutError::Timeout), "it waits");
        drop(child);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Ok(())));
    }

    #[test]
    fn counts_follow_every_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = table(folder.path());
        open.write([("runs", &b"a"[..], Some(&b"1"[..])), ("runs", b"b", Some(b"2"))].into_iter(), 1, false)
            .expect("written");
        open.write(
            [("runs", &b"a"[..], Some(&b"3"[..])), ("runs", b"b", None), ("runs", b"c", None)].into_iter(),
            2,
            false,
        )
        .expect("written");
        drop(open);
        assert_eq!(table(folder.path()).believe(2), Ok(2));
    }
}
