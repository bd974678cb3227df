//! Runs as prose: a runbook, a script of the world, and every event that follows, in one literate file.

use crate::golden;
use crate::sim::{Act, BEGAN, Script, Sim, parse_reply};
use std::path::Path;
use std::sync::Arc;
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::address::Place;
use stepladder::base::ids::{Name, RunId};
use stepladder::base::span::Span;
use stepladder::base::value::Map;
use stepladder::engine::approval::Ballot;
use stepladder::engine::event::{Answer, Event, Recorded, StepEvent};
use stepladder::engine::evolve::replay;
use stepladder::engine::start::take_over;
use stepladder::model::perform::Request;

/// A fixture taken apart: text, files, script.
pub(crate) struct Case {
    pub(crate) files: Vec<(String, Arc<str>)>,
    pub(crate) script: Script,
    pub(crate) runbook: String,
    /// When it is started, more than once perhaps.
    pub(crate) starts: Vec<Span>,
}

/// Reads the blocks of a fixture: ```yaml blocks are files (the first line may name one), ```script the world.
pub(crate) fn read(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    let mut case = Case { files: Vec::new(), script: Script::default(), runbook: String::new(), starts: Vec::new() };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match kind.trim() {
            "yaml" => add_file(&mut case, &block),
            "script" => block.iter().for_each(|line| match line.strip_prefix("starts: ") {
                Some(starts) => case.starts = starts.split(", ").map(|at| Span::parse(at).unwrap()).collect(),
                None => script_line(&mut case.script, line),
            }),
            "events" | "" => {}
            other => panic!("{}: unknown block `{other}`", path.display()),
        }
    }
    case
}

fn add_file(case: &mut Case, block: &[&str]) {
    let text = format!("{}\n", block.join("\n"));
    let named = block.first().and_then(|line| line.strip_prefix("# file: "));
    let runbook = block.iter().find_map(|line| line.strip_prefix("runbook: "));
    let name = match (named, runbook) {
        (Some(name), _) => name.to_owned(),
        (None, Some(runbook)) => format!("runbooks/{runbook}.yaml"),
        (None, None) => panic!("a yaml block names neither a file nor a runbook"),
    };
    if let (true, Some(runbook)) = (case.runbook.is_empty(), runbook) {
        runbook.clone_into(&mut case.runbook);
    }
    case.files.push((name, text.into()));
}

fn script_line(script: &mut Script, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    if line.trim() == "dry run" {
        script.dry = true;
        return;
    }
    let (what, rest) = line.split_once(": ").unwrap_or_else(|| panic!("no `: ` in `{line}`"));
    if let Some(at) = what.strip_prefix("at ") {
        let act = match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["cancel"] => Act::Cancel,
            ["answer", place, word] => Act::Answer(Place::parse(place).unwrap(), answer(word)),
            ["vote", place, word, who, rest @ ..] => Act::Vote(Place::parse(place).unwrap(), ballot(word, who, rest)),
            other => panic!("no act {other:?}"),
        };
        script.acts.push((Span::parse(at).unwrap(), act));
    } else if let Some(name) = what.strip_prefix("input ") {
        script.inputs.insert(name.into(), serde_json::from_str(rest).unwrap());
    } else {
        script.replies.insert(what.into(), rest.split(" | ").map(parse_reply).collect());
    }
}

fn answer(word: &str) -> Answer {
    match word {
        "go" => Answer::Go,
        "stop" => Answer::Stop,
        "again" => Answer::Again,
        "succeeded" => Answer::Succeeded,
        "failed" => Answer::Failed,
        other => panic!("no answer `{other}`"),
    }
}

/// `approve WHO`, with `starter`, `override`, `note=…` and fields as JSON; `~WHO` is no contact.
fn ballot(word: &str, who: &str, rest: &[&str]) -> Ballot {
    let id = who.trim_start_matches('~');
    let mut ballot = Ballot {
        actor: Actor { id: id.into(), via: Via::Api, role: Role::Operator },
        person: Name::parse(who).ok(),
        starter: false,
        approve: word == "approve",
        fields: Map::new(),
        note: String::new(),
        over: false,
    };
    for one in rest {
        match one.split_once('=') {
            None if *one == "starter" => ballot.starter = true,
            None if *one == "override" => ballot.over = true,
            Some(("note", note)) => ballot.note = note.replace('_', " "),
            Some((name, value)) => drop(ballot.fields.insert(name.into(), serde_json::from_str(value).unwrap())),
            None => panic!("no `{one}` of a vote"),
        }
    }
    ballot
}

