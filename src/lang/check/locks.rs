//! Mutexes and groups that are waited for in a circle: one holds what another waits for, and the other way round. Of steps
//! of one run that is an error, of several runs a warning: whether they ever meet, only the world knows.
//!
//! Who holds what, and who shares it, is the business of `runtime/driver/holding.rs`: a group and a mutex of one name are
//! one, and what is inside a holder does not wait for it.

mod meet;
mod takes;

use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use meet::{Meeting, in_one_run, in_two_runs};
use std::collections::{BTreeMap, BTreeSet};
use takes::Take;

/// So many steps are looked at on the way to circles; past that a book is no longer one that a person wrote.
const PATIENCE: usize = 200_000;
/// A circle of more waits than this is not looked for.
const LONGEST: usize = 4;

/// Finds the circles of one runbook and those that runs of several close.
pub(super) fn check(loaded: &Loaded, findings: &mut Diagnostics) {
    let all = takes::all(loaded);
    if all.is_empty() {
        return;
    }
    let mut told: BTreeMap<&Name, BTreeSet<BTreeSet<&Name>>> = BTreeMap::new();
    let mut by_runbook: BTreeMap<&Name, Vec<&Take<'_>>> = BTreeMap::new();
    for take in &all {
        by_runbook.entry(take.runbook).or_default().push(take);
    }
    for (runbook, takes) in &by_runbook {
        let own: Vec<&Take<'_>> = takes.iter().copied().filter(|take| !take.called).collect();
        let outline = super::outline::Outline::new(&loaded.book.runbooks[*runbook]);
        for circle in circles(&own, &|one, other| in_one_run(&outline, one, other)) {
            let known = told.entry(runbook).or_default();
            if known.insert(names(&circle)) {
                findings.push(circle_of_steps(&circle));
            }
        }
    }
    // Of runs only the names matter, so one of a sort stands for all.
    let sort = |take: &Take<'_>| {
        let held = take.chain.iter().map(|hold| (hold.name.clone(), hold.alone));
        (take.wants.clone(), held.collect::<Vec<_>>())
    };
    let mut sorts = BTreeSet::new();
    let everything: Vec<&Take<'_>> = all.iter().filter(|take| sorts.insert(sort(take))).collect();
    let mut warned: BTreeSet<BTreeSet<&Name>> = BTreeSet::new();
    for circle in circles(&everything, &in_two_runs) {
        let names = names(&circle);
        let is_told = |take: &Take<'_>| told.get(take.runbook).is_some_and(|known| known.contains(&names));
        if !circle.iter().all(|(take, _)| is_told(take)) && warned.insert(names) {
            findings.push(circle_of_runs(&circle));
        }
    }
}

/// What is waited for in a circle, each with the place in the chain of the next one that holds it.
type Circle<'t, 'a> = Vec<(&'t Take<'a>, usize)>;

fn names<'a>(circle: &[(&Take<'a>, usize)]) -> BTreeSet<&'a Name> {
    circle.iter().map(|(take, _)| take.wants).collect()
}

/// Every circle of takes that can all stand at once, each told once: from the first of its takes on.
fn circles<'t, 'a>(
    takes: &[&'t Take<'a>],
    meet: &dyn Fn(&Take<'a>, &Take<'a>) -> Option<Meeting>,
) -> Vec<Circle<'t, 'a>> {
    let knot = knot(takes);
    let takes: Vec<&Take<'_>> = takes.iter().copied().filter(|take| knot.contains(take.wants)).collect();
    let mut search = Search { takes: &takes, meet, path: Vec::new(), found: Vec::new(), left: PATIENCE };
    for first in 0..takes.len() {
        search.onward(first, first);
    }
    search.found
}

