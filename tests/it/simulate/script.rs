//! What happens to a simulated machine, as a text that a person can read, cut down and keep.

use super::chance::Chance;
use std::fmt;
use std::str::FromStr;

/// A whole case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Script {
    /// Where everything not written here is drawn from: how long steps take, how they end.
    pub(crate) seed: u64,
    pub(crate) items: Vec<Item>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// At a time, in milliseconds.
    At(u64, Deed),
    /// To the n-th batch given to the journal.
    Batch(u64, BatchFault),
    /// To the n-th end of an attempt.
    Reply(u64, ReplyFault),
}

/// Something done from outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    /// A run of that runbook is started.
    Start(String),
    /// The n-th started run is started again from where it failed.
    Repeat(u64),
    /// The n-th started run is cancelled so many times.
    Cancel(u64, u64),
    /// The book changes: what starts from now on is another edition.
    Reload,
    /// The process dies; of the batches on their way so many are durable all the same.
    Crash(u64),
    /// The process dies, and again when it has come back and done so many batches.
    CrashTwice(u64),
    /// The machine dies, and every child with it.
    Reboot,
    /// Another process takes over, and the old one does not know.
    Takeover,
    /// The wall clock jumps by so many milliseconds.
    Clock(i64),
    /// There is no space for so many milliseconds.
    Full(u64),
    /// The index is thrown away and made again.
    Rebuild,
    /// The owner loses sight of the n-th started run.
    Lose(u64),
    /// The owner loses sight of who holds what.
    LoseHolders,
}

/// What goes wrong with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchFault {
    /// Nobody can say, and it was written.
    UnknownWritten,
    /// Nobody can say, and it was not.
    UnknownLost,
    /// The writer is behind.
    Busy,
    /// It takes so many milliseconds.
    Slow(u64),
    /// The journal breaks.
    Broken,
}

/// What goes wrong with the end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyFault {
    /// It comes so many milliseconds late.
    Late(u64),
    /// It comes twice.
    Twice,
    /// It never comes.
    Lost,
    /// The process was lost, and nothing is known.
    Vanished,
}

/// Every kind of fault there is, as its first word in a script.
pub(crate) const FAULTS: &[&str] = &[
    "crash, nothing kept",
    "crash, a tail kept",
    "crash twice",
    "reboot",
    "takeover",
    "clock forward",
    "clock back",
    "clock over a change of summer time",
    "full",
    "batch unknown, written",
    "batch unknown, lost",
    "batch busy",
    "batch slow",
    "batch broken",
    "reply late",
    "reply twice",
    "reply lost",
    "reply vanished",
    "cancel",
    "cancel twice",
    "reload",
    "rebuild",
    "lose a run",
    "lose holders",
];

const TEMPLATES: &[&str] = &[
    "line",
    "retry",
    "parallel",
    "group",
    "crowd",
    "choosy",
    "mutex",
    "confirm",
    "interrupt",
    "caller",
    "foreach",
    "undo",
    "recover",
    "watch",
    "remedy",
    "limits",
    "wait",
    "both",
    "unwind",
];