/// Events as lines: seconds since the start, the place, what happened.
pub(crate) fn transcript(events: &[Recorded]) -> String {
    events.iter().map(|recorded| format!("{:>7} {}\n", since(recorded), line(&recorded.event))).collect()
}

fn since(recorded: &Recorded) -> String {
    let millis = u64::try_from(recorded.at.as_millisecond() - BEGAN).unwrap();
    if millis == 0 { "0s".into() } else { Span::from_millis(millis).to_string() }
}

fn line(event: &Event) -> String {
    match event {
        Event::Started(started) => format!("started {}", started.runbook),
        Event::Queued { group, holders } => format!("queued for `{group}`, held by {}", holders.len()),
        Event::Admitted => "admitted".into(),
        Event::CancelAsked { actor, reason } => format!("cancel asked by {}: {reason}", actor.id),
        Event::TimedOut => "the run timed out".into(),
        Event::Entered(stage) => format!("entered {stage:?}"),
        Event::ClockSet { by_ms, .. } => format!("the clock was set by {by_ms} ms"),
        Event::Step { place, event } => format!("{place}: {}", step_line(event)),
        Event::Ended(ended) => {
            let outputs =
                if ended.outputs.is_empty() { String::new() } else { format!(" {}", serde_json::json!(ended.outputs)) };
            format!("ended {} ({}): {}{outputs}", ended.outcome, ended.level, ended.reason)
        }
    }
}

fn later(at: jiff::Timestamp) -> Span {
    Span::from_millis(u64::try_from(at.as_millisecond() - BEGAN).unwrap())
}

fn step_line(event: &StepEvent) -> String {
    match event {
        StepEvent::Held { mutex, holder } => {
            format!("waits for mutex `{mutex}`, held by {}", if holder.is_some() { "a run" } else { "nobody" })
        }
        StepEvent::Asked { question, .. } => format!("asks: {question}"),
        StepEvent::Answered { actor, answer } => format!("{} answers {answer:?}", actor.id),
        StepEvent::Sought(sought) => {
            let until = sought.until.map_or(String::new(), |until| format!(" until +{}", later(until)));
            format!("asks {} for {}{until}: {}", sought.by.join(", "), sought.quorum, sought.message)
        }
        StepEvent::Told { problems } => {
            format!("they are told{}", problems.iter().map(|it| format!("; {it}")).collect::<String>())
        }
        StepEvent::Voted(vote) => {
            let word = if vote.approve { "approves" } else { "rejects" };
            let fields =
                if vote.fields.is_empty() { String::new() } else { format!(" {}", serde_json::json!(vote.fields)) };
            let note = if vote.note.is_empty() { String::new() } else { format!(": {}", vote.note) };
            format!("{} {word}{}{fields}{note}", vote.who(), if vote.over { ", past all others" } else { "" })
        }
        StepEvent::Attempt { number, request, child, .. } => {
            let what = request
                .as_ref()
                .map_or(String::new(), |request| format!(" {} {}", request.kind, request.params.shown()));
            let around = request.as_ref().map_or(String::new(), |request| surroundings(request));
            format!("attempt {number}{what}{around}{}", if child.is_some() { " starts a child run" } else { "" })
        }
        StepEvent::Attempted { number, result } => {
            let how = match (&result.failure, result.stopped) {
                (Some(failure), _) => format!("failed ({}): {}", failure.kind.as_str(), failure.message),
                (None, true) => "was stopped".into(),
                (None, false) => "was good".into(),
            };
            let samples = result.samples.iter().map(|sample| {
                let value = sample.value.map_or("none".to_owned(), |value| value.to_string());
                format!(" {}={value}:{}", sample.name, sample.level)
            });
            let notes = result.samples.iter().filter_map(|sample| {
                let labels: String = sample.labels.values().map(|value| format!("[{value}]")).collect();
                let note = sample.note.as_ref()?;
                Some(format!("\n{:>9}{}{labels}: {note}", "", sample.name))
            });
            format!("attempt {number} {how}{}{}", samples.collect::<String>(), notes.collect::<String>())
        }
        StepEvent::Backoff { until } => {
            format!("next attempt at +{}", Span::from_millis(u64::try_from(until.as_millisecond() - BEGAN).unwrap()))
        }
        StepEvent::Opened { pass, items, .. } => format!(
            "opened{}{}",
            if *pass > 1 { format!(" pass {pass}") } else { String::new() },
            items.as_ref().map_or(String::new(), |items| format!(" over {}", serde_json::json!(items)))
        ),
        StepEvent::Lane(lane) => format!("goes to {lane:?}"),
        StepEvent::Judged { good, data } => {
            format!("round {}{}", if *good { "good" } else { "bad" }, if *data { "" } else { ", no data" })
        }
        StepEvent::Rest { until } => {
            format!("rests until +{}", Span::from_millis(u64::try_from(until.as_millisecond() - BEGAN).unwrap()))
        }
        StepEvent::TimedOut => "timed out".into(),
        StepEvent::TakenOver(ended) => format!("taken over: {}", ended.outcome),
        StepEvent::Ended(ended) => {
            let failure = ended.failure.as_ref().map(|failure| failure.message.clone());
            let why: Vec<String> = failure.into_iter().chain(ended.reason.clone()).collect();
            let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
            format!("{} ({}){why}", ended.outcome, ended.level)
        }
    }
}

