//! Approvals with the real binary: people with tokens, a quorum, a no, a deadline, and a daemon that is killed meanwhile.

use crate::http::{Answer, Site};
use crate::owner::{Home, text};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// Two people of three, one of them whoever is on call; those are told by a command that writes down what it is given.
const GO_LIVE: &str = "owner: platform\nconcurrency: app\nsteps:\n  \
    - { id: go_live, approval: { message: 'Release 2.5.0', by: [on_call.owner, petrov, sidorova], quorum: 2, deadline: 4h, fields: { ticket: text } } }\n  \
    - { id: deploy, shell: 'echo {{ steps.go_live.output.fields.ticket }} >> deployed' }\n";

const LADDER: &str = "severities: { P1: { respond_within: 15m, climb: { 1: 0m } } }
levels: { 1: { name: On call, page: [on_call.owner] } }
contacts:
  ivanova: { name: Ivanova, user: [anna], addresses: { pager: '1' } }
  petrov: { name: Petrov, addresses: { pager: '2' } }
  sidorova: { name: Sidorova, addresses: { pager: '3' } }
on_call: { platform: { members: [ivanova] } }
routes: [ { match: {}, severity: P1, owner: platform } ]
catch_all: [petrov]
";

fn home(runbooks: &[(&str, &str)]) -> Home {
    let home = Home::new(runbooks);
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    let told = home.path("told");
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let channel = format!(
        "channels: {{ pager: {{ exec: {{ command: [sh, -c, 'cat >> {}; echo >> {}'] }} }} }}\ndead_man: {{ url: 'https://watcher.example/ping', every: 1m }}\n",
        told.display(),
        told.display()
    );
    fs::write(home.path("stepladder.yaml"), format!("{settings}{channel}")).unwrap();
    home
}

/// A daemon killed as hard as can be, and the next one over the same book.
fn again(site: Site) -> Site {
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    fs::remove_file(home.path("log")).unwrap();
    Site::over(home, "")
}

