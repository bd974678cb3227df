//! The ladder as written in `escalation.yaml`, parsed and checked; the incident machine obeys it.

use crate::base::ids::Name;
use crate::base::span::Span;
use std::collections::BTreeMap;

/// `escalation.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Escalation {
    /// Severities by name, `P1` first.
    pub severities: BTreeMap<String, Severity>,
    /// Levels by number.
    pub levels: BTreeMap<u32, LadderLevel>,
    /// People.
    pub contacts: BTreeMap<Name, Contact>,
    /// Names of rotations with their members.
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
}

/// How the members of a rotation take turns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The zone of its times.
    pub timezone: Option<String>,
    /// The day from which they do, `2026-11-23`.
    pub since: Option<String>,
    /// `daily`, `weekly` or `never`.
    pub rotate: String,
    /// When it goes round, `mon 09:00`.
    pub handoff: Option<String>,
    /// Who stands in.
    pub overrides: Vec<Override>,
}

/// Somebody stands in for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// From this local time.
    pub from: String,
    /// To this local time.
    pub to: String,
    /// Who.
    pub who: Name,
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
}
