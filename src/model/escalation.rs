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
}

/// One person.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Address by channel name.
    pub addresses: BTreeMap<String, String>,
}
