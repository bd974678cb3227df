//! Runbooks that start one another through incidents: what `check` finds in the book that is shipped, and where a chain that
//! it cannot find ends.

use crate::http::Site;
use crate::owner::{Home, text};
use crate::rust_text::{files, root};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use stepladder::base::limits::MAX_CALL_DEPTH;
use stepladder::diagnostic::Code;
use stepladder::lang::load;

/// What is said of circles in the shipped book with one more runbook, each finding with the files that it shows.
fn circles(more: &str) -> Vec<(String, Vec<String>)> {
    let single = ["stepladder.yaml", "escalation.yaml", "thresholds.yaml", "alerts.yaml"];
    let single = single.into_iter().map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    let mut book: Vec<(String, Arc<str>)> =
        single.chain(files("runbooks", "yaml")).map(|(name, text)| (name, text.into())).collect();
    assert!(book.len() > 20, "the shipped book has its runbooks");
    if !more.is_empty() {
        book.push(("runbooks/zz-loop.yaml".into(), format!("runbook: zz-loop\n{more}").into()));
    }
    let loaded = load(&book);
    let file = |spot: stepladder::diagnostic::Spot| loaded.sources.get(spot.file).name.clone();
    let found = loaded.findings.sorted();
    let found = found.into_iter().filter(|finding| finding.code == Code::RunbookCycle);
    found
        .map(|finding| {
            let places = [file(finding.spot)].into_iter().chain(finding.notes.iter().map(|note| file(note.spot)));
            (finding.message.clone(), places.collect())
        })
        .collect()
}

/// The runbook of an audit: 60 incidents in 1.3 seconds.
fn loops(labels: &str, key: &str) -> String {
    format!(
        "triggers: [ {{ id: t, run_ended: {{ runbook: p1-response, outcome: [failed] }} }} ]\nlabels: {labels}\n\
         incident: {{ open: {{ failed: P1 }}{key} }}\ntimeout: 5m\nsteps: [ {{ id: a, fail: no }} ]\n"
    )
}

#[test]
fn the_shipped_book_has_no_circle_and_one_bad_edge_makes_one() {
    assert_eq!(circles(""), []);
    let sip = "{ component: sip, severity: critical }";
    let each = ", key: \"x-{{ run.id }}\"";
    let found = circles(&loops(sip, each));
    let message = "runbooks that start one another: `zz-loop` opens an incident (P1), which starts `p1-response`, \
                   which by its end starts `zz-loop`";
    let places = ["runbooks/zz-loop.yaml", "escalation.yaml", "runbooks/zz-loop.yaml"].map(str::to_owned);
    assert_eq!(found, [(message.to_owned(), places.to_vec())]);
    assert_eq!(circles(&loops(sip, "")), [], "the incident of one key starts its response once");
    assert_eq!(
        circles(&loops("{ component: sip }", each)),
        [],
        "its route tries `respond-sip`, whose end starts nothing"
    );
    assert_eq!(
        circles(&loops("{ component: storage }", each)),
        [],
        "level 1 tries `auto-recovery`, whose end starts nothing"
    );
}

const LADDER: &str = "\
severities:
  P1: { title: Critical, respond_within: 15m, climb: { 1: 0s, 2: 0s }, climb_early: true, repeat: 1h, ack_lapses: 1h, reach: { at_once: [log] } }
levels:
  1: { name: Machine, gather: [look], limit: 1m }
  2: { name: On call, page: [anna] }
contacts: { anna: { name: Anna, addresses: { log: anna } } }
on_call: { platform: { members: [anna] } }
catch_all: [anna]
routes:
";

