//! `logs`: lines of log files counted by pattern, the last ones kept.

mod find;
mod lines;
mod stamp;

use crate::act::args::Args;
use crate::act::logs::find::{Found, find};
use crate::act::logs::lines::{Range, Scanner};
use crate::act::logs::stamp::Stamps;
use crate::act::verdict::{Done, Verdict};
use crate::act::world::World;
use crate::base::level::Level;
use crate::base::limits::MAX_KEPT_LINE;
use crate::base::span::Span;
use crate::base::value::{Map, Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use regex::Regex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counted where the author names no pattern.
const ERRORS: &str = "(?i)error|critical|fatal";

/// What to look for.
struct Search {
    patterns: Vec<(String, Regex)>,
    ignore: Vec<Regex>,
    last: usize,
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, u64>,
    by_pattern: BTreeMap<String, VecDeque<String>>,
    last: VecDeque<String>,
    lines: u64,
    matched: u64,
}

/// Stops the scan when the future that waits for it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let search = search(args)?;
    let names: Vec<String> = search.patterns.iter().map(|(name, _)| name.clone()).collect();
    let since = args.span("since")?;
    let cutoff = since.and_then(|back| world.now.checked_sub(jiff::SignedDuration::try_from(back).ok()?).ok());
    let range = Range { cutoff, tail: args.count("tail")? };
    let must = args.text("missing").as_deref() != Some("ok");
    let found = find(&args.texts("files"), world, cutoff, must)?;
    let absent = found.absent.clone();
    let stamps = Stamps::new(&world.settings.timezone, world.now);
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&stop.0);
    let task = tokio::task::spawn_blocking(move || scan(&found, &search, &range, &stamps, &flag));
    let scanned = task.await.map_err(|error| Failure::new(FailureKind::Other, format!("the scan stopped: {error}")))?;
    drop(stop);
    let (tally, files, notes) = scanned?;
    let mut verdict = Verdict::of(args, |entry| expectations(entry, &names, &tally, since.map(Span::from)))?;
    for note in &notes {
        verdict.lift(Level::Notice, note.clone());
    }
    let subject = args.texts("files").join(", ");
    let output = json!({
        "counts": tally.counts,
        "matched": tally.matched,
        "lines": tally.lines,
        "last": tally.last,
        "by_pattern": tally.by_pattern,
        "files": files,
        "notes": absent.into_iter().chain(notes).collect::<Vec<_>>(),
    });
    verdict.end(&subject, output)
}

fn search(args: &Args) -> Result<Search, Failure> {
    let compile = |name: &str, text: &str| {
        Regex::new(text).map_err(|error| Failure::lasting(FailureKind::Template, format!("pattern `{name}`: {error}")))
    };
    let mut patterns = Vec::new();
    for (name, text) in args.pairs("patterns") {
        patterns.push((name.clone(), compile(&name, &text)?));
    }
    if patterns.is_empty() {
        patterns.push(("errors".into(), compile("errors", ERRORS)?));
    }
    let ignore = args.texts("ignore").iter().map(|text| compile("ignore", text)).collect::<Result<_, _>>()?;
    let last = usize::try_from(args.count("last")?.unwrap_or(10).min(200)).unwrap_or_default();
    Ok(Search { patterns, ignore, last })
}

type Scanned = (Tally, Vec<Value>, Vec<String>);

fn scan(found: &Found, search: &Search, range: &Range, stamps: &Stamps, stop: &AtomicBool) -> Result<Scanned, Failure> {
    let mut tally = Tally::default();
    for (name, _) in &search.patterns {
        tally.counts.insert(name.clone(), 0);
        tally.by_pattern.insert(name.clone(), VecDeque::new());
    }
    let (mut files, mut notes) = (Vec::new(), found.notes.clone());
    for path in &found.files {
        let unread = |error: std::io::Error| {
            Failure::new(FailureKind::Missing, format!("{} can't be read: {error}", path.display()))
        };
        let (lines, matched) = (tally.lines, tally.matched);
        let mut scanner = Scanner::open(path, range, stamps).map_err(unread)?;
        while let Some(line) = scanner.next_line().map_err(unread)? {
            tally.take(&line, search);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        notes.extend(scanner.note());
        files.push(json!({
            "path": path.display().to_string(),
            "bytes": scanner.bytes(),
            "lines": tally.lines - lines,
            "matched": tally.matched - matched,
        }));
    }
    Ok((tally, files, notes))
}

impl Tally {
    fn take(&mut self, line: &str, search: &Search) {
        self.lines += 1;
        if search.ignore.iter().any(|pattern| pattern.is_match(line)) {
            return;
        }
        let mut matched = false;
        for (name, _) in search.patterns.iter().filter(|(_, pattern)| pattern.is_match(line)) {
            matched = true;
            *self.counts.entry(name.clone()).or_default() += 1;
            keep(self.by_pattern.entry(name.clone()).or_default(), line, search.last);
        }
        if matched {
            self.matched += 1;
            keep(&mut self.last, line, search.last);
        }
    }
}

fn keep(list: &mut VecDeque<String>, line: &str, most: usize) {
    list.push_back(match line.char_indices().nth(MAX_KEPT_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into(),
    });
    while list.len() > most {
        list.pop_front();
    }
}

fn expectations(entry: &Args, names: &[String], tally: &Tally, since: Option<Span>) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    let window = since.map_or_else(String::new, |since| format!(" in the last {since}"));
    let bounds: [(&str, Map<String, Value>); 2] =
        [("at_most", entry.map("at_most")), ("at_least", entry.map("at_least"))];
    for (which, map) in bounds {
        for (name, want) in map {
            if !names.contains(&name) {
                let why = format!("`expect.{which}` names `{name}`, which is no pattern of this step");
                return Err(Failure::lasting(FailureKind::Template, why));
            }
            let count = tally.counts.get(&name).copied().unwrap_or_default();
            let want = want.as_u64().unwrap_or_default();
            let last = tally.by_pattern.get(&name).and_then(|lines| lines.back());
            match which {
                "at_most" if count > want => {
                    let last = last.map_or_else(String::new, |line| {
                        format!(", the last `{}`", crate::act::verdict::beginning(line))
                    });
                    problems.push(format!("{count} lines match `{name}`{window}, expected at most {want}{last}"));
                }
                "at_least" if count < want => {
                    problems.push(format!("{count} lines match `{name}`{window}, expected at least {want}"));
                }
                _ => {}
            }
        }
    }
    Ok(problems)
}