/// The environment and directory of a request, where it has any.
fn surroundings(request: &Request) -> String {
    let env: Vec<String> = request.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let env = if env.is_empty() { String::new() } else { format!(" with {}", env.join(" ")) };
    let dir = request.workdir.as_ref().map_or(String::new(), |dir| format!(" in {dir}"));
    format!("{env}{dir}")
}

fn cases() -> Vec<std::path::PathBuf> {
    golden::files("run", "md")
}

/// The events of every run of every fixture.
pub(crate) fn every_event() -> Vec<Vec<Recorded>> {
    let mut all = Vec::new();
    for path in cases() {
        let case = read(&path);
        let mut sim = Sim::new(&case.files, case.script.clone());
        run_all(&mut sim, &case, &|_| {}, &mut |sim| {
            all.push(sim.events(sim.run));
            all.extend(sim.children().into_iter().map(|child| sim.events(child)));
        });
    }
    all
}

/// Everything the case starts, one after the other, with what happens before each start. True = all ended.
fn run_all(sim: &mut Sim, case: &Case, before: &dyn Fn(&Sim), after: &mut dyn FnMut(&Sim)) -> bool {
    let once = [Span::ZERO];
    let starts = if case.starts.is_empty() { &once[..] } else { &case.starts };
    let mut all = true;
    for (number, at) in (7..).zip(starts) {
        before(sim);
        sim.skip_to(*at);
        sim.run = RunId::new(u64::try_from(BEGAN).unwrap() + at.millis(), number);
        sim.start(&case.runbook);
        all &= sim.play(Span::from_millis(at.millis() + 86_400_000));
        after(sim);
    }
    all
}

fn play(case: &Case, before: &dyn Fn(&Sim)) -> String {
    let mut sim = Sim::new(&case.files, case.script.clone());
    let mut text = String::new();
    run_all(&mut sim, case, before, &mut |sim| {
        text.push_str(&transcript(&forward(sim.events(sim.run))));
        if sim.events(sim.run).iter().all(|recorded| !matches!(recorded.event, Event::Ended(_))) {
            text.push_str("        (still waiting)\n");
        }
        for child in sim.children() {
            text.push_str("child:\n");
            text.push_str(&transcript(&forward(sim.events(child))));
        }
    });
    text
}

/// Events of a stream, none of which may be dated before the one in front of it.
fn forward(events: Vec<Recorded>) -> Vec<Recorded> {
    for pair in events.windows(2) {
        assert!(pair[0].at <= pair[1].at, "time runs back: {pair:#?}");
    }
    events
}

