//! What is written and would do nothing, or could never do what it says.

use super::outline::Outline;
use super::{key_place, place};
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::step::{Step, StepKind, Wait, Watch};

/// The variables that the engine sets in the environment of every child.
const OURS: &[&str] = &["RUN_ID", "RUN_DIR", "STEP_ID", "ATTEMPT", "BOOK_DIR", "STEPLADDER_KEY"];
/// Keys that only mean something to a process.
const OF_PROCESSES: &[&str] = &["env", "workdir", "output", "artifacts"];

/// Checks one runbook for words without an effect.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    let idle = Idle { loaded, outline };
    idle.zero(None, outline.runbook.timeout, findings);
    for standing in outline.iter() {
        let step = standing.step.as_ref();
        if loaded.broken.contains(&(outline.runbook.name.clone(), step.id.clone())) {
            continue;
        }
        idle.zero(Some(step), step.timeout, findings);
        idle.environment(step, findings);
        idle.processes(step, findings);
        idle.empty(step, findings);
        if let StepKind::Watch(watch) = &step.kind {
            idle.rounds(step, watch, findings);
        }
    }
}

struct Idle<'a> {
    loaded: &'a Loaded,
    outline: &'a Outline<'a>,
}

impl Idle<'_> {
    fn zero(&self, step: Option<&Step>, timeout: Option<Span>, findings: &mut Diagnostics) {
        if timeout == Some(Span::ZERO) {
            let spot = place(self.loaded, self.outline, step.map(|step| &step.id), "timeout");
            findings.push(
                Diagnostic::error(Code::BadDuration, spot, "a timeout of nothing: it is over before anything began")
                    .help("write how long it may take, `timeout: 30s`, or take `timeout` out"),
            );
        }
    }

    fn environment(&self, step: &Step, findings: &mut Diagnostics) {
        for (name, _) in step.env.iter().filter(|(name, _)| OURS.contains(&name.as_str())) {
            let spot = key_place(self.loaded, self.outline, Some(&step.id), &format!("env.{name}"));
            findings.push(
                Diagnostic::error(Code::BadName, spot, format!("`{name}` is set by the engine: it can't be given"))
                    .help(format!("take another name; every process finds {} set already", OURS.join(", "))),
            );
        }
    }

    /// Keys about processes beside something that starts none.
    fn processes(&self, step: &Step, findings: &mut Diagnostics) {
        let Some(kind) = without_process(&step.kind) else {
            if !matches!(step.kind, StepKind::Act(_)) {
                self.artifacts(step, findings);
            }
            return;
        };
        for key in OF_PROCESSES {
            let name = &self.outline.runbook.name;
            let Some(spot) = self.loaded.spots.key(name, Some(&step.id), key) else { continue };
            findings.push(
                Diagnostic::error(Code::UnknownKey, spot, format!("`{key}` means nothing beside `{kind}`"))
                    .label("no process is started here")
                    .help("take it out; it is for `shell`, `exec` and `script`, which start processes"),
            );
        }
    }

    /// Files are of one process, and a step made of steps has many.
    fn artifacts(&self, step: &Step, findings: &mut Diagnostics) {
        let Some(spot) = self.loaded.spots.key(&self.outline.runbook.name, Some(&step.id), "artifacts") else { return };
        findings.push(
            Diagnostic::error(Code::UnknownKey, spot, "`artifacts` means nothing on a step made of steps")
                .label("no process of its own is started here")
                .help("write it on the steps in it that are `shell`, `exec` or `script`"),
        );
    }

    fn empty(&self, step: &Step, findings: &mut Diagnostics) {
        let Some(foreach) = &step.foreach else { return };
        if matches!(&foreach.items, Param::List(list) if list.is_empty()) && !foreach.allow_empty {
            let spot = place(self.loaded, self.outline, Some(&step.id), "foreach");
            findings.push(
                Diagnostic::error(Code::BadNumber, spot, "a list without items: the step would fail every time")
                    .help("name the items, or take the step out; `allow_empty: true` makes an empty list good"),
            );
        }
    }

    fn rounds(&self, step: &Step, watch: &Watch, findings: &mut Diagnostics) {
        let Some(rounds) = watch.length.millis().checked_div(watch.every.millis()) else { return };
        let most = rounds + 1;
        if u64::from(watch.at_least) > most {
            let spot = place(self.loaded, self.outline, Some(&step.id), "watch.at_least");
            let message = format!(
                "at most {most} rounds fit into {} every {}: {} with data can't be reached",
                watch.length, watch.every, watch.at_least
            );
            findings.push(
                Diagnostic::error(Code::BadNumber, spot, message)
                    .help("watch for longer, look more often, or ask for fewer with `at_least`"),
            );
        }
    }
}

/// The name of a kind that starts no process and holds no steps that could.
fn without_process(kind: &StepKind) -> Option<&'static str> {
    let starts = match kind {
        StepKind::Act(action) => matches!(action.kind, Kind::Shell | Kind::Exec | Kind::Script),
        StepKind::Steps(_) | StepKind::Watch(_) | StepKind::Remedy(_) | StepKind::Wait(Wait::Probe { .. }) => true,
        StepKind::Wait(Wait::Span(_) | Wait::Until(_))
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => false,
    };
    (!starts).then(|| kind.name())
}
