//! The daemon's own page in a real browser, driven as a person drives it.

use crate::http::Site;
use crate::incident::{LADDER, SETTINGS};
use crate::owner::{Home, kill, text};
use crate::tools::there;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Looks at the page until what is waited for must be there, and between two of them.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A browser without a window.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Where it keeps what it has.
    profile: Option<tempfile::TempDir>,
}

impl Browser {
    /// `None` where this machine has none.
    fn open() -> Option<Self> {
        if !there("chromedriver") || !there("chromium") {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port: port.expect("a port"), session: String::new(), profile: None };
        let arguments = [
            "--headless=new",
            // Nobody else is on the machine of a test, and root may not have a sandbox.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.path().display()),
        ]
        .map(str::to_owned);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        browser.profile = Some(profile);
        let made = browser.send("POST", "/session", &wanted);
        let session = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        browser.session.push_str(session);
        Some(browser)
    }

    fn send(&self, verb: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        let body = if verb == "POST" { body.to_string() } else { String::new() };
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        // The driver leaves the connection open: what the head says of the length is all there is.
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while answer.read_line(&mut line).unwrap() > 2 {
            if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        let value: Value =
            serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{verb} {path}: {error}: {}", text(&body)));
        value["value"].clone()
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let answer = self.send("POST", &format!("/session/{}{path}", self.session), body);
        assert!(answer["error"].is_null(), "{path} {body}: {}", answer["message"]);
        answer
    }

    fn go(&self, url: &str) {
        self.ask("/url", &json!({ "url": url }));
    }

    fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn shown(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Waits until the page shows this.
    fn until(&self, what: &str) -> String {
        for _ in 0..LOOKS {
            let shown = self.shown();
            if shown.contains(what) {
                return shown;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("waited in vain for `{what}`:\n{}", self.shown());
    }

    /// The element of that path (`XPath`), once it is there.
    fn element(&self, path: &str) -> String {
        for _ in 0..LOOKS {
            let found = self.send(
                "POST",
                &format!("/session/{}/element", self.session),
                &json!({ "using": "xpath", "value": path }),
            );
            if let Some(id) =
                found.as_object().and_then(|found| found.values().next()?.as_str()).filter(|_| found["error"].is_null())
            {
                return id.to_owned();
            }
            std::thread::sleep(PAUSE);
        }
        panic!(
            "waited in vain for {path}:
{}",
            self.shown()
        );
    }

    /// Presses a button or follows a link; the page may be drawn anew meanwhile.
    fn press(&self, path: &str) {
        for _ in 0..20 {
            let id = self.element(path);
            let done = self.send("POST", &format!("/session/{}/element/{id}/click", self.session), &json!({}));
            if done["error"].is_null() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} can't be pressed");
    }

    fn fill(&self, path: &str, words: &str) {
        let id = self.element(path);
        self.ask(&format!("/element/{id}/clear"), &json!({}));
        self.ask(&format!("/element/{id}/value"), &json!({ "text": words }));
    }

    /// What the browser complained of, without refusals that the test wanted.
    fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({ "type": "browser" }));
        let lines = log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned());
        lines.filter(|line| !line.contains("the server responded with a status of")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            self.send("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

const MARKUP: &str = "<img src=x onerror=\"document.title='hacked'\">";

/// A daemon with something to show of everything.
fn site() -> Site {
    let home = Home::new(&[
        (
            "look",
            "title: Look around\nlabels: { component: disk }\nsteps:\n  - { id: says, shell: 'echo \"<b>seen</b>\"', measure: { took: { value: output.duration_ms, unit: ms } } }\n  - { id: fails, shell: 'exit 3' }\n",
        ),
        ("asks", "steps: [ { id: may, approval: { message: 'May it go live?', by: [ operator ] } } ]\n"),
        ("mend", "steps: [ { id: a, shell: 'exit 1' } ]\n"),
        ("nightly", "triggers: [ { id: night, cron: '30 2 * * *' } ]\nsteps: [ { id: a, shell: 'true' } ]\n"),
    ]);
    fs::write(home.path("thresholds.yaml"), "took: { unit: s, help: How long it took }\n").unwrap();
    fs::write(home.path("escalation.yaml"), LADDER).unwrap();
    fs::write(home.path("stepladder.yaml"), SETTINGS).unwrap();
    Site::over(home, "")
}

#[test]
fn a_browser_shows_what_stands_and_does_what_a_token_may() {
    let Some(browser) = Browser::open() else { return };
    let site = site();
    let (viewer, operator) = (site.token("viewer"), site.token("operator"));
    let home = &site.home;
    assert_eq!(home.run(&["run", "look"]).status.code(), Some(2));
    assert_eq!(home.run(&["run", "asks", "--detach"]).status.code(), Some(0));
    let opened = home.run(&["incident", "open", MARKUP, "--severity", "P1"]);
    assert_eq!(opened.status.code(), Some(0), "{}", text(&opened.stderr));

    // Nobody without a token sees anything.
    browser.go(&format!("http://127.0.0.1:{}/", site.port));
    let nobody = browser.until("Who are you?");
    assert!(!nobody.contains("P1") && !nobody.contains("look"), "{nobody}");
    browser.fill("//input[@id='token']", "nonsense");
    browser.press("//button[text()='Enter']");
    browser.until("this token opens nothing");

    // A viewer sees all of it, and may do nothing.
    browser.fill("//input[@id='token']", &viewer);
    browser.press("//button[text()='Enter']");
    let shown = browser.until("May it go live?");
    for said in ["P1", "triggered", MARKUP, "disk", "unhealthy", "asks", "waiting"] {
        assert!(shown.contains(said), "`{said}` is not shown:\n{shown}");
    }
    assert_eq!(browser.run("return document.title"), "stepladder", "what is shown is text");
    browser.press("//button[text()='Acknowledge']");
    let refused = browser.until("may not");
    assert!(refused.contains("triggered"), "{refused}");

    // An operator takes the incident and says yes.
    browser.press("//button[@id='leave']");
    browser.fill("//input[@id='token']", &operator);
    browser.press("//button[text()='Enter']");
    browser.press("//button[text()='Acknowledge']");
    browser.until("acknowledged");
    browser.press("//button[text()='Approve']");
    browser.ask("/alert/accept", &json!({}));
    browser.until("Nothing waits for anybody's yes.");
    home.until("the run has gone on", || {
        home.rows().iter().any(|row| row["runbook"] == "asks" && row["outcome"] == "succeeded")
    });
    let incident = text(&home.run(&["incidents", "--json"]).stdout);
    assert!(incident.contains("\"status\":\"acknowledged\""), "{incident}");
    browser.press("//section[@aria-label='Open incidents']//a");
    browser.until("Timeline");
    browser.fill("//input[@aria-label='What you know or did']", "the disk is replaced");
    browser.press("//button[text()='Resolve']");
    let ended = browser.until("resolved");
    assert!(ended.contains("the disk is replaced"), "{ended}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_browser_shows_what_was_measured_and_what_ran_and_says_when_it_knows_nothing() {
    let Some(browser) = Browser::open() else { return };
    let site = site();
    let viewer = site.token("viewer");
    let home = &site.home;
    assert_eq!(home.run(&["run", "look"]).status.code(), Some(2));
    browser.go(&format!("http://127.0.0.1:{}/#measures", site.port));
    browser.fill("//input[@id='token']", &viewer);
    browser.press("//button[text()='Enter']");
    browser.element("//article[@data-measure='took']//*[name()='svg']/*[name()='path']");
    let value = text(&home.run(&["measures", "--json"]).stdout);
    let value = serde_json::from_str::<Value>(value.trim()).unwrap()["value"].as_f64().unwrap();
    let card = browser.run("return document.querySelector('article .value').innerText");
    let told: f64 = card.as_str().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((told - value).abs() <= 0.000_05 && card.as_str().unwrap().ends_with(" s"), "{card} is {value}");

    // The 95th percentile as Prometheus estimates it, and how fast a counter rises, over a start anew.
    let counts = "[{bound: 0.1, count: 90}, {bound: 0.5, count: 99}, {bound: Infinity, count: 100}]";
    let quantile =
        browser.run(&format!("return [quantile(0.95, {counts}), quantile(0.999, {counts}), quantile(0.5, [])]"));
    let near = quantile[0].as_f64().unwrap() - (0.1 + 0.4 * 5.0 / 9.0);
    assert!(near.abs() < 1e-9 && quantile[1] == 0.5 && quantile[2].is_null(), "{quantile}");
    let rose = "[{at: '2026-12-01T00:00:00Z', last: 10}, {at: '2026-12-01T00:05:00Z', last: 40}, {at: '2026-12-01T00:10:00Z', last: 30}]";
    assert_eq!(browser.run(&format!("return rates({rose}).map((one) => one.value)")), json!([0.1, 0.1]));

    browser.press("//nav/a[text()='Runs']");
    browser.until("look");
    browser.press("//td/a");
    let run = browser.until("Look around");
    assert!(run.contains("fails") && run.contains("failed"), "{run}");
    browser.press("//tr[td[text()='says']]//button[text()='Output']");
    browser.until("<b>seen</b>");
    browser.press("//nav/a[text()='Schedules']");
    let schedules = browser.until("nightly");
    assert!(schedules.contains("30 2 * * *") && schedules.contains("in "), "{schedules}");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // When the daemon hangs, as when it is gone, the page says that what it shows is old.
    kill(site.daemon.id(), rustix::process::Signal::STOP);
    browser.until("The daemon does not answer: what stands here is old.");
    kill(site.daemon.id(), rustix::process::Signal::CONT);
    let old = || browser.shown().contains("what stands here is old");
    site.home.until("the page says that the daemon is back", || !old());
    site.daemon.end(rustix::process::Signal::KILL);
    let old = browser.until("The daemon does not answer: what stands here is old.");
    assert!(old.contains("nightly"), "{old}");
}
