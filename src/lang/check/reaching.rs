//! Whoever may be paged can be reached: an address on every channel that is used, channels that are there, more than one
//! provider, and quiet hours that end.

use super::rungs::{Rungs, members};
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::model::escalation::{Contact, Escalation, Reach};
use crate::model::reach::{quiet_end, ways};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// A day whose quiet hours stand for those of every day.
const SOME_DAY: Date = Date::constant(2024, 1, 1);

/// Checks how people are reached.
pub(super) fn check(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let rungs = Rungs::new(loaded, ladder, file);
    severities(&rungs, findings);
    addresses(&rungs, findings);
    rules(&rungs, findings);
    words(&rungs, findings);
    quiet(&rungs, findings);
    providers(&rungs, findings);
}

/// The people a severity may page.
fn paged<'a>(ladder: &'a Escalation, severity: &str) -> Vec<(&'a Name, &'a Contact)> {
    let levels = ladder.severities.get(severity).into_iter().flat_map(|severity| severity.climb.keys());
    let pages = levels.filter_map(|level| ladder.levels.get(level)).flat_map(|level| &level.page);
    let people: BTreeSet<&str> = pages.flat_map(|who| members(ladder, who)).collect();
    ladder.contacts.iter().filter(|(id, _)| people.contains(id.as_str())).collect()
}

/// Whoever a severity pages by its own `reach` has an address on each of its channels.
fn severities(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    let ladder = rungs.ladder;
    for (name, severity) in &ladder.severities {
        let Some(Reach::AtOnce(channels) | Reach::InTurn(channels, _)) = &severity.reach else { continue };
        if channels.is_empty() {
            let message = format!("`{name}` reaches people by no channel at all");
            findings.push(
                Diagnostic::error(Code::NobodyTold, rungs.below("severities", name), message)
                    .help("name one: `reach: { at_once: [email] }`, or leave `reach` out"),
            );
        }
        for channel in channels {
            declared(rungs, channel, rungs.below("reach", channel.as_str()), findings);
        }
        let by_reach =
            paged(ladder, name).into_iter().filter(|(_, contact)| !contact.rules.iter().any(|it| it.is_for(name)));
        for (id, contact) in by_reach.filter(|(_, contact)| !contact.addresses.is_empty()) {
            for channel in channels.iter().filter(|channel| contact.address(channel.as_str()).is_none()) {
                findings.push(
                    Diagnostic::error(
                        Code::NoAddress,
                        rungs.below("contacts", id.as_str()),
                        format!("`{name}` reaches people by `{channel}`, and `{id}` has no address there"),
                    )
                    .help(format!("give `{id}` a `{channel}`, or take `{channel}` out of `reach`")),
                );
            }
        }
    }
}

fn addresses(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    for (id, _) in rungs.ladder.contacts.iter().filter(|(_, contact)| contact.addresses.is_empty()) {
        findings.push(
            Diagnostic::error(
                Code::NoAddress,
                rungs.below("contacts", id.as_str()),
                format!("`{id}` has no address on any channel"),
            )
            .help("give at least one: `phone`, `email` or `slack`"),
        );
    }
}

/// Whoever has rules of their own has an address on each of their channels.
fn rules(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    for (id, contact) in &rungs.ladder.contacts {
        for channel in contact.rules.iter().flat_map(|rule| &rule.by) {
            declared(rungs, channel, rungs.behind(&["contacts", id.as_str(), "rules", channel.as_str()]), findings);
            if contact.address(channel.as_str()).is_none() && !contact.addresses.is_empty() {
                findings.push(
                    Diagnostic::error(
                        Code::NoAddress,
                        rungs.below("contacts", id.as_str()),
                        format!("a rule of `{id}` reaches them by `{channel}`, and they have no address there"),
                    )
                    .help(format!("give `{id}` a `{channel}`, or take `{channel}` out of their rules")),
                );
            }
        }
    }
}

/// A channel that is used is declared. A book that declares none sends nothing yet.
fn declared(rungs: &Rungs<'_>, channel: &Name, spot: Spot, findings: &mut Diagnostics) {
    if rungs.loaded.book.settings.channels.is_empty() {
        return;
    }
    if let Some(finding) = super::ladder::channel(rungs.loaded, channel.as_str(), spot) {
        findings.push(finding);
    }
}

/// Severities that rules and quiet hours name exist.
fn words(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    for (id, contact) in &rungs.ladder.contacts {
        let rules = contact.rules.iter().flat_map(|rule| &rule.severities);
        for severity in rules.chain(contact.quiet.iter().flat_map(|quiet| &quiet.severities)) {
            super::ladder::severity(
                rungs.loaded,
                severity,
                rungs.behind(&["contacts", id.as_str(), "severities", severity]),
                findings,
            );
        }
    }
}

/// Quiet hours that never end leave a person out for good.
fn quiet(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    let Some(noon) = SOME_DAY.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).ok().map(|noon| noon.timestamp()) else { return };
    let for_ever = |contact: &Contact, severity: &str, at: Timestamp| quiet_end(contact, severity, at).is_none();
    for name in rungs.ladder.severities.keys() {
        for (id, _) in paged(rungs.ladder, name).into_iter().filter(|(_, contact)| for_ever(contact, name, noon)) {
            let message = format!("the quiet hours of `{id}` never end for `{name}`, by which they are paged");
            findings.push(
                Diagnostic::error(Code::QuietTooLong, rungs.behind(&["contacts", id.as_str(), "quiet"]), message)
                    .help(format!("let them end, or take `{name}` out of their `severities`")),
            );
        }
    }
}

/// Everybody is reached through one provider: when it fails, nobody is reached.
fn providers(rungs: &Rungs<'_>, findings: &mut Diagnostics) {
    if rungs.loaded.book.settings.channels.is_empty() {
        return;
    }
    let ladder = rungs.ladder;
    let mut providers = BTreeSet::new();
    for severity in ladder.severities.keys() {
        for (_, contact) in paged(ladder, severity) {
            let known = ways(ladder, contact, severity).into_iter().map(|(_, channel)| channel);
            let known = known.filter(|channel| contact.address(channel.as_str()).is_some());
            providers.extend(known.map(|channel| provider(rungs.loaded, &channel)));
        }
    }
    if let (Some(only), 1) = (providers.first(), providers.len()) {
        findings.push(
            Diagnostic::warning(
                Code::OneProvider,
                rungs.top(),
                format!("everybody is reached through {only} alone: when that fails, nobody is"),
            )
            .help("let the severities that matter use a channel of another provider, too: `reach: { at_once: [slack, sms] }`"),
        );
    }
}

/// Who delivers what goes over a channel: two channels over one account fail together.
fn provider(loaded: &Loaded, channel: &Name) -> String {
    let settings = loaded.book.settings.channels.get(channel);
    let text = |keys: &[&str]| {
        let found = keys.iter().try_fold(settings?, |param, key| param.get(key))?;
        super::ladder::literal(found).map(str::to_owned)
    };
    if let Some(account) = text(&["twilio", "account"]) {
        return format!("the Twilio account `{account}`");
    }
    match text(&["smtp"]) {
        Some(server) => format!("the mail server `{server}`"),
        None => format!("the channel `{channel}`"),
    }
}
