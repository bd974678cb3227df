//! At every instant of the next 90 days somebody is on every level that pages, and is told in time.
//!
//! Who is on call changes at known instants; between two of them it does not. So it is enough to look at those.

use super::rungs::Rungs;
use super::settings::ladder_file;
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId};
use crate::lang::Loaded;
use crate::model::escalation::{Escalation, Severity};
use crate::model::oncall::{self, Nobody, resolve};
use crate::model::reach::{quiet_end, reach};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How far is looked ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Who may own an incident on a level: a rotation, or nobody.
type Owner<'a> = Option<&'a Name>;

/// Checks what no time changes: that whoever owns an incident is known where a level asks for them.
pub(super) fn check(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let rungs = Rungs::new(loaded, ladder, file);
    for (index, route) in ladder.routes.iter().enumerate() {
        if route.owner.is_some() || oncall::only(ladder).is_some() {
            continue;
        }
        let climbs = |level: &u32| {
            let of = |severity: &Severity| severity.climb.contains_key(level);
            let mut known =
                ladder.severities.iter().filter(|(name, _)| route.severity.as_ref().is_none_or(|it| it == *name));
            known.any(|(_, severity)| of(severity))
        };
        let alone = |page: &[String]| !page.is_empty() && page.iter().all(|who| who == "on_call.owner");
        let level = ladder.levels.iter().find(|(number, level)| climbs(number) && alone(&level.page));
        if let Some((number, _)) = level {
            let message = format!("incidents of this route have no owner, and level {number} pages `on_call.owner`");
            findings.push(
                Diagnostic::error(Code::EmptyLevel, rungs.nth("routes", "match", index), message)
                    .help("give the route an `owner`: a rotation below `on_call:`"),
            );
        }
    }
}

/// What will be wrong in the 90 days after an instant.
pub(in crate::lang) fn ahead(loaded: &Loaded, now: Timestamp) -> Diagnostics {
    let mut findings = Diagnostics::default();
    let (Some(ladder), Some(file)) = (&loaded.book.escalation, ladder_file(loaded)) else { return findings };
    let Ok(end) = now.checked_add(AHEAD) else { return findings };
    let rungs = Rungs::new(loaded, ladder, file);
    for (number, level) in ladder.levels.iter().filter(|(_, level)| !level.page.is_empty()) {
        for owner in owners(loaded, ladder, &level.page, Some(*number)) {
            empty(
                &rungs,
                (&format!("level {number}"), "levels", &number.to_string()),
                &level.page,
                owner,
                (now, end),
                &mut findings,
            );
        }
    }
    for owner in owners(loaded, ladder, &ladder.catch_all, None) {
        empty(&rungs, ("`catch_all`", "catch_all", ""), &ladder.catch_all, owner, (now, end), &mut findings);
    }
    for (name, severity) in &ladder.severities {
        late(&rungs, name, severity, (now, end), &mut findings);
    }
    findings
}

/// The owners that matter to a page: each rotation that may own an incident there, where it asks for the owner at all.
fn owners<'a>(loaded: &'a Loaded, ladder: &'a Escalation, page: &[String], level: Option<u32>) -> BTreeSet<Owner<'a>> {
    if !page.iter().any(|who| who == "on_call.owner") {
        return BTreeSet::from([None]);
    }
    let climbs = |name: &String| {
        let severity = ladder.severities.get(name);
        level.is_none_or(|level| severity.is_none_or(|severity| severity.climb.contains_key(&level)))
    };
    let routes = ladder.routes.iter().filter(|route| route.severity.as_ref().is_none_or(climbs));
    let routes = routes.filter_map(|route| route.owner.as_ref());
    let runbooks = loaded.book.runbooks.values().filter_map(|runbook| runbook.owner.as_ref());
    let named = routes.chain(runbooks).chain(oncall::only(ladder));
    named.filter(|name| ladder.on_call.contains_key(*name)).map(Some).collect()
}

/// The rotations a page asks for.
fn rotations<'a>(page: &'a [String], owner: Owner<'a>) -> impl Iterator<Item = &'a str> {
    page.iter().filter_map(move |who| match who.strip_prefix("on_call.")? {
        "owner" => owner.map(Name::as_str),
        rotation => Some(rotation),
    })
}

