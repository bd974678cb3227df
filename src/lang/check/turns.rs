//! Rotations: turns that are counted from a day, stand-ins one at a time, holidays that somebody takes; and that there is
//! one ladder.

use super::rungs::{Rungs, somebody};
use super::settings::{ladder_file, ladder_files};
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::model::escalation::{Escalation, Rotation};
use crate::model::oncall;
use jiff::Timestamp;

/// Checks the rotations.
pub(super) fn check(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let rungs = Rungs::new(loaded, ladder, file);
    for (name, rotation) in &ladder.rotations {
        since(&rungs, name, rotation, findings);
        overrides(&rungs, name, rotation, findings);
        holidays(&rungs, name, rotation, findings);
    }
    one_ladder(loaded, findings);
}

/// Where several take turns, they are counted from a day.
fn since(rungs: &Rungs<'_>, name: &Name, rotation: &Rotation, findings: &mut Diagnostics) {
    let several = rungs.ladder.on_call.get(name).is_some_and(|members| members.len() > 1);
    if several && rotation.turn.is_some() && rotation.since.is_none() {
        let message = format!("the rotation `{name}` does not say since when its members take turns");
        findings.push(
            Diagnostic::warning(Code::TurnsShift, rungs.below("on_call", name.as_str()), message)
                .help("say from which day the first of them begins, `since: 2026-11-23`: or whoever is added changes the turns of all others"),
        );
    }
}

fn overrides(rungs: &Rungs<'_>, name: &Name, rotation: &Rotation, findings: &mut Diagnostics) {
    let shown = |at: Timestamp| rotation.zone.to_datetime(at).strftime("%F %H:%M").to_string();
    for (index, one) in rotation.overrides.iter().enumerate() {
        if one.from >= one.to {
            let message = format!(
                "`{}` stands in for `{name}` until {}, which is not after {}",
                one.who,
                shown(one.to),
                shown(one.from)
            );
            findings.push(
                Diagnostic::error(Code::BadDate, rungs.below("on_call", &shown(one.to)), message)
                    .help("`to` comes after `from`"),
            );
            continue;
        }
        let other = rotation.overrides[..index].iter().find(|other| other.from < one.to && one.from < other.to);
        if let Some(other) = other.filter(|other| other.who != one.who) {
            let (from, to) = (one.from.max(other.from), one.to.min(other.to));
            let message = format!(
                "both `{}` and `{}` stand in for `{name}` from {} to {}: the later line counts",
                other.who,
                one.who,
                shown(from),
                shown(to)
            );
            findings.push(
                Diagnostic::warning(Code::StandInTwice, rungs.below("on_call", &shown(one.from)), message)
                    .help("let one end where the other begins"),
            );
        }
    }
}

fn holidays(rungs: &Rungs<'_>, name: &Name, rotation: &Rotation, findings: &mut Diagnostics) {
    let Some(days) = &rotation.holidays else { return };
    let itself = days.who.strip_prefix("on_call.");
    let bad = match itself {
        Some(other) if other == name.as_str() || other == "owner" => Some((
            format!("the rotation `{name}` stands in for itself on holidays"),
            "name a contact, or another rotation",
        )),
        _ if somebody(rungs.ladder, &days.who) => None,
        _ => Some((
            format!("unknown contact `{}` on the holidays of the rotation `{name}`", days.who),
            "people are declared below `contacts:`, rotations below `on_call:`",
        )),
    };
    if let Some((message, help)) = bad {
        let spot = rungs.below("on_holidays", &days.who);
        findings.push(Diagnostic::error(Code::UnknownContact, spot, message).help(help));
    }
}

/// A book has one ladder.
fn one_ladder(loaded: &Loaded, findings: &mut Diagnostics) {
    let mut files = ladder_files(loaded);
    let Some(first) = files.next() else { return };
    let name = &loaded.sources.get(first).name;
    for other in files {
        let text = &loaded.sources.get(other).text;
        let spot = Spot { file: other, start: 0, end: text.find([':', '\n']).unwrap_or(text.len()) };
        findings.push(
            Diagnostic::warning(Code::TwoLadders, spot, format!("this file is not obeyed: the ladder is {name}"))
                .help("take one of the two away"),
        );
    }
}

/// Members that changed where `since` did not.
pub(in crate::lang) fn reshuffled(before: &Escalation, loaded: &Loaded) -> Diagnostics {
    let mut findings = Diagnostics::default();
    let (Some(ladder), Some(file)) = (&loaded.book.escalation, ladder_file(loaded)) else { return findings };
    let rungs = Rungs::new(loaded, ladder, file);
    for name in oncall::reshuffled(before, ladder) {
        let message =
            format!("the members of `{name}` have changed and its `since` has not: the turns of all would shift");
        findings.push(
            Diagnostic::error(Code::TurnsShift, rungs.below("on_call", name.as_str()), message)
                .help("let `since` be the day from which these members take turns; the first of them begins"),
        );
    }
    findings
}
