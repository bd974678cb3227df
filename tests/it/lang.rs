//! The language from outside: what is generated from its tables is what the files hold.

use std::path::Path;
use std::sync::Arc;
use stepladder::base::ids::{Name, StepId};
use stepladder::base::span::Span;
use stepladder::lang::{Loaded, load};
use stepladder::model::escalation::{Reach, Unless};
use stepladder::model::policy::OnInterrupt;
use stepladder::model::runbook::Runbook;
use stepladder::model::step::Step;

/// Compares a file with what it should hold; `UPDATE=1` writes it.
fn golden(path: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is not what the tables say: run UPDATE=1 cargo test --test it lang", path.display());
}

#[test]
fn schemas_are_made_from_the_tables() {
    for name in stepladder::lang::schema::names() {
        golden(&format!("schemas/{name}.schema.json"), &stepladder::lang::schema::schema(name).unwrap());
    }
}

#[test]
fn the_reference_is_made_from_the_tables() {
    golden("docs/language.md", &stepladder::lang::manual::manual());
}

fn read(files: &[(&str, &str)]) -> Loaded {
    let files: Vec<(String, Arc<str>)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text))).collect();
    load(&files)
}

fn told(loaded: &Loaded) -> Vec<String> {
    let shown = |finding: &stepladder::diagnostic::Diagnostic| {
        let (line, column) = loaded.sources.line_column(finding.spot);
        format!("{line}:{column} {} {}", finding.code.as_str(), finding.message)
    };
    loaded.findings.sorted().into_iter().map(shown).collect()
}

fn runbook(text: &str) -> Arc<Runbook> {
    let loaded = read(&[("runbooks/x.yaml", text)]);
    let errors: Vec<String> = told(&loaded);
    assert!(!loaded.findings.has_errors(), "{errors:#?}");
    Arc::clone(loaded.book.runbooks.values().next().unwrap())
}

fn step(runbook: &Runbook, id: &str) -> Arc<Step> {
    Arc::clone(runbook.step(&StepId::parse(id).unwrap()).unwrap())
}

#[test]
fn defaults_reach_steps_that_do_something_and_the_nearest_wins() {
    let runbook = runbook(
        "runbook: x
defaults: { timeout: 10s, retry: 2, env: { A: one, B: two } }
steps:
  - { id: own, shell: ls, timeout: 3s, env: { B: three } }
  - id: group
    defaults: { timeout: 20s }
    steps:
      - { id: inner, shell: ls }
      - { id: line, log: x }
finally:
  - { id: last, shell: ls }
",
    );
    let timeout = |id: &str| step(&runbook, id).timeout;
    assert_eq!(timeout("own"), Some(Span::from_secs(3)));
    assert_eq!(timeout("inner"), Some(Span::from_secs(20)));
    assert_eq!(timeout("last"), Some(Span::from_secs(10)));
    assert_eq!((timeout("group"), timeout("line")), (None, None));
    assert_eq!(step(&runbook, "inner").retry.as_ref().map(|retry| retry.attempts), Some(2));
    let env: Vec<_> =
        step(&runbook, "own").env.iter().map(|(name, text)| format!("{name}={}", text.source())).collect();
    assert_eq!(env, ["A=one", "B=three"]);
}

