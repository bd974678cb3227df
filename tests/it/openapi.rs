//! The OpenAPI document is what the daemon does: no route beside it, none that is not there, each behind the door it says,
//! and answers in the shapes it says.

use crate::http::{Answer, NOOP, Site};
use crate::owner::{Home, text};
use crate::rust_text::{code, files, without_tests};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use stepladder::api::openapi;

/// Where the document is for whoever points into it.
const PLACE: &str = "http://stepladder.invalid/openapi.json";

fn document() -> Value {
    serde_json::from_str(openapi::text()).unwrap()
}

/// Path, method and what is said of it.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let each = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(verb, said)| (path.as_str(), verb.as_str(), said))
    });
    each.collect()
}

/// A path with something in the place of each parameter.
fn filled(path: &str, said: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in said["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "path") {
        let word = parameter["schema"]["enum"][0].as_str().unwrap_or("nothing-of-that-name");
        path = path.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), word);
    }
    path
}

#[test]
fn the_document_is_made_from_the_table() {
    crate::docs::golden("schemas/openapi.json", openapi::text());
}

#[test]
fn the_router_is_made_from_the_table_alone() {
    let mut found = Vec::new();
    for (path, text) in files("src", "rs") {
        let shipped = without_tests(&code(&text));
        for word in [".route(", ".nest(", ".route_service(", ".fallback_service(", ".nest_service("] {
            found.extend(shipped.matches(word).map(|word| format!("{path}: {word}")));
        }
    }
    assert_eq!(found, ["src/api/route.rs: .route("]);
}

