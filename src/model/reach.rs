//! How a person is reached: by which channels, in what order, after how long.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::model::escalation::{Contact, Escalation, Reach};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How one page reaches one person. Without steps they can't be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order of time; those of one instant go out together.
    pub steps: Vec<PlanStep>,
    /// The end of the person's quiet hours, where the page waits for it: `after` of each step counts this in.
    pub quiet_until: Option<Timestamp>,
}

/// One way of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// From the page on.
    pub after: Span,
    /// The channel.
    pub channel: Name,
    /// The person's address there.
    pub address: String,
}

/// How a contact is reached for a severity at an instant: by their own rules where one is for it, else by the
/// severity's `reach`, else by every address at once; what comes in their quiet hours waits for the end of them.
///
/// A channel on which they have no address is left out. The plan has no steps where none is left, where the contact is
/// not declared, and where the quiet hours never end.
#[must_use]
pub fn reach(ladder: &Escalation, contact: &Name, severity: &str, at: Timestamp) -> Plan {
    let Some(person) = ladder.contacts.get(contact) else { return Plan::default() };
    let Some(end) = quiet_end(person, severity, at) else { return Plan::default() };
    let wait = u64::try_from(end.as_millisecond() - at.as_millisecond()).unwrap_or_default();
    let steps = ways(ladder, person, severity).into_iter().filter_map(|(after, channel)| {
        let address = person.address(channel.as_str())?.to_owned();
        Some(PlanStep { after: Span::from_millis(after.millis() + wait), channel, address })
    });
    Plan { steps: steps.collect(), quiet_until: (end > at).then_some(end) }
}

/// The channels by which a person is meant to be reached for a severity, each with its time from the page on; whether
/// they have an address there is not asked.
#[must_use]
pub fn ways(ladder: &Escalation, person: &Contact, severity: &str) -> Vec<(Span, Name)> {
    let rules: Vec<_> = person.rules.iter().filter(|rule| rule.is_for(severity)).collect();
    let mut ways: Vec<(Span, Name)> = if rules.is_empty() {
        match ladder.severities.get(severity).and_then(|severity| severity.reach.as_ref()) {
            Some(Reach::AtOnce(channels)) => channels.iter().map(|channel| (Span::ZERO, channel.clone())).collect(),
            Some(Reach::InTurn(channels, wait)) => (0..)
                .zip(channels)
                .map(|(turn, channel)| (Span::from_millis(wait.millis().saturating_mul(turn)), channel.clone()))
                .collect(),
            None => everything(person),
        }
    } else {
        rules.iter().flat_map(|rule| rule.by.iter().map(|channel| (rule.after, channel.clone()))).collect()
    };
    // Stable: of one instant, in the order written. The same way at the same time is one way.
    ways.sort_by_key(|(after, _)| *after);
    let mut seen = BTreeSet::new();
    ways.retain(|way| seen.insert(way.clone()));
    ways
}

/// Every channel on which a person has an address; `phone` is a number and no channel where there is `sms`.
fn everything(person: &Contact) -> Vec<(Span, Name)> {
    let known = person.addresses.keys().filter(|channel| *channel != "phone" || !person.addresses.contains_key("sms"));
    known.filter_map(|channel| Some((Span::ZERO, Name::parse(channel).ok()?))).collect()
}

/// When a person may be paged for a severity: now, or at the end of their quiet hours. `None` where those never end.
#[must_use]
pub fn quiet_end(person: &Contact, severity: &str, at: Timestamp) -> Option<Timestamp> {
    let quiet = person.quiet.iter().filter(|quiet| quiet.severities.iter().any(|known| known == severity));
    let quiet: Vec<_> = quiet.collect();
    let mut end = at;
    // One stretch may begin where another ends: as long as any is open, it goes on.
    for _ in 0..=quiet.len() * 8 {
        match quiet.iter().find(|quiet| quiet.window.open(&quiet.zone, end).is_some()) {
            Some(open) => end = open.window.shuts(&open.zone, end)?,
            None => return Some(end),
        }
    }
    None
}
