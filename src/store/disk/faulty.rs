//! A file system in memory that stops at any operation and then loses what was not synced.
//!
//! Knows for every file what is durable and what was only written, and for every directory which
//! names are.

use crate::store::disk::device::{Disk, File};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the operation at which the machine stops ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It was not begun.
    Before,
    /// It was done, and nobody heard of it.
    After,
    /// Half of it was done.
    Torn,
}

/// What is left of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Everything: only the process died.
    All,
    /// Nothing: power was lost.
    Synced,
    /// Some blocks and names, drawn from this seed.
    Some(u64),
}

/// An operation that fails without stopping the machine.
pub(crate) type Fails = Arc<dyn Fn(&str, &str) -> Option<io::ErrorKind> + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct Faulty {
    state: Arc<Mutex<State>>,
    fails: Option<Fails>,
    /// Whether writes fail only where they would make a file longer.
    longer: bool,
}

#[derive(Default)]
struct State {
    files: Vec<Inode>,
    /// Names as they are, and as they would be after a power loss.
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    operations: u64,
    stop: Option<(u64, Stop)>,
    stopped: bool,
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

/// Blocks survive a power loss one by one.
const BLOCK: usize = 64;

impl Faulty {
    /// The same, stopping at the n-th operation, from 0.
    pub(crate) fn stopping(self, at: u64, stop: Stop) -> Self {
        self.state().stop = Some((at, stop));
        self
    }

    /// The same, with operations that fail.
    pub(crate) fn failing(mut self, fails: Fails) -> Self {
        self.fails = Some(fails);
        self
    }

    /// The same, with writes that fail where a file would become longer: a full disk.
    pub(crate) fn failing_longer(self, fails: Fails) -> Self {
        Self { longer: true, ..self.failing(fails) }
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What the next boot finds.
    pub(crate) fn restarted(&self, left: Left) -> Self {
        let state = self.state();
        let mut chance = match left {
            Left::Some(seed) => seed | 1,
            Left::All | Left::Synced => 1,
        };
        let mut draw = || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance & 1 == 0
        };
        let mut names = if left == Left::All { state.names.clone() } else { state.durable.clone() };
        if matches!(left, Left::Some(_)) {
            for (name, inode) in &state.names {
                if !state.durable.contains_key(name) && draw() {
                    names.insert(name.clone(), *inode);
                }
            }
            names.retain(|name, inode| match state.names.get(name) {
                Some(now) => {
                    // One that was replaced is the old or the new one, never neither.
                    *inode = if now == inode || draw() { *now } else { *inode };
                    true
                }
                None => draw(),
            });
        }
        let files = state.files.iter().map(|file| {
            let bytes = match left {
                Left::All => file.bytes.clone(),
                Left::Synced => file.durable.clone(),
                Left::Some(_) => mixed(file, &mut draw),
            };
            Inode { durable: bytes.clone(), bytes }
        });
        let state = State { files: files.collect(), durable: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), fails: None, longer: false }
    }

    /// What the next process finds where only the last one died: nothing is lost, and nothing has become
    /// durable by it.
    pub(crate) fn resumed(&self) -> Self {
        let old = self.state();
        let (files, names, durable) = (old.files.clone(), old.names.clone(), old.durable.clone());
        let state = State { files, names, durable, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), fails: None, longer: false }
    }

    /// The content of a file.
    pub(crate) fn content(&self, path: &str) -> Vec<u8> {
        let state = self.state();
        state.names.get(path).map(|inode| state.files[*inode].bytes.clone()).unwrap_or_default()
    }

    /// Changes the content of a file behind everybody's back.
    pub(crate) fn bend(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[path];
        change(&mut state.files[inode].bytes);
        state.files[inode].durable = state.files[inode].bytes.clone();
    }

    /// Every file's name.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// A copy that shares nothing.
    pub(crate) fn copy(&self) -> Self {
        self.restarted(Left::All)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does an operation, unless the machine stops; `half` is what is done of a torn one.
    fn operate<T>(
        &self,
        (what, path): (&str, &str),
        half: impl FnOnce(&mut State),
        whole: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let stopped = || io::Error::other("the machine has stopped");
        let mut state = self.state();
        if state.stopped {
            return Err(stopped());
        }
        let within = what == "write within";
        let what = if within { "write" } else { what };
        let fails = self.fails.as_ref().filter(|_| !(within && self.longer));
        if let Some(kind) = fails.and_then(|fails| fails(what, path)) {
            return Err(kind.into());
        }
        let number = state.operations;
        state.operations += 1;
        match state.stop.filter(|(at, _)| *at == number) {
            None => whole(&mut state),
            Some((_, stop)) => {
                match stop {
                    Stop::Before => {}
                    Stop::After => drop(whole(&mut state)),
                    Stop::Torn => half(&mut state),
                }
                state.stopped = true;
                Err(stopped())
            }
        }
    }
}

