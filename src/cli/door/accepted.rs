//! The texts of the book as they were accepted last, for who compares with them.

use crate::cli::door::{Door, Purpose};
use crate::cli::settings::Settings;
use crate::runtime::shelf::Texts;
use crate::runtime::{accepted, owner};
use std::path::Path;

/// The texts a daemon goes by, or went by last. `None` where that can't be told: none has served this book, or what is
/// there can't be read, which is for `doctor` to say.
pub async fn accepted(settings: &Settings, book: &Path, data: &Path) -> Option<Texts> {
    if let Ok(opened) = owner::open(data, false) {
        return accepted::last_texts(opened.journal.as_ref()).ok().filter(|texts| !texts.is_empty());
    }
    let door = Door::open(settings, book, Purpose::Look).await.ok()?;
    let texts = door.book_texts().await.ok()?.texts;
    Some(texts.into_iter().map(|(name, text)| (name, text.into())).collect())
}