impl Script {
    /// The case of that seed. Some are calm, most have a few kinds of faults.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut items = Vec::new();
        let template = *chance.pick(TEMPLATES);
        // People who vote are drawn besides: every other seed stays the case it was.
        let template = if matches!(seed % 16, 5 | 10) { "approval" } else { template };
        let starts = chance.between(1, 3);
        for nth in 0..starts {
            let name = if nth > 0 && chance.one_in(4) { *chance.pick(TEMPLATES) } else { template };
            items.push(Item::At(if nth == 0 { 0 } else { chance.below(30_000) }, Deed::Start(name.into())));
        }
        if chance.one_in(4) {
            items.push(Item::At(chance.between(60_000, 600_000), Deed::Repeat(0)));
        }
        let kinds: Vec<&str> = (0..chance.below(4)).map(|_| *chance.pick(FAULTS)).collect();
        for kind in kinds {
            // What memory lost twice between two sweeps no sweep can tell from what was never there.
            let times = if kind == "lose holders" { 1 } else { chance.between(1, 3) };
            items.retain(|item| kind != "lose holders" || !matches!(item, Item::At(_, Deed::LoseHolders)));
            for _ in 0..times {
                items.push(fault(kind, starts, &mut chance));
            }
        }
        Self { seed, items }
    }

    /// Whether nothing in it keeps an owner from being where it should be when it should: a journal that is behind or has no
    /// room, memory that is lost, a machine started again before it was seen that the clock was set.
    pub(crate) fn is_punctual(&self) -> bool {
        let instants = |wanted: fn(&Deed) -> bool| {
            let deeds = self.items.iter().filter_map(|item| match item {
                Item::At(at, deed) => Some((*at, deed)),
                Item::Batch(..) | Item::Reply(..) => None,
            });
            deeds.filter(move |(_, deed)| wanted(deed)).map(|(at, _)| at).collect::<Vec<u64>>()
        };
        let (reboots, sets) = (instants(|deed| *deed == Deed::Reboot), instants(|deed| matches!(deed, Deed::Clock(_))));
        let unseen = reboots.iter().any(|reboot| sets.iter().any(|set| set.abs_diff(*reboot) < 1_000));
        let late = |item: &Item| {
            matches!(item, Item::Batch(..) | Item::At(_, Deed::Full(_) | Deed::Lose(_) | Deed::LoseHolders))
        };
        !unseen && !self.items.iter().any(late)
    }

    /// The same without the n-th item.
    pub(crate) fn without(&self, nth: usize) -> Self {
        let mut less = self.clone();
        less.items.remove(nth);
        less
    }

    /// Cut down as far as `fails` stays true.
    pub(crate) fn shrink(&self, fails: &dyn Fn(&Self) -> bool) -> Self {
        let mut script = self.clone();
        let mut nth = 0;
        while nth < script.items.len() {
            let less = script.without(nth);
            if fails(&less) {
                script = less;
                nth = 0;
            } else {
                nth += 1;
            }
        }
        script
    }
}

