//! Where in a JSON text a placeholder stands. Text that we do not serialise ourselves is safe for one thing
//! only: a whole value that `{{ json x }}` wrote.

use crate::base::arg::Landing;
use crate::template::tree::{Helper, Input, Item, Put, Spot};

/// Where the reading of a JSON text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Json {
    string: bool,
    escaped: bool,
}

/// Whether a text begins as a JSON document does.
pub(super) fn begins(items: &[Item]) -> bool {
    match items.first() {
        Some(Item::Lit(text)) => text.trim_start().starts_with(['{', '[']),
        Some(Item::Put(_) | Item::Block(_)) | None => false,
    }
}

impl Json {
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                _ if std::mem::take(&mut self.escaped) => {}
                '\\' => self.escaped = self.string,
                '"' => self.string = !self.string,
                _ => {}
            }
        }
    }

    /// Where a placeholder lands.
    pub(super) fn put(self, put: &Put) -> Result<Spot, String> {
        if self.string {
            return Err("a value inside quotes of a JSON text could end them".into());
        }
        match put.input {
            Input::Call(Helper::Json, ..) => {
                Ok(Spot { landing: Landing::Plain, first: false, tail: false, raw: false })
            }
            Input::Call(..) | Input::Path(_) | Input::Literal(_) => {
                Err("a value in a JSON text could be more than one value".into())
            }
        }
    }
}
