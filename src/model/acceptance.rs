//! What a daemon has taken of the files of a book: an event of the stream `book`.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use jiff::Timestamp;

/// The texts of a book are what that blob holds, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// When.
    pub at: Timestamp,
    /// Who had them read.
    pub actor: Actor,
    /// The blob of all texts.
    pub texts: Digest,
    /// The files that are new, changed or gone; of very many the first.
    pub changed: Vec<String>,
}
