//! What an incident does under the ladder of the language's own page: `tests/fixtures/incident/*.md` are scripts with the
//! timeline that comes of them. `UPDATE=1` rewrites them.
//!
//! A line of a script is an instant after the opening, and what reaches the incident then; between two lines it is looked
//! at whenever it asks for that, but not while the daemon is `down`. A page is accepted at once, or fails at once where its
//! channel is down.

use crate::golden::{block, files};
use crate::ladder_world::{World, name, opening, person, policy, source, span, trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Write;
use stepladder::base::ids::{IncidentId, RunId};
use stepladder::base::level::{Level, Outcome};
use stepladder::escalation::decide::{Effect, Input, next_breach, next_look};
use stepladder::escalation::event::{Ending, Event, Page, PageFate, Part, Recorded};
use stepladder::escalation::report::line;
use stepladder::escalation::state::Incident;
use stepladder::escalation::text::length;
use stepladder::escalation::words::{Links, words};
use stepladder::model::escalation::Escalation;

/// When every script begins.
fn start() -> Timestamp {
    "2026-12-25T00:00:00Z".parse().unwrap()
}

struct Play {
    policy: Escalation,
    world: World,
    incident: Incident,
    events: Vec<Recorded>,
    down: BTreeSet<String>,
    asleep: bool,
    told: u64,
    text: String,
    sent: Vec<Page>,
}

impl Play {
    fn new() -> Self {
        Self {
            policy: policy(),
            world: World::new(),
            incident: Incident::default(),
            events: Vec::new(),
            down: BTreeSet::new(),
            asleep: false,
            told: 0,
            text: String::new(),
            sent: Vec::new(),
        }
    }

    /// One input, what it leads to at once, and the fates of the pages it ordered.
    fn take(&mut self, now: Timestamp, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        for _ in 0..200 {
            let Some(input) = inputs.pop_front() else {
                let look = next_look(&self.policy, &self.incident);
                assert!(look.is_none_or(|look| look > now), "it looks at {look:?}, and it is {now}");
                return;
            };
            let decision = self.world.decide(&self.policy, &mut self.incident, input, now).unwrap();
            for recorded in decision.events {
                self.say(now, &recorded);
                self.events.push(recorded);
            }
            for effect in decision.effects {
                match effect {
                    Effect::Send(page) => {
                        let down = self.down.contains(page.channel.as_str());
                        let (fate, note) = match down {
                            true => (PageFate::Failed, "503"),
                            false => (PageFate::Accepted, ""),
                        };
                        let number = page.number;
                        self.sent.push(page);
                        inputs.push_back(Input::Settled { page: number, fate, note: note.into() });
                    }
                    Effect::Withdraw(_) | Effect::Start { .. } => {}
                    Effect::Cancel { run, .. } => {
                        let text = "cancelled".into();
                        let outcome = Some(Outcome::Cancelled);
                        inputs.push_back(Input::Responded { run, outcome, level: Level::Warning, text });
                    }
                }
            }
            if let Some(refused) = decision.refused {
                let _ = writeln!(self.text, "    refused: {}", self.plain(&refused));
            }
        }
        panic!("it never comes to rest:\n{}", self.text);
    }

    fn say(&mut self, now: Timestamp, recorded: &Recorded) {
        if matches!(recorded.event, Event::Settled { fate: PageFate::Accepted, .. }) {
            return;
        }
        let line = self.plain(&line(recorded));
        let _ = writeln!(self.text, "    {:>7}  {line}", length(now.duration_since(start())));
    }

    /// Ids of runs by the runbook's name, instants by how long after the opening they are.
    fn plain(&self, text: &str) -> String {
        let words = text.split_inclusive([' ', ',', ':', ';']).map(|word| {
            let bare = word.trim_end_matches([' ', ',', ':', ';']);
            if let Ok(at) = bare.parse::<Timestamp>() {
                return word.replace(bare, &format!("T+{}", length(at.duration_since(start()))));
            }
            match RunId::parse(bare) {
                Ok(run) => {
                    let known = self.incident.responses.iter().find(|known| known.run == run);
                    word.replace(bare, known.map_or("<id>", |known| known.runbook.as_str()))
                }
                Err(_) => word.to_owned(),
            }
        });
        words.collect()
    }

    /// Lets the time go on: looks whenever the incident asks for it.
    fn until(&mut self, to: Timestamp) {
        while !self.asleep {
            let look = next_look(&self.policy, &self.incident);
            match look.filter(|look| *look < to) {
                Some(look) => self.take(look, Input::Tick),
                None => return,
            }
        }
    }

    fn run(&self, runbook: &str) -> RunId {
        let known = self.incident.responses.iter().rev().find(|known| known.runbook.as_str() == runbook);
        known.unwrap_or_else(|| panic!("{runbook} was never started:\n{}", self.text)).run
    }

    fn answer(&self, runbook: &str, outcome: Option<Outcome>, text: &str) -> Input {
        Input::Responded { run: self.run(runbook), outcome, level: Level::Critical, text: text.into() }
    }

    /// What a line of a script means.
    fn input(&mut self, now: Timestamp, line: &str) -> Input {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        let reason = more.to_owned();
        let actor = || person(if first.is_empty() { "ivanova" } else { first });
        match verb {
            "opens" => {
                self.told += 1;
                let labels = if more.contains("sip") { &[("component", "sip")][..] } else { &[("component", "api")] };
                let by = more.split(' ').find_map(|word| word.strip_prefix("by=")).unwrap_or("run");
                let severity = (first != "-").then_some(first);
                let recurs = more.contains("again").then(|| (IncidentId::new(1, 1), 2));
                opening(trouble(source(by, self.told), severity, labels), recurs)
            }
            "told" => {
                self.told += 1;
                let severity = more.split(' ').find(|word| word.starts_with('P'));
                Input::Told(Box::new(trouble(source(first, self.told), severity, &[("component", "api")])))
            }
            "repeats" => Input::Told(Box::new(trouble(source(first, self.told), None, &[]))),
            "cleared" => {
                self.told += 1;
                Input::Cleared { source: source(first, self.told), reason: "good again".into() }
            }
            "succeeds" => self.answer(first, Some(Outcome::Succeeded), &reason),
            "fails" => self.answer(first, Some(Outcome::Failed), &reason),
            "lost" => self.answer(first, None, &reason),
            "ack" => Input::Acknowledge { actor: actor(), who: Some(name(first)), note: reason, as_of: None },
            "unack" => Input::Unacknowledge { actor: actor(), reason },
            "snooze" => {
                Input::Snooze { actor: person("ivanova"), until: now + SignedDuration::from(span(first)), reason }
            }
            "assign" => Input::Assign { actor: person("ivanova"), to: name(first) },
            "severity" => Input::Severity { actor: person("ivanova"), to: first.into(), reason },
            "classify" => Input::Classify { actor: person("ivanova"), kind: first.into() },
            "escalate" => {
                let as_of = first.strip_prefix("page=").map(|page| self.incident.pages[&page.parse().unwrap()].version);
                Input::Escalate { actor: person("ivanova"), reason, as_of }
            }
            "note" => Input::Note { actor: person("ivanova"), text: rest.into() },
            "duty" => {
                let (level, index) = (first.parse().unwrap(), more.parse::<u32>().unwrap() - 1);
                Input::Duty { actor: person("ivanova"), level, index, done: true }
            }
            "resolve" => Input::Resolve { actor: actor(), how: Ending::Person, reason },
            "step-resolves" => Input::Resolve { actor: person("api-watch"), how: Ending::Step, reason: rest.into() },
            "failed" => Input::Settled { page: first.parse().unwrap(), fate: PageFate::Failed, note: reason },
            _ => self.around(now, verb, first, more),
        }
    }

    /// What a line changes around the incident.
    fn around(&mut self, now: Timestamp, verb: &str, first: &str, more: &str) -> Input {
        match verb {
            "tick" => {}
            "channel" if more == "down" => drop(self.down.insert(first.to_owned())),
            "channel" => drop(self.down.remove(first)),
            "nobody" => drop(self.world.on_call.insert(first.to_owned(), Vec::new())),
            "on-call" => drop(self.world.on_call.insert("on_call.platform".to_owned(), vec![name(first)])),
            "no-address" => drop(self.world.nowhere.insert(name(first))),
            "broken" => drop(self.world.broken.insert(name(first))),
            "held-by" => self.world.holder = Some(format!("{first} {more}")),
            "ran" => {
                self.world.ran.insert(name(first), (RunId::new(1, 1), now - SignedDuration::from(span(more))));
            }
            "mute" => self.world.mute = Some((first.to_owned(), now + SignedDuration::from(span(more)))),
            "unmute" => self.world.mute = None,
            "down" => self.asleep = true,
            "up" => self.asleep = false,
            "no-ladder" => self.policy = Escalation::default(),
            "no-tries" => self.policy.levels.get_mut(&1).unwrap().tries.clear(),
            "level" if more == "automatic" => {
                self.policy.severities.get_mut(first).unwrap().climb.retain(|level, _| *level == 1)
            }
            "crash" => {
                let before = std::mem::replace(&mut self.incident, Incident::replay(&self.events).unwrap());
                assert_eq!(before, self.incident, "what is replayed is what was");
            }
            other => panic!("what is `{other}`?"),
        }
        Input::Tick
    }

    /// The words of the newest page of that kind.
    fn words(&self, verb: &str) -> String {
        let page = self.sent.iter().rev().find(|page| format!("{:?}", page.what).eq_ignore_ascii_case(verb)).unwrap();
        let links = Links {
            incident: Some("https://steps.company.com/i/1".into()),
            act: &|verb, version| Some((format!("{verb:?}.{version}"), None)),
        };
        let message = words(&self.policy, &self.incident, page, &links);
        let mut text = format!("{} | {} | {:?}\n", message.title, message.severity.unwrap_or_default(), message.level);
        for (field, value) in &message.fields {
            let _ = writeln!(text, "{field}: {value}");
        }
        let _ = writeln!(text, "{}", self.plain(&message.text));
        for action in &message.actions {
            let _ = writeln!(text, "[{}] {}", action.label, action.token);
        }
        text
    }

    fn play(script: &str) -> String {
        let mut play = Self::new();
        let mut opened = false;
        for line in script.lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(play.text, "{line}");
            let (time, what) = line.split_once(' ').unwrap();
            let now = start() + SignedDuration::from(span(time));
            if let Some(verb) = what.strip_prefix("words ") {
                let words = play.words(verb);
                let _ =
                    write!(play.text, "{}", words.lines().map(|line| format!("    | {line}\n")).collect::<String>());
                continue;
            }
            play.until(now);
            if what == "breach" {
                let next = next_breach(&play.policy, &play.incident);
                let next = next.map(|(clock, by)| format!("{} in {}", clock.word(), length(by.duration_since(now))));
                let _ = writeln!(play.text, "    next breach: {}", next.unwrap_or_else(|| "none".into()));
                continue;
            }
            let input = play.input(now, what);
            opened |= matches!(input, Input::Open(_));
            if opened && !play.asleep {
                play.take(now, input);
            }
        }
        assert_eq!(Incident::replay(&play.events).as_ref(), Ok(&play.incident));
        play.text
    }
}

