//! The days to come: what each schedule of a book would start, what it would leave out and why, and the minutes in which
//! starts pile up. From the book alone; the timetables are those that the daemon arms.

use crate::model::book::Book;
use crate::schedule::spec::{Spec, specs};
use crate::schedule::timetable::Verdict;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Instants of one trigger that are looked at: a year of one each minute.
const MOST: usize = 600_000;
/// Piles that are told of, the highest first.
const PILES: usize = 20;

/// What is to come.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Each trigger that a clock starts, in the order of its runbooks.
    pub triggers: Vec<Starts>,
    /// The minutes in which most is started: the highest pile first, alike ones told once.
    pub piles: Vec<Pile>,
    /// Whether a trigger has more instants than are looked at.
    pub cut: bool,
}

/// What one trigger does.
#[derive(Debug, Clone, Serialize)]
pub struct Starts {
    /// Whose.
    pub runbook: String,
    /// Its id.
    pub trigger: String,
    /// As written.
    pub shown: String,
    /// How often it starts a run.
    pub count: u64,
    /// Instants at which it does not, by why.
    pub left_out: BTreeMap<String, u64>,
    /// The first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// A minute in which much is started.
#[derive(Debug, Clone, Serialize)]
pub struct Pile {
    /// The first such minute.
    pub at: Timestamp,
    /// How many starts.
    pub starts: usize,
    /// In how many minutes the same runbooks start together.
    pub times: u64,
    /// Which.
    pub runbooks: Vec<String>,
}

/// Starts by minute: the runbooks.
type Minutes = BTreeMap<i64, Vec<usize>>;

/// What the schedules of a book do between two instants; a pile has at least so many starts.
#[must_use]
pub fn calendar(book: &Book, (from, to): (Timestamp, Timestamp), least: usize) -> Calendar {
    let all = book.runbooks.values().flat_map(|runbook| specs(runbook, &book.settings)).filter(Spec::is_timed);
    let (mut triggers, mut minutes, mut cut) = (Vec::new(), Minutes::new(), false);
    for spec in all {
        let mut starts = Starts {
            runbook: spec.id.runbook.to_string(),
            trigger: spec.id.trigger.to_string(),
            shown: spec.shown.clone(),
            count: 0,
            left_out: BTreeMap::new(),
            first: None,
            last: None,
        };
        let mut looked = 0;
        for due in spec.table.after(from).take_while(|due| due.at < to) {
            looked += 1;
            if looked > MOST {
                cut = true;
                break;
            }
            if due.verdict == Verdict::Fires {
                let at = spec.starts(due.at, due.nominal);
                starts.count += 1;
                starts.first.get_or_insert(at);
                starts.last = Some(at);
                minutes.entry(at.as_second().div_euclid(60)).or_default().push(triggers.len());
            } else {
                *starts.left_out.entry(why(&due.verdict)).or_default() += 1;
            }
        }
        triggers.push(starts);
    }
    let piles = piles(&minutes, &triggers, least);
    Calendar { triggers, piles, cut }
}

fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Fires => "fires".to_owned(),
        Verdict::Coalesced => "coalesced by a clock change".to_owned(),
        Verdict::SkippedDst => "skipped by a clock change".to_owned(),
        Verdict::SkippedCalendar(name) => format!("in calendar `{name}`"),
    }
}

fn piles(minutes: &Minutes, triggers: &[Starts], least: usize) -> Vec<Pile> {
    let mut alike: BTreeMap<&[usize], (i64, u64)> = BTreeMap::new();
    for (minute, starts) in minutes.iter().filter(|(_, starts)| starts.len() >= least) {
        alike.entry(starts).or_insert((*minute, 0)).1 += 1;
    }
    let mut piles: Vec<Pile> = alike
        .into_iter()
        .map(|(starts, (minute, times))| Pile {
            at: Timestamp::from_second(minute * 60).unwrap_or(Timestamp::UNIX_EPOCH),
            starts: starts.len(),
            times,
            runbooks: names(starts, triggers),
        })
        .collect();
    piles.sort_by_key(|pile| (std::cmp::Reverse(pile.starts), pile.at));
    piles.truncate(PILES);
    piles
}

/// The runbooks of a pile, those that start more than once in it with how often.
fn names(starts: &[usize], triggers: &[Starts]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for index in starts {
        *counts.entry(triggers[*index].runbook.as_str()).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| if count == 1 { name.into() } else { format!("{name} x{count}") }).collect()
}
