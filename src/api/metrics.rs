//! The page of metrics, in the text format of Prometheus (0.0.4).

use crate::api::present::run_state;
use crate::model::measure::MetricType;
use crate::runtime::pager::ProviderState;
use crate::runtime::tally::{Counts, STRETCHES};
use crate::service::{Gauges, Measured, Paging, RunState, Status};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What every metric of the engine's own begins with. A measure of that beginning is told apart by another one.
const OWN: &str = "stepladder_";

/// The engine's own metrics.
#[must_use]
pub fn own(status: &Status, counts: &Counts, gauges: &Gauges) -> String {
    let mut page = String::new();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    family(&mut page, "build_info", "gauge", "The release, as a label", &[(version, 1.0)]);
    if let Some(standing) = &status.standing {
        let begun = seconds(standing.since);
        family(&mut page, "start_time_seconds", "gauge", "When this process began to drive runs", &[(vec![], begun)]);
    }
    let shown = [RunState::Running, RunState::Waiting, RunState::Queued, RunState::Quarantined];
    let state = |state: RunState| {
        let count = status.runs.iter().filter(|run| run.state == state).count();
        (vec![("state", run_state(state).word().to_owned())], number(count as u64))
    };
    family(&mut page, "runs", "gauge", "Runs that have not ended", &shown.map(state));
    family(
        &mut page,
        "runs_started_total",
        "counter",
        "Runs begun since the start",
        &[(vec![], number(counts.runs_begun))],
    );
    let outcomes = |counts: &BTreeMap<&'static str, u64>, words: &[&'static str]| -> Vec<Row> {
        let count = |word: &&'static str| number(counts.get(word).copied().unwrap_or_default());
        words.iter().map(|word| (vec![("outcome", (*word).to_owned())], count(word))).collect()
    };
    let ends = outcomes(&counts.runs, &["succeeded", "recovered", "failed", "cancelled"]);
    family(&mut page, "runs_ended_total", "counter", "Runs ended since the start", &ends);
    let words = ["succeeded", "recovered", "failed", "skipped", "unreached", "cancelled", "interrupted"];
    family(&mut page, "steps_ended_total", "counter", "Steps ended since the start", &outcomes(&counts.steps, &words));
    family(
        &mut page,
        "attempts_started_total",
        "counter",
        "Attempts begun since the start",
        &[(vec![], number(counts.attempts))],
    );
    fires(&mut page, counts);
    calls(&mut page, counts);
    incidents(&mut page, counts);
    appends(&mut page, counts);
    let refused = [(vec![], number(counts.refused))];
    family(&mut page, "appends_refused_total", "counter", "Batches the journal did not take since the start", &refused);
    family(&mut page, "keepers", "gauge", "Keepers that live", &[(vec![], number(gauges.keepers as u64))]);
    if let Some(free) = gauges.free {
        family(&mut page, "data_free_bytes", "gauge", "Free where the data is", &[(vec![], number(free))]);
    }
    family(&mut page, "book_files", "gauge", "Files of the book that count", &[(vec![], number(status.files))]);
    let broken = [(vec![], number(status.broken.len() as u64))];
    family(&mut page, "book_broken_files", "gauge", "Files of the book that do not count as they are", &broken);
    page
}

/// What became of due instants.
fn fires(page: &mut String, counts: &Counts) {
    let rows: Vec<Row> =
        counts.fires.iter().map(|(fate, count)| (vec![("fate", (*fate).to_owned())], number(*count))).collect();
    family(page, "fires_total", "counter", "Due instants since the start, by what became of them", &rows);
    let late = [(vec![], number(counts.late_micros) / 1e6)];
    let help = "How late runs of due instants were started since the start, together";
    family(page, "fires_late_seconds_total", "counter", help, &late);
    let missed = [(vec![], number(counts.deadlines_missed))];
    let help = "Deadlines of triggers that passed since the start without a run that ended well";
    family(page, "deadlines_missed_total", "counter", help, &missed);
}

