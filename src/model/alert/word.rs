//! The words of an alert's other keys.

/// What missing samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The alert stays as it is.
    Keep,
    /// The condition does not hold.
    Ok,
    /// The condition holds.
    Fire,
}

impl Missing {
    /// The words, as written.
    pub const WORDS: &[&str] = &["keep", "ok", "fire"];

    /// What a word means.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [("keep", Self::Keep), ("ok", Self::Ok), ("fire", Self::Fire)]
            .into_iter()
            .find(|(word, _)| *word == text)
            .map(|(_, missing)| missing)
    }
}