fn mixed(file: &Inode, draw: &mut dyn FnMut() -> bool) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    if file.bytes.len() > bytes.len() && draw() {
        bytes.resize(file.bytes.len(), 0);
    }
    for start in (0..bytes.len().min(file.bytes.len())).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(bytes.len()).min(file.bytes.len());
        if bytes[block.clone()] != file.bytes[block.clone()] && draw() {
            bytes[block.clone()].copy_from_slice(&file.bytes[block]);
        }
    }
    bytes
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

struct Handle {
    disk: Faulty,
    inode: usize,
    path: String,
}

impl Disk for Faulty {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let inode = self.operate(
            ("create", path),
            |_| {},
            |state| {
                if state.names.contains_key(path) {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                state.files.push(Inode::default());
                state.names.insert(path.into(), state.files.len() - 1);
                Ok(state.files.len() - 1)
            },
        )?;
        Ok(Arc::new(Handle { disk: self.clone(), inode, path: path.into() }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let inode = *self.state().names.get(path).ok_or_else(missing)?;
        Ok(Arc::new(Handle { disk: self.clone(), inode, path: path.into() }))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let state = self.state();
        let below = state.names.keys().filter_map(|name| name.strip_prefix(&prefix));
        let mut names: Vec<String> = below.map(|name| name.split('/').next().unwrap_or_default().to_owned()).collect();
        names.dedup();
        Ok(names)
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        self.operate(("make_dir", path), |_| {}, |_| Ok(()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(
            ("rename", to),
            |_| {},
            |state| {
                let inode = state.names.remove(from).ok_or_else(missing)?;
                state.names.insert(to.into(), inode);
                Ok(())
            },
        )
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operate(("remove", path), |_| {}, |state| state.names.remove(path).map(|_| ()).ok_or_else(missing))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let within = move |name: &str| match name.rsplit_once('/') {
            Some((folder, _)) => folder == path,
            None => path.is_empty(),
        };
        self.operate(
            ("sync_dir", path),
            |_| {},
            |state| {
                let State { names, durable, .. } = state;
                durable.retain(|name, _| !within(name) || names.contains_key(name));
                durable
                    .extend(names.iter().filter(|(name, _)| within(name)).map(|(name, inode)| (name.clone(), *inode)));
                Ok(())
            },
        )
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.inode].bytes.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = &state.files[self.inode].bytes;
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let count = into.len().min(bytes.len() - at);
        into[..count].copy_from_slice(&bytes[at..at + count]);
        Ok(count)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let put = |state: &mut State, bytes: &[u8]| {
            let file = &mut state.files[self.inode].bytes;
            let end = at + bytes.len();
            file.resize(file.len().max(end), 0);
            file[at..end].copy_from_slice(bytes);
        };
        let half = |state: &mut State| put(state, &bytes[..bytes.len() / 2]);
        let whole = |state: &mut State| {
            put(state, bytes);
            Ok(())
        };
        let within = self.len()? >= (at + bytes.len()) as u64;
        self.disk.operate((if within { "write within" } else { "write" }, &self.path), half, whole)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.disk.operate(
            ("truncate", &self.path),
            |_| {},
            |state| {
                state.files[self.inode].bytes.truncate(len);
                Ok(())
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        let half = |state: &mut State| {
            let file = &mut state.files[self.inode];
            let mut turn = false;
            file.durable = mixed(file, &mut || {
                turn = !turn;
                turn
            });
        };
        let whole = |state: &mut State| {
            let file = &mut state.files[self.inode];
            file.durable.clone_from(&file.bytes);
            Ok(())
        };
        self.disk.operate(("sync", &self.path), half, whole)
    }
}