/// The names that could be part of a circle: held by who waits for another, and waited for by who holds another.
fn knot<'a>(takes: &[&Take<'a>]) -> BTreeSet<&'a Name> {
    let mut knot: BTreeSet<&Name> = takes.iter().map(|take| take.wants).collect();
    loop {
        let kept: BTreeSet<&Name> = knot
            .iter()
            .copied()
            .filter(|name| {
                let holds = |take: &&&Take<'a>| take.chain.iter().any(|hold| hold.name == *name);
                takes.iter().filter(holds).any(|take| take.wants != *name && knot.contains(take.wants))
            })
            .collect();
        if kept.len() == knot.len() {
            return kept;
        }
        knot = kept;
    }
}

struct Search<'s, 't, 'a> {
    takes: &'s [&'t Take<'a>],
    meet: &'s dyn Fn(&Take<'a>, &Take<'a>) -> Option<Meeting>,
    path: Vec<(usize, usize)>,
    found: Vec<Circle<'t, 'a>>,
    left: usize,
}

impl<'a> Search<'_, '_, 'a> {
    /// Goes on from one take to whoever holds what it wants, until it comes back to the first.
    fn onward(&mut self, first: usize, here: usize) {
        let takes = self.takes;
        for next in first..takes.len() {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return;
            }
            let Some(held) = self.waits(takes[here], takes[next]) else { continue };
            if next == first {
                let circle = self.path.iter().copied().chain([(here, held)]);
                self.found.push(circle.map(|(take, held)| (takes[take], held)).collect());
                continue;
            }
            let others = || self.path.iter().map(|(take, _)| *take).chain([here]);
            let new = next > first && !others().any(|take| take == next);
            if new
                && self.path.len() + 2 <= LONGEST
                && others().all(|take| (self.meet)(takes[take], takes[next]).is_some())
            {
                self.path.push((here, held));
                self.onward(first, next);
                self.path.pop();
            }
        }
    }

    /// Which hold of the other the first waits for.
    fn waits(&self, one: &Take<'a>, other: &Take<'a>) -> Option<usize> {
        let held = other.chain.iter().position(|hold| hold.name == one.wants)?;
        let meeting = (self.meet)(one, other)?;
        (!meeting.shares(&other.chain[held])).then_some(held)
    }
}

/// A circle within one run.
fn circle_of_steps(circle: &[(&Take<'_>, usize)]) -> Diagnostic {
    told(circle, false, Diagnostic::error).help(
        "take them in the same order, let one of the steps need the other, or let both take one mutex before these",
    )
}

/// A circle that several runs close.
fn circle_of_runs(circle: &[(&Take<'_>, usize)]) -> Diagnostic {
    told(circle, true, Diagnostic::warning).help(
        "take them in the same order everywhere, or let the runbooks share one `concurrency` group that is held before",
    )
}

fn told(
    circle: &[(&Take<'_>, usize)],
    runs: bool,
    new: fn(Code, crate::diagnostic::Spot, String) -> Diagnostic,
) -> Diagnostic {
    let count = circle.len();
    let mut parts = Vec::new();
    for (index, (take, _)) in circle.iter().enumerate() {
        // What the one before it waits for is what this one holds.
        let (_, held) = circle[(index + count - 1) % count];
        let hold = &take.chain[held];
        let who = if runs { format!("a run of `{}`", take.runbook) } else { format!("`{}`", hold.who) };
        parts.push((who, hold, take));
    }
    let sentence: Vec<String> = parts
        .iter()
        .map(|(who, hold, take)| format!("{who} holds `{}` and waits for `{}`", hold.name, take.wants))
        .collect();
    let message = format!("mutexes that are waited for in a circle: {}", sentence.join(", "));
    let (_, hold, take) = &parts[0];
    let mut finding = new(Code::MutexCircle, take.spot, message).label(format!("waits for `{}`", take.wants));
    finding = finding.note(hold.spot, format!("holds `{}` meanwhile", hold.name));
    for (_, hold, take) in &parts[1..] {
        finding = finding.note(hold.spot, format!("holds `{}`", hold.name));
        finding = finding.note(take.spot, format!("and waits for `{}`", take.wants));
    }
    finding
}
