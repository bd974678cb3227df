//! The runbooks that the ladder starts for an incident, as far as that is known before there is one.
//!
//! Says what `escalation/ladder.rs` will do: change one, change the other.

use super::openings::{Asked, Opening};
use super::rungs::Rungs;
use super::settings::ladder_file;
use crate::base::ids::Name;
use crate::diagnostic::Spot;
use crate::lang::Loaded;
use crate::model::escalation::{Escalation, LadderLevel, Route};
use std::collections::BTreeMap;

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Response<'a> {
    /// The runbook.
    pub(super) runbook: &'a Name,
    /// The severity of the incident, where it is known.
    pub(super) severity: Option<&'a str>,
    /// Where the ladder names it.
    pub(super) spot: Spot,
    /// What the ladder does: `level 1 tries`.
    pub(super) does: String,
    /// Whether it is not run again for the same key within a time.
    pub(super) spaced: bool,
}

/// What may be started for such an incident.
pub(super) fn responses<'a>(loaded: &'a Loaded, opening: &Opening<'_>) -> Vec<Response<'a>> {
    let (Some(ladder), Some(file)) = (&loaded.book.escalation, ladder_file(loaded)) else { return Vec::new() };
    let rungs = Rungs::new(loaded, ladder, file);
    let mut found = Vec::new();
    for route in ways(ladder, &opening.labels) {
        let severities = severities(ladder, route.map(|(_, route)| route), opening.asked);
        let known = match severities.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let first = route.and_then(|(index, route)| Some((index, route.first_response.as_ref()?)));
        for severity in severities {
            let Some((number, level)) = responder(ladder, severity, first.is_some()) else { continue };
            let listed = |runbook: &'a Name, key: &str, does: &str| Response {
                runbook,
                severity: known,
                spot: rungs.behind(&["levels", &number.to_string(), key, runbook.as_str()]),
                does: format!("level {number} {does}"),
                spaced: level.not_again_within.is_some(),
            };
            match first {
                Some((index, runbook)) => found.push(Response {
                    runbook,
                    severity: known,
                    spot: rungs.first_response(index, runbook),
                    does: "the route tries".to_owned(),
                    spaced: level.not_again_within.is_some(),
                }),
                None => found.extend(level.tries.iter().map(|name| listed(name, "try", "tries"))),
            }
            found.extend(level.gather.iter().map(|name| listed(name, "gather", "gathers evidence by")));
        }
    }
    found
}

/// The routes that such labels may take: each that may match, up to the first that must. `None`: there may be none.
fn ways<'a>(ladder: &'a Escalation, labels: &BTreeMap<String, Option<String>>) -> Vec<Option<(usize, &'a Route)>> {
    let mut found = Vec::new();
    for (index, route) in ladder.routes.iter().enumerate() {
        let may = |(label, value): (&String, &String)| {
            labels.get(label).is_some_and(|known| known.as_ref().is_none_or(|known| known == value))
        };
        if !route.matches.iter().all(may) {
            continue;
        }
        found.push(Some((index, route)));
        if route.matches.keys().all(|label| labels.get(label).is_some_and(Option::is_some)) {
            return found;
        }
    }
    found.push(None);
    found
}

/// The severities it may get there.
fn severities<'a>(ladder: &'a Escalation, route: Option<&'a Route>, asked: Asked<'_>) -> Vec<&'a str> {
    let of_route = route.and_then(|route| route.severity.as_deref());
    let special = route.filter(|route| !route.matches.is_empty()).and(of_route);
    let wanted = match (special, asked) {
        (Some(severity), _) => Some(severity),
        (None, Asked::Severity(severity)) => Some(severity),
        (None, Asked::Nothing) => of_route,
        (None, Asked::Anything) => return ladder.severities.keys().map(String::as_str).collect(),
    };
    let known = wanted.and_then(|wanted| ladder.severities.keys().find(|known| *known == wanted));
    known.or_else(|| ladder.severities.keys().next()).map(String::as_str).into_iter().collect()
}

/// The level whose runbooks respond: the lowest that has any, or the lowest of all where the route names one.
fn responder<'a>(ladder: &'a Escalation, severity: &str, first: bool) -> Option<(u32, &'a LadderLevel)> {
    let climb = &ladder.severities.get(severity)?.climb;
    let mut levels = ladder.levels.iter().filter(|(number, _)| climb.contains_key(number));
    let found = levels.find(|(_, level)| first || !level.gather.is_empty() || !level.tries.is_empty());
    found.map(|(number, level)| (*number, level))
}
