//! Channels against providers on loopback: the forms that are sent, and what every sort of answer means.

mod contacts;
pub(crate) mod fake;
pub(crate) mod mail;

use crate::channels::fake::{Answer, Fake, say};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stepladder::act::channel::{Posted, Said, answer_telegram, own_setting, poll_telegram, send};
use stepladder::act::{Secrets, World};
use stepladder::base::ids::Name;
use stepladder::base::level::Level;
use stepladder::lang;
use stepladder::model::book::SecretSource;
use stepladder::model::message::{Action, Address, Message, Sent, Verb};
use stepladder::runtime::clock;

/// A value that must be found nowhere.
const CANARY: &str = "tok3n-canary/+x";

fn message() -> Message {
    Message {
        key: "page/1".into(),
        thread: Some("incident/7".into()),
        severity: Some("P1".into()),
        level: Level::Critical,
        title: "Calls <fail>".into(),
        text: "5 % of *all*".into(),
        fields: vec![("component".into(), "sip".into())],
        at: "2026-12-25T00:00:00Z".parse().unwrap(),
        link: Some("https://steps.example/i/7".into()),
        actions: vec![Action {
            verb: Verb::Acknowledge,
            label: "Acknowledge".into(),
            link: Some("https://steps.example/a/tok4".into()),
            token: "tok4".into(),
        }],
        perhaps_again: false,
    }
}

/// A place whose settings are this text, with one secret: `TOKEN`.
fn world(settings: &str, book: &Path) -> World {
    let loaded = lang::load(&[("stepladder.yaml".to_owned(), Arc::from(settings))]);
    assert!(!loaded.findings.has_errors(), "{settings}: {:?}", loaded.findings.sorted());
    World {
        book_dir: book.into(),
        run_dir: book.into(),
        settings: Arc::new(loaded.book.settings),
        ladder: Arc::default(),
        secrets: Arc::new(Secrets {
            sources: vec![SecretSource::Env],
            environment: BTreeMap::from([("TOKEN".into(), CANARY.into())]),
            ..Secrets::default()
        }),
        base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        now: "2026-12-25T00:00:00Z".parse().unwrap(),
        ticks: || Duration::ZERO,
        timekeeping: clock::timekeeping,
        say: Arc::new(|_| false),
        posted: Posted::default(),
    }
}

fn address(text: &str) -> Address {
    let (channel, to) = text.split_once(':').unwrap_or((text, ""));
    Address { channel: Name::parse(channel).unwrap(), to: to.into() }
}

fn later(reason: &str, after: Option<u64>) -> Sent {
    Sent::Later { reason: reason.into(), after }
}

fn refused(reason: &str) -> Sent {
    Sent::Refused { reason: reason.into() }
}

/// The settings of every provider that is spoken to by HTTP, and an address there.
fn providers(url: &str) -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("webhook", format!("webhook: '{url}/xyz/{{{{ secrets.TOKEN }}}}'"), "c:#alerts"),
        ("slack", format!("slack: {{ token: '{{{{ secrets.TOKEN }}}}', url: {url} }}"), "c:#alerts"),
        (
            "twilio",
            format!("twilio: {{ account: AC1, token: '{{{{ secrets.TOKEN }}}}', from: '+1-555-0100', url: {url} }}"),
            "c:+1-555-0123",
        ),
        (
            "voice",
            format!("voice: {{ account: AC1, token: '{{{{ secrets.TOKEN }}}}', from: '+1-555-0100', url: {url} }}"),
            "c:+1-555-0123",
        ),
        (
            "gateway",
            format!(
                "gateway: {{ url: {url}/send, form: {{ phone: '{{{{ to }}}}', msg: '{{{{ text }}}}', key: '{{{{ secrets.TOKEN }}}}' }} }}"
            ),
            "c:+1-555-0123",
        ),
        ("telegram", format!("telegram: {{ token: '{{{{ secrets.TOKEN }}}}', url: {url} }}"), "c:42"),
        ("ntfy", format!("ntfy: {{ token: '{{{{ secrets.TOKEN }}}}', url: {url} }}"), "c:alerts"),
        ("mattermost", format!("mattermost: '{url}/xyz/{{{{ secrets.TOKEN }}}}'"), "c:town-square"),
        ("teams", format!("teams: '{url}/xyz/{{{{ secrets.TOKEN }}}}'"), "c"),
        ("hook", format!("hook: {{ url: {url}/in, secret: '{{{{ secrets.TOKEN }}}}' }}"), "c"),
        ("pagerduty", format!("pagerduty: {{ routing_key: '{{{{ secrets.TOKEN }}}}', url: {url} }}"), "c"),
    ]
}

