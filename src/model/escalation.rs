//! The ladder as written in `escalation.yaml`, parsed and checked; the incident machine obeys it.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::model::calendar::Calendar;
use crate::model::cron::Pattern;
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `escalation.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Escalation {
    /// Severities by name, `P1` first.
    pub severities: BTreeMap<String, Severity>,
    /// Levels by number.
    pub levels: BTreeMap<u32, LadderLevel>,
    /// People.
    pub contacts: BTreeMap<Name, Contact>,
    /// Names of rotations with their members, in the order of their turns; how they take them is in `rotations`.
    pub on_call: BTreeMap<Name, Vec<Name>>,
    /// Broadcast sets by name: channel addresses such as `slack:#incidents`.
    pub announce: BTreeMap<String, Vec<String>>,
    /// Who is told when everything else failed.
    pub catch_all: Vec<String>,
    /// The zone of its times; the book's where none is written.
    pub timezone: Option<String>,
    /// When and how the members of each rotation take turns.
    pub rotations: BTreeMap<Name, Rotation>,
    /// The first that matches an incident decides.
    pub routes: Vec<Route>,
    /// When people are sent test pages.
    pub drill: Option<Drill>,
}

/// After how long a way that worked is proved no more, unless a drill says otherwise.
pub const STALE_AFTER: Span = Span::from_secs(35 * 24 * 3_600);

/// When people are sent test pages, and what counts as proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// When, by the clocks of its zone.
    pub pattern: Pattern,
    /// That zone.
    pub zone: TimeZone,
    /// Contacts and rotations; none is everybody.
    pub who: Vec<String>,
    /// The ways; none is every way a person has.
    pub channels: Vec<Name>,
    /// In what time somebody has to say that a page has arrived; `None` = nobody has to.
    pub confirm_within: Option<Span>,
    /// After how long a way that worked is proved no more.
    pub stale_after: Span,
}

/// How the members of a rotation take turns: by local times of its zone, whatever the clocks do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The zone of its times.
    pub zone: TimeZone,
    /// The day from which they do; nobody is on call before. Counted from a fixed Monday where it is not said.
    pub since: Option<Date>,
    /// How long a turn is by the calendar, in hours: 24 is a day, however long that day is. `None`: it never goes round.
    pub turn: Option<u32>,
    /// The weekday on which it goes round, where turns are whole weeks.
    pub weekday: Option<Weekday>,
    /// The time of day at which it goes round.
    pub handoff: Time,
    /// When somebody is on call at all; empty is always.
    pub hours: Vec<Window>,
    /// Who stands in.
    pub overrides: Vec<Override>,
    /// Who is on call on holidays.
    pub holidays: Option<Holidays>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            since: None,
            turn: Some(7 * 24),
            weekday: None,
            handoff: Time::constant(9, 0, 0, 0),
            hours: Vec::new(),
            overrides: Vec::new(),
            holidays: None,
        }
    }
}

/// Somebody stands in for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// From this instant.
    pub from: Timestamp,
    /// To this instant, which is not in it.
    pub to: Timestamp,
    /// Who.
    pub who: Name,
}

/// Who is on call on the days of calendars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holidays {
    /// The calendars of `stepladder.yaml`, by name.
    pub calendars: Vec<(Name, Arc<Calendar>)>,
    /// A contact, or a rotation as in `on_call.weekend`.
    pub who: String,
}

/// A stretch of each day, or of some weekdays, by local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// When it begins.
    pub from: Time,
    /// When it ends: on the next day where that is not after its beginning.
    pub to: Time,
    /// The days on which it begins; empty is every day.
    pub days: Vec<Weekday>,
}

/// Where incidents go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Labels it is for; none is every incident.
    pub matches: BTreeMap<String, String>,
    /// The severity they get.
    pub severity: Option<String>,
    /// What kind of trouble they are.
    pub kind: Option<String>,
    /// The rotation that answers.
    pub owner: Option<Name>,
    /// The runbook that level 1 tries first.
    pub first_response: Option<Name>,
}

/// How a person is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Over all these channels together.
    AtOnce(Vec<Name>),
    /// Over one after the other, with that pause.
    InTurn(Vec<Name>, Span),
}

/// What stops a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unless {
    /// An acknowledgement.
    #[default]
    Acknowledged,
    /// Only the end of the incident.
    Resolved,
}

/// One severity.
#[derive(Debug, Clone, Default)]
pub struct Severity {
    /// What people read.
    pub title: String,
    /// How soon somebody must answer.
    pub respond_within: Option<Span>,
    /// Level to offset from the opening.
    pub climb: BTreeMap<u32, Span>,
    /// Whether it climbs at once when level 1 fails.
    pub climb_early: bool,
    /// How often a level is paged again.
    pub repeat: Option<Span>,
    /// After how long without activity an acknowledgement lapses.
    pub ack_lapses: Option<Span>,
    /// The broadcast set that is told.
    pub announce: Option<String>,
    /// How a person is reached.
    pub reach: Option<Reach>,
}

/// One level.
#[derive(Debug, Clone, Default)]
pub struct LadderLevel {
    /// What people read.
    pub name: String,
    /// Contacts and rotations that are paged.
    pub page: Vec<String>,
    /// Runbooks that gather evidence.
    pub gather: Vec<Name>,
    /// Runbooks that try to mend.
    pub tries: Vec<Name>,
    /// What whoever is paged does.
    pub duties: Vec<String>,
    /// How long the level may take.
    pub limit: Option<Span>,
    /// A runbook that ran for the same key is not run again within this time.
    pub not_again_within: Option<Span>,
    /// What stops it.
    pub unless: Unless,
}

/// One person.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Address by channel name.
    pub addresses: BTreeMap<String, String>,
    /// Users of the machine and names of tokens that they come in as; their own name where there are none.
    pub users: Vec<String>,
    /// How they want to be reached, in the place of a severity's `reach`.
    pub rules: Vec<ContactRule>,
    /// When they are left alone.
    pub quiet: Vec<Quiet>,
}

impl Contact {
    /// Their address on a channel; `sms` and `voice` are the telephone's unless they have their own.
    #[must_use]
    pub fn address(&self, channel: &str) -> Option<&str> {
        let own = self.addresses.get(channel);
        let phone = || self.addresses.get("phone").filter(|_| matches!(channel, "sms" | "voice"));
        own.or_else(phone).map(String::as_str)
    }
}

/// One of a person's own rules: so long after the page, by these channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRule {
    /// From the page on.
    pub after: Span,
    /// The channels, all at once.
    pub by: Vec<Name>,
    /// The severities it is for; empty is every one.
    pub severities: Vec<String>,
}

impl ContactRule {
    /// Whether it is for that severity.
    #[must_use]
    pub fn is_for(&self, severity: &str) -> bool {
        self.severities.is_empty() || self.severities.iter().any(|known| known == severity)
    }
}

/// When a person is not paged: what comes then waits for the end of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// The zone of its times.
    pub zone: TimeZone,
    /// The hours.
    pub window: Window,
    /// The severities that wait.
    pub severities: Vec<String>,
}
