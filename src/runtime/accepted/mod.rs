//! The book as a daemon has it: its files are read when they change, and what does not pass its checks keeps its
//! last good text, also over restarts: what was taken is in the stream `book`.
//!
//! Files are read and looked at by functions that are handed in. Runs keep the text they started with: that is
//! `shelf`'s, and no business of this file.

mod compose;

pub use compose::{BOOK_FILE, Found};

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::lang::Loaded;
use crate::model::acceptance::Acceptance;
use crate::runtime::shelf::{Shelf, Texts, texts};
use crate::runtime::{append::append, clock};
use crate::store::{Batch, Forget, Guard, Journal, StreamId, codec};
use compose::{Composed, compose, errors};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names of changed files that an event holds.
const NAMED: usize = 200;
/// Acceptances that are kept.
const PAST: u64 = 200;
/// Looks that a change is waited for to be the last of several.
const SETTLES: u32 = 2;

/// How the files are read.
pub type Read = Arc<dyn Fn() -> Result<Found, String> + Send + Sync>;
/// How it is seen that they have changed, without reading them: another number then.
pub type Sign = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Makes a book of texts: of the same ones once, however often it is asked.
pub type Load = Arc<dyn Fn(&Texts) -> Arc<Loaded> + Send + Sync>;

/// The book as it stands.
#[derive(Debug, Clone, Default)]
pub struct Stand {
    /// The texts that count.
    pub texts: Texts,
    /// Their name.
    pub digest: Option<Digest>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Files that do not count as they are.
    pub refused: BTreeMap<String, Refused>,
    /// The text that the daemon's own settings are from.
    pub settings: Option<Arc<str>>,
}

/// A file that does not count as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, one a line.
    pub findings: Vec<String>,
    /// Whether an earlier text of it counts.
    pub kept: bool,
    /// Since when it is so.
    pub since: Timestamp,
}

impl Stand {
    /// Whether the settings have changed since the daemon began: it obeys the new ones after a restart.
    #[must_use]
    pub fn restart(&self) -> bool {
        self.settings.is_some() && self.settings.as_ref() != self.texts.get(BOOK_FILE)
    }
}

/// What came of reading the files again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Files whose new text counts from now on, or that are gone.
    pub changed: Vec<String>,
}

/// The book, read again when it changes.
pub struct Accepted {
    journal: Arc<dyn Journal>,
    shelf: Arc<Shelf>,
    read: Read,
    sign: Sign,
    load: Load,
    state: Mutex<State>,
    /// One reading at a time.
    taking: Mutex<()>,
}

#[derive(Default)]
struct State {
    stand: Arc<Stand>,
    /// What the files looked like when they were read.
    taken: Option<u64>,
    /// What they looked like last, and how often they have looked different since they were read.
    seen: (Option<u64>, u32),
}

/// The stream of the files of a book.
fn stream() -> StreamId {
    StreamId::new("book", "files")
}

/// What was taken last.
///
/// # Errors
/// A sentence, when it can't be read.
pub fn last(journal: &dyn Journal) -> Result<Option<Acceptance>, String> {
    let events = journal.read(&stream(), 0).map_err(|error| error.to_string())?;
    events.last().map(|bytes| codec::decode_acceptance(bytes).map_err(|error| error.to_string())).transpose()
}

/// The texts that were taken last.
///
/// # Errors
/// A sentence, when they can't be read.
pub fn last_texts(journal: &dyn Journal) -> Result<Texts, String> {
    let Some(last) = last(journal)? else { return Ok(Texts::new()) };
    texts(journal, &last.texts).map_err(|error| error.to_string())
}

impl Accepted {
    /// The book as it was taken last, and what the files say now.
    ///
    /// # Errors
    /// A sentence, when the journal can't be read or written.
    pub fn open(
        journal: Arc<dyn Journal>,
        shelf: Arc<Shelf>,
        (read, sign, load): (Read, Sign, Load),
        settings: Arc<str>,
    ) -> Result<Self, String> {
        let (last, texts) = match last(journal.as_ref()).and_then(|last| Ok((last, last_texts(journal.as_ref())?))) {
            Ok(known) => known,
            Err(why) => {
                begin_anew(journal.as_ref(), &why)?;
                (None, Texts::new())
            }
        };
        let (digest, since) = (last.as_ref().map(|last| last.texts), last.as_ref().map(|last| last.at));
        // What is wrong with these was taken all the same: it lies in another file, and nobody is blamed for it again.
        let refused = errors(&texts, &load).into_iter();
        let refused = refused.map(|(name, findings)| (name, Refused { findings, kept: false, since: clock::now() }));
        let refused = refused.collect();
        let stand = Stand { texts, digest, since, refused, settings: Some(settings) };
        let state = Mutex::new(State { stand: Arc::new(stand), ..State::default() });
        let accepted = Self { journal, shelf, read, sign, load, state, taking: Mutex::new(()) };
        accepted.take(Actor::engine("book"))?;
        // Whoever asks the shelf for what counts need not read it again.
        let stand = accepted.stand();
        if let Some(digest) = stand.digest {
            accepted.shelf.remember(digest, &Arc::new((accepted.load)(&stand.texts).book.clone()));
        }
        Ok(accepted)
    }