/// What came from outside.
fn calls(page: &mut String, counts: &Counts) {
    let rows = |label: &'static str, counts: &BTreeMap<&'static str, u64>| -> Vec<Row> {
        counts.iter().map(|(word, count)| (vec![(label, (*word).to_owned())], number(*count))).collect()
    };
    family(page, "calls_total", "counter", "Calls of triggers since the start", &rows("kind", &counts.calls));
    let help = "Calls from outside that were turned away since the start, by why";
    family(page, "calls_turned_away_total", "counter", help, &rows("why", &counts.turned_away));
    let help = "Alerts that other systems sent since the start, those told again included";
    family(page, "alerts_received_total", "counter", help, &[(vec![], number(counts.alerts))]);
    let help = "Calls that had to come since the start and did not";
    family(page, "heartbeats_missed_total", "counter", help, &[(vec![], number(counts.heartbeats_missed))]);
    let help = "Calls of the watcher outside (`dead_man`) since the start: called, unreached, or withheld because something is wrong here";
    family(page, "dead_man_calls_total", "counter", help, &rows("result", &counts.watched));
}

/// What became of incidents and pages.
fn incidents(page: &mut String, counts: &Counts) {
    let labelled = |label: &'static str, of: &BTreeMap<&'static str, u64>| -> Vec<Row> {
        of.iter().map(|(word, count)| (vec![(label, (*word).to_owned())], number(*count))).collect()
    };
    let opened = counts.incidents_opened.iter();
    let opened: Vec<Row> =
        opened.map(|(severity, count)| (vec![("severity", severity.clone())], number(*count))).collect();
    family(page, "incidents_opened_total", "counter", "Incidents opened since the start, by severity", &opened);
    let ended = labelled("how", &counts.incidents_ended);
    family(page, "incidents_ended_total", "counter", "Incidents ended since the start, by how", &ended);
    let climbs: Vec<Row> =
        counts.climbs.iter().map(|(level, count)| (vec![("level", level.to_string())], number(*count))).collect();
    family(page, "incident_levels_total", "counter", "Levels of the ladder entered since the start", &climbs);
    let pages = labelled("fate", &counts.pages);
    family(page, "pages_total", "counter", "Messages about incidents since the start, by what became of them", &pages);
    let breaches = labelled("clock", &counts.breaches);
    family(page, "breaches_total", "counter", "Promises of the ladder not kept since the start", &breaches);
}

/// Incidents that are open, and the channels over which people are told.
#[must_use]
pub fn paging(paging: &Paging) -> String {
    let mut page = String::new();
    let mut open: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    for shown in paging.board.all().iter().filter(|shown| shown.state.ending.is_none()) {
        *open.entry((shown.state.severity.clone(), shown.state.status().word())).or_default() += 1;
    }
    let open: Vec<Row> = open
        .into_iter()
        .map(|((severity, status), count)| (vec![("severity", severity), ("status", status.to_owned())], number(count)))
        .collect();
    family(&mut page, "incidents_open", "gauge", "Incidents that are not resolved", &open);
    let channels = paging.pager.look();
    let rows = |figure: &dyn Fn(&ProviderState) -> f64| -> Vec<Row> {
        channels.iter().map(|state| (vec![("channel", state.channel.to_string())], figure(state))).collect()
    };
    let queued = rows(&|state| number((state.queued + state.in_flight) as u64));
    family(&mut page, "channel_queued", "gauge", "Messages that wait for their channel", &queued);
    let open = rows(&|state| if state.breaker == "closed" { 0.0 } else { 1.0 });
    let help = "Whether a channel fails at once, because its provider has failed again and again";
    family(&mut page, "channel_broken", "gauge", help, &open);
    let sent = rows(&|state| number(state.sent));
    family(&mut page, "channel_sent_total", "counter", "Messages that a channel took since the start", &sent);
    let failed = rows(&|state| number(state.failed));
    family(&mut page, "channel_failed_total", "counter", "Messages given up on a channel since the start", &failed);
    page
}

/// Of each alert of the book, how many are pending and how many fire.
#[must_use]
pub fn alerts(counts: &BTreeMap<String, (usize, usize)>) -> String {
    let mut page = String::new();
    let state = |name: &String, state: &str, count: usize| {
        (vec![("name", name.clone()), ("state", state.to_owned())], number(count as u64))
    };
    let rows: Vec<Row> = counts
        .iter()
        .flat_map(|(name, (pending, firing))| [state(name, "pending", *pending), state(name, "firing", *firing)])
        .collect();
    if !rows.is_empty() {
        family(&mut page, "alerts", "gauge", "Alerts of the book that are pending or fire", &rows);
    }
    page
}