#[test]
fn incidents_do_what_was_read() {
    let mut wrong = Vec::new();
    for path in files("incident", "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, script) = text.split_once("```script\n").unwrap_or_else(|| panic!("{}: no script", path.display()));
        let played = Play::play(script.split_once("```").unwrap().0);
        wrong.extend(block(&path, "timeline", &played));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pieces of timelines on the page about incidents are pieces of these, line by line and in order.
#[test]
fn the_page_about_incidents_tells_what_happens() {
    let page = std::fs::read_to_string(crate::rust_text::root().join("docs/incidents.md")).unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for piece in page.split("```timeline ").skip(1) {
        let (fixture, rest) = piece.split_once('\n').unwrap();
        let path = crate::rust_text::root().join(format!("tests/fixtures/incident/{fixture}.md"));
        let whole = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{fixture}: {error}"));
        let (_, timeline) = whole.split_once("```timeline\n").unwrap();
        let mut lines = timeline.lines();
        for line in rest.split("```").next().unwrap().lines().filter(|line| !line.trim().is_empty()) {
            seen += 1;
            if !lines.any(|known| known == line) {
                wrong.push(format!("{fixture}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the fixture, or not in that order:\n{}", wrong.join("\n"));
    assert!(seen > 30, "only {seen} lines");
}

#[test]
fn a_gather_is_not_a_try() {
    let mut play = Play::new();
    let opens = play.input(start(), "opens P1 by=run");
    play.take(start(), opens);
    let parts: Vec<Part> = play.incident.responses.iter().map(|known| known.part).collect();
    assert_eq!(parts, [Part::Gather]);
}
