//! Archives of `backup`: a tar with a manifest of checksums at its end, compressed, perhaps encrypted.
//!
//! Whatever is read here may have been damaged or made by an enemy: only regular files with paths below
//! a root, each with the checksum of the manifest, all of them and no other.

mod manifest;
mod read;
mod series;
mod write;

pub(super) use manifest::{Manifest, Row};
pub(super) use read::{Keys, Visit, keys, read, verify};
pub(super) use series::{Archive, Series};
pub(super) use write::{Part, Written, write};

/// The last entry of each archive.
const MANIFEST: &str = "manifest.json";
