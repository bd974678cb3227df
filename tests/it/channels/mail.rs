//! Mail through a real server with TLS and a login: `smtp.py`, which `.ci/run` installs the library of.

use super::{address, message, world};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use stepladder::act::World;
use stepladder::act::channel::send;
use stepladder::model::message::{Message, Sent};

/// The server; ended with the test.
pub(crate) struct Server {
    pub(crate) keys: tempfile::TempDir,
    pub(crate) process: Child,
    pub(crate) lines: BufReader<ChildStdout>,
    pub(crate) port: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A certificate of this moment: the library that speaks TLS here reads the clock itself.
pub(crate) fn certificate(subject: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", subject, "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "tls.pem"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

impl Server {
    /// Nothing where the library is not installed; that is said.
    pub(crate) fn start(mode: &str) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/channels/smtp.py");
        let there = Command::new("/usr/bin/python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            crate::tools::missing("aiosmtpd");
            return None;
        }
        let keys = certificate("/CN=localhost");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(mode)
            .args([keys.path().join("tls.pem"), keys.path().join("key.pem")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        Some(Self { keys, process, lines, port: port.trim().into() })
    }

    fn mail(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// A channel to it, with other settings beside.
    fn world(&self, more: &str) -> World {
        let root = self.keys.path().join("tls.pem");
        let settings = format!(
            "channels:\n  email: {{ smtp: 'localhost:{}', username: bot, password: '{{{{ secrets.SMTP }}}}', \
             from: 'Stepladder <bot@company.com>', ca: '{}', {more} }}\n",
            self.port,
            root.display()
        );
        let mut world = world(&settings, self.keys.path());
        Arc::make_mut(&mut world.secrets).environment.insert("SMTP".into(), "hunter2-hunter2".into());
        world
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_out_encrypted_with_a_login_in_the_guides_form() {
    for (mode, more) in [("starttls", "tls: starttls"), ("tls", "tls: tls")] {
        let Some(mut server) = Server::start(mode) else { return };
        let world = server.world(more);
        let sent = send(&message(), &address("email:On Call <oncall@company.com>, second@company.com"), &world).await;
        assert_eq!(sent, Sent::Accepted { id: Some("2.0.0 queued as 4F1".into()) }, "{mode}");
        let mail = server.mail();
        assert_eq!((&mail["login"], &mail["encrypted"]), (&json!(true), &json!(true)));
        assert_eq!(mail["from"], "bot@company.com");
        assert_eq!(mail["to"], json!(["oncall@company.com", "second@company.com"]));
        let headers = &mail["headers"];
        assert_eq!(headers["Subject"], "[P1] Calls <fail>");
        assert_eq!(headers["From"], "Stepladder <bot@company.com>");
        let plain = mail["parts"]["text/plain"].as_str().unwrap().replace("\r\n", "\n");
        let guide = "Alert: Calls <fail>\nSeverity: P1\nComponent: sip\nDescription: 5 % of *all*\nTimestamp: 2026-12-25T00:00:00Z\n\n\
                     Please check the system dashboard for more details.\n";
        assert!(plain.starts_with(guide), "{plain}");
        assert!(mail["parts"]["text/html"].as_str().unwrap().contains("Calls &lt;fail&gt;"), "{mail}");

        // The same page again is the same mail; another of its incident is in its thread.
        send(&message(), &address("email:second@company.com"), &world).await;
        send(&message(), &address("email:second@company.com"), &world).await;
        let later = Message { key: "page/2".into(), ..message() };
        send(&later, &address("email:second@company.com"), &world).await;
        let (one, same, next) = (server.mail(), server.mail(), server.mail());
        let header = |mail: &Value, name: &str| mail["headers"][name].as_str().unwrap().to_owned();
        assert_eq!(header(&one, "Message-ID"), header(&same, "Message-ID"));
        assert_ne!(header(&one, "Message-ID"), header(&next, "Message-ID"));
        assert_eq!(header(&one, "References"), header(&next, "References"));
        assert_eq!(header(&one, "In-Reply-To"), header(&one, "References"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_ends_a_header() {
    let Some(mut server) = Server::start("starttls") else { return };
    let evil = "x\r\nBcc: everybody@company.com\r\n\r\nbody\u{0}\u{1f}";
    let message = Message { title: evil.into(), key: evil.into(), thread: Some(evil.into()), ..message() };
    let sent = send(&message, &address("email:oncall@company.com"), &server.world("tls: starttls")).await;
    assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["oncall@company.com"]));
    assert_eq!(mail["headers"].get("Bcc"), None);
    assert_eq!(mail["headers"]["Subject"], "[P1] x Bcc: everybody@company.com body");
    let sent =
        send(&message, &address("email:a@b.example\r\nRCPT TO:<x@y.example>"), &server.world("tls: starttls")).await;
    assert!(matches!(sent, Sent::Refused { .. }), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mail_server_refuses_is_said_in_its_words() {
    let Some(mut server) = Server::start("starttls") else { return };
    let world = server.world("tls: starttls");
    let to = |to: &str| address(&format!("email:{to}"));
    let sent = send(&message(), &to("nobody@company.com"), &world).await;
    assert!(matches!(&sent, Sent::Refused { reason } if reason.contains("5.1.1 no such user here")), "{sent:?}");
    let sent = send(&message(), &to("busy@company.com"), &world).await;
    assert!(matches!(&sent, Sent::Later { reason, .. } if reason.contains("greylisted")), "{sent:?}");

    let mut wrong = server.world("tls: starttls");
    Arc::make_mut(&mut wrong.secrets).environment.insert("SMTP".into(), "canary-canary".into());
    let sent = send(&message(), &to("oncall@company.com"), &wrong).await;
    assert!(matches!(&sent, Sent::Refused { reason } if reason.contains("535")), "{sent:?}");
    assert!(!format!("{sent:?}").contains("canary"), "{sent:?}");

    // Nobody here vouches for the certificate: nothing is sent, and no password is shown to whoever it is.
    let (mut stranger, others) = (server.world("tls: starttls"), certificate("/CN=elsewhere"));
    let settings = format!(
        "channels:\n  email: {{ smtp: 'localhost:{}', username: bot, password: '{{{{ secrets.SMTP }}}}', \
         from: bot@company.com, ca: '{}' }}\n",
        server.port,
        others.path().join("tls.pem").display()
    );
    stranger.settings = super::world(&settings, Path::new("/")).settings;
    let sent = send(&message(), &to("oncall@company.com"), &stranger).await;
    assert!(
        matches!(&sent, Sent::Refused { reason } if reason.starts_with("the mail server: the certificate")),
        "{sent:?}"
    );

    // No TLS where TLS is wanted.
    let sent = send(&message(), &to("oncall@company.com"), &server.world("tls: tls")).await;
    assert!(!matches!(sent, Sent::Accepted { .. } | Sent::Delivered { .. }), "{sent:?}");
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let sent = send(&message(), &to("oncall@company.com"), &world).await;
    assert!(matches!(&sent, Sent::Later { reason, .. } if reason.contains("Connection refused")), "{sent:?}");
}
