//! What becomes of due instants under each policy: `tests/fixtures/schedule/*.md` are scripts of one trigger with the ledger and
//! the runs that come of them. `UPDATE=1` rewrites them.
//!
//! A script begins with the trigger; then a line for each look at the clock: the local time in the zone, and what else
//! reaches it (`ends well`, `ends badly`, `pause`, `resume`, `withdraw`, `full`, `broken input`, `room`, `call KEY`,
//! `call KEY about SUBJECT`, `over SUBJECT`, `beat`, `backfill NAME`).

use crate::golden::{block, files};
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use stepladder::base::actor::Actor;
use stepladder::base::digest::Digest;
use stepladder::base::ids::RunId;
use stepladder::lang;
use stepladder::runtime::schedules::ledger::{self, LedgerRow};
use stepladder::schedule::backfill::{Backfill, Had, HadFate};
use stepladder::schedule::call::{Accepted, Call};
use stepladder::schedule::decide::{Decision, Effect, Input, Known, Obstacle, decide, next_look, startable};
use stepladder::schedule::event::{Event, Instant};
use stepladder::schedule::nominal::Nominal;
use stepladder::schedule::project::{LEDGER, project};
use stepladder::schedule::spec::{Spec, specs};
use stepladder::schedule::state::Schedule;

fn spec(trigger: &str) -> Spec {
    let text = format!("runbook: work\ntriggers:\n  - {{ {trigger} }}\nsteps:\n  - {{ id: go, shell: 'true' }}\n");
    let settings = "timezone: Europe/Berlin\ncalendars: { holidays: { dates: ['2026-12-25'] } }\n";
    let files: Vec<(String, Arc<str>)> =
        vec![("stepladder.yaml".into(), settings.into()), ("runbooks/work.yaml".into(), text.into())];
    let loaded = lang::load(&files);
    let style = stepladder::diagnostic::render::Style { color: false, unicode: true, width: 120 };
    let said = stepladder::diagnostic::render::people(&loaded.sources, &loaded.findings, style);
    let runbook = loaded.book.runbooks.values().next().unwrap_or_else(|| panic!("{said}"));
    specs(runbook, &loaded.book.settings).remove(0)
}

/// `KEY`, `KEY about SUBJECT`, `KEY of an hour ago`, `KEY at depth 16`.
fn called(what: &str, now: Timestamp) -> Input {
    let (key, subject) = what.split_once(" about ").map_or((what, None), |(key, subject)| (key, Some(subject)));
    let (key, depth) = key.split_once(" at depth ").map_or((key, 0), |(key, depth)| (key, depth.parse().unwrap()));
    let old = key.strip_suffix(" of long ago");
    Input::Called(Box::new(Call {
        key: Digest::of(old.unwrap_or(key).as_bytes()),
        subject: subject.map(|subject| Digest::of(subject.as_bytes())),
        inputs: serde_json::Map::new(),
        about: serde_json::Map::new(),
        at: old.map(|_| now - jiff::SignedDuration::from_mins(61)),
        depth,
        file: None,
    }))
}

struct Script {
    spec: Spec,
    schedule: Schedule,
    live: BTreeSet<RunId>,
    ended: BTreeMap<RunId, (bool, Timestamp)>,
    names: BTreeMap<RunId, String>,
    of: BTreeMap<RunId, Digest>,
    called: BTreeMap<Digest, Accepted>,
    obstacle: Option<Obstacle>,
    /// The ledger, as the index has it.
    rows: BTreeMap<Vec<u8>, LedgerRow>,
    text: String,
}

