//! Incidents with the real binary: opened by runs, steps and people; paged over a real channel; held over kills of the owner.

use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::process::Output;

/// Everybody is reached by a command that writes down what it is given.
pub(crate) const SETTINGS: &str = "timezone: UTC\nkeep: { min_free: 1MiB }\n\
    dead_man: { url: \"http://127.0.0.1:9/\", every: 1h }\n\
    channels: { log: { exec: { command: [sh, -c, 'printf \"%s\\n\" \"$(cat)\" >> pages'] } } }\n";

/// A ladder in seconds.
pub(crate) const LADDER: &str = "\
severities:
  P1: { title: Critical, respond_within: 15m, climb: { 1: 0s, 2: 1m, 3: 1h }, climb_early: true, repeat: 1h, ack_lapses: 1h, reach: { at_once: [log] } }
  P3: { title: Medium, respond_within: 4h, climb: { 1: 0s, 2: 1h }, climb_early: true, repeat: 1h, ack_lapses: 8h, announce: all, reach: { at_once: [log] } }
levels:
  1: { name: Machine, try: [mend], limit: 20s, not_again_within: 1h }
  2: { name: On call, page: [on_call.owner], duties: [Look, Tell] }
  3: { name: Boss, page: [boss] }
contacts:
  anna: { name: Anna, addresses: { log: anna } }
  boss: { name: Boss, addresses: { log: boss } }
on_call: { platform: { since: 2026-01-05, rotate: never, members: [anna] } }
announce: { all: [ 'log:everybody' ] }
routes: [ { match: {}, severity: P3, owner: platform } ]
catch_all: [boss]
";

/// Fails while the file `bad` is there.
const WATCHED: &str = "triggers: [ { every: 1s } ]\nincident: { open: { failed: P1 } }\n\
                       steps: [ { id: look, shell: 'test ! -e bad' } ]\n";

struct Site {
    home: Home,
}

impl Site {
    fn new(mend: &str) -> Self {
        let mend = format!("steps: [ {{ id: mend, shell: '{mend}' }} ]\n");
        let home = Home::new(&[("watched", WATCHED), ("mend", &mend)]);
        fs::write(home.path("stepladder.yaml"), SETTINGS).unwrap();
        fs::write(home.path("escalation.yaml"), LADDER).unwrap();
        let checked = home.run(&["check"]);
        assert!(checked.status.code() != Some(3) && !text(&checked.stdout).contains("error"), "{}", said(&checked));
        Self { home }
    }

    fn well(&self, args: &[&str]) -> String {
        let out = self.home.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", said(&out));
        text(&out.stdout)
    }

