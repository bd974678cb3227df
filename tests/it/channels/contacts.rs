//! `stepladder contacts`, and `notify` by the whole program: what people type and runbooks send.

use crate::channels::fake::{Answer, Fake, say};
use crate::owner::{Home, text, walk};
use std::fs;

const LADDER: &str = "severities:
  P1: { title: Critical, respond_within: 15m, climb: { 1: 0m }, reach: { at_once: [chat, sms] } }
levels:
  1: { name: On call, page: [ivanova] }
contacts:
  ivanova: { name: Ivanova, phone: '+1-555-0123', email: ivanova@example.com, sms: '+1-555-0124' }
  petrov: { name: Petrov, phone: '+1-555-0125' }
routes: [ { match: {}, severity: P1 } ]
catch_all: [ivanova]
";

fn home(fake: &Fake, runbook: &str) -> Home {
    let home = Home::new(&[("tell", runbook)]);
    let settings = format!(
        "timezone: UTC
keep: {{ min_free: 1MiB }}
secrets: [ {{ file: secrets.yaml }} ]
channels:
  chat: {{ webhook: '{url}/xyz/{{{{ secrets.HOOK }}}}' }}
  sms: {{ twilio: {{ account: AC1, token: '{{{{ secrets.TWILIO }}}}', from: '+1-555-0100', url: '{url}' }} }}
",
        url = fake.url
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    fs::write(home.path("secrets.yaml"), "HOOK: canary-hook\nTWILIO: canary-twilio\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(home.path("secrets.yaml"), mode).unwrap();
    home
}

fn said(home: &Home, args: &[&str]) -> (Option<i32>, String) {
    let out = home.run(args);
    (out.status.code(), format!("{}{}", text(&out.stdout), text(&out.stderr)))
}

const SENT: &str = r#"{"sid":"SM1","status":"queued"}"#;

#[test]
fn contacts_are_listed_with_their_ways_and_the_ways_are_tested() {
    let fake = Fake::start(vec![say(200, SENT)]);
    let home = home(&fake, "steps: [ { id: a, shell: 'true' } ]\n");
    let (code, listed) = said(&home, &["contacts"]);
    let want = "contact  name     channel  address              state        last good  confirmed  note
ivanova  Ivanova  sms      +1-555-0124          never tried  -          -
                  email    ivanova@example.com  no channel   -          -
                  phone    +1-555-0123          no channel   -          -
petrov   Petrov   sms      +1-555-0125          never tried  -          -
";
    assert_eq!((code, listed.as_str()), (Some(0), want));
    assert_eq!(fake.asked().len(), 0, "nothing is sent by looking");

    let (code, told) = said(&home, &["contacts", "test", "ivanova"]);
    assert_eq!((code, fake.asked().len()), (Some(3), 0), "nobody is asked here, so nothing goes out: {told}");
    assert!(told.contains("--yes"), "{told}");

    let (code, told) = said(&home, &["contacts", "test", "ivanova", "--yes", "--severity", "P1"]);
    let want = "contact  address          result    why\nivanova  sms:+1-555-0124  accepted  SM1\n";
    assert_eq!((code, told.as_str()), (Some(0), want));
    let body = fake.asked().pop().unwrap().body;
    assert!(body.starts_with("To=%2B15550124&From=%2B15550100&Body=P1+TEST%3A+this+is+only+a+test"), "{body}");

    fake.now_says(vec![Answer::Say(401, "", r#"{"code":20003,"message":"canary-twilio is wrong"}"#.into())]);
    let (code, told) = said(&home, &["contacts", "test", "sms", "--yes", "--json"]);
    assert_eq!(code, Some(2), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "everybody who has a number: {told}");
    assert!(lines[0].contains(r#""result":"failed","why":"Twilio says `*** is wrong` (error 20003)""#), "{told}");
    let (code, told) = said(&home, &["contacts", "test", "nobody", "--yes"]);
    assert_eq!(code, Some(3));
    assert!(told.contains("`nobody` is neither a contact nor a channel"), "{told}");
}

/// A step sends by itself, tries again what is worth it, never fails, and no secret is left behind.
#[test]
fn a_notify_sends_and_what_is_not_delivered_is_a_warning() {
    let runbook = "steps:
  - { id: good, notify: { channel: 'chat:#alerts', contact: ivanova, title: All well, message: 'a <b>', level: ok } }
  - { id: bad, notify: { channel: 'chat:#gone', message: x } }
";
    let fake = Fake::start(vec![say(503, "canary-hook"), say(200, SENT)]);
    let home = home(&fake, runbook);
    // The chat and the text message: one of them is asked twice, since the first answer was 503.
    let script = vec![say(503, "canary-hook"), say(200, SENT), say(200, SENT), say(404, "canary-hook")];
    fake.now_says(script);
    let out = home.run(&["run", "tell", "--json"]);
    let told = format!("{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!(out.status.code(), Some(1), "a warning, no failure: {told}");
    assert_eq!(fake.asked().len(), 4, "{told}");
    assert!(told.contains("not delivered by chat:#gone: status 404"), "{told}");
    let mut found = Vec::new();
    let mut look = |name: &str, bytes: &[u8]| {
        if text(bytes).contains("canary") {
            found.push(name.to_owned());
        }
    };
    look("what was said", told.as_bytes());
    look("show", said(&home, &["show", "last", "--json"]).1.as_bytes());
    walk(&home.path(".stepladder"), &mut |path, bytes| look(&path.display().to_string(), bytes));
    assert_eq!(found, [""; 0]);
}
