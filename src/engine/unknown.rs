//! What a dry run cannot know: how a step that it did not do would have ended, and whatever is asked about that.

use crate::base::address::{Lane, Place};
use crate::base::level::{Level, Outcome};
use crate::engine::event::Planned;
use crate::engine::run::Run;
use crate::expr::Unknown;
use crate::model::runbook::Runbook;

/// Why nobody can know how the step at `place` would have ended; `None` where that is known. A failure is known: it
/// happened.
pub(super) fn of_step(run: &Run, place: &Place) -> Option<String> {
    let ended = run.step_ended(place).filter(|_| run.started.dry)?;
    match (ended.outcome, &ended.planned) {
        (
            Outcome::Failed | Outcome::Interrupted | Outcome::Cancelled | Outcome::Unreached,
            Some(Planned::Request(_) | Planned::Unknown(_)) | None,
        ) => None,
        (Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped, Some(Planned::Request(_))) => {
            Some(format!("`{}` is not done", place.step()))
        }
        (Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped, Some(Planned::Unknown(_))) => {
            Some(format!("what `{}` comes to is unknown", place.step()))
        }
        (Outcome::Succeeded | Outcome::Recovered | Outcome::Skipped, None) => {
            let counts = |inner: &Place| inner.segments().get(place.depth()).is_none_or(|at| decides(at.lane));
            run.inside(place).filter(|(inner, _)| counts(inner)).find_map(|(inner, _)| of_step(run, inner))
        }
    }
}

/// Whether what stands in a list decides how the step that has it ends.
fn decides(lane: Lane) -> bool {
    match lane {
        Lane::Body(_) | Lane::Until(_) | Lane::Try(_) | Lane::Round(_) => true,
        Lane::Recover | Lane::OnError | Lane::Undo | Lane::OnFailure | Lane::Finally => false,
    }
}

/// Why it is unknown how the runbook's own steps would have ended.
pub(super) fn of_run(book: &Runbook, run: &Run) -> Option<String> {
    let places = book.steps.steps.iter().map(|step| Place::root(Lane::Body(1), step.id.clone()));
    places.filter(|_| run.started.dry).find_map(|place| of_step(run, &place))
}

/// The names of a `level` and a `failed` over steps of which one is unknown: what cannot get worse is known all the same.
pub(super) fn levels(under: &[&str], level: Level, failed: bool, why: Option<&str>) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    let mut name = |name: &str, why: &str| {
        let path = under.iter().copied().chain([name]).map(str::to_owned).collect();
        unknown.push(Unknown { path, why: why.to_owned() });
    };
    let Some(why) = why else { return unknown };
    if level < Level::Critical {
        name("level", why);
    }
    let others: &[&str] =
        if under.is_empty() { &["failed"] } else { &["outcome", "reason", "failed_steps", "failed_step"] };
    others.iter().filter(|_| !failed).for_each(|other| name(other, why));
    unknown
}
