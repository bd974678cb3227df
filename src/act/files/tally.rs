//! What was done, or would be, as the output of the step.

use crate::act::door::Found;
use crate::act::files::plan::{Deed, Item, Plan};
use crate::act::files::{Action, Order};
use crate::base::limits::MAX_LISTED;
use crate::base::span::show_size;
use crate::base::value::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Characters of names in a sentence.
const NAMED: usize = 4_000;

/// One file of the output.
#[derive(Debug)]
struct Row {
    found: Found,
    did: &'static str,
    to: Option<PathBuf>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    matched: usize,
    chosen: usize,
    bytes: u64,
    freed: u64,
    rows: Vec<Row>,
    pub(super) skipped: Vec<(PathBuf, String)>,
}

impl Tally {
    pub(super) fn of(plan: &Plan) -> Self {
        let bytes = plan.items.iter().map(|item| item.found.bytes).sum();
        let (matched, skipped) = (plan.matched, plan.skipped.clone());
        Self { matched, chosen: plan.items.len(), bytes, skipped, ..Self::default() }
    }

    /// Counts what was done to a file; `left` is the size of what is there in its place.
    pub(super) fn did(&mut self, item: &Item, left: u64) {
        let to = match &item.deed {
            Deed::Find | Deed::Verify(_) | Deed::Remove => None,
            Deed::Compress(_, to) | Deed::Move(to) | Deed::Rotate(to, _) => Some(to.clone()),
            Deed::Archived(archive) => Some(archive.path.clone()),
        };
        let gone = match &item.deed {
            Deed::Compress(..) | Deed::Archived(_) | Deed::Remove if item.found.alone => item.found.bytes,
            Deed::Compress(..)
            | Deed::Archived(_)
            | Deed::Remove
            | Deed::Find
            | Deed::Verify(_)
            | Deed::Move(_)
            | Deed::Rotate(..) => 0,
        };
        self.freed += gone.saturating_sub(left);
        self.rows.push(Row { found: item.found.clone(), did: item.deed.word(), to });
    }

    /// Counts what would be done to a file. How small an archive gets is not known before.
    pub(super) fn would(&mut self, item: &Item) {
        let left = if matches!(item.deed, Deed::Compress(..)) { u64::MAX } else { 0 };
        self.did(item, left);
    }

    fn count(&self, did: &str) -> usize {
        self.rows.iter().filter(|row| row.did == did).count()
    }

    pub(super) fn output(&self, order: &Order, dry: bool, note: Option<&str>) -> Value {
        let age = |row: &Row| order.now.saturating_sub(row.found.looks.changed.0);
        let rows = self.rows.iter().take(MAX_LISTED).map(|row| {
            json!({
                "path": row.found.shown(),
                "bytes": row.found.bytes,
                "age_s": age(row),
                "mode": format!("{:04o}", row.found.looks.mode),
                "directory": row.found.directory,
                "did": row.did,
                "to": row.to.as_ref().map(|to| to.display().to_string()),
            })
        });
        let skipped = self.skipped.iter().take(MAX_LISTED);
        let skipped = skipped.map(|(path, why)| json!({ "path": path.display().to_string(), "why": why }));
        let more = |count: usize| count.saturating_sub(MAX_LISTED);
        json!({
            "summary": note.map_or_else(|| self.summary(order, dry), str::to_owned),
            "dry": dry,
            "matched": self.matched,
            "chosen": self.chosen,
            "bytes": self.bytes,
            "verified": self.count("verified"),
            "compressed": self.count("compressed"),
            "removed": self.count("removed"),
            "moved": self.count("moved"),
            "rotated": self.count("rotated"),
            "freed_bytes": self.freed,
            "files": rows.collect::<Vec<_>>(),
            "skipped": skipped.collect::<Vec<_>>(),
            "not_listed": more(self.rows.len()) + more(self.skipped.len()),
        })
    }

    /// `compressed 2, removed 1 of 10 files, 3 KiB freed`; a dry run names them.
    fn summary(&self, order: &Order, dry: bool) -> String {
        let words = ["found", "verified", "compressed", "removed", "moved", "rotated"];
        let counts: Vec<String> = words
            .into_iter()
            .filter(|word| self.count(word) > 0)
            .map(|word| format!("{word} {}", self.count(word)))
            .collect();
        let left = match self.skipped.len() {
            0 => String::new(),
            count => format!(", {count} left alone"),
        };
        let freed = match &order.action {
            Action::Find | Action::Verify | Action::Move { .. } => String::new(),
            Action::Compress(_) | Action::Rotate { .. } if dry => String::new(),
            Action::Compress(_) | Action::Remove { .. } | Action::Rotate { .. } => {
                format!(", {} freed", show_size(self.freed))
            }
        };
        let done = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        let would = if dry { "would have " } else { "" };
        let fit = format!("{} below `{}`", files(self.matched), order.root);
        let mut text = if counts.is_empty() {
            format!("nothing to do: of {fit} none is chosen{left}")
        } else {
            format!("{would}{done} of {fit}{freed}{left}")
        };
        if dry && !self.rows.is_empty() {
            text.push_str(": ");
            text.push_str(&self.names());
        }
        text
    }

    /// The names of what was, or would be, done, with what it is where that differs.
    pub(super) fn names(&self) -> String {
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let to = row.to.as_ref().map(|to| format!(" to {}", to.display())).unwrap_or_default();
            let several = self.rows.iter().any(|other| other.did != row.did);
            let did = if several { format!("{} ", row.did) } else { String::new() };
            let name = format!("{did}{}{to}", row.found.shown());
            if text.len() + name.len() > NAMED {
                let _ = write!(text, ", and {} more", self.rows.len() - number);
                break;
            }
            if number > 0 {
                text.push_str(", ");
            }
            text.push_str(&name);
        }
        text
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}