/// A router that is made from the table can't have more than the table; here it is asked whether it has all of it, and whether
/// the gate thinks of every route as the table does.
#[test]
fn every_route_that_is_said_is_there_behind_the_door_that_is_said() {
    let site = Site::open(&[("noop", NOOP)], "");
    let admin = site.token("admin");
    let (document, mut checked) = (document(), 0);
    for (path, verb, said) in operations(&document) {
        let (path, verb) = (filled(path, said), verb.to_uppercase());
        let line = format!("{verb} {path}");
        let nobody = site.with(&line, &[], "{}");
        let open = said["security"] == json!([]);
        let told = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap_or_default()["type"].clone();
        assert_eq!(told(&nobody) == "no-token", !open, "{line}: {nobody:?}");
        let anybody = site.ask(&line, &admin, "{}");
        assert_ne!(told(&anybody), "no-such-route", "{line}: {anybody:?}");
        assert_ne!(anybody.status, 405, "{line}: {anybody:?}");
        let socket = said["description"].as_str().unwrap().contains("over the socket");
        assert_eq!(told(&anybody) == "socket-only", socket, "{line}: {anybody:?}");
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
    // What is not said is not there.
    for (path, _, said) in operations(&document) {
        let item = document["paths"][path].as_object().unwrap();
        for verb in ["get", "post", "put", "patch", "delete"].into_iter().filter(|verb| !item.contains_key(*verb)) {
            let line = format!("{} {}", verb.to_uppercase(), filled(path, said));
            let answer = site.ask(&line, &admin, "");
            // Only the socket has these: nobody hears over TCP which methods they have.
            let closed = answer.status == 403 && answer.json()["type"] == "socket-only";
            // The report of an incident stands where an act could.
            assert!(closed || answer.status == 405, "{line}: {answer:?}");
        }
    }
}

/// Compares answers with what is said of them.
struct Judge {
    document: Value,
    compiler: Compiler,
    seen: BTreeSet<(String, String, u16)>,
}

impl Judge {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.add_resource(PLACE, document()).unwrap();
        compiler.enable_format_assertions();
        Self { document: document(), compiler, seen: BTreeSet::new() }
    }

    /// The path of the document that fits, the one with the fewest parameters.
    fn path_of(&self, asked: &str) -> String {
        let asked: Vec<&str> = asked.split('?').next().unwrap().split('/').collect();
        let fits = |path: &&String| {
            let parts: Vec<&str> = path.split('/').collect();
            parts.len() == asked.len()
                && parts.iter().zip(&asked).all(|(part, word)| part.starts_with('{') || part == word)
        };
        let paths = self.document["paths"].as_object().unwrap().keys();
        paths.filter(fits).min_by_key(|path| path.matches('{').count()).unwrap().clone()
    }

    fn judge(&mut self, line: &str, answer: &Answer) {
        let (verb, asked) = line.split_once(' ').unwrap();
        let (verb, path) = (verb.to_lowercase(), self.path_of(asked));
        let mut said = &self.document["paths"][&path][&verb]["responses"][answer.status.to_string()];
        let step = |part: &str| {
            part.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D").replace('+', "%2B")
        };
        let mut place = format!("/paths/{}/{verb}/responses/{}", step(&path), answer.status);
        if let Some(shared) = said["$ref"].as_str().and_then(|shared| shared.strip_prefix('#')) {
            said = self.document.pointer(shared).unwrap();
            shared.clone_into(&mut place);
        }
        assert!(said.is_object(), "{line}: {} is not said of {path}: {answer:?}", answer.status);
        self.seen.insert((path.clone(), verb.clone(), answer.status));
        let Some(content) = said.get("content") else {
            assert!(answer.body.is_empty(), "{line}: no body is said of {path}: {answer:?}");
            return;
        };
        let kind = answer.head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
        assert!(content.get(kind).is_some(), "{line}: `{kind}` is not said of {path}: {answer:?}");
        let body = plain(answer);
        let (which, pieces): (&str, Vec<Value>) = match kind {
            "application/json" | "application/problem+json" => ("schema", vec![serde_json::from_str(&body).unwrap()]),
            "application/x-ndjson" => {
                ("x-item-schema", body.lines().map(|it| serde_json::from_str(it).unwrap()).collect())
            }
            "text/event-stream" => {
                let pieces = body.lines().filter_map(|line| line.strip_prefix("data: "));
                ("x-item-schema", pieces.map(|it| serde_json::from_str(it).unwrap()).collect())
            }
            _ => return,
        };
        assert!(!pieces.is_empty(), "{line}: {answer:?}");
        let pointer = format!("{PLACE}#{place}/content/{}/{which}", step(kind));
        let mut schemas = Schemas::new();
        let schema = self.compiler.compile(&pointer, &mut schemas).unwrap();
        for piece in pieces {
            let judged = schemas.validate(&piece, schema);
            assert!(judged.is_ok(), "{line}: {}\n{piece:#}", judged.unwrap_err());
        }
    }
}

/// The body without the frames of a stream.
fn plain(answer: &Answer) -> String {
    if !answer.head.contains("transfer-encoding: chunked") {
        return answer.body.clone();
    }
    let (mut rest, mut body) = (answer.body.as_str(), String::new());
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        body.push_str(&more[..size]);
        rest = more[size..].trim_start_matches("\r\n");
    }
    body
}

