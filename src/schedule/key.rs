//! Keys that every node computes alike: a trigger's id, a row of the ledger, and the jitter drawn from it.

use crate::base::digest::Digest;
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::schedule::nominal::Nominal;
use std::fmt;

/// One trigger of one runbook: `backup/morning`, `backup/cron-3f9a…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId {
    /// The runbook.
    pub runbook: Name,
    /// The trigger: its `id:`, or a hash of kind, expression and zone.
    pub trigger: Name,
}

impl ScheduleId {
    /// The schedule of that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (runbook, trigger) = text.split_once('/')?;
        Some(Self { runbook: Name::parse(runbook).ok()?, trigger: Name::parse(trigger).ok()? })
    }

    /// The key of its rows in the ledger begins with this.
    #[must_use]
    pub fn prefix(&self) -> Vec<u8> {
        [self.runbook.as_str().as_bytes(), &[0], self.trigger.as_str().as_bytes(), &[0]].concat()
    }

    /// The key of the row of a due instant: those of a trigger stand in the order of their local times.
    #[must_use]
    pub fn row(&self, nominal: Nominal) -> Vec<u8> {
        [self.prefix(), nominal.to_string().into_bytes()].concat()
    }

    /// The key of the row of a call.
    #[must_use]
    pub fn call(&self, key: &Digest) -> Vec<u8> {
        [self.prefix().as_slice(), key.bytes()].concat()
    }

    /// By how much the start of an instant is put off: at most `most`, the same on every node.
    #[must_use]
    pub fn jitter(&self, nominal: Nominal, most: Span) -> Span {
        let seed = Digest::of_parts(&[b"jitter", &self.row(nominal)]).seed();
        Span::from_millis(most.millis().checked_add(1).map_or(0, |values| seed % values))
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.runbook, self.trigger)
    }
}

/// The id of a trigger that has none of its own: its kind, and what its time is made of.
#[must_use]
pub fn derived(kind: &str, expression: &str, zone: &str) -> Option<Name> {
    let hash = Digest::of_parts(&[kind.as_bytes(), expression.as_bytes(), zone.as_bytes()]);
    Name::parse(&format!("{kind}-{}", &hash.to_string()[..12])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_the_instants_own_and_within_its_bound() {
        let id = ScheduleId::parse("backup/morning").expect("an id");
        let day = |day: i8| Nominal::Local { time: jiff::civil::date(2026, 11, day).at(6, 30, 0, 0), again: false };
        let most = Span::from_secs(30);
        let all: Vec<u64> = (1..=28).map(|number| id.jitter(day(number), most).millis()).collect();
        assert!(all.iter().all(|jitter| *jitter <= 30_000) && all.iter().any(|jitter| *jitter > 15_000));
        assert_eq!(all[0], id.jitter(day(1), most).millis());
        assert!(all.iter().collect::<std::collections::BTreeSet<_>>().len() > 20, "{all:?}");
        assert_eq!(id.jitter(day(1), Span::ZERO), Span::ZERO);
    }

    #[test]
    fn an_id_is_made_of_what_the_time_is_made_of() {
        let one = derived("cron", "30 6 * * *", "Europe/Moscow").expect("an id");
        assert_eq!(Some(&one), derived("cron", "30 6 * * *", "Europe/Moscow").as_ref());
        assert_ne!(Some(&one), derived("cron", "30 6 * * *", "UTC").as_ref());
        assert!(one.as_str().starts_with("cron-") && one.as_str().len() == 17);
    }
}