fn fault(kind: &str, starts: u64, chance: &mut Chance) -> Item {
    let at = chance.below(90_000);
    let batch = chance.below(14);
    let reply = chance.below(8);
    match kind {
        "crash, nothing kept" => Item::At(at, Deed::Crash(0)),
        "crash, a tail kept" => Item::At(at, Deed::Crash(chance.between(1, 3))),
        "crash twice" => Item::At(at, Deed::CrashTwice(chance.below(3))),
        "reboot" => Item::At(at, Deed::Reboot),
        "takeover" => Item::At(at, Deed::Takeover),
        "clock forward" => Item::At(at, Deed::Clock(i64::try_from(chance.between(1_000, 600_000)).unwrap())),
        "clock back" => Item::At(at, Deed::Clock(-i64::try_from(chance.between(1_000, 600_000)).unwrap())),
        "clock over a change of summer time" => Item::At(at, Deed::Clock(3 * 3_600_000)),
        "full" => Item::At(at, Deed::Full(chance.between(500, 30_000))),
        "batch unknown, written" => Item::Batch(batch, BatchFault::UnknownWritten),
        "batch unknown, lost" => Item::Batch(batch, BatchFault::UnknownLost),
        "batch busy" => Item::Batch(batch, BatchFault::Busy),
        "batch slow" => Item::Batch(batch, BatchFault::Slow(chance.between(100, 20_000))),
        "batch broken" => Item::Batch(batch, BatchFault::Broken),
        "reply late" => Item::Reply(reply, ReplyFault::Late(chance.between(1, 60_000))),
        "reply twice" => Item::Reply(reply, ReplyFault::Twice),
        "reply lost" => Item::Reply(reply, ReplyFault::Lost),
        "reply vanished" => Item::Reply(reply, ReplyFault::Vanished),
        "cancel" => Item::At(at, Deed::Cancel(chance.below(starts), 1)),
        "cancel twice" => Item::At(at, Deed::Cancel(chance.below(starts), 2)),
        "reload" => Item::At(chance.below(20_000), Deed::Reload),
        "rebuild" => Item::At(at, Deed::Rebuild),
        "lose a run" => Item::At(at, Deed::Lose(chance.below(starts))),
        "lose holders" => Item::At(at, Deed::LoseHolders),
        other => panic!("no fault `{other}`"),
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        self.items.iter().try_for_each(|item| match item {
            Item::At(at, deed) => writeln!(f, "at {at} ms {deed}"),
            Item::Batch(number, fault) => writeln!(
                f,
                "batch {number} {}",
                match fault {
                    BatchFault::UnknownWritten => "unknown written".into(),
                    BatchFault::UnknownLost => "unknown lost".into(),
                    BatchFault::Busy => "busy".into(),
                    BatchFault::Slow(millis) => format!("slow {millis}"),
                    BatchFault::Broken => "broken".into(),
                }
            ),
            Item::Reply(number, fault) => writeln!(
                f,
                "reply {number} {}",
                match fault {
                    ReplyFault::Late(millis) => format!("late {millis}"),
                    ReplyFault::Twice => "twice".into(),
                    ReplyFault::Lost => "lost".into(),
                    ReplyFault::Vanished => "vanished".into(),
                }
            ),
        })
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(name) => write!(f, "start {name}"),
            Self::Repeat(run) => write!(f, "repeat {run}"),
            Self::Cancel(run, times) => write!(f, "cancel {run} times {times}"),
            Self::Reload => write!(f, "reload"),
            Self::Crash(kept) => write!(f, "crash keeping {kept}"),
            Self::CrashTwice(batches) => write!(f, "crash twice after {batches}"),
            Self::Reboot => write!(f, "reboot"),
            Self::Takeover => write!(f, "takeover"),
            Self::Clock(millis) => write!(f, "clock {millis}"),
            Self::Full(millis) => write!(f, "full {millis}"),
            Self::Rebuild => write!(f, "rebuild"),
            Self::Lose(run) => write!(f, "lose {run}"),
            Self::LoseHolders => write!(f, "lose holders"),
        }
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut script = Self { seed: 0, items: Vec::new() };
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let item: Option<Result<Item, String>> = match words.as_slice() {
                ["seed", seed] => {
                    script.seed = number(seed)?;
                    continue;
                }
                ["at", at, "ms", deed @ ..] => self::deed(deed).map(|deed| Ok(Item::At(number(at)?, deed))),
                ["batch", nth, fault @ ..] => batch_fault(fault).map(|fault| Ok(Item::Batch(number(nth)?, fault))),
                ["reply", nth, fault @ ..] => reply_fault(fault).map(|fault| Ok(Item::Reply(number(nth)?, fault))),
                _ => None,
            };
            script.items.push(item.ok_or_else(|| format!("`{line}` is no line of a script"))??);
        }
        Ok(script)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn deed(words: &[&str]) -> Option<Deed> {
    Some(match words {
        ["start", name] => Deed::Start((*name).into()),
        ["repeat", run] => Deed::Repeat(run.parse().ok()?),
        ["cancel", run, "times", times] => Deed::Cancel(run.parse().ok()?, times.parse().ok()?),
        ["reload"] => Deed::Reload,
        ["crash", "keeping", kept] => Deed::Crash(kept.parse().ok()?),
        ["crash", "twice", "after", batches] => Deed::CrashTwice(batches.parse().ok()?),
        ["reboot"] => Deed::Reboot,
        ["takeover"] => Deed::Takeover,
        ["clock", millis] => Deed::Clock(millis.parse().ok()?),
        ["full", millis] => Deed::Full(millis.parse().ok()?),
        ["rebuild"] => Deed::Rebuild,
        ["lose", "holders"] => Deed::LoseHolders,
        ["lose", run] => Deed::Lose(run.parse().ok()?),
        _ => return None,
    })
}

fn batch_fault(words: &[&str]) -> Option<BatchFault> {
    Some(match words {
        ["unknown", "written"] => BatchFault::UnknownWritten,
        ["unknown", "lost"] => BatchFault::UnknownLost,
        ["busy"] => BatchFault::Busy,
        ["slow", millis] => BatchFault::Slow(millis.parse().ok()?),
        ["broken"] => BatchFault::Broken,
        _ => return None,
    })
}

fn reply_fault(words: &[&str]) -> Option<ReplyFault> {
    Some(match words {
        ["late", millis] => ReplyFault::Late(millis.parse().ok()?),
        ["twice"] => ReplyFault::Twice,
        ["lost"] => ReplyFault::Lost,
        ["vanished"] => ReplyFault::Vanished,
        _ => return None,
    })
}
