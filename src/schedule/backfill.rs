//! Making up for an instant that came to nothing, or was before there was anybody to see it: somebody asks for it by name.

use crate::base::actor::Actor;
use crate::base::ids::RunId;
use crate::schedule::event::{Fate, Instant};
use crate::schedule::spec::Spec;
use crate::schedule::timetable::{Due, Verdict};
use jiff::{SignedDuration, Timestamp};

/// An instant to be made up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// Which.
    pub due: Instant,
    /// Who asks.
    pub actor: Actor,
}

/// The row of the ledger that has an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Had {
    /// The first instant of the row.
    pub from: Instant,
    /// Its last.
    pub to: Instant,
    /// How many it stands for.
    pub count: u64,
    /// What became of them.
    pub fate: HadFate,
}

/// What became of the instants of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HadFate {
    /// It waits for the run before it.
    Waits,
    /// It ran, as that run.
    Ran(Option<RunId>),
    /// Nothing.
    Nothing {
        /// In which way.
        fate: Fate,
        /// Why, where the fate alone does not say it.
        why: Option<String>,
    },
}

/// The row that an instant was in, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What had become of the instant.
    pub fate: Fate,
    /// Why.
    pub why: Option<String>,
    /// Stretches of the row that the instant is not in: before it, behind it. Each is a row from now on.
    pub parts: Vec<Part>,
}

/// A stretch of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its first instant.
    pub from: Instant,
    /// Its last.
    pub to: Instant,
    /// How many.
    pub count: u64,
}

/// The due instant of that name, as the trigger's time has it today, if it would have started something.
///
/// # Errors
/// Why it would not have.
pub fn due(spec: &Spec, asked: Instant, now: Timestamp) -> Result<Due, String> {
    let found = spec.table.after(just_before(asked.at)).take_while(|due| due.at == asked.at);
    let Some(due) = found.into_iter().find(|due| due.nominal == asked.nominal) else {
        return Err(format!("`{}` is never due at {}", spec.id, asked.nominal));
    };
    match &due.verdict {
        Verdict::Fires if spec.starts(due.at, due.nominal) > now => {
            Err(format!("{} of `{}` is still to come", asked.nominal, spec.id))
        }
        Verdict::Fires => Ok(due),
        Verdict::Coalesced => Err(format!("a change of the clock makes {} one with another instant", asked.nominal)),
        Verdict::SkippedDst => Err(format!("a change of the clock leaves {} out", asked.nominal)),
        Verdict::SkippedCalendar(name) => Err(format!("calendar `{name}` leaves {} out", asked.nominal)),
    }
}

/// What is left of a row without one of its instants.
///
/// # Errors
/// Why that can't be said.
pub(super) fn left(spec: &Spec, had: &Had, due: Instant, most: usize) -> Result<Vec<Part>, String> {
    let changed = || {
        format!(
            "the row that has {} was written by another time of `{}`: it can't be taken apart",
            due.nominal, spec.id
        )
    };
    if had.count <= 1 {
        return Ok(Vec::new());
    }
    let mut before: Option<Part> = None;
    let mut behind = None;
    let dues = spec.table.after(just_before(had.from.at)).skip_while(|next| next.nominal != had.from.nominal);
    let mut dues =
        dues.take_while(|next| next.at <= had.to.at).map(|next| Instant { nominal: next.nominal, at: next.at });
    for next in dues.by_ref().take(most) {
        if next == due {
            behind = dues.next();
            let passed = before.as_ref().map_or(0, |part| part.count) + 1;
            let rest = had.count.checked_sub(passed).ok_or_else(changed)?;
            let after = match (behind, rest) {
                (_, 0) => None,
                (Some(first), _) => Some(Part { from: first, to: had.to, count: rest }),
                (None, _) => return Err(changed()),
            };
            return Ok(before.into_iter().chain(after).collect());
        }
        let from = before.as_ref().map_or(next, |part| part.from);
        before = Some(Part { from, to: next, count: before.map_or(0, |part| part.count) + 1 });
    }
    Err(match behind {
        None if had.count > most as u64 => {
            format!("{} is more than {most} instants into its row: begin with an earlier one", due.nominal)
        }
        Some(_) | None => changed(),
    })
}

fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(at)
}
