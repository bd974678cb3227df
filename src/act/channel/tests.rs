//! A message for the tables of the channels, and what holds for all of them.

use super::*;
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::model::message::{Action, Verb};
use std::sync::Arc;

/// A page with markup in it, two things to do, one of them by a link.
pub(super) fn message() -> Message {
    let action = |verb, label: &str, token: &str, link: Option<&str>| Action {
        verb,
        label: label.into(),
        link: link.map(str::to_owned),
        token: token.into(),
    };
    Message {
        key: "k1".into(),
        thread: Some("incident/7".into()),
        severity: Some("P1".into()),
        level: Level::Critical,
        title: "HighErrorRate <!channel>".into(),
        text: "5 % of calls fail".into(),
        fields: vec![("component".into(), "sip".into()), ("host".into(), "a&b".into())],
        at: "2026-12-25T00:00:00Z".parse().expect("instant"),
        link: Some("https://steps.example/i/7".into()),
        actions: vec![
            action(Verb::Acknowledge, "Acknowledge", "tok4", Some("https://steps.example/a/tok4")),
            action(Verb::Escalate, "Escalate", "tok5", None),
        ],
        perhaps_again: false,
    }
}

pub(in crate::act) fn world(settings: &str) -> World {
    let file = [("stepladder.yaml".to_owned(), Arc::from(settings))];
    let loaded = crate::lang::load(&file);
    World {
        book_dir: std::env::temp_dir(),
        run_dir: std::env::temp_dir(),
        settings: Arc::new(loaded.book.settings),
        ladder: Arc::default(),
        secrets: Arc::default(),
        base_env: Vec::new(),
        now: "2026-12-25T00:00:00Z".parse().expect("instant"),
        ticks: || Duration::ZERO,
        timekeeping: || Err(std::io::ErrorKind::Unsupported.into()),
        say: Arc::new(|_| false),
        posted: Posted::default(),
    }
}

#[tokio::test]
async fn what_can_not_be_sent_says_why() {
    let world = world(
        "channels:\n  mail: { smtp: \"127.0.0.1:1\", tls: none }\n  sms: { twilio: { account: A, token: t, from: \"+1555\" } }\n  \
         run: { exec: { command: [no-such-command] } }\n",
    );
    for (channel, to, why) in [
        ("nowhere", "x", "stepladder.yaml has no channel `nowhere`"),
        ("terminal", "", "nobody is at a terminal of this run"),
        ("mail", "", "`mail` needs somebody to send it to: `mail:ADDRESS`, or `to` of the channel"),
        ("mail", "nobody", "`nobody`: Invalid input"),
        ("sms", "+1-555-ALERT", "`+1-555-ALERT` can't be dialled: digits only, with the country first"),
        ("run", "", "`no-such-command` did not start: No such file or directory (os error 2)"),
    ] {
        let to = Address { channel: Name::parse(channel).expect(channel), to: to.into() };
        assert_eq!(send(&message(), &to, &world).await, Sent::Refused { reason: why.into() }, "{channel}");
    }
}

#[test]
fn threads_are_remembered_once_and_forgotten() {
    let posted = Posted::default();
    let place = |id: &str| posted::Place { room: "C1".into(), id: id.into() };
    posted.keep("slack", "#a", "t", place("1"));
    posted.keep("slack", "#a", "t", place("2"));
    assert_eq!(posted.find("slack", "#a", "t"), Some(place("1")), "the first of a thread is its head");
    assert_eq!(posted.find("slack", "#b", "t"), None);
    posted.forget("slack", "#a", "t");
    assert_eq!(posted.find("slack", "#a", "t"), None);
}