impl Script {
    /// One look at the clock, and everything that follows from it at once.
    fn look(&mut self, now: Timestamp, input: Input) {
        let last = input == Input::Withdraw;
        let mut input = Some(input);
        for _ in 0..300 {
            let had = |due: Instant| -> Option<Had> {
                let own = self.rows.get(&self.spec.id.row(due.nominal));
                let shares = |row: &&LedgerRow| row.count > 1 && row.due <= due.at && due.at <= row.until;
                own.or_else(|| self.rows.values().find(shares)).map(|row| row.had().unwrap())
            };
            let known = Known {
                live: &self.live,
                of: &self.of,
                ready: &|_| self.obstacle.clone().map_or(Ok(()), Err),
                called: &|key| self.called.get(key).copied(),
                has_row: &|nominal| self.rows.contains_key(&self.spec.id.row(nominal)),
                row: &|due| Ok(had(due)),
                ended: &|run| self.ended.get(&run).copied(),
            };
            let next = input.take().unwrap_or(Input::Tick);
            let decided = decide(&self.spec, &mut self.schedule, next, &known, now).unwrap();
            let Decision { events, effects, call, by, answer, .. } = decided;
            match answer {
                Some(Err(obstacle)) => drop(writeln!(self.text, "    refused: {obstacle:?}")),
                Some(Ok(answer)) if answer.fate.is_none() => drop(writeln!(self.text, "    it was {}", answer.nominal)),
                Some(Ok(_)) | None => {}
            }
            for event in &events {
                if let Event::Called { due, call } = &event.event {
                    let accepted = Accepted { nominal: due.nominal, run: None };
                    self.called.extend([Some(call.key), call.subject].into_iter().flatten().map(|key| (key, accepted)));
                }
                for (tree, key, row) in project(&self.spec.id, event) {
                    if tree == LEDGER {
                        let bytes = serde_json::to_vec(&row.unwrap()).unwrap();
                        self.rows.insert(key, ledger::row(&self.spec.id, &bytes).unwrap());
                    }
                }
                let line = self.line(&event.event);
                let _ = writeln!(self.text, "    {line}");
            }
            for effect in effects {
                match effect {
                    Effect::Start(run, due) => {
                        // What is made up for is as a run by hand.
                        if by.is_none() {
                            self.live.insert(run);
                        }
                        self.of.extend(call.as_ref().and_then(|call| Some((run, call.subject?))));
                        self.names.insert(run, due.nominal.to_string());
                    }
                    Effect::Cancel(run) => {
                        let _ = writeln!(self.text, "    cancel the run of {}", self.names[&run]);
                    }
                }
            }
            let blocked = startable(&self.schedule, &self.live, &self.of).is_none();
            let more = next_look(&self.spec, &self.schedule, blocked).is_some_and(|look| look <= now);
            if events.is_empty() || !more || last {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn line(&self, event: &Event) -> String {
        let run = |run: &RunId| format!("run of {}", self.names.get(run).map_or("?", String::as_str));
        let by = |deadline: &Option<Timestamp>| {
            deadline.map_or(String::new(), |by| format!(", by {}", self.spec.table.zone.to_datetime(by)))
        };
        let name = |due: &Instant| {
            let shown = self.spec.table.zone.to_datetime(due.at);
            let nominal = due.nominal.to_string();
            if nominal == shown.to_string() { nominal } else { format!("{nominal} (at {shown})") }
        };
        match event {
            Event::Began { .. } => "began".into(),
            Event::Withdrawn => "withdrawn".into(),
            Event::Called { due, .. } => format!("{}: called", name(due)),
            Event::Beat => "beat".into(),
            Event::Silent { by } => format!("SILENT, by {}", self.spec.table.zone.to_datetime(*by)),
            Event::Seen { files } => format!("seen: {files:?}"),
            Event::Ran { due, deadline, .. } => format!("{}: ran{}", name(due), by(deadline)),
            Event::Backfilled { due, had, .. } => {
                let had = had.as_ref().map_or(String::new(), |had| {
                    let parts = had.parts.iter().map(|part| {
                        let span = if part.from == part.to {
                            name(&part.from)
                        } else {
                            format!("{} to {}", name(&part.from), name(&part.to))
                        };
                        format!("; left: {span}, {}", part.count)
                    });
                    format!(" (was {}{})", had.fate.word(), parts.collect::<String>())
                });
                format!("{}: backfilled{had}", name(due))
            }
            Event::Queued { due, deadline } => format!("{}: waits{}", name(due), by(deadline)),
            Event::Settled { from, to, count, fate, why, deadline } => {
                let span = if from == to { name(from) } else { format!("{} to {}, {count}", name(from), name(to)) };
                let why = why.as_ref().map_or(String::new(), |why| {
                    let known = self.names.iter().find(|(run, _)| why.contains(&run.to_string()));
                    let why =
                        known.map_or(why.clone(), |(id, name)| why.replace(&id.to_string(), &format!("of {name}")));
                    format!(" ({why})")
                });
                format!("{span}: {}{why}{}", fate.word(), by(deadline))
            }
            Event::Paused { reason, .. } => format!("paused: {reason}"),
            Event::Resumed { .. } => "resumed".into(),
            Event::DeadlineMet(nominal) => format!("{nominal}: deadline met"),
            Event::DeadlineMissed { nominal, run: of } => {
                format!("{nominal}: DEADLINE MISSED, {}", of.as_ref().map_or("no run".into(), run))
            }
        }
    }

    fn play(trigger: &str, lines: &str) -> String {
        let mut script = Self {
            spec: spec(trigger),
            schedule: Schedule::default(),
            live: BTreeSet::new(),
            ended: BTreeMap::new(),
            names: BTreeMap::new(),
            of: BTreeMap::new(),
            called: BTreeMap::new(),
            obstacle: None,
            rows: BTreeMap::new(),
            text: String::new(),
        };
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(script.text, "{line}");
            let mut parts = line.splitn(2, ' ');
            let time: DateTime = parts.next().unwrap().parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            let now = script.spec.table.zone.to_timestamp(time).unwrap();
            let input = match parts.next().unwrap_or_default() {
                "" => Input::Tick,
                what @ ("ends well" | "ends badly") => {
                    let oldest = script.live.pop_first().unwrap_or_else(|| panic!("{line}: nothing runs"));
                    script.ended.insert(oldest, (what == "ends well", now));
                    Input::Tick
                }
                "pause" => Input::Pause { actor: Actor::engine("test"), reason: "a test".into() },
                "resume" => Input::Resume { actor: Actor::engine("test") },
                "withdraw" => Input::Withdraw,
                "beat" => Input::Beat,
                what if what.starts_with("backfill ") => {
                    let wanted = Nominal::parse(&what[9..]).unwrap();
                    let from = now - jiff::SignedDuration::from_hours(24 * 400);
                    let mut dues = script.spec.table.after(from);
                    let due = dues.find(|due| due.nominal == wanted).unwrap();
                    let due = Instant { nominal: due.nominal, at: due.at };
                    Input::Backfill(Box::new(Backfill { due, actor: Actor::engine("test") }))
                }
                what if what.starts_with("call ") => called(&what[5..], now),
                what if what.starts_with("over ") => {
                    Input::Over { subject: Digest::of(&what.as_bytes()[5..]), cancel: false }
                }
                "full" => {
                    script.obstacle = Some(Obstacle::NoSpace("no space left".into()));
                    Input::Tick
                }
                "broken input" => {
                    script.obstacle = Some(Obstacle::Failed("input `x` is missing".into()));
                    Input::Tick
                }
                "room" => {
                    script.obstacle = None;
                    Input::Tick
                }
                other => panic!("{line}: what is `{other}`?"),
            };
            script.look(now, input);
        }
        if lines.contains(" backfill ") {
            script.text.push_str("the ledger in the end\n");
            let mut rows: Vec<&LedgerRow> = script.rows.values().collect();
            rows.sort_by_key(|row| row.due);
            for row in rows {
                let how =
                    row.how.as_ref().map_or(String::new(), |how| format!(", {how} by {}", row.by.as_ref().unwrap()));
                assert!(row.run.is_some() == matches!(row.had().unwrap().fate, HadFate::Ran(_)));
                let _ = writeln!(script.text, "    {} to {}, {}: {}{how}", row.from, row.to, row.count, row.fate);
            }
        }
        script.text
    }
}

#[test]
fn policies_do_what_was_read() {
    let mut wrong = Vec::new();
    for path in files("schedule", "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        let part = |kind: &str| {
            let (_, rest) =
                text.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("{}: no {kind}", path.display()));
            rest.split_once("```").unwrap().0.to_owned()
        };
        let played = Script::play(part("trigger").trim(), &part("script"));
        wrong.extend(block(&path, "ledger", &played));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
