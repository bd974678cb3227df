//! What weeks held of incidents: how many, how they ended, how long that took, whom it woke. Plain figures.
//!
//! Everything of an incident counts in the week in which it was opened, by the clocks of one zone, so that what a week says
//! adds up: opened is ended and still open. Knows no journal: incidents come in one at a time.

use crate::base::ids::Name;
use crate::escalation::event::{Clock, Ending, Event, PageFate, Recorded, What, Why};
use crate::escalation::state::{Incident, Ordered};
use crate::model::trouble::{Source, Trouble};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};

/// The hours of a working day, Monday to Friday: what is outside of them is out of hours.
const WORKING: std::ops::Range<i8> = 8..18;
/// The hours in which people are awake, on any day: what is outside of them is night.
const AWAKE: std::ops::Range<i8> = 8..22;

/// Weeks, and all of them together.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// By whose clocks days and weeks are counted.
    pub zone: TimeZone,
    /// Each week by its Monday, the oldest first; a week in which nothing was opened is there, too.
    pub weeks: BTreeMap<Date, Figures>,
    /// All of them.
    pub total: Figures,
}

/// Figures of incidents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// How many were opened.
    pub opened: u64,
    /// By the severity they have, or had at the end.
    pub severities: BTreeMap<String, u64>,
    /// By the type they have, or had at the end; those without are not here.
    pub kinds: BTreeMap<String, u64>,
    /// How many came back not long after the one before with their key had ended.
    pub recurred: u64,
    /// How those ended that have.
    pub ended: BTreeMap<Ending, u64>,
    /// From the opening to the first person who took it.
    pub acknowledge: Times,
    /// From the opening to the end.
    pub resolve: Times,
    /// Messages by channel, and what became of them; `None` = it is not known yet.
    pub channels: BTreeMap<Name, BTreeMap<Option<PageFate>, u64>>,
    /// What each person had to do with them.
    pub people: BTreeMap<String, Person>,
    /// Promises that were not kept.
    pub breaches: BTreeMap<Clock, u64>,
    /// Levels that were entered late, because nobody drove the incident.
    pub late: u64,
    /// Levels that had nobody, or nobody who could be reached.
    pub gaps: u64,
    /// How often a ladder ended and nobody had answered.
    pub exhausted: u64,
    /// Who told of them: the word for it, and its name.
    pub sources: BTreeMap<(&'static str, String), Noise>,
}

/// Lengths of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times(Vec<SignedDuration>);

/// One person. A page is a message to one address that asks them to do something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Person {
    /// Pages that went out to them, or are on their way.
    pub pages: u64,
    /// Pages that failed.
    pub failed: u64,
    /// Those of `pages` that were ordered on a Saturday or Sunday, before 08:00 or from 18:00 on.
    pub out_of_hours: u64,
    /// Those of `out_of_hours` that were ordered before 08:00 or from 22:00 on.
    pub at_night: u64,
    /// Incidents that they took.
    pub taken: u64,
}

/// How much somebody told of trouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Incidents that it opened.
    pub incidents: u64,
    /// How often these were told of in all, by whomever.
    pub told: u64,
    /// Pages to people about them.
    pub pages: u64,
}

impl Times {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The shortest of them than which that many of a hundred are not longer; `None` = there are none.
    #[must_use]
    pub fn percentile(&self, of_hundred: usize) -> Option<SignedDuration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

impl Statistics {
    /// So many weeks with nothing in them, the last of them the one of `now`.
    #[must_use]
    pub fn new(zone: TimeZone, weeks: u32, now: Timestamp) -> Self {
        let last = monday(zone.to_datetime(now).date());
        let before = |back: u32| last.checked_sub(i64::from(back).weeks()).unwrap_or(last);
        let weeks = (0..weeks.max(1)).map(|back| (before(back), Figures::default())).collect();
        Self { zone, weeks, total: Figures::default() }
    }

    /// When the first week begins; incidents that were opened before do not count.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.weeks.keys().next().map_or(Timestamp::MIN, |first| self.begin(*first))
    }

    /// When a day begins by the clocks of the zone.
    #[must_use]
    pub fn begin(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).map_or(Timestamp::MAX, |day| day.timestamp())
    }

    /// Counts one incident with its events.
    pub fn add(&mut self, incident: &Incident, events: &[Recorded]) {
        let Some((opened, _)) = &incident.opened else { return };
        let week = monday(self.zone.to_datetime(*opened).date());
        let Some(figures) = self.weeks.get_mut(&week) else { return };
        figures.add(incident, events, &self.zone);
        self.total.add(incident, events, &self.zone);
    }
}