/// Asks over the socket of the data directory.
fn over_socket(site: &Site, line: &str, body: &str) -> Answer {
    let mut stream = UnixStream::connect(site.home.path(".stepladder/socket")).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A book with something of everything that is told.
fn site() -> Site {
    let many = "\
labels: { component: many }
steps:
  - { id: says, shell: 'echo one; echo two >&2', measure: { took: { value: output.duration_ms, unit: ms } } }
  - id: inner
    steps: [ { id: a, shell: 'true' }, { id: b, shell: 'true' } ]
  - { id: each, foreach: [ 1, 2 ], shell: 'true' }
  - { id: fails, shell: 'exit 3', retry: { attempts: 2 }, on_error: [ { id: c, log: 'it failed' } ] }
";
    let home = Home::new(&[
        ("noop", NOOP),
        ("many", many),
        ("asks", "steps: [ { id: a, confirm: 'Really?', shell: 'true' } ]\n"),
        ("approved", "steps: [ { id: a, approval: { message: 'May it?', by: [ operator ] } } ]\n"),
        (
            "timed",
            &format!(
                "triggers: [ {{ id: leap, cron: '0 0 29 2 *' }}, {{ id: beat, heartbeat: {{ path: beat, every: 1h }} }} ]\n{NOOP}"
            ),
        ),
    ]);
    fs::write(home.path("thresholds.yaml"), "took: { unit: s }\n").unwrap();
    Site::over(home, "")
}

/// What is asked that may change something; `many` is a run that failed.
fn changes(many: &str) -> Vec<(String, &'static str)> {
    vec![
        ("POST /api/v1/incidents".to_owned(), r#"{"title":"the trunk is down","labels":{"a":"b"}}"#),
        ("POST /api/v1/incidents".to_owned(), r#"{"title":"the trunk is down"}"#),
        ("POST /api/v1/incidents/last/note".to_owned(), r#"{"text":"the provider knows"}"#),
        ("POST /api/v1/incidents/last/note".to_owned(), "{}"),
        ("POST /api/v1/incidents/last/dance".to_owned(), "{}"),
        ("POST /api/v1/silences".to_owned(), r#"{"match":{"a":"b"},"until":"2999-01-01T00:00:00Z","reason":"x"}"#),
        ("POST /api/v1/silences".to_owned(), r#"{"match":{}}"#),
        ("DELETE /api/v1/silences/none".to_owned(), ""),
        ("POST /api/v1/runs".to_owned(), r#"{"runbook":"none"}"#),
        ("POST /api/v1/runs".to_owned(), r#"["noop"]"#),
        (format!("POST /api/v1/runs/{many}/retry"), ""),
        (format!("POST /api/v1/runs/{many}/cancel"), ""),
        ("POST /api/v1/schedules/timed/pause".to_owned(), r#"{"reason":"x"}"#),
        ("POST /api/v1/schedules/timed/resume".to_owned(), ""),
        ("POST /api/v1/schedules/noop/pause".to_owned(), ""),
        ("POST /api/v1/schedules/timed/backfill".to_owned(), "{}"),
        (
            "POST /api/v1/schedules/timed/backfill".to_owned(),
            r#"{"trigger":"none","nominal":"2026-11-23T02:30:00","due":"2026-11-23T02:30:00Z"}"#,
        ),
        ("POST /api/v1/book/reload".to_owned(), ""),
        ("POST /api/v1/tokens".to_owned(), r#"{"name":"more","role":"viewer"}"#),
        ("POST /api/v1/tokens".to_owned(), r#"{"name":"more","role":"king"}"#),
        ("DELETE /api/v1/tokens/more".to_owned(), ""),
        ("POST /heartbeats/beat".to_owned(), ""),
        ("POST /heartbeats/none".to_owned(), ""),
        ("POST /hooks/none".to_owned(), ""),
        (
            "POST /alerts/tests".to_owned(),
            r#"{"alerts":[{"status":"firing","labels":{"alertname":"x"},"fingerprint":"1"}]}"#,
        ),
        ("POST /alerts/tests".to_owned(), "7"),
        (
            "POST /v2/enqueue".to_owned(),
            r#"{"event_action":"trigger","payload":{"summary":"x","source":"y","severity":"error"}}"#,
        ),
        ("POST /v2/alerts".to_owned(), r#"{"message":"x","alias":"y"}"#),
        ("POST /v2/alerts/y/close".to_owned(), ""),
        ("POST /act/none".to_owned(), ""),
        ("POST /replies/none".to_owned(), ""),
    ]
}

/// What is looked at.
fn looks(runs: &[String]) -> Vec<String> {
    let [many, dry, asks, approved] = runs else { unreachable!("four were started") };
    vec![
        "/api/v1/runs".to_owned(),
        "/api/v1/runs?limit=1&dry=true".to_owned(),
        format!("/api/v1/runs?before={many}"),
        "/api/v1/runs?limit=many".to_owned(),
        "/api/v1/runs?before=none".to_owned(),
        "/api/v1/runs/none".to_owned(),
        format!("/api/v1/runs/{many}"),
        format!("/api/v1/runs/{dry}"),
        format!("/api/v1/runs/{asks}"),
        format!("/api/v1/runs/{approved}"),
        format!("/api/v1/runs/{dry}/plan"),
        format!("/api/v1/runs/{many}/plan"),
        format!("/api/v1/runs/{many}/events"),
        format!("/api/v1/runs/{many}/output?place=says&attempt=1&stream=stderr"),
        format!("/api/v1/runs/{many}/output?place=/&attempt=1&stream=stderr"),
        "/api/v1/find/last".to_owned(),
        "/api/v1/find/none".to_owned(),
        "/api/v1/approvals".to_owned(),
        "/api/v1/schedules".to_owned(),
        "/api/v1/schedules/timed/why?at=2026-11-24T00:00:00Z".to_owned(),
        "/api/v1/schedules/none/why?at=2026-11-24T00:00:00Z".to_owned(),
        "/api/v1/schedules/none/why".to_owned(),
        "/api/v1/schedules/timed/missing?from=2024-02-28T00:00:00Z&to=2024-03-02T00:00:00Z".to_owned(),
        "/api/v1/schedules/none/missing?from=2024-02-28T00:00:00Z&to=2024-03-02T00:00:00Z".to_owned(),
        "/api/v1/schedules/timed/missing".to_owned(),
        "/api/v1/measures".to_owned(),
        "/api/v1/measures/took?step=1h".to_owned(),
        "/api/v1/measures/took?step=1s".to_owned(),
        "/api/v1/measures/took?labels=x=y".to_owned(),
        "/api/v1/measures/none".to_owned(),
        "/api/v1/incidents".to_owned(),
        "/api/v1/incidents/last".to_owned(),
        "/api/v1/incidents/none".to_owned(),
        "/api/v1/incidents/last/report".to_owned(),
        "/api/v1/incidents/last/report?format=html".to_owned(),
        "/api/v1/incidents/last/report?format=json".to_owned(),
        "/api/v1/incidents/statistics".to_owned(),
        "/api/v1/incidents/statistics?weeks=2".to_owned(),
        "/api/v1/incidents/statistics?weeks=many".to_owned(),
        "/api/v1/contacts".to_owned(),
        "/api/v1/silences".to_owned(),
        "/api/v1/status".to_owned(),
        "/api/v1/book".to_owned(),
        "/api/v1/settings".to_owned(),
        "/api/v1/openapi.json".to_owned(),
        "/api/v1/tokens".to_owned(),
        "/api/v1/audit".to_owned(),
        "/api/v1/alerts".to_owned(),
        "/api/v1/store/doctor".to_owned(),
        "/".to_owned(),
        "/page.css".to_owned(),
        "/page.js".to_owned(),
        "/livez".to_owned(),
        "/readyz".to_owned(),
        "/metrics".to_owned(),
        "/health".to_owned(),
        "/health/detailed".to_owned(),
        "/health/many".to_owned(),
        "/health/none".to_owned(),
        "/act/none".to_owned(),
    ]
}

/// A leap day that did not run is made up for, once.
fn made_up_for(site: &Site, judge: &mut Judge, [viewer, operator]: [&String; 2]) {
    let asked = "GET /api/v1/schedules/timed/missing?from=2024-02-28T00:00:00Z&to=2024-03-02T00:00:00Z";
    let mut row = site.ask(asked, viewer, "").json()["rows"][0].clone();
    row.as_object_mut().unwrap().remove("fate");
    for started in [true, false] {
        let line = "POST /api/v1/schedules/timed/backfill";
        let answer = site.ask(line, operator, &row.to_string());
        judge.judge(line, &answer);
        assert_eq!((answer.status, &answer.json()["started"]), (200, &json!(started)), "{answer:?}");
    }
}

#[test]
fn answers_are_what_the_document_says() {
    let (site, mut judge) = (site(), Judge::new());
    let tokens = ["viewer", "operator", "admin"].map(|role| site.token(role));
    let [viewer, operator, admin] = &tokens;
    let start = |body: &str| {
        let answer = site.with(
            "POST /api/v1/runs",
            &[("authorization", &format!("Bearer {operator}")), ("idempotency-key", &body.replace('"', "'"))],
            body,
        );
        (answer.json()["run"].as_str().unwrap_or_default().to_owned(), answer)
    };
    let mut runs = Vec::new();
    for body in [
        r#"{"runbook":"many"}"#,
        r#"{"runbook":"many","dry":true}"#,
        r#"{"runbook":"asks"}"#,
        r#"{"runbook":"approved"}"#,
    ] {
        let (run, answer) = start(body);
        judge.judge("POST /api/v1/runs", &answer);
        let (again, answer) = start(body);
        judge.judge("POST /api/v1/runs", &answer);
        assert_eq!((&again, answer.status), (&run, 200), "{answer:?}");
        runs.push(run);
    }
    let [many, dry, asks, approved] = runs.as_slice() else { unreachable!("four were started") };
    let state = |run: &str| site.ask(&format!("GET /api/v1/runs/{run}"), viewer, "").json()["row"]["state"].clone();
    site.home.until("they have ended, or wait", || {
        [many, dry].iter().all(|run| state(run) == "ended")
            && [asks, approved].iter().all(|run| state(run) == "waiting")
    });
    let changes = changes(many);
    for (line, body) in &changes {
        let nobody = site.with(line, &[], body);
        judge.judge(line, &nobody);
        for token in &tokens {
            judge.judge(line, &site.ask(line, token, body));
        }
    }
    let looks = looks(&runs);
    for path in &looks {
        let line = format!("GET {path}");
        judge.judge(&line, &site.with(&line, &[], ""));
        for token in &tokens {
            judge.judge(&line, &site.ask(&line, token, ""));
        }
    }
    made_up_for(&site, &mut judge, [viewer, operator]);
    let events = format!("GET /api/v1/runs/{many}/events");
    let kinds = [("authorization", format!("Bearer {admin}")), ("accept", "text/event-stream".to_owned())];
    let kinds = kinds.each_ref().map(|(name, value)| (*name, value.as_str()));
    judge.judge(&events, &site.with(&events, &kinds, ""));
    judge.judge("GET /api/v1/status", &site.with("GET /api/v1/status", &[("host", "elsewhere")], ""));
    for (line, body) in [
        (format!("POST /api/v1/runs/{asks}/answer"), r#"{"place":"a","answer":"maybe"}"#),
        (format!("POST /api/v1/runs/{asks}/answer"), r#"{"place":"a","answer":"go"}"#),
        (format!("POST /api/v1/runs/{approved}/reject"), r#"{"place":"none"}"#),
        (format!("POST /api/v1/runs/{approved}/approve"), r#"{"note":"so be it"}"#),
    ] {
        judge.judge(&line, &site.ask(&line, admin, body));
    }
    judge.judge("GET /api/v1/store/doctor", &over_socket(&site, "GET /api/v1/store/doctor", ""));
    let copy = json!({ "to": site.home.path("copy") }).to_string();
    judge.judge("POST /api/v1/store/backup", &over_socket(&site, "POST /api/v1/store/backup", &copy));
    judge.judge("POST /api/v1/store/backup", &over_socket(&site, "POST /api/v1/store/backup", &copy));
    // What nobody asked for is not shown to be true.
    let document = document();
    for (path, verb, _) in operations(&document).into_iter().filter(|(_, verb, _)| *verb == "get") {
        let good = judge.seen.iter().any(|(at, by, status)| at == path && by == verb && matches!(status, 200 | 503));
        assert!(good || path == "/act/{token}", "nobody was answered {verb} {path} well");
    }
}
