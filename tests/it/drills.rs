//! Drills by the whole program: test pages behind everything else, what becomes of them, who says that they have arrived.

use crate::channels::fake::{Answer, Fake, say};
use crate::http::Site;
use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use ring::hmac;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

const LADDER: &str = "severities:
  P3: { title: Medium, respond_within: 4h, climb: { 1: 0m }, reach: { at_once: [sms] } }
levels:
  1: { name: On call, page: [ivanova] }
contacts:
  ivanova: { name: Ivanova, sms: '+1-555-0124', addresses: { chat: '@ivanova' } }
  petrov: { name: Petrov, phone: '+1-555-0125' }
routes: [ { match: {}, severity: P3 } ]
catch_all: [ivanova]
";
pub(crate) const SENT: &str = r#"{"sid":"SM1","status":"queued"}"#;
pub(crate) const PUBLIC: &str = "https://steps.example";

/// A book with a chat and a provider of text messages that are these.
fn home(chat: &Fake, sms: &Fake, ladder: &str) -> Home {
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nchannels:\n  chat: {{ webhook: '{}/xyz' }}\n  \
         sms: {{ twilio: {{ account: AC1, token: t0ken, from: '+1-555-0100', url: '{}' }} }}\n",
        chat.url, sms.url
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("escalation.yaml"), ladder).unwrap();
    home
}

