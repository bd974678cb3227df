//! Whether two waits can stand at the same time, and what they then hold together.

use super::takes::{Hold, Take};
use crate::base::ids::StepId;
use crate::lang::check::outline::{Outline, Standing};
use crate::model::step::Step;
use std::collections::BTreeSet;

/// Two waits that can stand at once.
pub(super) struct Meeting {
    /// The steps around both, which hold for both; `None` = they are in runs of their own.
    around: Option<BTreeSet<StepId>>,
}

impl Meeting {
    /// Whether both are inside of who holds it.
    pub(super) fn shares(&self, hold: &Hold<'_>) -> bool {
        self.around.as_ref().is_some_and(|around| hold.step.is_none_or(|step| around.contains(step)))
    }

    /// What both hold and only one can shuts one of them out.
    fn kept(self, one: &Take<'_>, other: &Take<'_>) -> Option<Self> {
        let shut = one.chain.iter().any(|mine| {
            let theirs = other.chain.iter().filter(|theirs| theirs.name == mine.name);
            theirs.into_iter().any(|theirs| mine.alone && theirs.alone && !(self.shares(mine) && self.shares(theirs)))
        });
        (!shut).then_some(self)
    }
}

/// In two runs, of two runbooks or of one.
pub(super) fn in_two_runs(one: &Take<'_>, other: &Take<'_>) -> Option<Meeting> {
    Meeting { around: None }.kept(one, other)
}

/// In one run of the runbook.
pub(super) fn in_one_run(outline: &Outline<'_>, one: &Take<'_>, other: &Take<'_>) -> Option<Meeting> {
    let (ones, others) = (outline.upwards(one.step), outline.upwards(other.step));
    let parent = |standing: &Standing<'_>| standing.parent.map(|parent| parent.id.clone());
    for (at, mine) in ones.iter().enumerate() {
        let Some(theirs) = others.iter().find(|theirs| parent(theirs) == parent(mine)) else { continue };
        let same = mine.step.id == theirs.step.id;
        // Items of one list at the same time: its step, and what is around that, is around both.
        let items = same && mine.step.foreach.as_ref().is_some_and(|foreach| foreach.max_parallel > 1);
        if items || (!same && beside(mine, theirs)) {
            let around = ones.iter().skip(if items { at } else { at + 1 }).map(|around| around.step.id.clone());
            return Meeting { around: Some(around.collect()) }.kept(one, other);
        }
    }
    None
}

/// Whether two steps of one list can run at once.
fn beside(one: &Standing<'_>, other: &Standing<'_>) -> bool {
    let (Some(list), true) = (one.list, one.lane == other.lane) else { return false };
    let (a, b) = (&one.step.id, &other.step.id);
    let ordered = list.graph.comes_after(a, b) || list.graph.comes_after(b, a);
    !ordered && list.parallel != Some(1) && !either_or(one.step, other.step)
}

/// Whether the condition of one is the other's the other way round.
fn either_or(one: &Step, other: &Step) -> bool {
    let (Some(one), Some(other)) = (&one.when, &other.when) else { return false };
    let bare = |text: &str| text.trim().trim_start_matches('(').trim_end_matches(')').trim().to_owned();
    let not = |one: &str, other: &str| one.trim().strip_prefix('!').is_some_and(|rest| bare(rest) == bare(other));
    let value = |text: &str| {
        let (left, right) = text.split_once("==")?;
        let plain = !text.contains("&&") && !text.contains("||") && right.trim().starts_with('"');
        plain.then(|| (left.trim().to_owned(), right.trim().to_owned()))
    };
    let differ = match (value(one.source()), value(other.source())) {
        (Some((left, is)), Some((same, other))) => left == same && is != other,
        (Some(_) | None, _) => false,
    };
    not(one.source(), other.source()) || not(other.source(), one.source()) || differ
}
