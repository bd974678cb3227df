//! The page of metrics, in the text format of Prometheus (0.0.4).

mod book;

use crate::api::present::run_state;
use crate::escalation::decide::next_breach;
use crate::escalation::drill::Way;
use crate::escalation::ways::{Standing, State};
use crate::model::buckets::{COUNT, LE, OrderedBound, SUM, bound, le};
use crate::model::measure::MetricType;
use crate::runtime::incidents::ladder;
use crate::runtime::pager::ProviderState;
use crate::runtime::tally::{Counts, LATE, STRETCHES};
use crate::service::{Gauges, Measured, Paging, Reach, RunState, Status};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What every metric of the engine's own begins with. A measure of that beginning is told apart by another one.
const OWN: &str = "stepladder_";

/// The words by which things are counted. What has not come about yet is 0, not missing: a rule or a panel over something
/// that is not there says nothing, and `increase` does not see the first one.
mod words {
    pub(super) const RUNS: &[&str] = &["succeeded", "recovered", "failed", "cancelled"];
    pub(super) const STEPS: &[&str] =
        &["succeeded", "recovered", "failed", "skipped", "unreached", "cancelled", "interrupted"];
    pub(super) const FATES: &[&str] = &[
        "ran",
        "coalesced",
        "replaced",
        "skipped-overlap",
        "skipped-queue-full",
        "skipped-calendar",
        "skipped-dst",
        "too-old",
        "missed-down",
        "paused",
        "no-space",
        "failed-to-start",
    ];
    pub(super) const CALLS: &[&str] = &["webhook", "alert", "run_ended", "file", "startup", "heartbeat"];
    pub(super) const TURNED_AWAY: &[&str] =
        &["unknown", "unproved", "unreadable", "too-large", "inputs", "no-space", "not-served"];
    pub(super) const WATCHED: &[&str] = &["called", "unreached", "withheld", "nobody"];
    pub(super) const ENDINGS: &[&str] = &["person", "cleared", "mended", "step"];
    pub(super) const PAGES: &[&str] = &["ordered", "accepted", "delivered", "read", "failed", "withdrawn"];
    pub(super) const CLOCKS: &[&str] = &["response", "escalation"];
    pub(super) const SPANS: &[&str] = &["sent", "dropped", "rejected"];
    pub(super) const OPEN: &[&str] = &["triggered", "acknowledged", "snoozed", "muted"];
}

/// The engine's own metrics.
#[must_use]
pub(super) fn own(status: &Status, counts: &Counts, gauges: &Gauges) -> String {
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
    let ends = counted("outcome", words::RUNS, &counts.runs);
    family(&mut page, "runs_ended_total", "counter", "Runs ended since the start", &ends);
    let ends = counted("outcome", words::STEPS, &counts.steps);
    family(&mut page, "steps_ended_total", "counter", "Steps ended since the start", &ends);
    family(
        &mut page,
        "attempts_started_total",
        "counter",
        "Attempts begun since the start",
        &[(vec![], number(counts.attempts))],
    );
    fires(&mut page, counts);
    calls(&mut page, counts);
    incidents(&mut page, counts, gauges);
    let help = "How long batches took to become durable";
    histogram(&mut page, "append_duration_seconds", help, &STRETCHES, &counts.appends, counts.append_micros);
    let refused = [(vec![], number(counts.refused))];
    family(&mut page, "appends_refused_total", "counter", "Batches the journal did not take since the start", &refused);
    let help =
        "Spans of traces since the start: sent, dropped because they did not fit or could not be sent, or rejected";
    family(&mut page, "trace_spans_total", "counter", help, &counted("result", words::SPANS, &counts.spans));
    family(&mut page, "keepers", "gauge", "Keepers that live", &[(vec![], number(gauges.keepers as u64))]);
    if let Some(free) = gauges.free {
        family(&mut page, "data_free_bytes", "gauge", "Free where the data is", &[(vec![], number(free))]);
    }
    family(&mut page, "book_files", "gauge", "Files of the book that count", &[(vec![], number(status.files))]);
    let broken = [(vec![], number(status.broken.len() as u64))];
    family(&mut page, "book_broken_files", "gauge", "Files of the book that do not count as they are", &broken);
    book::findings(&mut page, &status.broken);
    page
}

/// What became of due instants.
fn fires(page: &mut String, counts: &Counts) {
    let rows = counted("fate", words::FATES, &counts.fires);
    family(page, "fires_total", "counter", "Due instants since the start, by what became of them", &rows);
    let help = "How late runs of due instants were started since the start";
    histogram(page, "fire_lateness_seconds", help, &LATE, &counts.late, counts.late_micros);
    let missed = [(vec![], number(counts.deadlines_missed))];
    let help = "Deadlines of triggers that passed since the start without a run that ended well";
    family(page, "deadlines_missed_total", "counter", help, &missed);
}