fn rows(home: &Home) -> Vec<Value> {
    let out = home.run(&["contacts", "--json"]);
    text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How each way of a contact is.
fn states(home: &Home, who: usize) -> Vec<String> {
    let rows = rows(home);
    let ways = rows[who]["ways"].as_array().unwrap();
    ways.iter().map(|way| format!("{} {}", way["channel"], way["state"]).replace('"', "")).collect()
}

fn drill(home: &Home, args: &[&str]) -> (Option<i32>, String) {
    let out = home.run(&[&["contacts", "drill", "--yes"], args].concat());
    (out.status.code(), format!("{}{}", text(&out.stdout), text(&out.stderr)))
}

/// The links that were sent to a provider of text messages.
pub(crate) fn links(fake: &Fake) -> Vec<(String, String)> {
    let asked = fake.asked().into_iter().filter(|asked| asked.line.starts_with("POST"));
    asked
        .filter_map(|asked| {
            let body = asked.body.replace("%3A", ":").replace("%2F", "/").replace("%0A", "\n").replace("%2B", "+");
            let to = body.split('&').find_map(|pair| pair.strip_prefix("To="))?.to_owned();
            let token = body.split_once(&format!("{PUBLIC}/act/"))?.1.split(['\n', '&']).next()?.to_owned();
            Some((to, token))
        })
        .collect()
}

#[test]
fn a_drill_is_marked_kept_page_by_page_and_confirmed_once() {
    let (chat, sms) = (Fake::start(vec![say(404, "no_service")]), Fake::start(vec![say(200, SENT)]));
    let site = Site::over(home(&chat, &sms, LADDER), &format!(", public_url: '{PUBLIC}'"));
    assert_eq!(states(&site.home, 0), ["chat never tried", "sms never tried"]);
    let (code, told) = drill(&site.home, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("3 test pages are on their way"), "{told}");
    site.home.until("every page has an end", || {
        states(&site.home, 0) == ["chat fails", "sms works"] && states(&site.home, 1) == ["sms works"]
    });
    let row = &rows(&site.home)[0];
    let (chat_way, sms_way) = (&row["ways"][0], &row["ways"][1]);
    assert!(chat_way["bad"]["words"].as_str().unwrap().contains("status 404"), "{row}");
    assert_eq!([&sms_way["good"]["what"], &sms_way["good"]["words"]], ["accepted", "SM1"], "{row}");
    assert_eq!(
        (&sms_way["good"]["drill"], &row["soon"], &row["unreachable"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    let body = chat.asked().pop().unwrap().body;
    assert!(body.contains("TEST: does this reach you?") && body.contains("Nothing is wrong"), "{body}");

    // A link shows first, acts once, and nothing is open by any of it.
    let mut links = links(&sms);
    links.sort();
    let (to, token) = &links[0];
    assert_eq!((links.len(), to.as_str()), (2, "+15550124"), "{links:?}");
    for _ in 0..2 {
        let page = site.with(&format!("GET /act/{token}"), &[], "");
        assert!(page.status == 200 && page.body.contains("It has arrived</button>"), "{page:?}");
    }
    assert!(rows(&site.home)[0]["ways"][1]["confirmed"].is_null(), "who only looks says nothing");
    let done = site.with(&format!("POST /act/{token}"), &[], "");
    assert!(done.status == 200 && done.body.contains("sms reaches you"), "{done:?}");
    assert!(rows(&site.home)[0]["ways"][1]["confirmed"].is_string());
    assert_eq!(site.with(&format!("POST /act/{token}"), &[], "").status, 422, "once");
    assert!(site.with(&format!("GET /act/{token}"), &[], "").body.contains("used before"));

    // Who answers a text message by `ack`, and has no incident, confirms the same way.
    let answer = posted(&site, "From=%2B15550125&Body=ack&MessageSid=SM9");
    assert!(answer.status == 200 && answer.body.contains("Thank you, petrov"), "{answer:?}");
    assert!(rows(&site.home)[1]["ways"][0]["confirmed"].is_string());
    assert_eq!(text(&site.home.run(&["incidents", "--all", "--json"]).stdout), "", "no incident of it");
    // What the provider says later counts.
    assert_eq!(posted(&site, "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003").status, 200);
    site.home.until("it is known that it did not arrive", || {
        rows(&site.home).iter().any(|row| row["ways"].to_string().contains("Twilio says `undelivered` (error 30003)"))
    });

    let metrics = site.ask("GET /metrics", &site.token("viewer"), "").body;
    for line in ["stepladder_ways{state=\"fails\"}", "stepladder_way_confirmed_timestamp_seconds{contact=\"petrov\""] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let (code, told) = drill(&site.home, &["nobody"]);
    assert!(code == Some(3) && told.contains("`nobody` is no contact"), "{code:?} {told}");
}

/// Posts what Twilio would, signed.
pub(crate) fn posted(site: &Site, body: &str) -> crate::http::Answer {
    let mut pairs: Vec<(String, String)> = body
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.replace("%2B", "+")))
        .collect();
    pairs.sort();
    let signed: String = pairs.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"t0ken");
    let tag = hmac::sign(&key, format!("{PUBLIC}/replies/sms{signed}").as_bytes());
    let signature = crate::triggers::base64(tag.as_ref());
    site.with("POST /replies/sms", &[("x-twilio-signature", &signature)], body)
}

#[test]
fn a_page_that_was_on_its_way_is_sent_again_by_the_next_daemon() {
    let (chat, sms) = (Fake::start(vec![Answer::Silence]), Fake::start(vec![say(200, SENT)]));
    let home = home(&chat, &sms, LADDER);
    let daemon = Daemon::start(&home);
    let (code, told) = drill(&home, &["ivanova", "--channel", "chat"]);
    assert_eq!(code, Some(0), "{told}");
    home.until("it is being sent", || !chat.asked().is_empty());
    let (code, told) = drill(&home, &[]);
    assert!(code == Some(3) && told.contains("a drill is going on since"), "{told}");
    kill(daemon.id(), Signal::KILL);
    drop(daemon);
    chat.now_says(vec![say(200, "ok")]);
    let daemon = Daemon::start(&home);
    home.until("it has arrived", || states(&home, 0) == ["chat works", "sms never tried"]);
    let again = chat.asked().pop().unwrap();
    assert!(again.body.contains("may have been sent before"), "{again:?}");
    drop(daemon);
    assert_eq!(states(&home, 0), ["chat works", "sms never tried"], "also where no daemon is");
    let (code, told) = drill(&home, &[]);
    assert!(code == Some(3) && told.contains("no daemon serves this book"), "{told}");
}

#[test]
fn who_may_be_paged_soon_and_cannot_be_reached_is_told_of_until_they_can() {
    let (chat, sms) = (Fake::start(vec![say(404, "no")]), Fake::start(vec![say(400, "{}")]));
    let home = home(&chat, &sms, LADDER);
    let _daemon = Daemon::start(&home);
    assert_eq!(drill(&home, &["ivanova"]).0, Some(0));
    let incidents = || {
        let out = text(&home.run(&["incidents", "--all", "--json"]).stdout);
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    home.until("somebody is told", || !incidents().is_empty());
    let incident = &incidents()[0];
    assert_eq!(incident["key"], "reach/ivanova", "{incident}");
    let status = home.run(&["status"]);
    let said = text(&status.stdout);
    assert!(status.status.code() == Some(1) && said.contains("every way to `ivanova` failed"), "{said}");
    let listed = home.run(&["contacts"]);
    assert_eq!(listed.status.code(), Some(1), "{}", text(&listed.stdout));
    assert!(text(&listed.stdout).contains("fails"), "{}", text(&listed.stdout));
    // One way is enough.
    sms.now_says(vec![say(200, SENT)]);
    assert_eq!(drill(&home, &["ivanova", "--channel", "sms"]).0, Some(0));
    home.until("it is over", || incidents()[0]["status"] == "resolved");
    assert_eq!(incidents().len(), 1, "{:?}", incidents());
    assert_eq!(home.run(&["status"]).status.code(), Some(0));
}

#[test]
fn the_schedule_holds_drills_and_each_instant_once() {
    let (chat, sms) = (Fake::start(vec![say(200, "ok")]), Fake::start(vec![say(200, SENT)]));
    let drills = "drill: { cron: '*/2 * * * * *', who: [petrov], confirm_within: 1s, stale_after: 1h }\n";
    let home = home(&chat, &sms, &format!("{LADDER}{drills}"));
    let _daemon = Daemon::start(&home);
    let streams = || {
        let out = home.run(&["contacts", "--json"]);
        assert!(out.status.code().is_some(), "{}", text(&out.stderr));
        sms.asked().into_iter().filter(|asked| asked.line.starts_with("POST")).count()
    };
    let mut sent = 0;
    home.until("two were held", || {
        sent += streams();
        sent >= 2
    });
    assert_eq!(chat.asked().len(), 0, "it is for petrov, who has no chat");
    // Nobody has confirmed it in time.
    home.until("silence is a failure", || {
        let row = &rows(&home)[1];
        row["ways"][0]["bad"]["words"].as_str().is_some_and(|words| words.contains("nobody said within 1s"))
    });
    let out = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&out.stdout).unwrap();
    let said = status["unreached"].as_array().cloned().unwrap_or_default();
    assert_eq!(said, [json!("no way to `ivanova` is proved: nothing has arrived for 1h")], "{status}");
}