fn empty(
    rungs: &Rungs<'_>,
    (what, key, word): (&str, &str, &str),
    page: &[String],
    owner: Owner<'_>,
    (now, end): (Timestamp, Timestamp),
    findings: &mut Diagnostics,
) {
    let ladder = rungs.ladder;
    let mut edges = BTreeSet::from([now]);
    rotations(page, owner).for_each(|name| edges.extend(oncall::edges(ladder, name, now, end)));
    let mut gaps: Vec<(Timestamp, Timestamp, Nobody)> = Vec::new();
    let ends = edges.iter().skip(1).copied().chain([end]);
    for (from, to) in edges.iter().copied().zip(ends) {
        if page.iter().any(|who| !resolve(ladder, who, owner, from).is_empty()) {
            continue;
        }
        // People and rotations that do not exist have been told of by the rule about their names.
        let why = rotations(page, owner).filter_map(|name| oncall::who(ladder, name, from).err());
        let mut why = why.filter(|why| matches!(why, Nobody::NotYet(_) | Nobody::OutsideHours(_)));
        let Some(why) = why.next() else { continue };
        match gaps.last_mut().filter(|last| last.1 == from) {
            Some(last) => last.1 = to,
            None => gaps.push((from, to, why)),
        }
    }
    let Some((from, to, why)) = gaps.first() else { return };
    let (Nobody::NotYet(name) | Nobody::OutsideHours(name) | Nobody::NoMembers(name)) = why else { return };
    let zone = ladder.rotations.get(name).map_or(TimeZone::UTC, |rotation| rotation.zone.clone());
    let until = if *to == end { "on".to_owned() } else { format!("to {}", shown(*to, &zone)) };
    let more = match gaps.len() {
        1 => String::new(),
        n => format!(", and {} times more in 90 days", n - 1),
    };
    let message = format!(
        "nobody is on {what} from {} {until} ({}){more}: {why}",
        shown(*from, &zone),
        zone.iana_name().unwrap_or("UTC")
    );
    let help = match why {
        Nobody::NotYet(_) => "let `since` be a day that has come, or let somebody stand in until then: `overrides`",
        Nobody::OutsideHours(_) | Nobody::NoMembers(_) | Nobody::NoRotation(_) => {
            "page somebody else there, too, whose hours are the other ones, or take `hours` away"
        }
    };
    let spot = if word.is_empty() { rungs.at(key) } else { rungs.below(key, word) };
    findings.push(Diagnostic::error(Code::EmptyLevel, spot, message).help(help));
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%F %H:%M").to_string()
}

/// Whether, at some instant, quiet hours alone keep everybody from being told before an answer is due.
fn late(
    rungs: &Rungs<'_>,
    name: &str,
    severity: &Severity,
    (now, end): (Timestamp, Timestamp),
    findings: &mut Diagnostics,
) {
    let ladder = rungs.ladder;
    let announced =
        severity.announce.as_ref().and_then(|set| ladder.announce.get(set)).is_some_and(|set| !set.is_empty());
    let Some(within) = severity.respond_within.filter(|_| !announced) else { return };
    let levels = severity.climb.iter().filter(|(_, at)| **at <= within);
    let pages: Vec<(&[String], Span)> =
        levels.filter_map(|(level, at)| Some((ladder.levels.get(level)?.page.as_slice(), *at))).collect();
    let asked: Vec<String> = pages.iter().flat_map(|(page, _)| page.iter().cloned()).collect();
    let quiet = ladder.contacts.values().flat_map(|contact| &contact.quiet);
    let quiet: Vec<_> = quiet.filter(|quiet| quiet.severities.iter().any(|it| it == name)).collect();
    if quiet.is_empty() {
        return;
    }
    for owner in owners(rungs.loaded, ladder, &asked, None) {
        let mut edges = BTreeSet::from([now]);
        rotations(&asked, owner).for_each(|name| edges.extend(oncall::edges(ladder, name, now, end)));
        edges.extend(quiet.iter().flat_map(|quiet| quiet.window.edges(&quiet.zone, now, end)));
        let openings =
            edges.iter().flat_map(|at| pages.iter().filter_map(|(_, offset)| at.checked_sub(span(*offset)).ok()));
        let openings: BTreeSet<Timestamp> = openings.filter(|at| *at >= now).chain(edges.iter().copied()).collect();
        for opened in openings {
            let Some((who, until)) = kept_waiting(ladder, name, &pages, owner, (opened, within)) else { continue };
            let zone = ladder
                .contacts
                .get(&who)
                .and_then(|contact| contact.quiet.first())
                .map_or(TimeZone::UTC, |it| it.zone.clone());
            let message = format!(
                "`{name}` asks for an answer within {within}; opened at {}, it would wait for the quiet hours of `{who}` until {}",
                shown(opened, &zone),
                shown(until, &zone)
            );
            findings.push(
                Diagnostic::error(Code::QuietTooLong, rungs.behind(&["contacts", who.as_str(), "quiet"]), message)
                    .help(format!("take `{name}` out of their `severities`, announce it, or give it more time")),
            );
            return;
        }
    }
}

fn span(span: Span) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(span.millis()).unwrap_or(i64::MAX))
}

/// Whose quiet hours are waited for, and until when, where nobody is paged in time and at least one would have been.
fn kept_waiting(
    ladder: &Escalation,
    severity: &str,
    pages: &[(&[String], Span)],
    owner: Owner<'_>,
    (opened, within): (Timestamp, Span),
) -> Option<(Name, Timestamp)> {
    let mut waits = None;
    for (page, offset) in pages {
        let at = opened.checked_add(span(*offset)).ok()?;
        for who in page.iter().flat_map(|who| resolve(ladder, who, owner, at)) {
            let plan = reach(ladder, &who, severity, at);
            let first = plan.steps.first().map(|step| step.after.millis() + offset.millis());
            if first.is_some_and(|first| first <= within.millis()) {
                return None;
            }
            let end = ladder.contacts.get(&who).and_then(|person| quiet_end(person, severity, at));
            waits = waits.or(end.filter(|end| *end > at).map(|end| (who, end)));
        }
    }
    waits
}
