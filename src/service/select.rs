//! Which steps of a runbook a run is to do, and whether they can do without the others.

use crate::base::ids::StepId;
use crate::diagnostic::closest;
use crate::engine::event::Selection;
use crate::model::runbook::Runbook;
use crate::service::Trouble;
use crate::service::start::StartRun;

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
    Ok(selection)
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
