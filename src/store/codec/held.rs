//! A value that is in its event, or under its hash elsewhere because it is large.
//!
//! Knows sizes and hashes; never which field it is.

use crate::base::digest::Digest;
use crate::base::limits;
use crate::store::codec::CodecError;
use crate::store::{AppendError, ReadError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Keeps bytes elsewhere, durably, and says under which hash.
pub type Spill<'a> = dyn FnMut(&[u8]) -> Result<Digest, AppendError> + 'a;

/// Brings the bytes of a hash back; `None` leaves the value empty.
pub type Fetch<'a> = dyn FnMut(&Digest) -> Result<Option<Vec<u8>>, ReadError> + 'a;

/// A value, or where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Held<T> {
    /// It is here.
    Is(T),
    /// Its JSON is the blob of that hash.
    Blob(String),
}

impl<T: Default> Held<T> {
    /// The value; empty when it was left elsewhere.
    pub(crate) fn value(self) -> T {
        match self {
            Self::Is(value) => value,
            Self::Blob(_) => T::default(),
        }
    }
}

impl<T: Default + PartialEq> Held<T> {
    /// Whether it is here and says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Is(value) => *value == T::default(),
            Self::Blob(_) => false,
        }
    }
}

impl<T: Default> Default for Held<T> {
    fn default() -> Self {
        Self::Is(T::default())
    }
}

/// Any [`Held`], for a walk over those of an event.
pub(crate) trait Holding {
    /// Puts the value elsewhere if it is large.
    fn spill(&mut self, put: &mut Spill<'_>) -> Result<(), CodecError>;
    /// Brings it back.
    fn fetch(&mut self, get: &mut Fetch<'_>) -> Result<(), CodecError>;
}

impl<T: Serialize + DeserializeOwned + Default> Holding for Held<T> {
    fn spill(&mut self, put: &mut Spill<'_>) -> Result<(), CodecError> {
        let Self::Is(value) = self else { return Ok(()) };
        let bytes = serde_json::to_vec(value).map_err(|error| CodecError::Unstorable(error.to_string()))?;
        if bytes.len() > limits::INLINE_OUTPUT {
            *self = Self::Blob(put(&bytes)?.to_string());
        }
        Ok(())
    }

    fn fetch(&mut self, get: &mut Fetch<'_>) -> Result<(), CodecError> {
        let Self::Blob(name) = self else { return Ok(()) };
        let digest = Digest::parse(name).ok_or_else(|| CodecError::Malformed(format!("`{name}` is no hash")))?;
        if let Some(bytes) = get(&digest)? {
            let value = serde_json::from_slice(&bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
            *self = Self::Is(value);
        }
        Ok(())
    }
}
