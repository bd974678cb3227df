//! The rules over a book that was read: names, types, order, places. One file per rule.
//!
//! Sees what [`crate::lang::Loaded`] holds and nothing of YAML.

mod approvals;
mod calls;
mod choices;
mod circles;
mod cron;
mod drill;
mod given;
mod idle;
mod inputs;
mod ladder;
mod lengths;
mod levels;
mod locks;
mod measures;
mod names;
mod near;
mod never;
mod openings;
mod order;
mod outline;
mod outputs;
mod outside;
mod plots;
mod reaching;
mod rehearsals;
mod responses;
mod rooted;
mod rungs;
mod scope;
mod secrets;
mod settings;
mod started;
mod triggers;
mod turns;
mod urls;
mod when;

use crate::base::ids::{Name, StepId};
use crate::diagnostic::{Diagnostics, FileId, Spot};
use crate::lang::{Loaded, Mention};
pub(super) use ladder::severity;
pub(super) use levels::ahead;
use outline::Outline;
use std::collections::{BTreeMap, BTreeSet};
pub(super) use turns::reshuffled;

/// The mentions of each runbook, as indexes into those of the book.
pub(super) fn by_runbook(loaded: &Loaded) -> BTreeMap<Name, Vec<usize>> {
    let mut found: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
    for (index, mention) in loaded.mentions.iter().enumerate() {
        let Some(runbook) = &mention.runbook else { continue };
        match found.get_mut(runbook) {
            Some(indexes) => indexes.push(index),
            None => {
                found.insert(runbook.clone(), vec![index]);
            }
        }
    }
    found
}

/// Everything that is wrong with one runbook of a book that was read.
pub(super) fn runbook(loaded: &Loaded, name: &Name, mentions: &[usize]) -> Diagnostics {
    let mut findings = Diagnostics::default();
    let Some(runbook) = loaded.book.runbooks.get(name) else { return findings };
    let mentions: Vec<&Mention> = mentions.iter().filter_map(|index| loaded.mentions.get(*index)).collect();
    let outline = Outline::new(runbook);
    names::check(loaded, &outline, &mentions, &mut findings);
    choices::check(&outline, &mentions, &mut findings);
    secrets::check(loaded, &outline, &mentions, &mut findings);
    outside::check(loaded, &outline, &mentions, &mut findings);
    when::check(loaded, &outline, &mut findings);
    idle::check(loaded, &outline, &mut findings);
    lengths::check(loaded, &outline, &mut findings);
    order::check(loaded, &outline, &mut findings);
    rooted::check(loaded, &outline, &mut findings);
    urls::check(loaded, &outline, &mut findings);
    calls::check(loaded, &outline, &mut findings);
    measures::check(loaded, &outline, &mut findings);
    plots::check(loaded, &outline, &mut findings);
    triggers::check(loaded, &outline, &mut findings);
    ladder::check(loaded, &outline, &mut findings);
    approvals::check(loaded, &outline, &mut findings);
    near::runbook(loaded, &outline, &mut findings);
    findings
}

/// Everything that is wrong with the book as a whole.
pub(super) fn book(loaded: &Loaded) -> Diagnostics {
    let mut findings = Diagnostics::default();
    for mention in loaded.mentions.iter().filter(|mention| mention.runbook.is_none()) {
        names::check_book(mention, &mut findings);
        secrets::check_book(mention, &mut findings);
    }
    calls::cycles(loaded, &mut findings);
    locks::check(loaded, &mut findings);
    triggers::paths(loaded, &mut findings);
    approvals::unattended(loaded, &mut findings);
    settings::check(loaded, &mut findings);
    near::book(loaded, &mut findings);
    given::check(loaded, &mut findings);
    findings
}

/// Where the value at a path of keys stands; the step, or the runbook's name, where that is not known.
fn place(loaded: &Loaded, outline: &Outline, step: Option<&StepId>, path: &str) -> Spot {
    let whole = step.and_then(|id| outline.get(id)).map_or(outline.runbook.spot, |standing| standing.step.spot);
    // A short form has no keys of its own: `wait: 5m` stands for `wait: { for: 5m }`.
    let mut path = path;
    loop {
        if let Some(spot) = loaded.spots.get(&outline.runbook.name, step, path) {
            return spot;
        }
        match path.rfind(['.', '[']) {
            Some(cut) => path = &path[..cut],
            None => return whole,
        }
    }
}

/// Where the key at a path stands, for names that are keys; its value's place where that is not known.
fn key_place(loaded: &Loaded, outline: &Outline, step: Option<&StepId>, path: &str) -> Spot {
    let key = loaded.spots.key(&outline.runbook.name, step, path);
    key.unwrap_or_else(|| place(loaded, outline, step, path))
}

/// The names of all runbooks, those that could not be read for other mistakes included.
fn known_runbooks(loaded: &Loaded) -> BTreeSet<&str> {
    let files = loaded.sources.iter().filter_map(|(_, source)| {
        source
            .name
            .strip_prefix("runbooks/")
            .and_then(|name| name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")))
    });
    let names: BTreeSet<&str> = loaded.book.runbooks.keys().map(Name::as_str).collect();
    // A file whose runbook has another name is known by that name.
    let stem = |file: &FileId| Some(loaded.sources.get(*file).name.rsplit('/').next()?.rsplit_once('.')?.0);
    let read: BTreeSet<&str> = loaded.book.files.values().filter_map(stem).collect();
    let unread: Vec<&str> = files.filter(|name| !names.contains(name) && !read.contains(name)).collect();
    names.into_iter().chain(unread).collect()
}
