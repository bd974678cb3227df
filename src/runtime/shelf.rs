//! Texts that runs are pinned to: one blob holds every text of a book as it was at a start.

use crate::base::digest::Digest;
use crate::base::planted::{self, Bug};
use crate::lang;
use crate::model::book::Book;
use crate::model::plan::Allowed;
use crate::store::{AppendError, Journal, ReadError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The name under which `Started.texts` holds the bundle.
pub const BUNDLE: &str = "book";

/// The name under which it holds what a run under a plan may do.
pub const PLAN: &str = "plan";

/// Files of a book by name.
pub type Texts = BTreeMap<String, Arc<str>>;

/// A pinned book that can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// Its texts are gone or damaged.
    #[error("the texts this run is pinned to can't be read: {0}")]
    Read(#[from] ReadError),
    /// They are not what this binary can read.
    #[error("the texts this run is pinned to are no book: {0}")]
    Text(String),
    /// They could not be kept.
    #[error("the texts of the run could not be kept: {0}")]
    Keep(#[from] AppendError),
}

/// Books by the hash of their texts, each parsed once.
#[derive(Default)]
pub struct Shelf {
    books: Mutex<BTreeMap<Digest, Arc<Book>>>,
    plans: Mutex<BTreeMap<Digest, Arc<Allowed>>>,
}

impl Shelf {
    /// Keeps the texts, durably, and remembers the book they make.
    ///
    /// # Errors
    /// [`ShelfError::Keep`].
    pub fn pin(&self, journal: &dyn Journal, texts: &Texts, book: &Arc<Book>) -> Result<Digest, ShelfError> {
        let plain: BTreeMap<&str, &str> = texts.iter().map(|(name, text)| (name.as_str(), text.as_ref())).collect();
        let bytes = serde_json::to_vec(&plain).map_err(|error| ShelfError::Text(error.to_string()))?;
        let digest = Digest::of(&bytes);
        // A book that was pinned before may have gone meanwhile with the last run that named it.
        let known = self.lock().contains_key(&digest) && journal.has_blob(&digest);
        if !known {
            journal.put_blob(&bytes)?;
            self.lock().insert(digest, Arc::clone(book));
        }
        if planted::has(Bug::NewestText) {
            self.lock().values_mut().for_each(|pinned| *pinned = Arc::clone(book));
        }
        Ok(digest)
    }

    /// Remembers the book of pinned texts, which somebody has read already.
    pub fn remember(&self, digest: Digest, book: &Arc<Book>) {
        self.lock().entry(digest).or_insert_with(|| Arc::clone(book));
    }

    /// The book of those texts.
    ///
    /// # Errors
    /// [`ShelfError`] when they are gone, damaged, or of no use to this binary.
    pub fn book(&self, journal: &dyn Journal, digest: &Digest) -> Result<Arc<Book>, ShelfError> {
        if let Some(book) = self.lock().get(digest) {
            return Ok(Arc::clone(book));
        }
        let texts = texts(journal, digest)?;
        let files: Vec<_> = texts.into_iter().collect();
        let book = Arc::new(lang::load(&files).book);
        self.lock().insert(*digest, Arc::clone(&book));
        Ok(book)
    }

    /// Keeps what a run under a plan may do, durably.
    ///
    /// # Errors
    /// [`ShelfError::Keep`].
    pub fn pin_plan(&self, journal: &dyn Journal, allowed: &Allowed) -> Result<Digest, ShelfError> {
        Ok(journal.put_blob(allowed.to_value().to_string().as_bytes())?)
    }

    /// What a run under that plan may do.
    ///
    /// # Errors
    /// [`ShelfError`] when it is gone or damaged: then the run may do nothing.
    pub fn plan(&self, journal: &dyn Journal, digest: &Digest) -> Result<Arc<Allowed>, ShelfError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(digest) {
            return Ok(Arc::clone(plan));
        }
        let value =
            serde_json::from_slice(&journal.blob(digest)?).map_err(|error| ShelfError::Text(error.to_string()))?;
        let plan = Allowed::from_value(&value).ok_or_else(|| ShelfError::Text("its plan is none".into()))?;
        let plan = Arc::new(plan);
        plans.insert(*digest, Arc::clone(&plan));
        Ok(plan)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Arc<Book>>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pinned texts themselves, by file name.
///
/// # Errors
/// [`ShelfError`] when they are gone or damaged.
pub fn texts(journal: &dyn Journal, digest: &Digest) -> Result<Texts, ShelfError> {
    let plain: BTreeMap<String, String> =
        serde_json::from_slice(&journal.blob(digest)?).map_err(|error| ShelfError::Text(error.to_string()))?;
    Ok(plain.into_iter().map(|(name, text)| (name, text.into())).collect())
}