/// What was measured: the last sample of each series, unless it is too old to say anything.
#[must_use]
pub fn measured(measures: &BTreeMap<String, Measured>, now: Timestamp) -> String {
    let mut page = String::new();
    let mut ages: Vec<Row> = Vec::new();
    for (name, measure) in measures {
        let fresh = measure.last.iter().filter(|(_, _, at)| {
            measure.stale_after.is_none_or(|stale| now.duration_since(*at) <= jiff::SignedDuration::from(stale))
        });
        let rows: Vec<Row> = fresh
            .map(|(labels, value, at)| {
                let labels: Labels = labels.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                let mut own = labels.clone();
                own.retain(|(name, _)| *name != "measure");
                own.push(("measure", name.clone()));
                ages.push((own, seconds(*at)));
                (labels, *value)
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let exported = if name.starts_with(OWN) { format!("measure_{name}") } else { name.clone() };
        let help = measure.help.as_deref().unwrap_or("Measured by a runbook");
        let help = measure.unit.as_ref().map_or_else(|| help.to_owned(), |unit| format!("{help} ({unit})"));
        // A sample is one number: of what is declared as a histogram the last observation is shown.
        let kind = match measure.metric {
            MetricType::Counter => "counter",
            MetricType::Gauge | MetricType::Histogram => "gauge",
        };
        write_family(&mut page, &exported, kind, &help, &rows);
    }
    if !ages.is_empty() {
        family(&mut page, "measured_timestamp_seconds", "gauge", "When each measure was taken last", &ages);
    }
    page
}

type Labels<'a> = Vec<(&'a str, String)>;
type Row<'a> = (Labels<'a>, f64);

fn appends(page: &mut String, counts: &Counts) {
    let name = format!("{OWN}append_duration_seconds");
    let _ = writeln!(page, "# HELP {name} How long batches took to become durable\n# TYPE {name} histogram");
    let mut so_far = 0;
    for (end, count) in STRETCHES.iter().zip(counts.appends) {
        so_far += count;
        let _ = writeln!(page, "{name}_bucket{{le=\"{}\"}} {so_far}", number(*end) / 1e6);
    }
    let all: u64 = counts.appends.iter().sum();
    let sum = number(counts.append_micros) / 1e6;
    let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}");
}

/// A family of the engine's own.
fn family(page: &mut String, name: &str, kind: &str, help: &str, rows: &[Row<'_>]) {
    write_family(page, &format!("{OWN}{name}"), kind, help, rows);
}

fn write_family(page: &mut String, name: &str, kind: &str, help: &str, rows: &[Row<'_>]) {
    let help = help.replace('\\', "\\\\").replace(['\n', '\r'], " ");
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in rows {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(page, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "the format has floats; counts are exact up to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "instants in milliseconds are exact up to 2^53")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_and_old_samples_do_no_harm() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let labels = |mount: &str| BTreeMap::from([("mount".to_owned(), mount.to_owned())]);
        let measure = Measured {
            metric: MetricType::Gauge,
            help: Some("In\nuse \\".into()),
            unit: Some("%".into()),
            stale_after: Some(crate::base::span::Span::from_secs(60)),
            last: vec![
                (labels("/a\"b\\c\n"), 1.5, at("2026-11-24T23:00:00Z")),
                (labels("/old"), 7.0, at("2026-11-24T22:00:00Z")),
            ],
        };
        let measures = [("used".to_owned(), measure.clone()), ("stepladder_runs".to_owned(), measure)].into();
        let page = measured(&measures, at("2026-11-24T23:00:30Z"));
        assert!(
            page.contains("# HELP used In use \\\\ (%)\n# TYPE used gauge\nused{mount=\"/a\\\"b\\\\c\\n\"} 1.5\n"),
            "{page}"
        );
        assert!(page.contains("measure_stepladder_runs{") && !page.contains("/old"), "{page}");
        assert!(page.contains("measure=\"used\"} 1795561200\n"), "{page}");
    }
}