    fn rows(&self, all: bool) -> Vec<Value> {
        let args: &[&str] = if all { &["incidents", "--json", "--all"] } else { &["incidents", "--json"] };
        self.well(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn last(&self) -> Value {
        serde_json::from_str(&self.well(&["incident", "show", "last", "--json"])).unwrap()
    }

    /// Whom messages went to, with what they were.
    fn pages(&self) -> Vec<String> {
        let pages = self.last()["pages"].as_array().unwrap().clone();
        let word = |page: &Value, key: &str| page[key].as_str().unwrap_or("-").to_owned();
        pages
            .iter()
            .map(|page| format!("{} {} {}", word(page, "address"), word(page, "what"), word(page, "fate")))
            .collect()
    }

    /// Messages that the channel was really given.
    fn sent(&self) -> Vec<Value> {
        let sent = fs::read_to_string(self.home.path("pages")).unwrap_or_default();
        sent.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

#[test]
fn a_failed_run_opens_an_incident_that_climbs_until_somebody_takes_it() {
    let site = Site::new("exit 1");
    let daemon = Daemon::start(&site.home);
    fs::write(site.home.path("bad"), "").unwrap();
    site.home.until("anna is paged", || site.sent().iter().any(|page| page.to_string().contains("anna")));
    let detail = site.last();
    assert_eq!((detail["row"]["severity"].as_str(), detail["row"]["status"].as_str()), (Some("P1"), Some("triggered")));
    assert_eq!(detail["responses"][0]["runbook"], "mend");
    assert_eq!(detail["responses"][0]["outcome"], "failed");
    site.well(&["ack", "last", "on it", "--as", "anna"]);
    let row = &site.rows(false)[0];
    assert_eq!((row["status"].as_str(), row["taken_by"].as_str()), (Some("acknowledged"), Some("anna")));
    // It is over when the runbook is good again.
    fs::remove_file(site.home.path("bad")).unwrap();
    site.home.until("it is resolved", || site.rows(false).is_empty());
    assert_eq!(site.rows(true)[0]["status"], "resolved");
    drop(daemon);
}

#[test]
fn what_level_1_mends_pages_nobody() {
    let site = Site::new("rm -f bad");
    let daemon = Daemon::start(&site.home);
    fs::write(site.home.path("bad"), "").unwrap();
    // Mended is what the opening runbook says is mended.
    site.home.until("level 1 has tried and it is resolved", || {
        let done = site.rows(true).first().is_some_and(|row| row["status"] == "resolved");
        done && site.last()["responses"][0]["outcome"] == "succeeded"
    });
    assert!(site.pages().iter().all(|page| !page.contains("call")), "{:?}", site.pages());
    drop(daemon);
}

#[test]
fn an_incident_outlives_its_owner_and_pages_on() {
    let site = Site::new("while [ ! -e go ]; do sleep 0.02; done; exit 1");
    let daemon = Daemon::start(&site.home);
    fs::write(site.home.path("bad"), "").unwrap();
    site.home.until("level 1 is at work", || {
        site.rows(false).first().is_some_and(|_| site.last()["responses"][0]["run"].is_string())
    });
    kill(daemon.id(), Signal::KILL);
    drop(daemon);
    fs::write(site.home.path("go"), "").unwrap();
    let again = Daemon::start(&site.home);
    site.home.until("anna is paged", || site.sent().iter().any(|page| page.to_string().contains("anna")));
    let calls = site.pages().into_iter().filter(|page| page.starts_with("anna call")).count();
    assert_eq!(calls, 1, "{:?}", site.pages());
    let keys: Vec<String> = site.sent().iter().map(|page| page["key"].to_string()).collect();
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), site.pages().iter().filter(|page| !page.ends_with("withdrawn")).count(), "{keys:?}");
    drop(again);
}

#[test]
fn what_is_opened_by_hand_is_ended_by_hand() {
    let site = Site::new("true");
    let daemon = Daemon::start(&site.home);
    let id = site.well(&["incident", "open", "The trunk is down", "--label", "component=sip", "--type", "sip"]);
    let id = id.trim();
    site.home.until("everybody is told", || site.sent().iter().any(|page| page.to_string().contains("everybody")));
    site.well(&["incident", "note", id, "the provider knows"]);
    site.well(&["incident", "severity", id, "P1", "--reason", "it is worse"]);
    site.home.until("anna is paged", || site.sent().iter().any(|page| page.to_string().contains("anna")));
    site.well(&["incident", "duty", id, "2", "1"]);
    let out = site.home.run(&["incident", "severity", id, "P9"]);
    assert!(said(&out).contains("it has P1, P3"), "{}", said(&out));
    let again = site.home.run(&["incident", "open", "The trunk is down"]);
    assert!(said(&again).contains("added to the open incident"), "{}", said(&again));
    site.well(&["incident", "resolve", id, "the trunk is back"]);
    assert!(site.rows(false).is_empty());
    let detail = site.last();
    assert_eq!(detail["row"]["reason"], "the trunk is back");
    assert_eq!(detail["duties"][0]["done"], true);
    let report = site.well(&["incident", "report", id]);
    for word in
        ["# P1 The trunk is down", "**Time to resolve**", "## Timeline", "- [x] 2 On call: Look", "the provider knows"]
    {
        assert!(report.contains(word), "{word}: {report}");
    }
    assert!(site.well(&["incident", "report", id, "--html"]).contains("<h1>P1 The trunk is down</h1>"));
    let shown = site.well(&["incident", "show", id]);
    for word in ["The trunk is down", "resolved", "the provider knows", "[x] 2.1 Look", "anna"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    drop(daemon);
}

#[test]
fn steps_escalate_and_resolve_without_a_daemon() {
    let site = Site::new("true");
    let book = "steps:\n  - { id: cry, escalate: { severity: P3, key: trunk, message: 'the trunk is down' } }\n  \
                - { id: told, shell: 'echo {{ steps.cry.output.incident }} > told' }\n";
    fs::write(site.home.path("runbooks/cry.yaml"), format!("runbook: cry\n{book}")).unwrap();
    let calm = "runbook: calm\nsteps: [ { id: over, resolve: { key: trunk, reason: 'it is back' } } ]\n";
    fs::write(site.home.path("runbooks/calm.yaml"), calm).unwrap();
    site.well(&["run", "cry"]);
    let told = fs::read_to_string(site.home.path("told")).unwrap();
    let rows = site.rows(false);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0]["incident"].as_str(), rows[0]["key"].as_str()), (Some(told.trim()), Some("trunk")));
    // Whoever is left drives it on, and tells everybody.
    site.home.until("everybody is told", || site.sent().iter().any(|page| page.to_string().contains("everybody")));
    site.well(&["run", "calm"]);
    site.home.until("it is resolved", || site.rows(false).is_empty());
    site.home.until("nobody drives any more", || {
        site.home.owner().is_none_or(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    });
}

#[test]
fn a_silence_mutes_and_its_end_tells() {
    let site = Site::new("true");
    let daemon = Daemon::start(&site.home);
    let silence = site.well(&["silence", "add", "component=sip*", "--for", "1h", "--reason", "new trunk"]);
    site.well(&["incident", "open", "Calls fail", "--label", "component=sip-edge"]);
    assert_eq!(site.rows(false)[0]["status"], "muted");
    assert!(site.sent().is_empty());
    assert!(site.well(&["silence", "list"]).contains("new trunk"));
    site.well(&["silence", "end", silence.trim()]);
    site.home.until("everybody is told", || site.sent().iter().any(|page| page.to_string().contains("everybody")));
    assert_eq!(site.rows(false)[0]["status"], "triggered");
    drop(daemon);
}

#[test]
fn a_link_shows_to_who_looks_and_acts_once_for_who_presses() {
    let site = Site::new("exit 1");
    fs::write(site.home.path("bad"), "").unwrap();
    let Site { home } = site;
    let door = crate::http::Site::over(home, ", public_url: \"https://steps.example\"");
    let sent = |door: &crate::http::Site| fs::read_to_string(door.home.path("pages")).unwrap_or_default();
    door.home.until("anna is paged", || sent(&door).contains("/act/"));
    let text = sent(&door);
    let token = text.split("https://steps.example/act/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // A scanner of mail that follows the link changes nothing.
    for _ in 0..2 {
        let page = door.with(&format!("GET /act/{token}"), &[], "");
        assert_eq!(page.status, 200, "{page:?}");
        assert!(
            page.body.contains("<form method=\"post\">") && page.head.contains("content-security-policy"),
            "{page:?}"
        );
    }
    let status = |door: &crate::http::Site| {
        let shown = text_of(&door.home.run(&["incident", "show", "last", "--json"]));
        let detail: Value = serde_json::from_str(&shown).unwrap();
        (detail["row"]["status"].as_str().unwrap().to_owned(), detail["row"]["taken_by"].as_str().map(str::to_owned))
    };
    assert_eq!(status(&door).0, "triggered");
    let pressed = door.with(&format!("POST /act/{token}"), &[], "");
    assert_eq!(pressed.status, 200, "{pressed:?}");
    assert_eq!(status(&door), ("acknowledged".to_owned(), Some("anna".to_owned())));
    let again = door.with(&format!("POST /act/{token}"), &[], "");
    assert!(again.status == 422 && again.body.contains("this link was used before"), "{again:?}");
    let mut forged = token.clone();
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    for (line, status) in [(format!("POST /act/{forged}"), 401), ("POST /act/x".to_owned(), 401)] {
        let refused = door.with(&line, &[], "");
        assert_eq!(refused.status, status, "{refused:?}");
    }
    let slack = door.with("POST /replies/log", &[], "payload=%7B%7D");
    assert_eq!(slack.status, 404, "a channel that takes no answers: {slack:?}");
}

fn text_of(out: &Output) -> String {
    text(&out.stdout)
}

/// A step that asks what became of it pages whoever owns the runbook, until somebody has answered.
#[test]
fn a_question_about_a_lost_attempt_pages_the_owner() {
    let site = Site::new("exit 1");
    let copies =
        "owner: platform\nsteps: [ { id: copy, shell: 'echo $$ > pid; exec sleep 600', on_interrupt: ask } ]\n";
    fs::write(site.home.path("runbooks/copies.yaml"), format!("runbook: copies\n{copies}")).unwrap();
    let daemon = Daemon::start(&site.home);
    site.well(&["run", "copies", "--detach"]);
    let begun = || fs::read_to_string(site.home.path("pid")).ok()?.trim().parse::<u32>().ok();
    site.home.until("the step has begun", || begun().is_some());
    let (_, keeper) = stepladder::keeper::keepers(&site.home.path(".stepladder")).pop().unwrap();
    kill(u32::try_from(keeper.keeper.pid).unwrap(), Signal::KILL);
    kill(begun().unwrap(), Signal::KILL);
    site.home.until("anna is paged", || {
        site.sent().iter().any(|page| page.to_string().contains("asks what became"))
            && site.pages().iter().any(|page| page.starts_with("anna call"))
    });
    assert_eq!(site.last()["row"]["status"], "triggered");
    let rows = site.home.rows();
    let asks = rows.iter().find(|row| row["runbook"] == "copies").unwrap()["run"].as_str().unwrap();
    site.well(&["answer", asks, "copy", "succeeded"]);
    site.home.until("it is resolved", || site.rows(false).is_empty());
    assert_eq!(site.last()["row"]["status"], "resolved");
    drop(daemon);
}
