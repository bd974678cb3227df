//! Who is on call: for a rotation at an instant, over a stretch of time, and for a name on a level.
//!
//! An override comes before a holiday, a holiday before the turn. Pure: the instant comes in, names go out.

use crate::base::ids::Name;
use crate::model::escalation::{Escalation, Override, Rotation, Route};
use crate::model::turns::Turns;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Why somebody is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is their turn.
    Rotation,
    /// They stand in.
    Override,
    /// It is a day of that calendar.
    Holiday(Name),
}

impl Why {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Override => "override",
            Self::Holiday(_) => "holiday",
        }
    }
}

/// Somebody is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The contact.
    pub who: Name,
    /// Why they are.
    pub why: Why,
}

/// Why nobody is on call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nobody {
    /// It is not declared.
    #[error("there is no rotation `{0}`")]
    NoRotation(String),
    /// It has no members.
    #[error("the rotation `{0}` has no members")]
    NoMembers(Name),
    /// Its `since` has not come.
    #[error("the rotation `{0}` begins later: see its `since`")]
    NotYet(Name),
    /// It is outside of its `hours`.
    #[error("the rotation `{0}` has nobody outside of its `hours`")]
    OutsideHours(Name),
}

/// A stretch of time in which one person is on call for one reason, or nobody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// From this instant.
    pub from: Timestamp,
    /// To this instant, which is not in it.
    pub to: Timestamp,
    /// Who is on call, or why nobody is.
    pub duty: Result<Duty, Nobody>,
}

/// Who is on call for a rotation at an instant.
///
/// # Errors
/// [`Nobody`] says why nobody is.
pub fn who(ladder: &Escalation, rotation: &str, at: Timestamp) -> Result<Duty, Nobody> {
    on_call(ladder, rotation, at, true)
}

/// As [`who`]. That a rotation stands in on the holidays of another one is obeyed once, so that it ends.
fn on_call(ladder: &Escalation, rotation: &str, at: Timestamp, holidays: bool) -> Result<Duty, Nobody> {
    let (name, members) = members(ladder, rotation).ok_or_else(|| Nobody::NoRotation(rotation.to_owned()))?;
    let usual = Rotation::default();
    let rotation = ladder.rotations.get(name).unwrap_or(&usual);
    if let Some(one) = standing_in(rotation, at) {
        return Ok(Duty { who: one.who.clone(), why: Why::Override });
    }
    if !rotation.hours.is_empty() && !rotation.hours.iter().any(|window| window.open(&rotation.zone, at).is_some()) {
        return Err(Nobody::OutsideHours(name.clone()));
    }
    let turns = Turns::new(rotation);
    if turns.start().is_some_and(|start| at < start) {
        return Err(Nobody::NotYet(name.clone()));
    }
    if holidays && let Some(duty) = holiday(ladder, rotation, at) {
        return duty;
    }
    let (turn, _) = turns.at(at).ok_or_else(|| Nobody::NotYet(name.clone()))?;
    let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
    let index = turn.checked_rem_euclid(count).and_then(|index| usize::try_from(index).ok());
    let member = index.and_then(|index| members.get(index)).ok_or_else(|| Nobody::NoMembers(name.clone()))?;
    Ok(Duty { who: member.clone(), why: Why::Rotation })
}

/// A rotation's own name, and its members.
fn members<'a>(ladder: &'a Escalation, rotation: &str) -> Option<(&'a Name, &'a [Name])> {
    let found = ladder.on_call.iter().find(|(name, _)| name.as_str() == rotation);
    found.map(|(name, members)| (name, members.as_slice()))
}

/// The override that counts at an instant: of several, the one written last.
fn standing_in(rotation: &Rotation, at: Timestamp) -> Option<&Override> {
    rotation.overrides.iter().rev().find(|one| one.from <= at && at < one.to)
}

/// Who is on call because it is a holiday, where it is one.
fn holiday(ladder: &Escalation, rotation: &Rotation, at: Timestamp) -> Option<Result<Duty, Nobody>> {
    let holidays = rotation.holidays.as_ref()?;
    let today = rotation.zone.to_datetime(at).date();
    let (name, _) = holidays.calendars.iter().find(|(_, calendar)| calendar.has(today, at))?;
    let why = Why::Holiday(name.clone());
    Some(match holidays.who.strip_prefix("on_call.") {
        Some(other) => on_call(ladder, other, at, false).map(|duty| Duty { why, ..duty }),
        None => match Name::parse(&holidays.who) {
            Ok(who) => Ok(Duty { who, why }),
            Err(_) => Err(Nobody::NoRotation(holidays.who.clone())),
        },
    })
}

/// Who is on call for a rotation from one instant to another: stretches that meet, none of them empty, neighbours
/// different. Nothing where `to` is not after `from`.
#[must_use]
pub fn shifts(ladder: &Escalation, rotation: &str, from: Timestamp, to: Timestamp) -> Vec<Shift> {
    let mut found: Vec<Shift> = Vec::new();
    let edges = edges(ladder, rotation, from, to);
    let ends = edges.iter().skip(1).copied().chain([to]);
    for (begin, end) in edges.iter().copied().zip(ends) {
        let duty = who(ladder, rotation, begin);
        match found.last_mut().filter(|last| last.duty == duty) {
            Some(last) => last.to = end,
            None => found.push(Shift { from: begin, to: end, duty }),
        }
    }
    found
}

