//! `schedule:` of a DAG, as triggers.

use crate::diagnostic::{Code, Spot};
use crate::lang::import::draft::{Out, bare, text};
use crate::lang::import::report::{Lost, Report};
use crate::lang::import::words::snake;
use crate::lang::yaml::Node;
use crate::model::cron::Pattern;

/// What starts the DAG by itself; `window` is how far back what was missed is made up for.
pub(super) fn triggers(node: &Node, window: Option<&str>, report: &mut Report) -> Vec<Out> {
    let mut made = Vec::new();
    let Some(pairs) = node.pairs().filter(|_| node.get("expression").is_none() && node.get("at").is_none()) else {
        entries(node, window, report, &mut made);
        return made;
    };
    for (key, value) in pairs {
        match snake(key.name().unwrap_or_default()).as_str() {
            "start" => entries(value, window, report, &mut made),
            word @ ("stop" | "restart") => {
                let message = format!("no schedule {word}s a run");
                let help = "`timeout:` bounds a run; a runbook of its own with this schedule can do what ends the work";
                report.lost(Lost::new(key.spot, message, help));
            }
            _ => report.unknown(key, "`schedule`", &["start", "stop", "restart"]),
        }
    }
    made
}

fn entries(node: &Node, window: Option<&str>, report: &mut Report, made: &mut Vec<Out>) {
    for entry in node.items().unwrap_or(std::slice::from_ref(node)) {
        if let Some(at) = entry.get("at") {
            let help = "write `at:` with the local date and time, and `timezone:`";
            report.lost(Lost::new(at.spot, "a start at one instant", help));
            continue;
        }
        let entry = entry.get("expression").unwrap_or(entry);
        if let Some(written) = report.text(entry, "a schedule") {
            made.extend(cron(&written, entry.spot, window, report));
        }
    }
}

fn cron(written: &str, spot: Spot, window: Option<&str>, report: &mut Report) -> Option<Out> {
    let (zone, when) = match written.trim().strip_prefix("CRON_TZ=").or_else(|| written.trim().strip_prefix("TZ=")) {
        Some(rest) => {
            let (zone, when) = rest.split_once(char::is_whitespace)?;
            (Some(zone), when.trim())
        }
        None => (None, written.trim()),
    };
    if let Err(why) = Pattern::parse(when) {
        report.wrong(
            Code::BadCron,
            spot,
            format!("`{when}`: {why}"),
            "the fields are: minute hour day-of-month month day-of-week",
        );
        return None;
    }
    if let Some(zone) = zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        report.wrong(
            Code::BadZone,
            spot,
            format!("no time zone is called `{zone}`"),
            "zones are named as in `Europe/Moscow`",
        );
        return None;
    }
    if zone.is_none() {
        let help = "`timezone:` of the trigger or of stepladder.yaml says which";
        report.differs_once(spot, "Dagu goes by the zone of its server; a runbook goes by the book's `timezone`", help);
    }
    let mut trigger = vec![text("cron", when)];
    trigger.extend(zone.map(|zone| text("timezone", zone)));
    match window {
        // Dagu makes nothing up that it missed unless it is told how far back.
        None => trigger.push(bare("missed", "skip")),
        Some(window) => trigger.extend([bare("missed", "all"), bare("within", window)]),
    }
    Some(Out::Map(trigger))
}