fn channel(settings: &str) -> String {
    format!("channels:\n  c: {{ {settings} }}\n")
}

#[tokio::test]
async fn every_provider_gets_its_own_form() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, "ok")]);
    let mut story = String::new();
    for (name, settings, to) in providers(&fake.url) {
        let answer = match name {
            "slack" => r#"{"ok":true,"channel":"C1","ts":"1.2"}"#,
            "twilio" | "voice" => r#"{"sid":"SM1","status":"queued","error_code":null}"#,
            "telegram" => r#"{"ok":true,"result":{"message_id":5}}"#,
            "ntfy" => r#"{"id":"n1"}"#,
            "pagerduty" => r#"{"status":"success","dedup_key":"incident/7"}"#,
            _ => "ok",
        };
        fake.now_says(vec![say(200, answer)]);
        let sent = send(&message(), &address(to), &world(&channel(&settings), dir.path())).await;
        let _ = writeln!(story, "## {name}\n{sent:?}");
        for asked in fake.asked() {
            let _ = writeln!(story, "{}", asked.line);
            for name in ["authorization", "content-type", "idempotency-key", "stepladder-signature"] {
                let value = asked.header(name);
                if !value.is_empty() {
                    let _ = writeln!(story, "{name}: {value}");
                }
            }
            let pretty = serde_json::to_string_pretty(&asked.json()).unwrap();
            story.push_str(if pretty == "null" { &asked.body } else { &pretty });
            story.push_str("\n\n");
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/channels/forms.txt");
    if crate::golden::updating() {
        std::fs::write(&golden, &story).unwrap();
    }
    assert_eq!(story, std::fs::read_to_string(&golden).unwrap(), "UPDATE=1 rewrites it; read the difference");
}

/// 429 obeys, 5xx and silence are tried again, 4xx never; nothing that comes back shows a secret, and a webhook's own
/// path neither.
#[tokio::test]
async fn every_sort_of_answer_means_the_same_to_every_provider() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, "ok")]);
    for (name, settings, to) in providers(&fake.url) {
        let world = world(&channel(&settings), dir.path());
        let echo =
            format!(r#"{{"message":"bad {CANARY}","description":"bad {CANARY}","ok":false,"error_code":STATUS}}"#);
        let body = |status: u16| echo.replace("STATUS", &status.to_string());
        for (answer, good) in [
            (Answer::Say(429, "retry-after: 7\r\n", String::new()), "later 7000"),
            (Answer::Say(500, "", body(500)), "later"),
            (Answer::Say(503, "retry-after: 3\r\n", "down".into()), "later 3000"),
            (Answer::Say(400, "", body(400)), "refused"),
            (Answer::Say(404, "", "no_service".into()), "refused"),
            (Answer::Say(302, "location: https://elsewhere.example/\r\n", String::new()), "refused"),
            (Answer::Bytes(b"\x00\x01garbage\r\n\r\n"), "later"),
            (Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"), "later"),
        ] {
            fake.now_says(vec![answer.clone()]);
            let sent = send(&message(), &address(to), &world).await;
            let shown = format!("{sent:?}");
            let word = match &sent {
                Sent::Later { after: Some(after), .. } => format!("later {after}"),
                Sent::Later { after: None, .. } => "later".into(),
                Sent::Refused { .. } => "refused".into(),
                Sent::Accepted { .. } | Sent::Delivered { .. } => "sent".into(),
            };
            assert_eq!(word, good, "{name} {answer:?}: {shown}");
            assert!(!shown.contains("canary") && !shown.contains("xyz"), "{name} {answer:?}: {shown}");
        }
    }
}

/// `webhook: "{{ secrets.SLACK_WEBHOOK }}"`: the whole address is the secret.
#[tokio::test]
async fn a_secret_may_be_the_whole_address() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, "ok"), say(404, "no_service")]);
    let mut world = world("channels: { c: { webhook: '{{ secrets.HOOK }}' } }", dir.path());
    let hook = format!("{}/services/T1/B1/s3cret?x=1", fake.url);
    Arc::make_mut(&mut world.secrets).environment.insert("HOOK".into(), hook);
    assert_eq!(send(&message(), &address("c"), &world).await, Sent::Accepted { id: None });
    assert_eq!(fake.asked()[0].line, "POST /services/T1/B1/s3cret?x=1");
    assert_eq!(send(&message(), &address("c"), &world).await, refused("status 404: `no_service`"));
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_chat() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, "<html>please log in</html>")]);
    for (name, settings, to) in providers(&fake.url) {
        let sent = send(&message(), &address(to), &world(&channel(&settings), dir.path())).await;
        let said = matches!(sent, Sent::Later { .. });
        let tells = ["webhook", "mattermost", "slack", "twilio", "voice", "telegram"].contains(&name);
        assert_eq!(said, tells, "{name}: {sent:?}");
    }
}

