//! Which steps of a runbook a run is to do, and whether they can do without the others.

use crate::base::ids::StepId;
use crate::diagnostic::closest;
use crate::engine::event::Selection;
use crate::model::runbook::{Runbook, walk_step};
use crate::model::step::{Step, StepKind};
use crate::service::Trouble;
use crate::service::start::StartRun;
use std::sync::Arc;

/// `--from`, `--only`, `--skip` as a selection of the runbook's own steps.
pub(super) fn select(runbook: &Runbook, wish: &StartRun) -> Result<Selection, Trouble> {
    let ids: Vec<&StepId> = runbook.steps.steps.iter().map(|step| &step.id).collect();
    let find = |wanted: &String| {
        ids.iter().find(|id| id.as_str() == wanted).map(|id| (*id).clone()).ok_or_else(|| {
            let hint = closest(wanted, ids.iter().map(|id| id.as_str()))
                .map_or(String::new(), |near| format!(": did you mean `{near}`?"));
            Trouble::Input(format!("`{}` has no step `{wanted}` of its own{hint}", runbook.name))
        })
    };
    let mut only = wish.only.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let skip = wish.skip.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    if let Some(from) = &wish.from {
        let from = find(from)?;
        let rest: Vec<StepId> = ids.iter().skip_while(|id| ***id != from).map(|id| (*id).clone()).collect();
        only = if only.is_empty() { rest } else { only.into_iter().filter(|id| rest.contains(id)).collect() };
    }
    let selection = Selection { only, skip };
    fed(runbook, wish, &selection)?;
    approved(runbook, &selection)?;
    Ok(selection)
}

/// Whether no step that is to run stands behind an approval that is left out: leaving it out is no way round it.
fn approved(runbook: &Runbook, selection: &Selection) -> Result<(), Trouble> {
    let left_out =
        |id: &StepId| selection.skip.contains(id) || (!selection.only.is_empty() && !selection.only.contains(id));
    let asks = |step: &Arc<Step>| {
        let mut found = false;
        walk_step(step, &mut |inner| found |= inner.confirm.is_some() || matches!(inner.kind, StepKind::Approval(_)));
        found
    };
    let list = &runbook.steps;
    for gate in list.steps.iter().filter(|step| left_out(&step.id) && asks(step)) {
        let mut behind: Vec<&StepId> = vec![&gate.id];
        // `needs` may name what is written later: until nothing more is behind it.
        let mut known = 0;
        while known < behind.len() {
            known = behind.len();
            for step in &list.steps {
                let waits = list.graph.waits(&step.id).any(|(id, _)| behind.contains(&id));
                if waits && !behind.contains(&&step.id) {
                    behind.push(&step.id);
                }
            }
        }
        // What is only confirmed itself is not done either when it is left out.
        let mut guards = matches!(gate.kind, StepKind::Steps(_));
        walk_step(gate, &mut |inner| guards |= matches!(inner.kind, StepKind::Approval(_)));
        let free = behind.iter().skip(1).find(|id| guards && !left_out(id));
        if let Some(free) = free {
            return Err(Trouble::Input(format!(
                "`{free}` stands behind the approval `{}`, which is left out: let `{}` run too, or leave `{free}` out as well",
                gate.id, gate.id
            )));
        }
    }
    Ok(())
}

/// Whether every step that is to run gets what it reads: none begins that would fail in the middle for want of an output.
fn fed(runbook: &Runbook, wish: &StartRun, selection: &Selection) -> Result<(), Trouble> {
    let left_out =
        |id: &StepId| selection.skip.contains(id) || (!selection.only.is_empty() && !selection.only.contains(id));
    let starved = runbook.steps.reads.iter().find(|(reader, read)| !left_out(reader) && left_out(read));
    let Some((reader, read)) = starved else { return Ok(()) };
    let option = match (selection.skip.contains(read), &wish.from) {
        (true, _) => "--skip",
        (false, Some(_)) if wish.only.is_empty() => "--from",
        (false, Some(_) | None) => "--only",
    };
    Err(Trouble::Input(format!(
        "`{reader}` needs the output of `{read}`, which `{option}` leaves out: let `{read}` run too, or leave `{reader}` out as well"
    )))
}