impl Figures {
    /// How many are still open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.ended.values().sum())
    }

    /// Of the pages to all people together.
    #[must_use]
    pub fn everybody(&self) -> Person {
        self.people.values().fold(Person::default(), |all, one| Person {
            pages: all.pages + one.pages,
            failed: all.failed + one.failed,
            out_of_hours: all.out_of_hours + one.out_of_hours,
            at_night: all.at_night + one.at_night,
            taken: all.taken + one.taken,
        })
    }

    /// Who told of most, at most so many: by incidents, then pages, then how often.
    #[must_use]
    pub fn noisiest(&self, most: usize) -> Vec<(&'static str, &str, Noise)> {
        let mut all: Vec<_> = self.sources.iter().map(|((word, name), noise)| (*word, name.as_str(), *noise)).collect();
        all.sort_by_key(|(_, _, noise)| std::cmp::Reverse((noise.incidents, noise.pages, noise.told)));
        all.truncate(most);
        all
    }

    fn add(&mut self, incident: &Incident, events: &[Recorded], zone: &TimeZone) {
        let Some((at, opened)) = &incident.opened else { return };
        self.opened += 1;
        *self.severities.entry(incident.severity.clone()).or_default() += 1;
        incident.kind.iter().for_each(|kind| *self.kinds.entry(kind.clone()).or_default() += 1);
        self.recurred += u64::from(opened.recurs.is_some());
        self.acknowledge.0.extend(incident.responded.map(|responded| responded.duration_since(*at)));
        if let Some(ending) = &incident.ending {
            *self.ended.entry(ending.how).or_default() += 1;
            self.resolve.0.push(ending.at.duration_since(*at));
        }
        for (clock, ..) in &incident.breaches {
            *self.breaches.entry(*clock).or_default() += 1;
        }
        let mut pages = 0;
        for ordered in incident.pages.values() {
            let fate = ordered.fate.as_ref().map(|(fate, ..)| *fate);
            *self.channels.entry(ordered.page.channel.clone()).or_default().entry(fate).or_default() += 1;
            pages += self.page(ordered, fate, zone);
        }
        self.events(events);
        let noise = self.sources.entry(source(&opened.trouble)).or_default();
        noise.incidents += 1;
        noise.told += incident.count;
        noise.pages += pages;
    }

    /// Counts a message to a person; 1 where it went out.
    fn page(&mut self, ordered: &Ordered, fate: Option<PageFate>, zone: &TimeZone) -> u64 {
        let asks = matches!(ordered.page.what, What::Call | What::Reminder | What::CatchAll);
        let Some(who) = ordered.page.who.as_ref().filter(|_| asks) else { return 0 };
        let person = self.people.entry(who.to_string()).or_default();
        match fate {
            Some(PageFate::Withdrawn) => return 0,
            Some(PageFate::Failed) => {
                person.failed += 1;
                return 0;
            }
            Some(PageFate::Accepted | PageFate::Delivered | PageFate::Read) | None => person.pages += 1,
        }
        let local = zone.to_datetime(ordered.at);
        let weekend = matches!(local.date().weekday(), Weekday::Saturday | Weekday::Sunday);
        person.out_of_hours += u64::from(weekend || !WORKING.contains(&local.hour()));
        person.at_night += u64::from(!AWAKE.contains(&local.hour()));
        1
    }

    /// Counts what only the events say.
    fn events(&mut self, events: &[Recorded]) {
        let mut takers = BTreeSet::new();
        for recorded in events {
            if let Event::Acknowledged { actor, who, .. } = &recorded.event {
                takers.insert(who.as_ref().map_or_else(|| actor.id.clone(), ToString::to_string));
            }
            self.late += u64::from(matches!(recorded.event, Event::Climbed { why: Why::CaughtUp, .. }));
            self.gaps += u64::from(matches!(recorded.event, Event::LevelEmpty { .. } | Event::Undeliverable { .. }));
            self.exhausted += u64::from(matches!(recorded.event, Event::Exhausted { .. }));
        }
        for taker in takers {
            self.people.entry(taker).or_default().taken += 1;
        }
    }
}

/// The Monday of a day's week.
fn monday(day: Date) -> Date {
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(since.days()).unwrap_or(day)
}

/// Who told of trouble first: the word for it, and the name by which people look for it.
fn source(trouble: &Trouble) -> (&'static str, String) {
    let name = match &trouble.source {
        Source::Run { runbook, .. } | Source::Step { runbook, .. } | Source::Deadline { runbook, .. } => {
            runbook.to_string()
        }
        Source::Alert { name } => name.clone(),
        // One system sends many alerts, under a name each.
        Source::Inbound { intake, .. } => trouble.labels.get("alertname").unwrap_or(intake).clone(),
        Source::Heartbeat { path } => path.clone(),
        Source::Person(actor) => actor.id.clone(),
        Source::Engine { part } => part.clone(),
    };
    (trouble.source.word(), name)
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