/// What a repeated run takes over: not what was undone, nor what stood on it.
#[test]
fn what_was_undone_is_done_again() {
    let undo = |id: &str| format!("undo: [ {{ id: un_{id}, shell: u }} ]");
    for (steps, taken) in [
        ("- { id: a, shell: a }\n- { id: bad, shell: b }".to_owned(), "a"),
        (format!("- {{ id: a, shell: a, {} }}\n- {{ id: bad, shell: b }}", undo("a")), ""),
        (
            format!(
                "- {{ id: a, shell: a }}\n- {{ id: b, shell: b, {} }}\n- {{ id: c, shell: c }}\n- {{ id: bad, shell: b }}",
                undo("b")
            ),
            "a",
        ),
        (
            format!(
                "- {{ id: a, shell: a, {} }}\n- {{ id: b, needs: [], shell: b }}\n- {{ id: bad, shell: b }}",
                undo("a")
            ),
            "b",
        ),
        (
            format!(
                "- id: g\n  steps: [ {{ id: a, shell: a }}, {{ id: b, shell: b, {} }} ]\n- {{ id: bad, shell: b }}",
                undo("b")
            ),
            "g/a",
        ),
        (format!("- id: g\n  {}\n  steps: [ {{ id: a, shell: a }} ]\n- {{ id: bad, shell: b }}", undo("g")), ""),
        (
            format!(
                "- id: h\n  foreach: [x, y]\n  steps: [ {{ id: a, shell: a, {} }} ]\n- {{ id: bad, shell: b }}",
                undo("a")
            ),
            "",
        ),
    ] {
        let indented = steps.replace('\n', "\n  ");
        let files = [("runbooks/again.yaml".to_owned(), format!("runbook: again\nsteps:\n  {indented}\n").into())];
        let replies = std::collections::BTreeMap::from([("bad".to_owned(), vec![parse_reply("fails exit no")])]);
        let mut sim = Sim::new(&files, Script { replies, ..Script::default() });
        sim.start("again");
        assert!(sim.play(Span::from_secs(60)), "{steps}");
        let old = replay(&sim.events(sim.run)).unwrap();
        let loaded = stepladder::lang::load(&files);
        let book = loaded.book.runbooks.values().next().unwrap();
        let place = |event: &Event| match event {
            Event::Step { place, event: StepEvent::TakenOver(_) } => place.to_string(),
            other => panic!("{other:?}"),
        };
        let found: Vec<String> = take_over(book, &old).iter().map(place).collect();
        assert_eq!(found.join(" "), taken, "{steps}");
    }
}

#[test]
fn every_run_fixture_goes_as_written() {
    let cases = cases();
    assert!(cases.len() >= 10, "the fixtures are gone");
    let mut wrong = Vec::new();
    for path in cases {
        let events = play(&read(&path), &|_| {});
        wrong.extend(golden::block(&path, "events", &events));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows that are made again from the journal say the same of the past as those that grew with it.
#[test]
fn an_index_made_again_judges_the_same() {
    for path in cases() {
        let case = read(&path);
        let again = play(&case, &|sim| sim.journal.rebuild());
        assert_eq!(again, play(&case, &|_| {}), "{}", path.display());
    }
}

/// Crash after every durable batch of every fixture: the next owner ends the run the same way, and nothing runs twice.
#[test]
fn a_crash_at_any_batch_changes_nothing_but_the_owner() {
    let mut points = 0;
    for path in cases() {
        let case = read(&path);
        let mut calm = Sim::new(&case.files, case.script.clone());
        let calm_ended = run_all(&mut calm, &case, &|_| {}, &mut |_| {});
        let outcome = |sim: &Sim| sim.events(sim.run).last().map(|recorded| line(&recorded.event)).unwrap();
        for at in 1..=calm.journal.appends() {
            let mut sim = Sim::new(&case.files, case.script.clone());
            sim.crash_at = Some(at);
            let ended = run_all(&mut sim, &case, &|_| {}, &mut |_| {});
            let place = format!("{} crashed after batch {at}", path.display());
            assert_eq!(ended, calm_ended, "{place}");
            if ended {
                assert_eq!(outcome(&sim), outcome(&calm), "{place}");
            }
            for (key, count) in sim.begun.borrow().iter() {
                assert_eq!(*count, 1, "{place}: {key:?} was begun more than once");
            }
            points += 1;
        }
    }
    println!("{points} crash points");
    assert!(points >= 50, "only {points} crash points");
}
