//! Golden screens: `tests/fixtures/view/*.txt` hold a runbook, events, and what is to be seen. `UPDATE=1` rewrites them.

use super::{Tails, View, lines};
use crate::api::wire::{Outline, OutlineStep, What, WireEvent, WireFailure, WireFinding, WireMeasure};
use crate::diagnostic::render::Style;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// An instant so many seconds after the beginning.
fn at(secs: &str) -> Timestamp {
    let millis = secs.parse::<f64>().expect(secs) * 1000.0;
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
    Timestamp::from_millisecond(1_767_225_600_000 + millis.round() as i64).expect("an instant")
}

/// The list of a step that an indented line goes to.
fn lane<'a>(step: &'a mut OutlineStep, word: &str) -> &'a mut Vec<OutlineStep> {
    match word {
        "until" => &mut step.until,
        "try" => &mut step.tries,
        "round" => &mut step.round,
        "recover" => &mut step.recover,
        "on_error" => &mut step.on_error,
        "undo" => &mut step.undo,
        _ => &mut step.body,
    }
}

/// `[lane:]id [xN] [foreach] Title`, inner lists indented by two.
fn outline(text: &[&str]) -> Outline {
    let mut outline = Outline { runbook: "check".into(), title: "All is well".into(), ..Outline::default() };
    for line in text {
        let depth = (line.len() - line.trim_start().len()) / 2 - 1;
        let (head, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let (word, id) = head.split_once(':').unwrap_or(("", head));
        let (foreach, rest) = rest.strip_prefix("foreach ").map_or((false, rest), |rest| (true, rest));
        let (attempts, title) = match rest.strip_prefix('x').and_then(|rest| rest.split_once(' ')) {
            Some((attempts, title)) => (attempts.parse().expect("a number"), title),
            None => (1, rest),
        };
        let title = if title.is_empty() { id } else { title };
        let step = OutlineStep {
            id: id.into(),
            title: title.into(),
            kind: "shell".into(),
            foreach,
            attempts,
            ..OutlineStep::default()
        };
        let mut list = match word {
            "finally" => &mut outline.finally,
            "on_failure" => &mut outline.on_failure,
            _ => &mut outline.steps,
        };
        for left in (0..depth).rev() {
            list = lane(list.last_mut().expect("a step above"), if left == 0 { word } else { "" });
        }
        list.push(step);
    }
    outline
}

/// `disk_used{mount=/} 84 % warning >= 80`
fn measure(text: &str) -> WireMeasure {
    let mut words = text.splitn(5, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (name, value, unit, level, note) = (word(), word(), word(), word(), word());
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    WireMeasure {
        name: name.into(),
        labels: labels.map(|(name, value)| (name.into(), value.into())).collect(),
        value: Some(value.parse().expect(text)),
        unit: (unit != "-").then(|| unit.into()),
        level: level.into(),
        note: (!note.is_empty()).then(|| note.into()),
    }
}

fn failure(text: &str) -> WireFailure {
    let (kind, rest) = text.split_once(' ').expect(text);
    let (message, stderr) = rest.split_once(" | ").unwrap_or((rest, ""));
    let output = if stderr.is_empty() { Value::Null } else { json!({ "stderr": stderr.replace("\\n", "\n") }) };
    WireFailure { kind: kind.into(), message: message.into(), output }
}

fn attempt_ended(place: String, attempt: u32, rest: &str) -> What {
    let parts: Vec<&str> = rest.split(" ; ").collect();
    let with =
        |word: &str| parts.iter().filter_map(|part| part.trim().strip_prefix(word)).map(str::trim).collect::<Vec<_>>();
    let finding = |text: &&str| {
        let (level, message) = text.split_once(' ').expect(text);
        WireFinding { level: level.into(), message: message.into() }
    };
    What::AttemptEnded {
        place,
        attempt,
        output: Value::Null,
        failure: with("failure").first().map(|text| failure(text)),
        stopped: false,
        findings: with("finding").iter().map(finding).collect(),
        measures: with("measure").iter().map(|text| measure(text)).collect(),
        cpu_ms: with("cpu").first().map(|text| text.parse().expect("milliseconds")),
        peak_kib: with("peak").first().map(|text| text.parse().expect("KiB")),
        unkept: Vec::new(),
    }
}

/// `SECS PLACE WORD …`, or `SECS run WORD …` for the run itself.
fn event(line: &str) -> WireEvent {
    let mut words = line.trim().splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (secs, place, verb, rest) = (word(), word(), word(), word());
    let first = || rest.split(' ').next().unwrap_or_default().to_owned();
    let what = match (place.as_str(), verb.as_str()) {
        ("run", "started") => What::RunStarted {
            run: "01kaz3v7q0h5n8w2c4d6e8f0g2".into(),
            runbook: "check".into(),
            inputs: Map::new(),
            actor: "anna".into(),
            via: "cli".into(),
            trigger: Value::Null,
            parent: None,
            dry: rest == "dry",
            only: Vec::new(),
            skip: Vec::new(),
            repeats: None,
        },
        ("run", "queued") => What::RunQueued { group: first(), holders: vec!["01kaz3v7q0h5n8w2c4d6e8f0g1".into()] },
        ("run", "admitted") => What::RunAdmitted,
        ("run", "cancel") => What::CancelAsked { actor: "anna".into(), reason: rest.clone() },
        ("run", "timed_out") => What::RunTimedOut,
        ("run", "clock_set") => What::RunClockSet { by_ms: first().parse().expect("milliseconds") },
        ("run", "stage") => What::StageEntered { stage: first() },
        ("run", "ended") => {
            let mut words = rest.splitn(3, ' ').map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            What::RunEnded { outcome: word(), level: word(), reason: word(), outputs: Map::new() }
        }
        (_, "held") => What::StepHeld { place, mutex: first(), holder: None },
        (_, "asked") => What::StepAsked { place, question: rest, known: String::new() },
        (_, "sought") => {
            let (by, message) = rest.split_once(": ").expect(line);
            let (by, until) = by.split_once(" until ").map_or((by, None), |(by, secs)| (by, Some(at(secs))));
            What::ApprovalSought { place, message: message.into(), by: vec![by.into()], quorum: 2, until }
        }
        (_, "told") => What::ApprovalTold { place, problems: vec![rest] },
        (_, "voted") => What::ApprovalVoted {
            place,
            actor: first(),
            person: None,
            approve: true,
            fields: Map::new(),
            note: String::new(),
            over: false,
        },
        (_, "attempt") => {
            let deadline = rest.split_once(" by ").map(|(_, secs)| at(secs));
            What::AttemptStarted {
                place,
                attempt: first().parse().expect(line),
                request: Value::Null,
                deadline,
                child: None,
            }
        }
        (_, "attempted") => {
            let (number, rest) = rest.split_once(' ').unwrap_or((&rest, ""));
            attempt_ended(place, number.parse().expect(line), rest)
        }
        (_, "backoff") => What::StepBackoff { place, until: at(&rest) },
        (_, "rest") => What::StepRested { place, until: at(&rest) },
        (_, "opened") => {
            let items = rest.strip_prefix("items ").map(|items| items.split(',').map(|item| json!(item)).collect());
            What::StepOpened { place, pass: 1, deadline: None, until: rest.strip_prefix("until ").map(at), items }
        }
        (_, "judged") => What::RoundJudged { place, good: rest == "good", data: rest != "no data" },
        (_, "taken_over") => What::StepTakenOver { place, outcome: first(), level: "ok".into() },
        (_, "ended") => {
            let mut words = rest.splitn(3, ' ').map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            let (outcome, level, rest) = (word(), word(), word());
            let part = |word: &str| rest.split(" ; ").find_map(|part| part.strip_prefix(word));
            let failure = part("failure ").map(failure);
            let reason = part("reason ").map(str::to_owned);
            What::StepEnded { place, outcome, level, failure, reason, output: Value::Null }
        }
        _ => panic!("no event: {line}"),
    };
    WireEvent { seq: 0, at: at(&secs), what }
}

fn style(words: &[&str]) -> Style {
    let width = words.iter().find_map(|word| word.parse().ok()).unwrap_or(80);
    Style { color: words.contains(&"color"), unicode: !words.contains(&"ascii"), width }
}

/// What is to be seen: `tree [WIDTH] [ascii] [height=N] [at=SECS]`, `page …` (with the summary), `log …` (plain lines).
fn seen(outline: &Outline, events: &[WireEvent], ask: &str) -> String {
    let words: Vec<&str> = ask.split(' ').collect();
    let (style, value) = (style(&words), |key: &str| words.iter().find_map(|word| word.strip_prefix(key)));
    let now = at(value("at=").unwrap_or("1000"));
    let mut view = View::new(outline.clone());
    let mut log = Vec::new();
    for event in events.iter().filter(|event| event.at <= now) {
        view.apply(event);
        log.extend(lines(&view, event, style));
    }
    let tails: Tails =
        view.running().into_iter().map(|(place, _)| (place, vec!["the last line it printed".into()])).collect();
    let height = value("height=").map_or(100, |height| height.parse().expect("a number"));
    let shown = match words[0] {
        "tree" => view.render(height, style, now, &tails),
        "page" => view.page(style, now),
        _ => log,
    };
    assert!(words[0] == "log" || shown.iter().all(|line| line.width() <= style.width), "{ask}: a line is too long");
    shown.iter().map(|line| line.text(style) + "\n").collect()
}

#[test]
fn runs_look_as_written_down() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/view");
    let mut files: Vec<_> =
        std::fs::read_dir(&dir).expect("fixtures").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a fixture");
        let mut parts = text.split("\n=== ");
        let script = parts.next().unwrap_or_default();
        let mut lines = script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let steps: Vec<&str> = lines.by_ref().skip(1).take_while(|line| *line != "events").collect();
        let (outline, events): (_, Vec<WireEvent>) = (outline(&steps), lines.map(event).collect());
        let mut fresh = script.to_owned();
        for part in parts {
            let ask = part.lines().next().unwrap_or_default();
            write!(fresh, "\n=== {ask}\n{}", seen(&outline, &events, ask)).expect("written");
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, fresh).expect("written");
        } else {
            assert_eq!(fresh, text, "{}: run with UPDATE=1 and read the difference", file.display());
        }
    }
}
