//! Parts of the ladder that nothing can come to: a route behind one that takes everything it would, a person's own rule or
//! a channel in turn that comes later than the next level.

use super::rungs::{Rungs, members};
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId};
use crate::lang::Loaded;
use crate::model::escalation::{Contact, Escalation, Reach, Route};

/// Checks whether every part of the ladder can come to be used.
pub(super) fn check(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let rungs = Rungs::new(loaded, ladder, file);
    routes(&rungs, findings);
    rules(&rungs, findings);
    turns(&rungs, findings);
}

/// A route is never taken where every incident it fits fits an earlier one, too.
fn routes(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    let routes = &rungs.ladder.routes;
    for (index, route) in routes.iter().enumerate() {
        // One that matches everything, and does not stand last, has been told of by the rule about their order.
        let wider = |other: &&Route| {
            !other.matches.is_empty()
                && other.matches.iter().all(|(label, value)| route.matches.get(label) == Some(value))
        };
        let Some(earlier) = routes[..index].iter().find(wider) else { continue };
        let shown: Vec<String> = earlier.matches.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        let message =
            format!("the route is never taken: `match: {{ {} }}` before it takes all it fits", shown.join(", "));
        findings.push(
            Diagnostic::error(Code::NeverUsed, rungs.nth("routes", "match", index), message)
                .help("the first that fits decides: put the narrower one first, or take this one away"),
        );
    }
}

/// How long a page of that level stands before the next level is paged in its place, for each severity in which that
/// person may be on the level. `None` where it is the last.
fn windows<'a>(ladder: &'a Escalation, person: &str) -> Vec<(&'a str, Option<Span>)> {
    let mut found = Vec::new();
    for (name, severity) in &ladder.severities {
        let paged: Vec<_> =
            severity.climb.iter().filter_map(|(level, at)| Some((ladder.levels.get(level)?, *at))).collect();
        let paging = || paged.iter().filter(|(level, _)| !level.page.is_empty());
        for (level, at) in paging() {
            if level.page.iter().any(|who| members(ladder, who).contains(&person)) {
                let next = paging().map(|(_, next)| *next).filter(|next| next > at).min();
                let window = next.map(|next| Span::from_millis(next.millis() - at.millis()));
                found.push((name.as_str(), window));
            }
        }
    }
    found
}

/// Whether what comes so long after a page comes too late on every level: the longest time there is.
fn too_late(after: Span, windows: &[Option<Span>]) -> Option<Span> {
    let all: Option<Vec<Span>> = windows.iter().copied().collect();
    all?.into_iter().max().filter(|longest| after >= *longest)
}

fn rules(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    for (id, contact) in &rungs.ladder.contacts {
        let windows = windows(rungs.ladder, id.as_str());
        for rule in &contact.rules {
            let of: Vec<_> = windows.iter().filter(|(severity, _)| rule.is_for(severity)).map(|(_, it)| *it).collect();
            let Some(longest) = too_late(rule.after, &of) else { continue };
            let message = format!(
                "the rule of `{id}` that waits {} is never used: after {longest} the next level is paged",
                rule.after
            );
            findings.push(
                Diagnostic::warning(Code::NeverUsed, rungs.below("contacts", id.as_str()), message)
                    .help("let it wait less, or let the severity climb later"),
            );
        }
    }
}

/// A channel in turn that a person is never reached by.
fn turns(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    for (name, severity) in &rungs.ladder.severities {
        let Some(Reach::InTurn(channels, wait)) = &severity.reach else { continue };
        for (turn, channel) in (0..).zip(channels) {
            let after = Span::from_millis(wait.millis().saturating_mul(turn));
            let cut = |(id, contact): (&'_ Name, &'_ Contact)| {
                let windows = windows(rungs.ladder, id.as_str()).into_iter().filter(|(of, _)| of == name);
                let windows: Vec<_> = windows.map(|(_, window)| window).collect();
                let own = contact.rules.iter().any(|rule| rule.is_for(name));
                too_late(after, &windows).filter(|_| !own).map(|longest| (id.clone(), longest))
            };
            let Some((id, longest)) = rungs.ladder.contacts.iter().find_map(cut) else { continue };
            let message = format!(
                "`{name}` never reaches `{id}` by `{channel}`: it would after {after}, and after {longest} the next level is paged"
            );
            findings.push(
                Diagnostic::warning(
                    Code::NeverUsed,
                    rungs.behind(&["severities", name, "reach", channel.as_str()]),
                    message,
                )
                .help("let `wait` be shorter, or use the channels `at_once`"),
            );
        }
    }
}
