//! The texts that findings point into.

use std::sync::Arc;

/// A text of the book, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one file. Ordered by place, so findings sort as a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Spot {
    /// The part of this spot that begins `offset` bytes in and is `len` bytes long, kept inside it.
    #[must_use]
    pub fn part(self, offset: usize, len: usize) -> Self {
        let start = (self.start + offset).min(self.end);
        Self { file: self.file, start, end: (start + len).min(self.end).max(start) }
    }
}

/// One text and the name it is shown under (its path relative to the book).
#[derive(Debug, Clone)]
pub struct Source {
    /// The name in messages.
    pub name: String,
    /// The text.
    pub text: Arc<str>,
}

/// All texts that were read together.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.0.push(Source { name: name.into(), text: text.into() });
        FileId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// The text of that id, which must come from the same `Sources`.
    #[must_use]
    pub fn get(&self, id: FileId) -> &Source {
        &self.0[id.0 as usize]
    }

    /// Every text with its id.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.0.iter().enumerate().map(|(index, source)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), source))
    }

    /// Line and column (both from 1, columns in characters) at which a spot starts.
    #[must_use]
    pub fn line_column(&self, spot: Spot) -> (usize, usize) {
        let text = &self.get(spot.file).text;
        let start = (0..=spot.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
