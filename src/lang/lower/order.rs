//! *Order* of the language, rules 1 to 5 and 7: what each step of a list waits for.

use crate::base::ids::StepId;
use crate::diagnostic::{Code, Diagnostic, Spot};
use crate::expr::{Expr, Read};
use crate::lang::lower::list::Ways;
use crate::lang::lower::reader::{Reader, Stranger};
use crate::lang::mention::Mention;
use crate::model::graph::{Cycle, Graph, Wait};
use crate::model::runbook::walk_step;
use crate::model::step::{List, Step, StepKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a step says about its order.
#[derive(Default)]
pub(super) struct Waits {
    /// `needs:`, where it is written.
    pub(super) needs: Option<Vec<(StepId, Spot)>>,
    /// `after:`, where it is written.
    pub(super) after: Option<Vec<(StepId, Spot)>>,
}

/// A lowered step with what decides its place.
pub(super) struct Placed {
    /// The step.
    pub(super) step: Arc<Step>,
    /// What it says.
    pub(super) waits: Waits,
    /// Its mentions and those of everything inside it.
    pub(super) mentions: Range<usize>,
}

/// The word of `after: all`.
pub(super) const ALL: &str = "all";

/// The order of a list, and which of its steps can't do without the output of which. What is wrong with it is said; the
/// order then holds what remains.
pub(super) fn graph(reader: &mut Reader, placed: &[Placed], ways: Ways) -> (Graph, Vec<(StepId, StepId)>) {
    let owners = owners(placed);
    let mut count = 0;
    for one in placed {
        walk_step(&one.step, &mut |_| count += 1);
    }
    let mut steps: Vec<(StepId, Vec<(StepId, Wait)>)> = Vec::with_capacity(placed.len());
    let mut reads = Vec::new();
    for (index, one) in placed.iter().enumerate() {
        let above = &placed[..index];
        let mut waits = written(reader, one, placed, above);
        if one.waits.needs.is_none() && one.waits.after.is_none() && ways.parallel.is_none() {
            // Rules 1 and 4; in handlers rule 1 waits only, but for the yes of people.
            let decides = one.step.when.as_ref().is_some_and(asks_about_failing);
            let wait = |above: &Step| {
                if decides || ways.handler && !seeks(above) { Wait::Ended } else { Wait::Satisfied }
            };
            waits.extend(above.iter().map(|above| (above.step.id.clone(), wait(&above.step))));
        }
        let mentions = reader.ctx.mentions.get(one.mentions.clone()).unwrap_or_default();
        let mentioned = mentioned(mentions, index, placed, &owners);
        let outputs = mentioned.iter().filter(|(_, wait)| *wait == Wait::Satisfied);
        reads.extend(outputs.map(|(id, _)| (one.step.id.clone(), id.clone())));
        waits.extend(mentioned);
        steps.push((one.step.id.clone(), waits));
    }
    let graph = match Graph::new(&steps) {
        Ok(graph) => graph,
        Err(cycle) => {
            // Two steps of one id wait for "themselves"; that there are two was said.
            if owners.len() >= count {
                report(reader, &cycle, placed);
            }
            let free: Vec<_> = steps.into_iter().map(|(id, _)| (id, Vec::new())).collect();
            Graph::new(&free).unwrap_or_default()
        }
    };
    (graph, reads)
}

/// Whether a step waits for the yes of people, itself or within: what stands behind it does not go on without.
fn seeks(step: &Step) -> bool {
    let inside = |list: &List| list.steps.iter().any(|inner| seeks(inner));
    matches!(step.kind, StepKind::Approval(_)) || matches!(&step.kind, StepKind::Steps(list) if inside(list))
}

/// Which step of the list each id is in.
fn owners(placed: &[Placed]) -> BTreeMap<StepId, usize> {
    let mut owners = BTreeMap::new();
    for (index, one) in placed.iter().enumerate() {
        walk_step(&one.step, &mut |step| {
            owners.insert(step.id.clone(), index);
        });
    }
    owners
}

/// Rule 2: `needs` and `after` as written.
fn written(reader: &mut Reader, one: &Placed, placed: &[Placed], above: &[Placed]) -> Vec<(StepId, Wait)> {
    let mut waits = Vec::new();
    for (id, spot) in one.waits.needs.iter().flatten() {
        if known(reader, "needs", id, *spot, one, placed) {
            waits.push((id.clone(), Wait::Satisfied));
        }
    }
    for (id, spot) in one.waits.after.iter().flatten() {
        if id.as_str() == ALL {
            waits.extend(above.iter().map(|above| (above.step.id.clone(), Wait::Ended)));
        } else if known(reader, "after", id, *spot, one, placed) {
            waits.push((id.clone(), Wait::Ended));
        }
    }
    waits
}

fn known(reader: &mut Reader, key: &'static str, id: &StepId, spot: Spot, one: &Placed, placed: &[Placed]) -> bool {
    if placed.iter().any(|neighbour| neighbour.step.id == *id) {
        return true;
    }
    let neighbours = placed.iter().map(|placed| placed.step.id.clone()).filter(|other| *other != one.step.id).collect();
    reader.strangers.push(Stranger { id: id.clone(), spot, key, neighbours });
    false
}

/// Rule 5: an unguarded output needs its step, a guarded one or a question about how it ended comes after it. What stands
/// deep inside a step counts for the step of this list that it is in.
fn mentioned(
    mentions: &[Mention],
    index: usize,
    placed: &[Placed],
    owners: &BTreeMap<StepId, usize>,
) -> Vec<(StepId, Wait)> {
    let mut waits = Vec::new();
    // A sealed output is named like a secret, and waited for like every other.
    let sealed = mentions.iter().flat_map(|mention| mention.what.sealed_outputs());
    let reads = mentions.iter().flat_map(|mention| mention.what.reads().iter().cloned()).chain(sealed);
    for read in reads {
        let [root, step, rest @ ..] = read.path.as_slice() else { continue };
        if root != "steps" {
            continue;
        }
        if step == "*" {
            waits.extend(placed[..index].iter().map(|above| (above.step.id.clone(), Wait::Ended)));
            continue;
        }
        let owner = StepId::parse(step).ok().and_then(|id| owners.get(&id).copied());
        let Some(owner) = owner.filter(|owner| *owner < index) else { continue };
        let output = rest.iter().any(|part| part == "output");
        let wait = if output && !read.guarded { Wait::Satisfied } else { Wait::Ended };
        waits.push((placed[owner].step.id.clone(), wait));
    }
    waits
}

/// Rule 4: whether a condition asks about failing. `.ok` does not.
fn asks_about_failing(when: &Expr) -> bool {
    const ENDS: [&str; 4] = ["failed", "outcome", "level", "error"];
    let asks = |read: &Read| match read.path.as_slice() {
        [root] => root == "failed" || root == "level",
        [root, _, rest @ ..] if root == "steps" => {
            let before_output = rest.iter().take_while(|part| *part != "output");
            before_output.clone().any(|part| ENDS.contains(&part.as_str()))
        }
        [..] => false,
    };
    when.reads().iter().any(asks)
}

fn report(reader: &mut Reader, cycle: &Cycle, placed: &[Placed]) {
    let shown: Vec<String> = cycle.0.iter().chain(cycle.0.first()).map(|id| format!("`{id}`")).collect();
    let place = |id: &StepId| {
        let one = placed.iter().find(|placed| placed.step.id == *id)?;
        let next =
            cycle.0.iter().position(|other| other == id).and_then(|at| cycle.0.get(at + 1).or(cycle.0.first()))?;
        let written = one.waits.needs.iter().chain(&one.waits.after).flatten().find(|(wait, _)| wait == next);
        Some((next.clone(), written.map_or(one.step.spot, |(_, spot)| *spot)))
    };
    let Some((first, spot)) = cycle.0.first().and_then(place) else { return };
    let message = match cycle.0.as_slice() {
        [one] => format!("the step `{one}` waits for itself"),
        _ => format!("these steps wait for one another: {}", shown.join(" -> ")),
    };
    let mut finding = Diagnostic::error(Code::Cycle, spot, message).label(format!("waits for `{first}`"));
    for id in cycle.0.iter().skip(1) {
        if let Some((next, spot)) = place(id) {
            finding = finding.note(spot, format!("`{id}` waits for `{next}`"));
        }
    }
    reader.ctx.findings.push(finding.help("take one of these waits away"));
}

/// Says which names of `needs` and `after` were no neighbours, once every id of the runbook is known.
pub(super) fn report_strangers(reader: &mut Reader) {
    for stranger in std::mem::take(&mut reader.strangers) {
        let Stranger { id, spot, key, neighbours } = stranger;
        let line = |reader: &Reader, spot: Spot| {
            reader.ctx.text.get(..spot.start).map_or(1, |before| before.matches('\n').count() + 1)
        };
        let finding = if let Some(elsewhere) = reader.ids.get(&id) {
            Diagnostic::error(Code::UnknownStep, spot, format!("`{id}` in `{key}` is not in the same list"))
                .note(*elsewhere, "it is here")
                .help("a step waits for steps of its own list; name the group or step around it")
        } else {
            let finding = Diagnostic::error(Code::UnknownStep, spot, format!("unknown step `{id}` in `{key}`"));
            match crate::diagnostic::closest(id.as_str(), neighbours.iter().map(StepId::as_str)) {
                Some(near) => {
                    let defined = StepId::parse(near).ok().and_then(|near| reader.ids.get(&near).copied());
                    let place =
                        defined.map_or(String::new(), |spot| format!(" (defined on line {})", line(reader, spot)));
                    finding.help(format!("did you mean `{near}`?{place}"))
                }
                None if neighbours.is_empty() => finding.help("take it out: there is no other step in this list"),
                None => finding.help(format!("the steps here are {}", names(&neighbours))),
            }
        };
        reader.ctx.findings.push(finding);
    }
}

fn names(ids: &[StepId]) -> String {
    let shown: Vec<&str> = ids.iter().take(12).map(StepId::as_str).collect();
    shown.join(", ")
}