/// What came from outside.
fn calls(page: &mut String, counts: &Counts) {
    let rows = counted("kind", words::CALLS, &counts.calls);
    family(page, "calls_total", "counter", "Calls of triggers since the start", &rows);
    let help = "Calls from outside that were turned away since the start, by why";
    let rows = counted("why", words::TURNED_AWAY, &counts.turned_away);
    family(page, "calls_turned_away_total", "counter", help, &rows);
    let help = "Alerts that other systems sent since the start, those told again included";
    family(page, "alerts_received_total", "counter", help, &[(vec![], number(counts.alerts))]);
    let help = "Calls that had to come since the start and did not";
    family(page, "heartbeats_missed_total", "counter", help, &[(vec![], number(counts.heartbeats_missed))]);
    let help = "Calls of the watcher outside (`dead_man`) since the start: called, unreached, or withheld because something is wrong here";
    family(page, "dead_man_calls_total", "counter", help, &counted("result", words::WATCHED, &counts.watched));
}

/// What became of incidents and pages.
fn incidents(page: &mut String, counts: &Counts, gauges: &Gauges) {
    let mut opened: BTreeMap<&String, u64> = gauges.severities.iter().map(|severity| (severity, 0)).collect();
    opened.extend(counts.incidents_opened.iter().map(|(severity, count)| (severity, *count)));
    let opened: Vec<Row> =
        opened.into_iter().map(|(severity, count)| (vec![("severity", severity.clone())], number(count))).collect();
    family(page, "incidents_opened_total", "counter", "Incidents opened since the start, by severity", &opened);
    let ended = counted("how", words::ENDINGS, &counts.incidents_ended);
    family(page, "incidents_ended_total", "counter", "Incidents ended since the start, by how", &ended);
    let mut climbs: BTreeMap<u32, u64> = gauges.levels.iter().map(|level| (*level, 0)).collect();
    climbs.extend(&counts.climbs);
    let climbs: Vec<Row> =
        climbs.into_iter().map(|(level, count)| (vec![("level", level.to_string())], number(count))).collect();
    family(page, "incident_levels_total", "counter", "Levels of the ladder entered since the start", &climbs);
    let pages = counted("fate", words::PAGES, &counts.pages);
    family(page, "pages_total", "counter", "Messages about incidents since the start, by what became of them", &pages);
    let breaches = counted("clock", words::CLOCKS, &counts.breaches);
    family(page, "breaches_total", "counter", "Promises of the ladder not kept since the start", &breaches);
}

