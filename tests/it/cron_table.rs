//! Next-fire tables of generated expressions against another implementation of cron (`cronexpr`).
//!
//! It reads crontab(5) with `L`, `W` and `#` on its own, over the same calendar. In UTC no clock changes, so what is compared is
//! the pattern alone; `clock_changes.rs` holds the rest. Left out is where the two differ, and why: a day field that begins with
//! `*` and has a step beside another day field (`*/10 … 1`), which crontab(5) joins with AND and the other with OR; `LW` and
//! steps past 7 in the day of the week, which the other refuses; `L` in December, which it passes over; and what does not come within
//! four years, where it stops looking.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use stepladder::model::cron::Pattern;
use stepladder::model::schedule::Dst;
use stepladder::schedule::timetable::{Times, Timetable};

/// A row of numbers from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn one_of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }

    fn range(&mut self, low: u64, high: u64) -> (u64, u64) {
        let from = low + self.below(high - low + 1);
        (from, from + self.below(high - from + 1))
    }

    /// A field of numbers: `*`, a number, a list, a range, steps.
    fn field(&mut self, low: u64, high: u64) -> String {
        match self.below(7) {
            0 | 1 => "*".into(),
            2 => format!("*/{}", 1 + self.below(high / 2)),
            3 => (low + self.below(high - low + 1)).to_string(),
            4 => {
                let (from, to) = self.range(low, high);
                format!("{from}-{to}")
            }
            5 => {
                let (from, to) = self.range(low, high);
                format!("{from}-{to}/{}", 1 + self.below(9))
            }
            _ => {
                let items = 1 + self.below(4);
                let numbers = (0..items).map(|_| (low + self.below(high - low + 1)).to_string());
                numbers.collect::<Vec<_>>().join(",")
            }
        }
    }

    fn expression(&mut self) -> String {
        let (minute, hour) = (self.field(0, 59), self.field(0, 23));
        let month = match self.below(4) {
            0 => self.one_of(&["JAN", "jun", "Mar-May", "APR,DEC", "2-12/2"]).to_owned(),
            1 => self.field(1, 12),
            _ => "*".into(),
        };
        let plain = |field: String| if field.contains('*') { "*".to_owned() } else { field };
        let day = match self.below(8) {
            0 => self.one_of(&["L", "15W", "1W", "28W"]).to_owned(),
            1..=3 => plain(self.field(1, 28)),
            _ => "*".into(),
        };
        let weekday = match self.below(8) {
            0 => self.one_of(&["MON-FRI", "SUN", "sat,sun", "0", "7", "5L", "1#1", "3#5", "TUE#2"]).to_owned(),
            1 | 2 => plain(self.field(0, 6)),
            _ => "*".into(),
        };
        let weekday = weekday.split_once('/').map_or_else(|| weekday.clone(), |(range, _)| format!("{range}/2"));
        let month = match weekday.as_str() {
            "5L" => "1-11".to_owned(),
            // Some fifth days of the week come years apart, past where the other looks.
            "3#5" => "*".to_owned(),
            _ if day == "L" => "1-11".to_owned(),
            _ => month,
        };
        format!("{minute} {hour} {day} {month} {weekday}")
    }
}

fn theirs(expression: &str, from: Timestamp, count: usize) -> Result<Vec<Timestamp>, String> {
    let crontab = cronexpr::parse_crontab(&format!("{expression} UTC")).map_err(|error| error.to_string())?;
    let times = crontab.iter_after(from).map_err(|error| error.to_string())?;
    times.take(count).map(|at| at.map(|at| at.timestamp()).map_err(|error| error.to_string())).collect()
}

fn ours(expression: &str, from: Timestamp, count: usize) -> Result<Vec<Timestamp>, String> {
    let times = Times::Cron(Pattern::parse(expression).map_err(|error| error.to_string())?);
    let table = Timetable { times, zone: TimeZone::UTC, dst: Dst::Once, except: Vec::new() };
    Ok(table.after(from).take(count).map(|due| due.at).collect())
}

#[test]
fn ten_thousand_tables_are_those_of_another_implementation() {
    let mut chance = Chance(20_261_124);
    let from: Timestamp = "2026-11-24T22:45:10Z".parse().unwrap();
    let mut wrong = Vec::new();
    for _ in 0..10_000 {
        let expression = chance.expression();
        let (ours, theirs) = (ours(&expression, from, 6), theirs(&expression, from, 6));
        if ours.is_err() || ours != theirs {
            wrong.push(format!("`{expression}`\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
