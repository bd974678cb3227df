//! What weeks held of incidents, in the shape that is sent.

use crate::api::wire::{IncidentFigures, IncidentStatistics, Lengths, PersonFigures, SourceFigures, WeekFigures};
use crate::escalation::event::PageFate;
use crate::escalation::statistics::{Figures, Noise, Person, Statistics, Times};
use crate::service::Counted;
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// How many of those who told of trouble are named.
const NAMED: usize = 10;

/// The figures.
#[must_use]
pub fn statistics(counted: Counted) -> IncidentStatistics {
    let Counted { statistics, until, only_since, unread } = counted;
    let week = |(monday, week): (&Date, &Figures)| {
        let name = monday.iso_week_date();
        WeekFigures {
            week: format!("{:04}-W{:02}", name.year(), name.week()),
            from: statistics.begin(*monday),
            to: statistics.begin(monday.checked_add(1.week()).unwrap_or(Date::MAX)),
            figures: figures(week),
        }
    };
    let weeks = statistics.weeks.iter().map(week).collect();
    IncidentStatistics { zone: zone(&statistics), until, only_since, unread, weeks, total: figures(&statistics.total) }
}

fn zone(statistics: &Statistics) -> String {
    statistics.zone.iana_name().unwrap_or("UTC").to_owned()
}

fn figures(figures: &Figures) -> IncidentFigures {
    let everybody = figures.everybody();
    let messages = figures.channels.iter().map(|(channel, fates)| {
        let fates = fates.iter();
        (
            channel.to_string(),
            fates.map(|(fate, count)| (fate.map_or("ordered", PageFate::word).into(), *count)).collect(),
        )
    });
    let source = |(word, name, noise): (&'static str, &str, Noise)| {
        let Noise { incidents, told, pages } = noise;
        SourceFigures { source: word.into(), name: name.into(), incidents, told, pages }
    };
    let person = |(who, person): (&String, &Person)| {
        let Person { pages, failed, out_of_hours, at_night, taken } = *person;
        PersonFigures { who: who.clone(), pages, failed, out_of_hours, at_night, taken }
    };
    IncidentFigures {
        opened: figures.opened,
        open: figures.open(),
        by_severity: figures.severities.clone(),
        by_type: figures.kinds.clone(),
        ended: words(figures.ended.iter().map(|(how, count)| (how.word(), *count))),
        recurred: figures.recurred,
        to_acknowledge: lengths(&figures.acknowledge),
        to_resolve: lengths(&figures.resolve),
        messages: messages.collect(),
        pages: everybody.pages,
        out_of_hours: everybody.out_of_hours,
        at_night: everybody.at_night,
        people: figures.people.iter().map(person).collect(),
        breaches: words(figures.breaches.iter().map(|(clock, count)| (clock.word(), *count))),
        late: figures.late,
        gaps: figures.gaps,
        exhausted: figures.exhausted,
        noisiest: figures.noisiest(NAMED).into_iter().map(source).collect(),
    }
}

fn words(counts: impl Iterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    counts.map(|(word, count)| (word.to_owned(), count)).collect()
}

fn lengths(times: &Times) -> Option<Lengths> {
    let (median, p90) = (times.percentile(50)?, times.percentile(90)?);
    Some(Lengths { count: times.count(), median_seconds: median.as_secs(), p90_seconds: p90.as_secs() })
}