/// Incidents that are open, and the channels over which people are told.
#[must_use]
pub(super) fn paging(paging: &Paging, severities: &[String]) -> String {
    let mut page = String::new();
    let none = severities.iter().flat_map(|severity| words::OPEN.iter().map(|word| ((severity.clone(), *word), 0)));
    let mut open: BTreeMap<(String, &'static str), u64> = none.collect();
    for shown in paging.board.all().iter().filter(|shown| shown.state.ending.is_none()) {
        *open.entry((shown.state.severity.clone(), shown.state.status().word())).or_default() += 1;
    }
    let open: Vec<Row> = open
        .into_iter()
        .map(|((severity, status), count)| (vec![("severity", severity), ("status", status.to_owned())], number(count)))
        .collect();
    family(&mut page, "incidents_open", "gauge", "Incidents that are not resolved", &open);
    let next = paging.board.all().into_iter().filter(|shown| shown.state.ending.is_none());
    let next = next.filter_map(|shown| next_breach(ladder(&shown.book), &shown.state)).min_by_key(|(_, by)| *by);
    let next: Vec<Row> =
        next.iter().map(|(clock, by)| (vec![("clock", clock.word().to_owned())], seconds(*by))).collect();
    let help = "When a promise of the ladder is broken next, where nobody does anything before";
    family(&mut page, "next_breach_timestamp_seconds", "gauge", help, &next);
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

/// What is known of the ways to people.
#[must_use]
pub(super) fn reach(reach: &Reach) -> String {
    let mut page = String::new();
    if reach.people.is_empty() {
        return page;
    }
    let ways = || reach.people.iter().flat_map(|person| &person.ways);
    let state = |state: State| {
        let count = ways().filter(|(_, _, known)| *known == state).count();
        (vec![("state", state.word().to_owned())], number(count as u64))
    };
    family(&mut page, "ways", "gauge", "Ways to people, by what was known last of each", &State::ALL.map(state));
    let unreachable = reach.people.iter().filter(|person| person.soon && person.unreachable.is_some()).count();
    let help = "People who may be paged within a week and can't be reached";
    family(&mut page, "people_unreachable", "gauge", help, &[(vec![], number(unreachable as u64))]);
    let figures: [(&str, &str, WayFigure); 3] = [
        ("way_good_timestamp_seconds", "When a message last went out this way", |it| Some(it.good.as_ref()?.at)),
        ("way_bad_timestamp_seconds", "When a message last failed this way", |it| Some(it.bad.as_ref()?.at)),
        ("way_confirmed_timestamp_seconds", "When the person last said that one had arrived", |it| it.confirmed),
    ];
    for (name, help, figure) in figures {
        let row = |(way, standing, _): &(Way, Standing, State)| {
            let labels = vec![("contact", way.who.to_string()), ("channel", way.channel.to_string())];
            Some((labels, seconds(figure(standing)?)))
        };
        let rows: Vec<Row> = ways().filter_map(row).collect();
        family(&mut page, name, "gauge", help, &rows);
    }
    page
}

/// Of each alert of the book, how many are pending and how many fire.
#[must_use]
pub(super) fn alerts(counts: &BTreeMap<String, (usize, usize)>) -> String {
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
pub(super) fn measured(measures: &BTreeMap<String, Measured>, now: Timestamp) -> String {
    let mut page = String::new();
    let mut ages: BTreeMap<Labels, f64> = BTreeMap::new();
    for (name, measure) in measures {
        let fresh = measure.last.iter().filter(|(_, _, at)| {
            measure.stale_after.is_none_or(|stale| now.duration_since(*at) <= jiff::SignedDuration::from(stale))
        });
        let rows: Vec<Row> = fresh
            .map(|(labels, value, at)| {
                let labels: Labels = labels.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                let mut own = labels.clone();
                own.retain(|(label, _)| *label != "measure" && !(*label == LE && measure.is_bucketed()));
                own.push(("measure", name.clone()));
                // The parts of a histogram are one thing.
                let age = ages.entry(own).or_insert(0.0);
                *age = age.max(seconds(*at));
                (labels, *value)
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let exported = if name.starts_with(OWN) { format!("measure_{name}") } else { name.clone() };
        let help = measure.help.as_deref().unwrap_or("Measured by a runbook");
        let help = measure.unit.as_ref().map_or_else(|| help.to_owned(), |unit| format!("{help} ({unit})"));
        match measure.metric {
            MetricType::Histogram if measure.is_bucketed() => buckets(&mut page, &exported, &help, &rows),
            MetricType::Counter => write_family(&mut page, &exported, "counter", &help, &rows),
            // Of a histogram of which each sample is one observation the last is shown.
            MetricType::Gauge | MetricType::Histogram => write_family(&mut page, &exported, "gauge", &help, &rows),
        }
    }
    if !ages.is_empty() {
        let ages: Vec<Row> = ages.into_iter().collect();
        family(&mut page, "measured_timestamp_seconds", "gauge", "When each measure was taken last", &ages);
    }
    page
}

/// A histogram that was measured whole: of each set of labels the buckets, the sum and the count. One that lacks a part
/// is left out, since it would say something else.
fn buckets(page: &mut String, name: &str, help: &str, rows: &[Row<'_>]) {
    let mut sets: BTreeMap<Labels, BTreeMap<&str, f64>> = BTreeMap::new();
    for (labels, value) in rows {
        let rest: Labels = labels.iter().filter(|(label, _)| *label != LE).cloned().collect();
        let le = labels.iter().find(|(label, _)| *label == LE).map_or("", |(_, le)| le.as_str());
        sets.entry(rest).or_default().insert(le, *value);
    }
    let mut text = String::new();
    for (labels, parts) in &sets {
        let mut bounds: Vec<(OrderedBound, f64)> =
            parts.iter().filter_map(|(le, value)| Some((OrderedBound(bound(le)?), *value))).collect();
        bounds.sort_by_key(|(bound, _)| *bound);
        let (Some(sum), Some(count)) = (parts.get(SUM), parts.get(COUNT)) else { continue };
        if bounds.last().is_none_or(|(last, _)| last.0.is_finite()) {
            continue;
        }
        for (OrderedBound(bound), value) in bounds {
            let mut labels = labels.clone();
            labels.push((LE, le(bound)));
            let _ = writeln!(text, "{name}_bucket{} {value}", braced(&labels));
        }
        let _ = writeln!(text, "{name}_sum{} {sum}\n{name}_count{} {count}", braced(labels), braced(labels));
    }
    if !text.is_empty() {
        let _ = writeln!(page, "# HELP {name} {}\n# TYPE {name} histogram", one_line(help));
        page.push_str(&text);
    }
}

type WayFigure = fn(&Standing) -> Option<Timestamp>;
type Labels<'a> = Vec<(&'a str, String)>;
type Row<'a> = (Labels<'a>, f64);

/// A row for each of these words, and for whatever else was counted.
fn counted<'a>(label: &'a str, words: &[&'static str], counts: &BTreeMap<&'static str, u64>) -> Vec<Row<'a>> {
    let mut all: BTreeMap<&'static str, u64> = words.iter().map(|word| (*word, 0)).collect();
    all.extend(counts);
    all.into_iter().map(|(word, count)| (vec![(label, word.to_owned())], number(count))).collect()
}

/// A histogram of the engine's own: how many in each stretch and in none, the ends of the stretches, all together.
fn histogram(page: &mut String, name: &str, help: &str, ends: &[u64], counts: &[u64], micros: u64) {
    let name = format!("{OWN}{name}");
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} histogram");
    let mut so_far = 0;
    for (end, count) in ends.iter().zip(counts) {
        so_far += count;
        let _ = writeln!(page, "{name}_bucket{{le=\"{}\"}} {so_far}", number(*end) / 1e6);
    }
    let all: u64 = counts.iter().sum();
    let sum = number(micros) / 1e6;
    let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}");
}

/// A family of the engine's own.
fn family(page: &mut String, name: &str, kind: &str, help: &str, rows: &[Row<'_>]) {
    write_family(page, &format!("{OWN}{name}"), kind, help, rows);
}

fn write_family(page: &mut String, name: &str, kind: &str, help: &str, rows: &[Row<'_>]) {
    let _ = writeln!(page, "# HELP {name} {}\n# TYPE {name} {kind}", one_line(help));
    for (labels, value) in rows {
        let _ = writeln!(page, "{name}{} {value}", braced(labels));
    }
}

fn one_line(help: &str) -> String {
    help.replace('\\', "\\\\").replace(['\n', '\r'], " ")
}

fn braced(labels: &Labels<'_>) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
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
    fn what_has_not_come_about_is_nought_and_what_no_list_names_is_shown() {
        let counts = Counts { fires: [("ran", 3), ("a-new-fate", 1)].into(), ..Counts::default() };
        let mut page = String::new();
        fires(&mut page, &counts);
        for line in [
            "stepladder_fires_total{fate=\"ran\"} 3",
            "stepladder_fires_total{fate=\"a-new-fate\"} 1",
            "stepladder_fires_total{fate=\"too-old\"} 0",
            "stepladder_fire_lateness_seconds_bucket{le=\"0.005\"} 0",
            "stepladder_fire_lateness_seconds_count 0",
        ] {
            assert!(page.lines().any(|it| it == line), "`{line}` is not in\n{page}");
        }
        let mut page = String::new();
        let counts = Counts { incidents_opened: [("P2".to_owned(), 5)].into(), ..Counts::default() };
        let gauges =
            Gauges { severities: vec!["P1".to_owned(), "P2".to_owned()], levels: vec![1], ..Gauges::default() };
        incidents(&mut page, &counts, &gauges);
        assert!(page.contains("opened_total{severity=\"P1\"} 0\n"), "{page}");
        assert!(page.contains("opened_total{severity=\"P2\"} 5\n"), "{page}");
        assert!(page.contains("levels_total{level=\"1\"} 0\n"), "{page}");
        assert!(page.contains("pages_total{fate=\"failed\"} 0\n"), "{page}");
    }

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

    #[test]
    fn a_histogram_that_was_measured_whole_is_one_again() {
        let at: Timestamp = "2026-11-24T23:00:00Z".parse().expect("an instant");
        let row = |le: &str, value| (BTreeMap::from([(LE.to_owned(), le.to_owned())]), value, at);
        let parts = [row("+Inf", 9.0), row("10", 8.0), row("2.5", 4.0), row(SUM, 31.5), row(COUNT, 9.0)];
        let measure = |last: &[_]| Measured {
            metric: MetricType::Histogram,
            help: Some("How long".into()),
            unit: Some("s".into()),
            stale_after: None,
            last: last.to_vec(),
        };
        let page = measured(&[("took_seconds".to_owned(), measure(&parts))].into(), at);
        let want = "# HELP took_seconds How long (s)\n# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"2.5\"} 4\n\
                    took_seconds_bucket{le=\"10\"} 8\ntook_seconds_bucket{le=\"+Inf\"} 9\ntook_seconds_sum 31.5\n\
                    took_seconds_count 9\n";
        assert!(page.starts_with(want), "{page}");
        assert_eq!(
            page.matches("stepladder_measured_timestamp_seconds{measure=\"took_seconds\"}").count(),
            1,
            "{page}"
        );
        let page = measured(&[("took_seconds".to_owned(), measure(&parts[1..]))].into(), at);
        assert!(!page.contains("took_seconds_bucket"), "without its last bucket it would say something else: {page}");
        let one = measured(&[("took_seconds".to_owned(), measure(&[(BTreeMap::new(), 2.0, at)]))].into(), at);
        assert!(one.contains("# TYPE took_seconds gauge\ntook_seconds 2\n"), "{one}");
    }
}
