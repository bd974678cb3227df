//! Answers to pages by the whole program, without logging in: links that show and then act once, text messages, what the
//! provider says later, and what is too late.

use crate::channels::fake::{Fake, say};
use crate::drills::{PUBLIC, SENT, links, posted};
use crate::http::Site;
use crate::owner::{Home, text};
use serde_json::{Value, json};
use std::fs;

/// Two people with one telephone between them, and a third with their own.
const LADDER: &str = "severities:
  P1: { title: Critical, respond_within: 15m, climb: { 1: 0m, 2: 30m, 3: 50m }, repeat: 1h, reach: { at_once: [sms] } }
levels:
  1: { name: On call, page: [ivanova, petrov] }
  2: { name: Senior, page: [senior] }
  3: { name: Boss, page: [boss] }
contacts:
  ivanova: { name: Ivanova, phone: '+1-555-0124' }
  petrov: { name: Petrov, phone: '+1 555 0124' }
  senior: { name: Senior, phone: '+1-555-0199' }
  boss: { name: Boss, phone: '+1-555-0198' }
routes: [ { match: {}, severity: P1 } ]
catch_all: [senior]
";

fn site(sms: &Fake) -> Site {
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nchannels:\n  \
         sms: {{ twilio: {{ account: AC1, token: t0ken, from: '+1-555-0100', url: '{}' }} }}\n",
        sms.url
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    Site::over(home, &format!(", public_url: '{PUBLIC}'"))
}

