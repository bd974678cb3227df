//! A book: settings, runbooks, thresholds, alerts, the ladder.

use crate::base::ids::{Name, StepId};
use crate::base::span::{Span, parse_size};
use crate::base::value::Value;
use crate::diagnostic::FileId;
use crate::model::alert::Alert;
use crate::model::calendar::Calendar;
use crate::model::defaults;
use crate::model::escalation::Escalation;
use crate::model::measure::Threshold;
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::model::test::Test;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything of a book that passed its checks. What did not is not here; its findings are beside it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// `stepladder.yaml`.
    pub settings: Settings,
    /// Runbooks by name.
    pub runbooks: BTreeMap<Name, Arc<Runbook>>,
    /// The file each runbook is in.
    pub files: BTreeMap<Name, FileId>,
    /// `thresholds.yaml`.
    pub thresholds: BTreeMap<StepId, Threshold>,
    /// `escalation.yaml`, where there is one.
    pub escalation: Option<Escalation>,
    /// `alerts.yaml`, by name.
    pub alerts: BTreeMap<String, Alert>,
    /// `tests/*.yaml`.
    pub tests: Vec<Test>,
}

/// `stepladder.yaml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// IANA name; the default of every trigger and of `date`.
    pub timezone: String,
    /// The data directory, as written; relative to the book.
    pub data: String,
    /// Where secrets come from, first match wins.
    pub secrets: Vec<SecretSource>,
    /// Channels by name, decoded by the channel's table.
    pub channels: BTreeMap<Name, Param>,
    /// Named roots that `files`, `backup`, `restore`, `report` may touch.
    pub roots: BTreeMap<Name, String>,
    /// Where values from outside may lead an http step.
    pub allow_hosts: Vec<String>,
    /// Calendars by name.
    pub calendars: BTreeMap<Name, Arc<Calendar>>,
    /// The iCalendar files they are made of, relative to the book.
    pub calendar_files: Vec<String>,
    /// How much of a child's output is kept on disk, in bytes.
    pub output_limit: u64,
    /// Retention of finished runs.
    pub keep_runs: u32,
    /// Retention of finished runs.
    pub keep_age: Span,
    /// Retention of ended incidents.
    pub keep_incidents: Span,
    /// New runs are refused below this many free bytes.
    pub min_free: u64,
    /// The watcher outside that notices when the daemon is gone.
    pub dead_man: Option<DeadMan>,
    /// Where what runs do is sent as traces.
    pub telemetry: Telemetry,
    /// Everything else as decoded (`http`, `calendars`), for the daemon.
    pub other: BTreeMap<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timezone: defaults::TIMEZONE.into(),
            data: defaults::DATA.into(),
            secrets: vec![SecretSource::Env],
            channels: BTreeMap::new(),
            roots: BTreeMap::new(),
            allow_hosts: vec![defaults::ALLOW_HOSTS.trim_matches(['[', ']']).into()],
            calendars: BTreeMap::new(),
            calendar_files: Vec::new(),
            output_limit: parse_size(defaults::OUTPUT_LIMIT).unwrap_or_default(),
            keep_runs: u32::try_from(defaults::count(defaults::KEEP_RUNS)).unwrap_or(u32::MAX),
            keep_age: Span::parse(defaults::KEEP_AGE).unwrap_or_default(),
            keep_incidents: Span::parse(defaults::KEEP_INCIDENTS).unwrap_or_default(),
            min_free: parse_size(defaults::MIN_FREE).unwrap_or_default(),
            dead_man: None,
            telemetry: Telemetry::default(),
            other: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The address by which the world reaches this daemon, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        let url = self.other.get("http")?.get("public_url")?.as_str()?;
        Some(url.trim_end_matches('/').to_owned())
    }
}

/// A watcher outside that is called while all is well.
#[derive(Debug, Clone)]
pub struct DeadMan {
    /// Its URL; may name secrets.
    pub url: Param,
    /// How often.
    pub every: Span,
}

/// `telemetry` as it is written; what is not said there the environment may say, or a default.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// The collector.
    pub endpoint: Option<String>,
    /// Headers of each request; may name secrets.
    pub headers: Vec<(String, Param)>,
    /// `service.name`.
    pub service: Option<String>,
    /// What else is said of this daemon.
    pub attributes: Vec<(String, String)>,
    /// How long one request may take.
    pub timeout: Option<Span>,
    /// A PEM file of certificates that are trusted, too.
    pub ca: Option<String>,
}

/// One provider of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The environment of the owner.
    Env,
    /// A YAML file of names and values, mode 0600.
    File(String),
    /// `$CREDENTIALS_DIRECTORY/NAME`.
    SystemdCredentials,
    /// A command that prints the value; the name is its last argument.
    Command(Vec<String>),
    /// A YAML file of names and values, encrypted by age.
    Age {
        /// The file.
        file: String,
        /// What opens it; unless said, what the environment or the user's own directory has.
        identity: Option<String>,
    },
}