/// Runs that start one another through incidents, each of another runbook: no check finds a circle in it.
fn chain() -> (Home, usize) {
    let links = MAX_CALL_DEPTH / 2;
    let (mut books, mut ladder) = (Vec::new(), LADDER.to_owned());
    for link in 0..=links {
        let before = if link == 0 { "go".to_owned() } else { format!("mend{}", link - 1) };
        books.push((
            format!("bad{link}"),
            format!(
                "labels: {{ link: l{link} }}\ntriggers: [ {{ id: t, run_ended: {{ runbook: {before} }} }} ]\n\
                 incident: {{ open: {{ failed: P1 }} }}\nsteps: [ {{ id: a, fail: no }} ]\n"
            ),
        ));
        books.push((format!("mend{link}"), format!("steps: [ {{ id: a, shell: 'echo mend{link} >> did' }} ]\n")));
        let _ = writeln!(
            ladder,
            "  - {{ match: {{ link: l{link} }}, severity: P1, owner: platform, first_response: mend{link} }}"
        );
    }
    books.push(("look".into(), "steps: [ { id: a, shell: 'true' } ]\n".into()));
    books.push(("go".into(), "steps: [ { id: a, shell: 'true' } ]\n".into()));
    // The same by ends alone.
    for link in 0..=MAX_CALL_DEPTH {
        let before = if link == 0 { "go".to_owned() } else { format!("end{}", link - 1) };
        books.push((
            format!("end{link}"),
            format!(
                "triggers: [ {{ id: t, run_ended: {{ runbook: {before} }} }} ]\nsteps: [ {{ id: a, shell: 'echo end{link} >> did' }} ]\n"
            ),
        ));
    }
    ladder.push_str("  - { match: {}, severity: P1, owner: platform }\n");
    let books: Vec<(&str, &str)> = books.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let home = Home::new(&books);
    fs::write(
        home.path("stepladder.yaml"),
        "timezone: UTC\nkeep: { min_free: 1MiB }\ndead_man: { url: \"http://127.0.0.1:9/\", every: 1h }\n\
         channels: { log: { exec: { command: ['true'] } } }\n",
    )
    .unwrap();
    fs::write(home.path("escalation.yaml"), ladder).unwrap();
    (home, links)
}

#[test]
fn a_chain_through_incidents_ends_at_its_depth_and_an_incident_says_so() {
    let (home, links) = chain();
    let checked = home.run(&["check"]);
    let said = format!("{}{}", text(&checked.stdout), text(&checked.stderr));
    assert!(!said.contains("error"), "{said}");
    let site = Site::over(home, "");
    assert_eq!(site.home.run(&["run", "go"]).status.code(), Some(0));
    let rows = || {
        let out = site.home.run(&["incidents", "--json"]);
        let rows = text(&out.stdout);
        rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    // `bad0` is one below `go`, its response two: that of `bad7` would be sixteen below. `end15` would be, too.
    site.home.until("both chains have ended", || rows().len() == links + 1);
    site.home.until("the last response is refused", || {
        shown_of(&site, "bad7").is_some_and(|text| text.contains("runbooks have started one another 16 deep"))
    });
    let shown: Vec<String> = rows()
        .iter()
        .map(|row| text(&site.home.run(&["incident", "show", row["incident"].as_str().unwrap(), "--json"]).stdout))
        .collect();
    let deep: Vec<&String> =
        shown.iter().filter(|text| text.contains("runbooks have started one another 16 deep")).collect();
    assert_eq!(deep.len(), 2, "one for each chain: {shown:#?}");
    assert!(deep.iter().any(|text| text.contains("chain/end15")), "{deep:#?}");
    let did = fs::read_to_string(site.home.path("did")).unwrap();
    assert!(did.contains("mend6\n") && !did.contains("mend7\n"), "{did}");
    assert!(did.contains("end14\n") && !did.contains("end15\n"), "{did}");
}

/// The incident of that key.
fn shown_of(site: &Site, key: &str) -> Option<String> {
    let rows = text(&site.home.run(&["incidents", "--json"]).stdout);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = rows.into_iter().find(|row| row["key"] == key)?;
    Some(text(&site.home.run(&["incident", "show", row["incident"].as_str()?, "--json"]).stdout))
}
