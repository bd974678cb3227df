//! Who is logged in: a stand-in for systemd-logind on a bus of its own, with people and with what is nobody.

use crate::kinds::servers::Servers;
use crate::kinds::{Stage, fits, request};
use futures_util::StreamExt;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use stepladder::act::perform;
use stepladder::model::kind::Kind;
use stepladder::model::perform::Reply;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath, Variant};

const ROOT: &str = "/org/freedesktop/login1";

/// Id, user, class, state, terminal, host.
const SESSIONS: &[[&str; 6]] = &[
    ["1", "mallory", "user", "active", "pts/0", "203.0.113.9"],
    ["c1", "gdm", "greeter", "online", "tty1", ""],
    ["3", "root", "manager", "active", "", ""],
    ["4", "bob", "user", "closing", "pts/3", "10.0.0.7"],
    ["5", "alice", "user-early", "online", "tty2", ""],
];

async fn answer(bus: &Connection, call: &zbus::Message) -> zbus::Result<()> {
    let header = call.header();
    let path = header.path().map(ToString::to_string).unwrap_or_default();
    match header.member().map(ToString::to_string).as_deref() {
        Some("ListSessions") => {
            let row = |[id, user, ..]: &[&'static str; 6]| {
                (*id, 0_u32, *user, "seat0", ObjectPath::try_from(format!("{ROOT}/session/{id}")).unwrap())
            };
            // The last one ends before it is looked at.
            let gone = ["9", "ghost", "", "", "", ""];
            let rows: Vec<_> = SESSIONS.iter().chain([&gone]).map(row).collect();
            bus.reply(&header, &rows).await
        }
        Some("GetAll") => match SESSIONS.iter().find(|[id, ..]| path.ends_with(&format!("/session/{id}"))) {
            Some([_, _, class, state, terminal, host]) => {
                let text = |text: &'static str| Variant::Str(text.into());
                let all = HashMap::from([
                    ("Class", text(class)),
                    ("State", text(state)),
                    ("TTY", text(terminal)),
                    ("RemoteHost", text(host)),
                    ("Timestamp", Variant::U64(1_767_323_045_000_000)),
                ]);
                bus.reply(&header, &all).await
            }
            None => bus.reply_error(&header, "org.freedesktop.DBus.Error.UnknownObject", &"gone").await,
        },
        _ => bus.reply_error(&header, "org.freedesktop.DBus.Error.UnknownMethod", &"none").await,
    }
}

#[test]
fn who_is_logged_in_is_asked_of_logind() {
    let Some(servers) = Servers::start().private_bus("bus").and_then(|servers| servers.private_bus("empty_bus")) else {
        return;
    };
    let [address, empty] = ["bus", "empty_bus"].map(|name| servers.addresses[name].clone());
    let bus = servers.block_on(async {
        let bus = Builder::address(address.as_str()).build().await?;
        bus.request_name("org.freedesktop.login1").await?;
        Ok::<_, zbus::Error>(bus)
    });
    let bus = bus.unwrap();
    servers.runtime.spawn(async move {
        let mut calls = MessageStream::from(&bus);
        while let Some(Ok(call)) = calls.next().await {
            if call.message_type() == Type::MethodCall {
                answer(&bus, &call).await.unwrap();
            }
        }
    });
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
    let world = stage.world();
    let asked = |bus: &str| {
        let request = request("system", &json!({ "sample": 200, "logins": true, "bus": bus }));
        stage.servers.block_on(perform(&request, &world))
    };
    let Reply::Done { output, .. } = asked(&address) else { panic!("no answer") };
    fits(&output, Kind::System.spec().output, "logins");
    let texts: Vec<&str> =
        output["logins"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        ["alice on tty2 since 2026-01-02T03:04:05Z", "mallory on pts/0 from 203.0.113.9 since 2026-01-02T03:04:05Z"]
    );
    // Without logind it is utmp that knows; where there is none that is said, not that nobody is there.
    match (std::path::Path::new("/run/utmp").exists(), asked(&empty)) {
        (true, Reply::Done { output, .. }) => assert!(output["logins"].is_array()),
        (false, Reply::Failed(failure)) => {
            assert!(failure.message.starts_with("who is logged in is not known here: systemd-logind does not answer"));
        }
        (_, other) => panic!("{other:?}"),
    }
    let Reply::Failed(failure) = asked("unixexec:path=/bin/sh") else { panic!("a bus that would be a command") };
    assert!(failure.message.contains("is none: write `system`"), "{}", failure.message);
}