#[test]
fn what_only_reads_is_repeated_after_an_interruption() {
    let runbook = runbook(
        "runbook: x
steps:
  - { id: get, http: \"http://localhost/\" }
  - { id: post, http: { post: \"http://localhost/\" } }
  - { id: run, shell: ls }
  - { id: asked, shell: ls, on_interrupt: ask }
",
    );
    let lost = |id: &str| step(&runbook, id).on_interrupt;
    assert_eq!(
        (lost("get"), lost("post"), lost("run"), lost("asked")),
        (OnInterrupt::Retry, OnInterrupt::Fail, OnInterrupt::Fail, OnInterrupt::Ask)
    );
}

#[test]
fn three_braces_need_the_word_that_says_so() {
    let text = |more: &str| {
        format!("runbook: x\ninputs: {{ a: text }}\nsteps:\n  - {{ id: one, log: \"{{{{{{ inputs.a }}}}}}\"{more} }}\n")
    };
    assert!(read(&[("runbooks/x.yaml", &text(""))]).findings.has_errors());
    let loaded = read(&[("runbooks/x.yaml", &text(", unsafe_raw: true"))]);
    assert!(!loaded.findings.has_errors(), "{:#?}", told(&loaded));
}

#[test]
fn every_file_is_read_and_every_mistake_of_all_is_told() {
    let loaded = read(&[
        ("stepladder.yaml", "timezone: Europe/Moscow\nchanels: {}\n"),
        ("thresholds.yaml", "disk: { warning: \"80\" }\n"),
        ("alerts.yaml", "Hot: { expr: cpu > 85 }\n"),
        (
            "runbooks/a.yaml",
            "runbook: a\nsteps:\n  - { id: one, shell: ls, timout: 3s }\n  - { id: one, wait: soon }\n",
        ),
        ("runbooks/b.yaml", "runbook: b\nsteps:\n  - { id: fine, shell: ls }\n"),
        (
            "tests/t.yaml",
            "test: one\nrunbook: b\nexpect: { level: ok }\n---\ntest: two\nrunbok: b\nexpect: { level: ok }\n",
        ),
    ]);
    assert_eq!(
        told(&loaded),
        [
            "2:1 SL0002 unknown key `chanels` in stepladder.yaml",
            "1:18 SL0506 `80` is not a band: write it like `>= 80` or `< 120 || > 600` (at `disk.warning`)",
            "1:8 SL0005 `severity` is missing in the alert `Hot`",
            "1:14 SL0106 `cpu` is not declared in thresholds.yaml",
            "3:27 SL0002 unknown key `timout` in a step",
            "4:11 SL0102 the id `one` is taken",
            "4:22 SL0501 `soon` is not a length of time: write it like 30s, 5m, 1h30m or 7d (at `wait`)",
            "5:1 SL0005 a test needs either `runbook` or `incident`",
            "6:1 SL0002 unknown key `runbok` in a test",
        ]
    );
    assert_eq!(loaded.book.runbooks.keys().map(Name::as_str).collect::<Vec<_>>(), ["b"]);
    assert_eq!(loaded.book.tests.len(), 1, "what is neither a test of a runbook nor of the ladder is none");
}

/// Section 5.3 of the operations guide, as it is printed there.
/// The file of the guide's chapter 5.3, letter by letter.
const GUIDE: &str = r##"# config/incident_contacts.yaml
escalation_contacts:
  level_1:
    - type: "automated"
      action: "run_diagnostics"
      
  level_2:
    - name: "On-call Engineer"
      phone: "+1-555-0123"
      email: "oncall@company.com"
      slack: "@oncall-engineer"
      
  level_3:
    - name: "Senior Engineer"
      phone: "+1-555-0456"
      email: "senior@company.com"
      slack: "@senior-engineer"
      
  level_4:
    - name: "Engineering Manager"
      phone: "+1-555-0789"
      email: "manager@company.com"
      slack: "@eng-manager"

notification_channels:
  critical:
    - slack: "#incidents"
    - email: "team@company.com"
    - sms: "+1-555-ALERT"
    
  high:
    - slack: "#alerts"
    - email: "oncall@company.com"
    
  medium:
    - slack: "#monitoring"
    
  low:
    - email: "logs@company.com"
"##;

#[test]
fn the_guides_contacts_load_unchanged() {
    let loaded = read(&[("stepladder.yaml", WATCHED), ("config/incident_contacts.yaml", GUIDE)]);
    assert_eq!(
        told(&loaded),
        [
            "5:15 SL0105 nothing says which runbook `run_diagnostics` is",
            "29:12 SL0705 `+1-555-ALERT` cannot be dialled: it has letters",
        ]
    );
    assert!(!loaded.findings.has_errors());
    let ladder = loaded.book.escalation.unwrap();
    let levels: Vec<_> =
        ladder.levels.iter().map(|(number, level)| (*number, level.name.as_str(), level.page.clone())).collect();
    assert_eq!(
        levels,
        [
            (2, "On-call engineer", vec!["on-call-engineer".to_owned()]),
            (3, "Senior engineer", vec!["senior-engineer".to_owned()]),
            (4, "Management", vec!["engineering-manager".to_owned()]),
        ],
        "a level whose only action nothing explains is none"
    );
    assert_eq!(ladder.levels[&4].duties, ["Customer communication", "Resource allocation", "Post-incident review"]);
    assert_eq!((ladder.levels[&3].unless, ladder.levels[&4].unless), (Unless::Acknowledged, Unless::Resolved));
    let manager = &ladder.contacts[&Name::parse("engineering-manager").unwrap()];
    let channels = ["phone", "email", "slack", "sms", "voice"];
    assert_eq!(
        channels.map(|channel| manager.address(channel).unwrap()),
        ["+1-555-0789", "manager@company.com", "@eng-manager", "+1-555-0789", "+1-555-0789"]
    );
    let sets: Vec<_> = ladder.announce.iter().map(|(name, set)| format!("{name}: {}", set.join(" "))).collect();
    assert_eq!(
        sets,
        [
            "critical: slack:#incidents email:team@company.com",
            "high: slack:#alerts email:oncall@company.com",
            "low: email:logs@company.com",
            "medium: slack:#monitoring",
        ]
    );
    assert_eq!(ladder.catch_all, ["engineering-manager"]);
}

const WATCHED: &str = "dead_man: { url: \"https://watcher.example/ping\", every: 1m }\n";

#[test]
fn the_guides_contacts_mean_the_guides_matrix() {
    let meant = format!("{GUIDE}\nactions: {{ run_diagnostics: diagnose-livekit }}\n");
    let runbook = "runbook: diagnose-livekit\nsteps: [ { id: look, shell: uptime } ]\n";
    let files = [
        ("stepladder.yaml", WATCHED),
        ("config/incident_contacts.yaml", meant.as_str()),
        ("runbooks/diagnose-livekit.yaml", runbook),
    ];
    let loaded = read(&files);
    assert_eq!(told(&loaded), ["29:12 SL0705 `+1-555-ALERT` cannot be dialled: it has letters"]);
    let ladder = loaded.book.escalation.unwrap();
    let first = &ladder.levels[&1];
    assert_eq!(first.gather.iter().map(Name::as_str).collect::<Vec<_>>(), ["diagnose-livekit"]);
    assert!(first.tries.is_empty() && first.page.is_empty());
    assert_eq!((first.name.as_str(), first.limit), ("Automated response", Some(Span::from_secs(900))));
    let row = |(name, severity): (&String, &stepladder::model::escalation::Severity)| {
        let climb: Vec<_> =
            severity.climb.iter().map(|(level, at)| format!("{level} {}", at.millis() / 60_000)).collect();
        let (how, by) = match severity.reach.as_ref().unwrap() {
            Reach::AtOnce(by) => ("at once", by),
            Reach::InTurn(by, _) => ("in turn", by),
        };
        let by: Vec<_> = by.iter().map(Name::as_str).collect();
        let within = severity.respond_within.unwrap();
        format!("{name} {}: {within}; {}; {how} {}", severity.title, climb.join(", "), by.join(" "))
    };
    // That a number can't be dialled takes the text message from the announcement, and not from the people.
    assert_eq!(
        ladder.severities.iter().map(row).collect::<Vec<_>>(),
        [
            "P1 Critical: 15m; 1 0, 2 15, 3 60, 4 120; at once slack email sms",
            "P2 High: 1h; 1 0, 2 15, 3 120, 4 240; at once slack email",
            "P3 Medium: 4h; 1 0, 2 15, 3 480; in turn slack",
            "P4 Low: 1d; 1 0, 2 15, 3 2880; in turn email",
        ]
    );
    let routed = |label: &str| {
        let labels = [("severity".to_owned(), label.to_owned())].into();
        stepladder::model::oncall::route(&ladder, &labels).unwrap().severity.clone().unwrap()
    };
    assert_eq!(["critical", "high", "warning", "low", "other"].map(routed), ["P1", "P2", "P3", "P4", "P3"]);
}

#[test]
fn contacts_of_one_name_are_told_apart_and_one_person_is_one_contact() {
    let text = "escalation_contacts:
  level_2:
    - { name: Дежурный, phone: \"+7-495-000-0001\" }
    - { name: Дежурный, phone: \"+7-495-000-0002\" }
    - { name: Duty, email: a@b.c }
  level_3:
    - { name: Duty, email: a@b.c }
    - { name: Duty, email: d@b.c }
    - { action: mend }
actions: { mend: mend }
";
    let ladder = read(&[("incident_contacts.yaml", text)]).book.escalation.unwrap();
    assert_eq!(ladder.levels[&2].page, ["level-2", "level-2-2", "duty"]);
    assert_eq!(ladder.levels[&3].page, ["duty", "duty-2"]);
    assert_eq!(ladder.levels[&3].tries.iter().map(Name::as_str).collect::<Vec<_>>(), ["mend"]);
    assert_eq!(ladder.contacts.len(), 4);
}

#[test]
fn of_two_ladders_escalation_yaml_is_obeyed() {
    let own = "severities: { P1: { respond_within: 15m, climb: { 1: 0m } } }
levels: { 1: { name: On call, page: [ann] } }
contacts: { ann: { name: Ann, phone: \"+1-555-0123\" } }
routes: [ { match: {}, severity: P1 } ]
catch_all: [ann]
";
    for files in [
        [("config/incident_contacts.yaml", GUIDE), ("escalation.yaml", own)],
        [("escalation.yaml", own), ("config/incident_contacts.yaml", GUIDE)],
    ] {
        let loaded = read(&files);
        assert_eq!(loaded.book.escalation.as_ref().unwrap().contacts.len(), 1);
        assert!(told(&loaded).iter().any(|line| line.contains("SL0712")), "{:?}", told(&loaded));
    }
}

#[test]
fn the_ladder_is_read_whole() {
    let text = "severities:
  P1: { respond_within: 15m, climb: { 1: 0m, 2: 15m }, reach: { in_turn: [slack, email], wait: 2m } }
levels:
  1: { name: Robot, try: [mend], limit: 15m }
  2: { name: People, page: [on_call.platform], unless: resolved }
contacts:
  ivanova: { name: Ivanova, phone: \"+1-555-0123\" }
on_call:
  platform: { since: 2026-11-23, handoff: \"mon 09:00\", members: [ivanova], overrides: [ { from: \"2026-12-31 09:00\", to: \"2027-01-02 09:00\", who: ivanova } ] }
routes:
  - { match: { severity: critical }, severity: P1, owner: platform }
  - { match: {}, severity: P1 }
catch_all: [ivanova]
";
    let loaded = read(&[("escalation.yaml", text)]);
    let ladder = loaded.book.escalation.as_ref().unwrap();
    let name = |text: &str| Name::parse(text).unwrap();
    assert_eq!(
        ladder.severities["P1"].reach,
        Some(Reach::InTurn(vec![name("slack"), name("email")], Span::from_secs(120)))
    );
    assert_eq!((ladder.levels[&1].unless, ladder.levels[&2].unless), (Unless::Acknowledged, Unless::Resolved));
    assert_eq!(ladder.contacts[&name("ivanova")].addresses["sms"], "+1-555-0123");
    assert_eq!(ladder.rotations[&name("platform")].overrides.len(), 1);
    assert_eq!((ladder.routes[0].matches.len(), ladder.routes[1].matches.len()), (1, 0));
}

#[test]
fn what_is_found_does_not_depend_on_who_reads_first() {
    let runbook = |name: &str, rest: &str| (format!("runbooks/{name}.yaml"), Arc::from(rest));
    let files: Vec<(String, Arc<str>)> = vec![
        ("thresholds.yaml".into(), "m: {}\n".into()),
        runbook(
            "a",
            "runbook: a\nsteps:\n  - { id: one, runbook: { run: c } }\n  - { id: two, shell: ls, timout: 3s }\n",
        ),
        runbook("b", "runbook: b\nsteps:\n  - { id: one, shell: ls, measure: { n: output.exit_code } }\n"),
        runbook("c", "runbook: c\nsteps:\n  - { id: one, runbook: { run: a } }\n  - { id: two, log: \"{{ x }}\" }\n"),
        runbook("d", "runbook: a\nsteps:\n  - { id: one, when: steps.two.ok, shell: ls }\n"),
    ];
    let reading = stepladder::lang::Reading::new(&files);
    let mut pieces: Vec<_> = (0..reading.count()).rev().map(|index| reading.read(index)).collect();
    pieces.reverse();
    let checking = reading.join(pieces);
    let mut found: Vec<_> = (0..checking.count()).rev().map(|index| checking.check(index)).collect();
    found.reverse();
    let backwards = checking.finish(found);
    let forwards = load(&files);
    assert_eq!(told(&backwards), told(&forwards));
    assert!(told(&forwards).len() >= 6, "{:#?}", told(&forwards));
    assert_eq!(backwards.book.runbooks.len(), forwards.book.runbooks.len());
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let files = [
        ("runbooks/a.yaml".to_owned(), Arc::from("runbook: a\nsteps:\n  - { id: one, runbook: bin }\n")),
        ("runbooks/b.yaml".to_owned(), Arc::from("runbook: b\nsteps:\n  - { id: one, shell: ls, timout: 3s }\n")),
    ];
    let mut reading = stepladder::lang::Reading::new(&files);
    reading.unread(stepladder::lang::Unread {
        name: "runbooks/bin.yaml".into(),
        text: "runbook: bin\ntitle: \u{fffd}\n".into(),
        at: 20,
        message: "not UTF-8: here is a byte that is no text".into(),
        help: "save the file as UTF-8".into(),
    });
    let pieces = (0..reading.count()).map(|index| reading.read(index)).collect();
    let checking = reading.join(pieces);
    let found = (0..checking.count()).map(|index| checking.check(index)).collect();
    let loaded = checking.finish(found);
    assert_eq!(
        told(&loaded),
        ["3:27 SL0002 unknown key `timout` in a step", "2:8 SL0602 not UTF-8: here is a byte that is no text"]
    );
    assert_eq!(loaded.book.runbooks.keys().map(Name::as_str).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn questions_of_the_manual_are_fields_of_a_step() {
    let manual = include_str!("../../docs/expressions.md");
    let (_, rest) = manual.split_once("A question is ").unwrap();
    let (list, _) = rest.split_once(" of the same step").unwrap();
    let words: Vec<&str> = list.split('`').filter_map(|word| word.strip_prefix('.')).collect();
    assert!(words.len() >= 5, "{words:?}");
    for word in words {
        let text = format!(
            "runbook: x\nsteps:\n  - {{ id: a, shell: ls, when: env.A == \"b\" }}\n  - {{ id: b, after: [a], when: 'steps.a.{word} != steps.a.{word} || steps.a.output.exit_code == 0', log: x }}\nenv: [A]\n"
        );
        let loaded = read(&[("runbooks/x.yaml", &text)]);
        assert!(loaded.findings.is_empty(), "`.{word}`: {:#?}", told(&loaded));
    }
}