fn open(site: &Site, title: &str) -> String {
    let out = site.home.run(&["incident", "open", title]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    text(&out.stdout).trim().to_owned()
}

fn show(site: &Site, incident: &str) -> Value {
    serde_json::from_slice(&site.home.run(&["incident", "show", incident, "--json"]).stdout).unwrap()
}

/// The links of pages that have been sent since the last look, once there are so many.
fn sent(site: &Site, sms: &Fake, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    site.home.until("they are paged", || {
        all.extend(links(sms));
        all.len() >= count
    });
    all
}

#[test]
fn a_link_shows_and_then_acts_once_and_a_scanner_of_mail_does_nothing() {
    let sms = Fake::start(vec![say(200, SENT)]);
    let site = site(&sms);
    let incident = open(&site, "the trunk <b>is</b> down");
    let (_, token) = sent(&site, &sms, 2).remove(0);
    for _ in 0..3 {
        let page = site.with(&format!("GET /act/{token}"), &[], "");
        assert!(page.status == 200 && page.body.contains("Acknowledge</button>"), "{page:?}");
        assert!(
            page.body.contains("the trunk &lt;b&gt;is") && page.head.contains("content-security-policy"),
            "{page:?}"
        );
    }
    assert_eq!(show(&site, &incident)["row"]["status"], "triggered", "whoever only looks does nothing");
    let mut wrong = token.clone().into_bytes();
    wrong[30] = if wrong[30] == b'0' { b'1' } else { b'0' };
    let wrong = String::from_utf8(wrong).unwrap();
    assert_eq!(site.with(&format!("POST /act/{wrong}"), &[], "").status, 401);
    let done = site.with(&format!("POST /act/{token}"), &[], "");
    assert!(done.status == 200 && done.body.contains("It is yours, "), "{done:?}");
    let shown = show(&site, &incident);
    assert_eq!(shown["row"]["status"], "acknowledged", "{shown}");
    assert!(shown["timeline"].to_string().contains("(link) as "), "{shown}");
    let again = site.with(&format!("POST /act/{token}"), &[], "");
    assert!(again.status == 422 && again.body.contains("used before"), "{again:?}");

    // A link that is opened after the end says so and does nothing.
    let other = open(&site, "it is slow");
    let (_, token) = sent(&site, &sms, 2).remove(0);
    assert_eq!(site.home.run(&["incident", "resolve", &other, "it is fast again"]).status.code(), Some(0));
    let page = site.with(&format!("GET /act/{token}"), &[], "");
    assert!(page.body.contains("the incident is over") && !page.body.contains("<button>"), "{page:?}");
    let late = site.with(&format!("POST /act/{token}"), &[], "");
    assert!(late.status == 422 && late.body.contains("the incident is over"), "{late:?}");
    assert_eq!(show(&site, &other)["row"]["status"], "resolved");
}

#[test]
fn a_text_message_answers_for_the_telephone_it_comes_from() {
    let sms = Fake::start(vec![say(200, SENT)]);
    let site = site(&sms);
    let incident = open(&site, "the trunk is down");
    sent(&site, &sms, 2);
    let answer = posted(&site, "From=%2B15550177&Body=ack&MessageSid=SM7");
    assert!(answer.status == 200 && answer.body.contains("no open incident was sent to this number"), "{answer:?}");
    let forged = site.with("POST /replies/sms", &[("x-twilio-signature", "x")], "From=%2B15550124&Body=ack");
    assert_eq!(forged.status, 401, "{forged:?}");
    assert_eq!(show(&site, &incident)["row"]["status"], "triggered");
    // One telephone of two people: it is theirs, whoever holds it.
    let answer = posted(&site, "From=%2B15550124&Body=Ack&MessageSid=SM8");
    assert!(answer.status == 200 && answer.body.contains("It is yours"), "{answer:?}");
    let shown = show(&site, &incident);
    assert_eq!(shown["row"]["status"], "acknowledged", "{shown}");
    let by = shown["row"]["taken_by"].as_str().unwrap();
    assert!(["ivanova", "petrov"].contains(&by), "{shown}");
    // `escalate` answers the newest page to that telephone: the level it told of is the one that is handed on.
    let answer = posted(&site, "From=%2B15550124&Body=escalate&MessageSid=SM9");
    assert!(answer.status == 200 && answer.body.contains("The next level is called now."), "{answer:?}");
    site.home.until("the next level is there", || show(&site, &incident)["row"]["level"] == 2);
    // From a page older than that level it is refused.
    let answer = posted(&site, "From=%2B15550124&Body=escalate&MessageSid=SM10");
    assert_eq!(show(&site, &incident)["row"]["level"], 2, "{answer:?}");
    assert!(answer.status == 200 && !answer.body.contains("The next level"), "{answer:?}");
}

#[test]
fn a_page_that_did_not_arrive_after_all_lets_the_next_be_called_at_once() {
    let sms = Fake::start(vec![
        say(200, r#"{"sid":"SM1","status":"queued"}"#),
        say(200, r#"{"sid":"SM2","status":"queued"}"#),
    ]);
    let site = site(&sms);
    let incident = open(&site, "the trunk is down");
    sent(&site, &sms, 2);
    let accepted =
        || show(&site, &incident)["pages"].as_array().unwrap().iter().filter(|page| page["fate"] == "accepted").count();
    site.home.until("both are accepted", || accepted() == 2);
    sms.now_says(vec![say(200, r#"{"sid":"SM3","status":"queued"}"#)]);
    for sid in ["SM1", "SM2"] {
        let answer = posted(&site, &format!("MessageSid={sid}&MessageStatus=sent"));
        assert_eq!(answer.status, 200, "in between: {answer:?}");
        let answer = posted(&site, &format!("MessageSid={sid}&MessageStatus=undelivered&ErrorCode=30005"));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    site.home.until("the next level is called half an hour early", || show(&site, &incident)["row"]["level"] == 2);
    let shown = show(&site, &incident);
    assert_eq!(shown["pages"][0]["note"], "Twilio says `undelivered` (error 30005)", "{shown}");
    assert!(shown["timeline"].to_string().contains("nobody of level 1 could be reached"), "{shown}");
    assert_eq!(links(&sms)[0].0, "+15550199");
}

/// Presses the button of that token, as Slack would post it.
fn pressed(site: &Site, token: &str, answer: &str) -> crate::http::Answer {
    let payload = json!({
        "type": "block_actions",
        "user": { "id": "U1", "username": "roadrunner" },
        "container": { "channel_id": "C1", "message_ts": "1.2" },
        "response_url": answer,
        "actions": [{ "value": token, "action_ts": "1.3" }],
    });
    let escaped: String = payload.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={escaped}");
    let now = stepladder::runtime::clock::now().as_second().to_string();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"s1gning");
    let tag = ring::hmac::sign(&key, format!("v0:{now}:{body}").as_bytes());
    let signature = tag.as_ref().iter().fold("v0=".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let headers = [("x-slack-request-timestamp", now.as_str()), ("x-slack-signature", signature.as_str())];
    site.with("POST /replies/chat", &headers, &body)
}

#[test]
fn a_button_acts_once_and_whoever_pressed_it_hears_what_came_of_it() {
    let chat = Fake::start(vec![say(200, r#"{"ok":true,"ts":"1.2","channel":"C1"}"#)]);
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nchannels:\n  \
         chat: {{ slack: {{ token: xoxb-1, signing_secret: s1gning, url: '{}' }} }}\n",
        chat.url
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    let ladder = LADDER.replace("at_once: [sms]", "at_once: [chat]");
    let ladder = ["ivanova", "petrov", "senior", "boss"].iter().fold(ladder, |ladder, who| {
        ladder.replace(&format!("  {who}: {{ name"), &format!("  {who}: {{ addresses: {{ chat: 'U{who}' }}, name"))
    });
    fs::write(home.path("escalation.yaml"), ladder).unwrap();
    let site = Site::over(home, &format!(", public_url: '{PUBLIC}'"));
    let incident = open(&site, "the trunk is down");
    let mut tokens = Vec::new();
    site.home.until("they are paged", || {
        for asked in chat.asked().into_iter().filter(|asked| asked.line.contains("chat.postMessage")) {
            let blocks = asked.json()["attachments"][0]["blocks"].as_array().cloned().unwrap_or_default();
            let buttons = blocks
                .iter()
                .filter(|block| block["type"] == "actions")
                .flat_map(|block| block["elements"].as_array().unwrap());
            tokens.extend(
                buttons.map(|button| (button["action_id"].clone(), button["value"].as_str().unwrap().to_owned())),
            );
        }
        tokens.len() >= 6
    });
    let token = |verb: &str| tokens.iter().find(|(id, _)| id == verb).unwrap().1.clone();
    let answer = format!("{}/answer", chat.url);
    let told = || {
        let mut told = Vec::new();
        site.home.until("it is told", || {
            told.extend(chat.asked().into_iter().filter(|asked| asked.line == "POST /answer"));
            !told.is_empty()
        });
        told.remove(0).json()
    };
    assert_eq!(pressed(&site, &token("acknowledge"), &answer).status, 200);
    let said = told();
    assert_eq!((&said["response_type"], &said["replace_original"]), (&json!("ephemeral"), &json!(false)), "{said}");
    assert!(said["text"].as_str().unwrap().starts_with("It is yours, roadrunner (U1)"), "{said}");
    assert_eq!(show(&site, &incident)["row"]["status"], "acknowledged");
    assert_eq!(pressed(&site, &token("acknowledge"), &answer).status, 200, "Slack has done its part");
    assert_eq!(told()["text"], "this link was used before");
    // The level has moved on: to escalate from the message of the one before is refused, and said.
    assert_eq!(site.home.run(&["incident", "escalate", &incident]).status.code(), Some(0));
    site.home.until("the next level is there", || show(&site, &incident)["row"]["level"] == 2);
    assert_eq!(pressed(&site, &token("escalate"), &answer).status, 200);
    let said = told();
    assert!(!said["text"].as_str().unwrap().contains("The next level is called"), "{said}");
    assert_eq!(show(&site, &incident)["row"]["level"], 2);
}

/// Incidents are opened and the daemon is killed, again and again: each page that was ordered has gone out, under one key.
#[test]
fn no_page_is_lost_however_often_the_daemon_is_killed() {
    let desk = Fake::start(vec![say(200, "ok")]);
    let home = Home::new(&[("noop", "steps: [ { id: a, shell: 'true' } ]\n")]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nchannels:\n  \
         sms: {{ gateway: {{ url: '{}/', json: {{ key: '{{{{ key }}}}' }} }}, at_once: 1 }}\n",
        desk.url
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    let mut arrived = std::collections::BTreeMap::<String, u32>::new();
    let mut opened = Vec::new();
    for round in 0..6 {
        let daemon = crate::serve::Daemon::start(&home);
        for number in 0..5 {
            let out = home.run(&["incident", "open", &format!("trouble {round}/{number}")]);
            assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
            opened.push(text(&out.stdout).trim().to_owned());
        }
        crate::owner::kill(daemon.id(), rustix::process::Signal::KILL);
        drop(daemon);
    }
    let _daemon = crate::serve::Daemon::start(&home);
    let shown = |incident: &String| -> Value {
        serde_json::from_slice(&home.run(&["incident", "show", incident, "--json"]).stdout).unwrap()
    };
    home.until("every page has an end", || {
        opened
            .iter()
            .all(|incident| shown(incident)["pages"].as_array().unwrap().iter().all(|page| page["fate"] == "accepted"))
    });
    for asked in desk.asked() {
        *arrived.entry(asked.json()["key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for incident in &opened {
        let pages = shown(incident)["pages"].as_array().unwrap().len();
        assert_eq!(pages, 2, "{incident}: two people, told once each");
        for page in 1..=pages {
            assert!(
                arrived.contains_key(&format!("{incident}/{page}")),
                "{incident}/{page} never went out: {arrived:?}"
            );
        }
    }
    assert_eq!(arrived.len(), 2 * opened.len(), "and nothing else: {arrived:?}");
}
