//! Named roots: those that `files`, `backup` and `restore` speak of are in `stepladder.yaml`.

use super::outline::Outline;
use super::urls::written;
use super::{key_place, place};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot, closest};
use crate::lang::Loaded;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::step::{Step, StepKind};

/// Keys of a kind whose value is a root.
const VALUES: [(Kind, &[&str]); 3] =
    [(Kind::Files, &["root", "to_root"]), (Kind::Backup, &["to"]), (Kind::Restore, &["from"])];

/// Keys of `backup` with a map whose keys are roots.
const MAPS: [&str; 2] = ["sources", "databases"];

/// Checks the roots of one runbook.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        let step = standing.step.as_ref();
        let StepKind::Act(action) = &step.kind else { continue };
        let name = action.kind.name();
        let keys = VALUES.iter().filter(|(kind, _)| *kind == action.kind).flat_map(|(_, keys)| *keys);
        for key in keys {
            let Some(root) = action.params.get(key).and_then(written) else { continue };
            let spot = || place(loaded, outline, Some(&step.id), &format!("{name}.{key}"));
            unknown(loaded, root, spot, findings);
        }
        for key in MAPS.into_iter().filter(|_| action.kind == Kind::Backup) {
            let Some(Param::Map(map)) = action.params.get(key) else { continue };
            for (root, _) in map {
                let spot = || key_place(loaded, outline, Some(&step.id), &format!("{name}.{key}.{root}"));
                unknown(loaded, root, spot, findings);
            }
        }
        if action.kind == Kind::Restore {
            patterns(loaded, outline, step, findings);
        }
    }
}

/// That there is no such root, where there is none.
fn unknown(loaded: &Loaded, root: &str, spot: impl FnOnce() -> Spot, findings: &mut Diagnostics) {
    let roots = &loaded.book.settings.roots;
    if roots.keys().any(|known| known.as_str() == root) {
        return;
    }
    let finding = Diagnostic::error(Code::UnknownName, spot(), format!("there is no root `{root}`"));
    let declare = format!("declare it in stepladder.yaml: `roots: {{ {root}: DIRECTORY }}`");
    findings.push(match closest(root, roots.keys().map(crate::base::ids::Name::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`? Otherwise {declare}")),
        None => finding.help(declare),
    });
}

/// Patterns of a restore begin with a root.
fn patterns(loaded: &Loaded, outline: &Outline, step: &Step, findings: &mut Diagnostics) {
    let StepKind::Act(action) = &step.kind else { return };
    if let Some(Param::Map(modes)) = action.params.get("modes") {
        for (pattern, _) in modes {
            let spot = || key_place(loaded, outline, Some(&step.id), &format!("restore.modes.{pattern}"));
            unknown(loaded, first(pattern), spot, findings);
        }
    }
    let only = match action.params.get("only") {
        Some(Param::List(only)) => only.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for (index, pattern) in only.into_iter().enumerate() {
        let Some(pattern) = written(pattern).filter(|pattern| !first(pattern).contains("{{")) else { continue };
        let spot = || place(loaded, outline, Some(&step.id), &format!("restore.only[{index}]"));
        unknown(loaded, first(pattern), spot, findings);
    }
}

fn first(pattern: &str) -> &str {
    pattern.split('/').next().unwrap_or_default()
}