/// The instants of a stretch of time at which who is on call may change; its beginning is one of them.
#[must_use]
pub fn edges(ladder: &Escalation, rotation: &str, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
    let mut edges = BTreeSet::new();
    if from < to {
        edges.insert(from);
        gather(ladder, rotation, (from, to), true, &mut edges);
    }
    edges
}

fn gather(
    ladder: &Escalation,
    rotation: &str,
    (from, to): (Timestamp, Timestamp),
    holidays: bool,
    edges: &mut BTreeSet<Timestamp>,
) {
    let Some((name, _)) = members(ladder, rotation) else { return };
    let Some(rotation) = ladder.rotations.get(name) else { return };
    let turns = Turns::new(rotation);
    let handoffs = std::iter::successors(turns.next(from), |last| turns.next(*last));
    edges.extend(handoffs.take_while(|at| *at < to));
    let overrides = rotation.overrides.iter().flat_map(|one| [one.from, one.to]);
    edges.extend(overrides.filter(|at| (from..to).contains(at)));
    edges.extend(rotation.hours.iter().flat_map(|window| window.edges(&rotation.zone, from, to)));
    let Some(days) = rotation.holidays.as_ref().filter(|_| holidays) else { return };
    edges.extend(days.calendars.iter().flat_map(|(_, calendar)| calendar.edges(from, to, &rotation.zone)));
    if let Some(other) = days.who.strip_prefix("on_call.") {
        gather(ladder, other, (from, to), false, edges);
    }
}

/// The contacts a name on a level or in `catch_all` stands for at an instant: `senior`, `on_call.platform`,
/// `on_call.owner`. `owner` is the rotation that owns the incident; without one the only rotation of the ladder does.
/// Empty where that is nobody.
#[must_use]
pub fn resolve(ladder: &Escalation, target: &str, owner: Option<&Name>, at: Timestamp) -> Vec<Name> {
    let rotation = match target.strip_prefix("on_call.") {
        Some("owner") => owner.or_else(|| only(ladder)).map(Name::as_str),
        Some(rotation) => Some(rotation),
        None => {
            let contact = ladder.contacts.keys().find(|known| known.as_str() == target);
            return contact.into_iter().cloned().collect();
        }
    };
    let duty = rotation.and_then(|rotation| who(ladder, rotation, at).ok());
    duty.map(|duty| duty.who).filter(|who| ladder.contacts.contains_key(who)).into_iter().collect()
}

/// Everybody who may be paged by the ladder between two instants: contacts that a level or `catch_all` names, and whoever
/// is on call for a rotation in that time.
#[must_use]
pub fn between(ladder: &Escalation, from: Timestamp, to: Timestamp) -> BTreeSet<Name> {
    let targets = ladder.levels.values().flat_map(|level| &level.page).chain(&ladder.catch_all);
    let mut found = BTreeSet::new();
    let mut rotations: BTreeSet<&str> = BTreeSet::new();
    for target in targets {
        match target.strip_prefix("on_call.") {
            Some("owner") => rotations.extend(ladder.on_call.keys().map(Name::as_str)),
            Some(rotation) => drop(rotations.insert(rotation)),
            None => found.extend(ladder.contacts.keys().find(|known| known.as_str() == target).cloned()),
        }
    }
    let shifts = rotations.into_iter().flat_map(|rotation| shifts(ladder, rotation, from, to));
    found.extend(shifts.filter_map(|shift| shift.duty.ok()).map(|duty| duty.who));
    found.retain(|who| ladder.contacts.contains_key(who));
    found
}

/// The rotation of a ladder that has one.
#[must_use]
pub fn only(ladder: &Escalation) -> Option<&Name> {
    let mut names = ladder.on_call.keys();
    names.next().filter(|_| names.next().is_none())
}

/// The route of an incident with those labels: the first of which every label fits. `None` where none does, which
/// `check` refuses.
#[must_use]
pub fn route<'a>(ladder: &'a Escalation, labels: &BTreeMap<String, String>) -> Option<&'a Route> {
    let fits = |route: &&Route| route.matches.iter().all(|(label, value)| labels.get(label) == Some(value));
    ladder.routes.iter().find(fits)
}

/// Rotations whose members are others than before although their `since` is the same: turns are counted from it, so
/// that somebody else would be on call from one moment to the next.
#[must_use]
pub fn reshuffled(before: &Escalation, after: &Escalation) -> Vec<Name> {
    let since = |ladder: &Escalation, name: &Name| ladder.rotations.get(name).and_then(|rotation| rotation.since);
    let changed = after.on_call.iter().filter(|(name, members)| {
        before.on_call.get(*name).is_some_and(|old| old != *members && !old.is_empty())
            && since(before, name) == since(after, name)
    });
    changed.map(|(name, _)| name.clone()).collect()
}