    /// The book as it stands.
    #[must_use]
    pub fn stand(&self) -> Arc<Stand> {
        Arc::clone(&self.state().stand)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts a run may start with: what counts, with any change up to this moment, and of files that never passed
    /// their checks what is there, so that whoever asks for one hears what is wrong with it.
    ///
    /// # Errors
    /// A sentence, when the files have changed and can't be taken.
    pub fn offered(&self) -> Result<Texts, String> {
        let looks = (self.sign)();
        if self.state().taken != Some(looks) {
            self.take(Actor::engine("book"))?;
        }
        let stand = self.stand();
        let mut texts = stand.texts.clone();
        if stand.refused.values().any(|refused| !refused.kept) {
            for (name, text) in (self.read)()?.texts {
                texts.entry(name).or_insert(text);
            }
        }
        Ok(texts)
    }

    /// Looks whether the files have changed, and takes them once they have settled.
    pub fn look(&self) {
        let looks = (self.sign)();
        let settled = {
            let mut state = self.state();
            let (last, times) = state.seen;
            let changed = state.taken != Some(looks);
            state.seen = (Some(looks), if changed { times + 1 } else { 0 });
            changed && (last == Some(looks) || times + 1 > SETTLES)
        };
        if settled && let Err(error) = self.take(Actor::engine("book")) {
            tracing::error!(%error, "the files of the book have changed and can't be taken; what was taken before counts");
        }
    }

    /// Reads the files and takes what passes its checks.
    ///
    /// # Errors
    /// A sentence, when they can't be read at all, or what was taken can't be kept.
    pub fn take(&self, actor: Actor) -> Result<Taken, String> {
        let _one = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = (self.sign)();
        let found = (self.read)()?;
        let (before, now) = (self.stand(), clock::now());
        let wrong: BTreeSet<String> = before
            .refused
            .iter()
            .filter(|(name, _)| before.texts.get(*name) == found.texts.get(*name))
            .map(|(name, _)| name.clone())
            .collect();
        let present = found.texts.clone();
        let Composed { texts, refused } = compose(&before.texts, &wrong, found, now, &self.load);
        let changed = differing(&before.texts, &texts);
        let refused = since(refused, &before, (&texts, &present), now);
        tell(&before, &changed, &refused);
        let mut stand = Stand { refused, settings: before.settings.clone(), ..Stand::clone(&before) };
        if before.digest.is_none() || !changed.is_empty() {
            stand.digest = Some(self.keep(&texts, &changed, actor, now)?);
            stand.since = Some(now);
            stand.texts = texts;
        }
        let mut state = self.state();
        state.stand = Arc::new(stand);
        state.taken = Some(looks);
        Ok(Taken { changed })
    }

    /// Makes it durable.
    fn keep(&self, texts: &Texts, changed: &[String], actor: Actor, at: Timestamp) -> Result<Digest, String> {
        let book = Arc::new((self.load)(texts).book.clone());
        let digest = self.shelf.pin(self.journal.as_ref(), texts, &book).map_err(|error| error.to_string())?;
        let changed = changed.iter().take(NAMED).cloned().collect();
        let event = codec::encode_acceptance(&Acceptance { at, actor, texts: digest, changed });
        let event = event.map_err(|error| error.to_string())?;
        let version = self.journal.version(&stream()).map_err(|error| error.to_string())?;
        let (past, _) = self.journal.past(&stream()).map_err(|error| error.to_string())?;
        let forgets = if version - past >= PAST { vec![Forget::Past(stream())] } else { Vec::new() };
        let guards = vec![Guard::Lease(self.journal.epoch()), Guard::At(stream(), version)];
        let batch = Batch { guards, appends: vec![(stream(), vec![event])], forgets };
        append(self.journal.as_ref(), batch).map(|()| digest).map_err(|error| error.to_string())
    }
}

/// What was taken before can't be read: the files count as they are, and a daemon goes on. What is left of the stream
/// stays in the journal's damaged segments.
fn begin_anew(journal: &dyn Journal, why: &str) -> Result<(), String> {
    tracing::error!(
        %why,
        "which files of the book were taken last can't be read: they count as they are now; `stepladder doctor` says what is damaged"
    );
    let guards = vec![Guard::Lease(journal.epoch())];
    append(journal, Batch { guards, forgets: vec![Forget::Damaged(stream())], ..Batch::default() })
        .map_err(|error| error.to_string())
}

/// The names of files that are new, different or gone.
fn differing(before: &Texts, after: &Texts) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Since when each file is refused for what it is refused for.
fn since(
    refused: BTreeMap<String, Vec<String>>,
    before: &Stand,
    (texts, present): (&Texts, &Texts),
    now: Timestamp,
) -> BTreeMap<String, Refused> {
    let one = |(name, findings): (String, Vec<String>)| {
        let earlier = before.refused.get(&name).filter(|earlier| earlier.findings == findings);
        let since = earlier.map_or(now, |earlier| earlier.since);
        let kept = texts.get(&name).is_some_and(|text| present.get(&name) != Some(text));
        (name, Refused { findings, kept, since })
    };
    refused.into_iter().map(one).collect()
}

/// Says in the log what has changed.
fn tell(before: &Stand, changed: &[String], refused: &BTreeMap<String, Refused>) {
    if !changed.is_empty() && before.digest.is_some() {
        tracing::info!(files = %changed.join(", "), "the book has changed");
    }
    for (file, now) in refused {
        if before.refused.get(file).is_some_and(|earlier| earlier.findings == now.findings) {
            continue;
        }
        let (what, findings) =
            (if now.kept { "its last good text counts" } else { "it does not count" }, &now.findings);
        tracing::warn!(file, findings = %findings.join("; "), "a file of the book does not pass its checks: {what}");
    }
    for file in before.refused.keys().filter(|file| !refused.contains_key(*file)) {
        tracing::info!(file, "a file of the book passes its checks again, or is gone");
    }
}
