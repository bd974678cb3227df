//! When a job is due, from the fields of Quartz; and lengths of time as Rundeck writes them.

use crate::diagnostic::{Code, Spot};
use crate::lang::import::report::{Lost, Report};
use crate::lang::yaml::Node;
use crate::model::cron::Pattern;

/// Days as Quartz counts them, from 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The cron expression of a `schedule:`.
pub(super) fn cron(node: &Node, report: &mut Report) -> Option<String> {
    let part = |of: Option<&Node>, key: &str, otherwise: &str| {
        of.and_then(|node| node.get(key)).and_then(Node::name).unwrap_or(otherwise).trim().to_owned()
    };
    let fields: Vec<String> = if let Some(line) = node.get("crontab").and_then(Node::name).or_else(|| node.name()) {
        line.split_whitespace().map(str::to_owned).collect()
    } else {
        let time = node.get("time");
        let day = node.get("dayofmonth").map_or("?", |_| "*");
        vec![
            part(time, "seconds", "0"),
            part(time, "minute", "0"),
            part(time, "hour", "0"),
            part(node.get("dayofmonth"), "day", day),
            part(Some(node), "month", "*"),
            part(node.get("weekday"), "day", "*"),
            part(Some(node), "year", "*"),
        ]
    };
    if !(6..=7).contains(&fields.len()) {
        report.wrong(
            Code::BadCron,
            node.spot,
            "a schedule has six fields, or seven with the year",
            "seconds minutes hours day-of-month month day-of-week year",
        );
        return None;
    }
    if let Some(year) = fields.get(6).filter(|year| !matches!(year.as_str(), "*" | "?")) {
        report.lost(Lost::new(
            node.spot,
            format!("a schedule of the year {year} alone"),
            "`at:` is one instant; a calendar under `except:` takes days out",
        ));
        return None;
    }
    let days = weekdays(&fields[5], node.spot, report)?;
    let mut line = vec![
        stepped(&fields[1], "59"),
        stepped(&fields[2], "23"),
        free(&stepped(&fields[3], "31")),
        free(&stepped(&fields[4], "12")),
        days,
    ];
    if !matches!(fields[0].as_str(), "0" | "00") {
        line.insert(0, stepped(&fields[0], "59"));
    }
    let line = line.join(" ");
    if let Err(why) = Pattern::parse(&line) {
        report.wrong(
            Code::BadCron,
            node.spot,
            format!("`{line}`: {why}"),
            "write the trigger by hand: `cron:` as in crontab(5)",
        );
        return None;
    }
    Some(line)
}

/// `0/15` begins at 0 and goes on to the end.
fn stepped(field: &str, most: &str) -> String {
    let one = |part: &str| match part.split_once('/') {
        Some((begin, step)) if begin.parse::<u32>().is_ok() => format!("{begin}-{most}/{step}"),
        Some(_) | None => part.to_owned(),
    };
    field.split(',').map(one).collect::<Vec<_>>().join(",")
}

fn free(field: &str) -> String {
    if field == "?" { "*".into() } else { field.to_owned() }
}

/// Quartz counts days from Sunday as 1, crontab(5) from Sunday as 0: names are the same in both.
fn weekdays(field: &str, spot: Spot, report: &mut Report) -> Option<String> {
    if field.contains(['#', 'L', '/']) && field.contains(|c: char| c.is_ascii_digit()) {
        report.lost(Lost::new(
            spot,
            format!("the days `{field}`"),
            "write the trigger by hand: `cron:` as in crontab(5), days from Sunday as 0",
        ));
        return None;
    }
    let name = |word: &str| {
        let number = word.parse::<usize>().ok().and_then(|number| DAYS.get(number.wrapping_sub(1)));
        number.map_or_else(|| word.to_owned(), |day| (*day).to_owned())
    };
    let part = |part: &str| part.split('-').map(name).collect::<Vec<_>>().join("-");
    Some(free(&field.split(',').map(part).collect::<Vec<_>>().join(",")))
}

/// `120`, `6h 30m`: a length of time; `None` for what is none.
pub(super) fn length(text: &str) -> Option<String> {
    let text: String = text.split_whitespace().collect();
    if text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse::<u32>().ok().filter(|seconds| *seconds > 0).map(|seconds| format!("{seconds}s"));
    }
    let mut digits = false;
    for c in text.chars() {
        match c {
            '0'..='9' => digits = true,
            'd' | 'h' | 'm' | 's' | 'w' if digits => digits = false,
            _ => return None,
        }
    }
    (!digits && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_quartz_become_those_of_crontab() {
        let spot = Spot { file: crate::diagnostic::FileId(0), start: 0, end: 0 };
        let mut report = Report::default();
        assert_eq!(weekdays("2-6,SAT", spot, &mut report).as_deref(), Some("MON-FRI,SAT"));
        assert_eq!(weekdays("?", spot, &mut report).as_deref(), Some("*"));
        assert_eq!(weekdays("6#3", spot, &mut report), None);
        assert_eq!([stepped("0/15", "59"), stepped("*/6,3", "23")], ["0-59/15", "*/6,3"]);
        assert_eq!(
            [length("120"), length("6h 30m"), length("${option.t}"), length("0")],
            [Some("120s".into()), Some("6h30m".into()), None, None]
        );
    }
}
