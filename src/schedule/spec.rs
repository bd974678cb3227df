//! What a trigger asks for, with every default in its place: made from the runbook's text, never stored.

use crate::base::digest::Digest;
use crate::base::span::Span;
use crate::model::book::Settings;
use crate::model::cron::Pattern;
use crate::model::runbook::Runbook;
use crate::model::schedule::{Deadline, DeadlineAt, Dst, Missed, Overlap};
use crate::model::trigger::{Trigger, TriggerKind};
use crate::schedule::key::{ScheduleId, derived};
use crate::schedule::nominal::Nominal;
use crate::schedule::timetable::{Times, Timetable};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// How old a missed instant may be unless `within` says otherwise.
const WITHIN: Span = Span::from_secs(3_600);

/// One trigger: set off by a clock, or by something that calls.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Which.
    pub id: ScheduleId,
    /// Which trigger of the runbook, from 0.
    pub index: usize,
    /// The key it is written with: `cron`, `webhook` …
    pub kind: &'static str,
    /// What its time is made of, as it is shown.
    pub shown: String,
    /// When it is due.
    pub table: Timetable,
    /// Which missed instants still start.
    pub missed: Missed,
    /// How old they may be.
    pub within: Span,
    /// What happens while the last run is still going.
    pub overlap: Overlap,
    /// The most that a start is put off by.
    pub jitter: Span,
    /// When its run must have ended well.
    pub deadline: Option<Deadline>,
    /// How often a call must come, and how late it may be.
    pub heartbeat: Option<(Span, Span)>,
    /// No second run about the same within this time.
    pub cooldown: Option<Span>,
    /// What its time is made of: when this changes, the past of another time is not caught up with.
    pub digest: Digest,
}

/// The schedules of a runbook, in the order of its triggers. What the checks refuse is not among them; of two triggers with
/// one id the first counts.
#[must_use]
pub fn specs(runbook: &Runbook, settings: &Settings) -> Vec<Spec> {
    let all = runbook.triggers.iter().enumerate();
    let specs = all.filter_map(|(index, trigger)| spec(runbook, index, trigger, settings));
    let mut known = BTreeSet::new();
    specs.filter(|spec| known.insert(spec.id.trigger.clone())).collect()
}

fn spec(runbook: &Runbook, index: usize, trigger: &Trigger, settings: &Settings) -> Option<Spec> {
    let policy = &trigger.policy;
    let (kind, expression, zone, times) = match &trigger.kind {
        TriggerKind::Cron { expression, timezone } => {
            ("cron", expression.clone(), timezone.as_str(), Times::Cron(Pattern::parse(expression).ok()?))
        }
        TriggerKind::Every(every) => ("every", every.to_string(), settings.timezone.as_str(), Times::Every(*every)),
        TriggerKind::At { when, timezone } => {
            let times = when.parse().map(Times::AtInstant).or_else(|_| when.parse().map(Times::At)).ok()?;
            ("at", when.clone(), timezone.as_str(), times)
        }
        TriggerKind::Webhook(_)
        | TriggerKind::Heartbeat(_)
        | TriggerKind::Alert(_)
        | TriggerKind::RunEnded { .. }
        | TriggerKind::File(_)
        | TriggerKind::Startup => (trigger.kind.word(), called(trigger)?, settings.timezone.as_str(), Times::Called),
    };
    // What follows no clock has no zone: it says only which day a calendar or a deadline means.
    let named = if matches!(times, Times::Every(_) | Times::Called) { "" } else { zone };
    let follows = matches!(&times, Times::Cron(pattern) if pattern.follows_elapsed());
    let dst = policy.dst.unwrap_or(if follows { Dst::Each } else { Dst::Once });
    let calendars = policy.except.iter();
    let except = calendars.filter_map(|name| Some((name.clone(), settings.calendars.get(name)?.clone())));
    let missed = if matches!(kind, "cron" | "at") { Missed::Latest } else { Missed::Skip };
    Some(Spec {
        id: ScheduleId {
            runbook: runbook.name.clone(),
            trigger: trigger.id.clone().or_else(|| derived(kind, &expression, named))?,
        },
        index,
        kind,
        shown: if matches!(kind, "cron" | "at") {
            expression.clone()
        } else {
            format!("{kind} {expression}").trim_end().into()
        },
        table: Timetable { times, zone: TimeZone::get(zone).ok()?, dst, except: except.collect() },
        missed: policy.missed.unwrap_or(missed),
        within: policy.within.unwrap_or(WITHIN),
        overlap: policy.overlap,
        jitter: policy.jitter,
        deadline: policy.deadline.clone(),
        heartbeat: trigger.heartbeat().map(|heartbeat| (heartbeat.every, heartbeat.grace)),
        cooldown: trigger.alert().and_then(|alert| alert.cooldown),
        digest: Digest::of_parts(&[kind.as_bytes(), expression.as_bytes(), named.as_bytes(), &[dst as u8]]),
    })
}

/// What a trigger that is called is told apart by: all that says what calls it, and nothing that says what comes of it.
fn called(trigger: &Trigger) -> Option<String> {
    Some(match &trigger.kind {
        TriggerKind::Webhook(_) => trigger.webhook()?.path.to_string(),
        TriggerKind::Heartbeat(_) => trigger.heartbeat()?.path.to_string(),
        TriggerKind::Alert(_) => {
            let alert = trigger.alert()?;
            let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}{}", labels.join(","), if alert.per_alert { ", each" } else { "" })
        }
        TriggerKind::RunEnded { runbook, outcome } if outcome.is_empty() => runbook.to_string(),
        TriggerKind::RunEnded { runbook, outcome } => format!("{runbook} {}", outcome.join(", ")),
        TriggerKind::File(_) => {
            let watched = trigger.watched()?;
            let on = [(watched.created, "created"), (watched.changed, "changed"), (watched.removed, "removed")];
            let on: Vec<&str> = on.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            format!("{} {}", watched.pattern, on.join(", "))
        }
        TriggerKind::Startup => String::new(),
        TriggerKind::Cron { .. } | TriggerKind::Every(_) | TriggerKind::At { .. } => return None,
    })
}

impl Spec {
    /// Whether a clock sets it off.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.table.times != Times::Called
    }

    /// When a due instant starts: its jitter later.
    #[must_use]
    pub fn starts(&self, at: Timestamp, nominal: Nominal) -> Timestamp {
        let jitter = self.id.jitter(nominal, self.jitter);
        at.checked_add(jiff::SignedDuration::from(jitter)).unwrap_or(at)
    }

    /// When the run of an instant must have ended well.
    #[must_use]
    pub fn deadline(&self, at: Timestamp) -> Option<Timestamp> {
        match self.deadline.as_ref()?.when {
            DeadlineAt::After(span) => at.checked_add(jiff::SignedDuration::from(span)).ok(),
            DeadlineAt::By(time) => {
                let zone = &self.table.zone;
                let day = zone.to_datetime(at).date();
                let days = [day, day.tomorrow().ok()?, day.tomorrow().ok()?.tomorrow().ok()?];
                let instants =
                    days.iter().filter_map(|day| zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok());
                instants.into_iter().find(|by| *by > at)
            }
        }
    }
}