/// Two at a time, so that the test takes as long as one: nobody waits for ever.
#[tokio::test]
async fn who_is_silent_or_slow_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (silent, slow) = (Fake::start(vec![Answer::Silence]), Fake::start(vec![Answer::Slow]));
    let start = clock::ticks();
    let to = address("c:#a");
    let message = message();
    let (one, other) = (
        world(&channel(&format!("webhook: {}/x", silent.url)), dir.path()),
        world(&channel(&format!("webhook: {}/x", slow.url)), dir.path()),
    );
    let (silent, slow) = tokio::join!(send(&message, &to, &one), send(&message, &to, &other));
    assert_eq!(silent, later("127.0.0.1 did not answer within 10 s", None));
    assert_eq!(slow, later("127.0.0.1 did not answer within 10 s", None));
    let took = clock::ticks().saturating_sub(start);
    assert!(took < Duration::from_secs(25), "{took:?}");
}

#[tokio::test]
async fn a_bot_keeps_a_thread_together_and_its_post_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let posted = r#"{"ok":true,"channel":"C1","ts":"1.2"}"#;
    let fake = Fake::start(vec![say(200, posted)]);
    let settings =
        channel(&format!("slack: {{ token: '{{{{ secrets.TOKEN }}}}', signing_secret: s, url: {} }}", fake.url));
    let world = world(&settings, dir.path());
    let delivered = Sent::Delivered { id: Some("C1/1.2".into()) };
    assert_eq!(send(&message(), &address("c:#alerts"), &world).await, delivered);
    let first = fake.asked();
    assert_eq!(first.iter().map(|asked| asked.line.as_str()).collect::<Vec<_>>(), ["POST /chat.postMessage"]);
    let button = &first[0].json()["attachments"][0]["blocks"][3]["elements"][0];
    assert_eq!(
        (&button["action_id"], &button["value"], button.get("url")),
        (&json!("acknowledge"), &json!("tok4"), None)
    );

    let quiet = Message { actions: Vec::new(), level: Level::Ok, title: "acknowledged".into(), ..message() };
    assert_eq!(send(&quiet, &address("c:#alerts"), &world).await, delivered);
    let second = fake.asked();
    assert_eq!(second.len(), 2);
    let (reply, update) = (second[0].json(), second[1].json());
    assert_eq!(
        (&reply["channel"], &reply["thread_ts"], &reply["reply_broadcast"]),
        (&json!("C1"), &json!("1.2"), &json!(false))
    );
    assert_eq!((second[1].line.as_str(), &update["ts"]), ("POST /chat.update", &json!("1.2")));
    assert!(!update.to_string().contains("tok4"), "the buttons are gone: {update}");

    // The post was deleted by hand: the next one begins anew, and the message itself is sent all the same.
    fake.now_says(vec![say(200, posted), say(200, r#"{"ok":false,"error":"message_not_found"}"#), say(200, posted)]);
    assert_eq!(send(&message(), &address("c:#alerts"), &world).await, delivered);
    assert_eq!(send(&message(), &address("c:#alerts"), &world).await, delivered);
    let last = fake.asked().pop().unwrap();
    assert_eq!((last.line.as_str(), last.json().get("thread_ts")), ("POST /chat.postMessage", None));
}

#[tokio::test]
async fn slack_refuses_with_status_200() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, r#"{"ok":false,"error":"is_archived"}"#)]);
    let world = world(&channel(&format!("slack: {{ token: t, url: {} }}", fake.url)), dir.path());
    let archived = refused("Slack says `is_archived`: the channel is archived");
    assert_eq!(send(&message(), &address("c:#alerts"), &world).await, archived);
    fake.now_says(vec![Answer::Say(200, "retry-after: 30\r\n", r#"{"ok":false,"error":"ratelimited"}"#.into())]);
    assert_eq!(send(&message(), &address("c:#alerts"), &world).await, later("Slack says `ratelimited`", Some(30_000)));
}

#[tokio::test]
async fn telegram_says_when_and_where_to() {
    let dir = tempfile::tempdir().unwrap();
    let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":12}}"#;
    let fake = Fake::start(vec![say(429, flood)]);
    let world =
        world(&channel(&format!("telegram: {{ token: '{{{{ secrets.TOKEN }}}}', url: {} }}", fake.url)), dir.path());
    assert_eq!(
        send(&message(), &address("c:42"), &world).await,
        later("Telegram says `Too Many Requests`", Some(12_000))
    );
    let moved = r#"{"ok":false,"error_code":400,"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-1001}}"#;
    fake.now_says(vec![say(400, moved)]);
    let told = refused("Telegram says `group chat was upgraded`: the chat is now `-1001`");
    assert_eq!(send(&message(), &address("c:42"), &world).await, told);

    let updates = r#"{"ok":true,"result":[{"update_id":7,"callback_query":{"id":"q1","from":{"id":1,"username":"iv"},"data":"tok4"}}]}"#;
    fake.now_says(vec![say(200, updates), say(200, r#"{"ok":true,"result":true}"#)]);
    fake.asked();
    let (replies, next) = poll_telegram("c", 5, &world).await.unwrap();
    assert_eq!((replies[0].said.clone(), next), (Said::Token("tok4".into()), 8));
    assert_eq!(answer_telegram("c", "q1", "you have it", &world).await, Ok(()));
    let asked = fake.asked();
    assert_eq!(
        (asked[0].json()["offset"].clone(), asked[1].json()["callback_query_id"].clone()),
        (json!(5), json!("q1"))
    );
    assert_eq!(own_setting("c", "token", &world).await, Ok(Some(CANARY.into())));
    let gone = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    fake.now_says(vec![say(401, gone)]);
    assert_eq!(poll_telegram("c", 5, &world).await.err(), Some(refused("Telegram says `Unauthorized`")));
}

#[tokio::test]
async fn a_command_gets_the_message_and_says_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        format!(
            "channels:\n  c: {{ exec: {{ command: [sh, -c, '{script}'], env: {{ T: '{{{{ secrets.TOKEN }}}}' }} }} }}\n"
        )
    };
    let at = |script: &str| world(&run(script), dir.path());
    let good = at("cat > got; test -n \"$STEPLADDER_KEY\"");
    assert_eq!(send(&message(), &address("c:x; rm -rf /"), &good).await, Sent::Accepted { id: None });
    let got: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("got")).unwrap()).unwrap();
    assert_eq!(
        (&got["to"], &got["severity"], &got["actions"][0]["token"]),
        (&json!("x; rm -rf /"), &json!("P1"), &json!("tok4"))
    );
    let loud = at("echo no $T >&2; exit 1");
    assert_eq!(send(&message(), &address("c"), &loud).await, later("`sh` ended with exit status 1: no ***", None));
    let wrong = at("exit 64");
    assert_eq!(send(&message(), &address("c"), &wrong).await, refused("`sh` ended with exit status 64"));
}

#[tokio::test]
async fn a_gateway_may_have_to_say_that_it_took_it() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(vec![say(200, "ERROR 14: no credit")]);
    let settings = format!(
        "gateway: {{ method: get, url: '{}/send?to={{{{ to }}}}&text={{{{ text }}}}', accepted: OK }}",
        fake.url
    );
    let world = world(&channel(&settings), dir.path());
    let sent = send(&message(), &address("c:+1 (555) 0123"), &world).await;
    assert_eq!(sent, refused("the answer has no `OK` in it: `ERROR 14: no credit`"));
    let line = fake.asked()[0].line.clone();
    assert!(line.starts_with("GET /send?to=%2B15550123&text=P1%20Calls%20%3Cfail%3E%0A"), "{line}");
}