fn named(site: &Site, name: &str, role: &str) -> String {
    let out = site.home.run(&["token", "create", name, "--role", role]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    text(&out.stdout).trim().to_owned()
}

fn started(site: &Site, token: &str, runbook: &str) -> String {
    let answer = site.ask("POST /api/v1/runs", token, &format!("{{\"runbook\":\"{runbook}\"}}"));
    assert_eq!(answer.status, 201, "{answer:?}");
    let run = answer.json()["run"].as_str().unwrap().to_owned();
    site.home.until("it waits", || {
        site.home.rows().iter().any(|row| row["run"] == run.as_str() && row["state"] == "waiting")
    });
    run
}

fn vote(site: &Site, token: &str, run: &str, verb: &str, body: &str) -> Answer {
    site.ask(&format!("POST /api/v1/runs/{run}/{verb}"), token, body)
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap_or_default().to_owned()
}

fn row(site: &Site, run: &str) -> Value {
    site.home.rows().into_iter().find(|row| row["run"] == run).unwrap()
}

#[test]
fn two_different_people_approve_over_a_kill_in_between() {
    let site = Site::over(home(&[("go-live", GO_LIVE)]), "");
    let [anna, petrov, bob, viewer] =
        [("anna", "operator"), ("petrov", "operator"), ("bob", "operator"), ("sidorova", "viewer")]
            .map(|(name, role)| named(&site, name, role));
    let run = started(&site, &bob, "go-live");
    site.home.until("all three are told", || site.home.lines("told") >= 3);
    let told = fs::read_to_string(site.home.path("told")).unwrap();
    assert!(told.contains("Approval wanted") && told.contains(&format!("stepladder approve {run} go_live")), "{told}");
    // What waits, for whom, since when, until when; and what each who asks may.
    let listed = |token: &str| site.ask("GET /api/v1/approvals", token, "").json()[0].clone();
    let seen = listed(&anna);
    assert_eq!(seen["people"], serde_json::json!(["ivanova", "petrov", "sidorova"]), "{seen}");
    assert!(seen["why_not"].is_null() && seen["fields"][0]["name"] == "ticket" && seen["until"].is_string(), "{seen}");
    assert!(listed(&bob)["why_not"].as_str().unwrap().contains("on_call.platform (ivanova now), petrov"), "{seen}");
    let page = text(&site.home.run(&["approvals"]).stdout);
    assert!(
        page.contains("waits for on_call.platform, petrov, sidorova (now ivanova, petrov, sidorova), since"),
        "{page}"
    );
    assert!(page.contains("0 of 2 have approved") && page.contains("--override"), "{page}");
    let shown = text(&site.home.run(&["show", "last"]).stdout);
    assert!(shown.contains("waits for approval by on_call.platform, petrov, sidorova (0 of 2)"), "{shown}");
    // Who may not, and what does not count.
    for (token, verb, body, status, says) in [
        (&bob, "approve", r#"{"fields":{"ticket":"OPS-7"}}"#, 403, "that is for on_call.platform (ivanova now)"),
        (&viewer, "approve", r#"{"fields":{"ticket":"OPS-7"}}"#, 403, "may not approve"),
        (&bob, "approve", r#"{"fields":{"ticket":"OPS-7"},"override":true}"#, 403, "may not approve"),
        (&anna, "approve", "{}", 422, "`--field ticket=…`"),
        (&anna, "approve", r#"{"fields":{"tikcet":"x"}}"#, 422, "did you mean `ticket`?"),
        (&anna, "approve", r#"{"place":"deploy","fields":{"ticket":"x"}}"#, 422, "`go_live` does"),
        (&anna, "reject", r#"{"fields":{"ticket":"x"}}"#, 422, "fills nothing in"),
    ] {
        let answer = vote(&site, token, &run, verb, body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(detail(&answer).contains(says), "{body}: {answer:?}");
    }
    let first = vote(&site, &anna, &run, "approve", r#"{"fields":{"ticket":"OPS-7"},"note":"fine"}"#);
    assert_eq!((first.status, &first.json()["decided"]), (200, &Value::Bool(false)), "{first:?}");
    let site = again(site);
    // The vote is there, the question is, its deadline is; nobody is told a second time.
    site.home.until("it waits on", || row(&site, &run)["state"] == "waiting");
    let kept = site.ask("GET /api/v1/approvals", &petrov, "").json()[0].clone();
    assert_eq!((&kept["votes"][0]["who"], &kept["until"]), (&Value::from("ivanova"), &seen["until"]), "{kept}");
    let twice = vote(&site, &anna, &run, "reject", "");
    assert!(twice.status == 422 && detail(&twice).contains("`ivanova` has approved `go_live`"), "{twice:?}");
    let other = vote(&site, &petrov, &run, "approve", r#"{"fields":{"ticket":"OPS-8"}}"#);
    assert!(other.status == 422 && detail(&other).contains("as it was approved before you"), "{other:?}");
    let second = vote(&site, &petrov, &run, "approve", "");
    assert_eq!(second.json()["approvers"], serde_json::json!(["ivanova", "petrov"]), "{second:?}");
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "succeeded");
    assert_eq!(fs::read_to_string(site.home.path("deployed")).unwrap(), "OPS-7\n");
    assert_eq!(fs::read_to_string(site.home.path("told")).unwrap(), told, "nobody is told twice");
    // Too late; and the group that was held all the time is free.
    let late = vote(&site, &petrov, &run, "reject", "");
    assert!(late.status == 409 && detail(&late).contains("ended succeeded"), "{late:?}");
    let events = text(&site.home.run(&["show", "last", "--json"]).stdout);
    assert!(events.contains(r#""actor":"anna","person":"ivanova","approve":true"#), "{events}");
}

#[test]
fn a_no_ends_it_cancelled_and_an_admin_decides_for_all_to_see() {
    let short = "owner: platform\nsteps:\n  - { id: a, shell: 'true', undo: [ { id: u, shell: 'echo >> undone' } ] }\n  \
                 - { id: go_live, approval: { by: [on_call.owner], deadline: 4h } }\n  - { id: deploy, shell: 'echo >> deployed' }\n";
    let flaky = "steps:\n  - { id: go_live, approval: [ivanova] }\n  - { id: deploy, shell: 'test -e ready' }\n";
    let site = Site::over(home(&[("short", short), ("flaky", flaky)]), "");
    let [anna, root] = [("anna", "operator"), ("chief", "admin")].map(|(name, role)| named(&site, name, role));
    let run = started(&site, &root, "short");
    let no = vote(&site, &anna, &run, "reject", r#"{"note":"not before Monday"}"#);
    assert_eq!((no.status, &no.json()["decided"]), (200, &Value::Bool(true)), "{no:?}");
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "cancelled");
    let reason = row(&site, &run)["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason, "cancelled by anna: `go_live` was rejected by ivanova: not before Monday");
    assert_eq!((site.home.lines("undone"), site.home.lines("deployed")), (1, 0));
    assert_eq!(site.ask("GET /api/v1/incidents", &anna, "").body.trim(), "[]", "nobody is paged");
    // Whoever started it may not approve it, on call or not; an admin may say so all the same.
    let run = started(&site, &anna, "short");
    let own = vote(&site, &anna, &run, "approve", "");
    assert!(own.status == 422 && detail(&own).contains("`ivanova` started this run"), "{own:?}");
    let root_alone = vote(&site, &root, &run, "approve", "");
    assert!(root_alone.status == 403 && detail(&root_alone).contains("`--override`"), "{root_alone:?}");
    let over = vote(&site, &root, &run, "approve", r#"{"override":true,"note":"ivanova is ill"}"#);
    assert_eq!(over.status, 200, "{over:?}");
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "succeeded");
    let shown = text(&site.home.run(&["show", &run, "--json"]).stdout);
    assert!(shown.contains(r#""note":"ivanova is ill","over":true"#), "{shown}");
    // An approval is no step to pass by, and is asked again in a run that repeats another.
    let past = site.home.run(&["run", "short", "--skip", "go_live"]);
    assert_eq!(past.status.code(), Some(3), "{}", text(&past.stderr));
    assert!(text(&past.stderr).contains("`deploy` stands behind the approval `go_live`"), "{}", text(&past.stderr));
    let run = started(&site, &root, "flaky");
    assert_eq!(vote(&site, &anna, &run, "approve", "").status, 200);
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "failed");
    fs::write(site.home.path("ready"), "").unwrap();
    let more =
        site.ask(&format!("POST /api/v1/runs/{run}/retry"), &root, "").json()["run"].as_str().unwrap().to_owned();
    site.home.until("it waits again", || row(&site, &more)["state"] == "waiting");
    assert_eq!(vote(&site, &anna, &more, "approve", "").status, 200);
    site.home.until("it has ended", || row(&site, &more)["outcome"] == "succeeded");
}

#[test]
fn a_deadline_is_an_instant_and_passes_while_nobody_is_there() {
    let short = "owner: platform\nsteps:\n  - { id: go_live, approval: { by: [on_call.owner], deadline: 2s, lapse: fail } }\n  - { id: deploy, shell: 'echo >> deployed' }\n";
    let site = Site::over(home(&[("short", short)]), "");
    let anna = named(&site, "anna", "operator");
    let run = started(&site, &anna, "short");
    let Site { home, daemon, .. } = site;
    drop(daemon.end(Signal::KILL));
    std::thread::sleep(Duration::from_millis(2_200));
    let settings = fs::read_to_string(home.path("stepladder.yaml")).unwrap();
    let rest: Vec<&str> = settings.lines().filter(|line| !line.starts_with("http:")).collect();
    fs::write(home.path("stepladder.yaml"), rest.join("\n") + "\n").unwrap();
    fs::remove_file(home.path("log")).unwrap();
    let site = Site::over(home, "");
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "failed");
    assert!(
        row(&site, &run)["reason"].as_str().unwrap().contains("`go_live` failed: not approved by 2"),
        "{}",
        row(&site, &run)
    );
    assert_eq!(site.home.lines("deployed"), 0);
    let late = vote(&site, &anna, &run, "approve", "");
    assert_eq!(late.status, 409, "{late:?}");
}

/// The question of a `confirm` is listed and answered with the others; whoever is at the command line is an admin of the book.
#[test]
fn a_question_is_approved_as_well() {
    let asks = "allow: { approve: [admin] }\nsteps: [ { id: a, confirm: 'Really?', shell: 'echo >> done' } ]\n";
    let site = Site::over(home(&[("asks", asks)]), "");
    let [anna, other] = ["anna", "other"].map(|name| named(&site, name, "operator"));
    let run = started(&site, &anna, "asks");
    let no = vote(&site, &other, &run, "approve", "");
    assert!(no.status == 403 && detail(&no).contains("whoever started the run"), "{no:?}");
    let note = vote(&site, &anna, &run, "approve", r#"{"note":"x"}"#);
    assert_eq!(note.status, 422, "{note:?}");
    assert_eq!(vote(&site, &anna, &run, "approve", "").status, 200);
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "succeeded");
    let run = started(&site, &other, "asks");
    let out = site.home.run(&["reject", &run]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    site.home.until("it has ended", || row(&site, &run)["outcome"] == "cancelled");
    assert_eq!(site.home.lines("done"), 1);
}
