//! The daily check in a minute: a voice system that is well, then one that is not.
//!
//! `cargo run --example demo` needs nothing but a toolchain: the watched system is the stand-in of
//! `examples/voice-system`, in this process; the runbook, its thresholds and the ladder are those of
//! this repository; stepladder is this very program, started again with arguments.
#![expect(clippy::print_stdout, reason = "a demonstration is read as it happens")]

use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

#[path = "../../src/main.rs"]
mod program;
#[path = "../voice-system/system/mod.rs"]
mod system;

/// The book of this repository, as far as the daily check and the ladder need it.
const BOOK: [(&str, &str); 12] = [
    ("stepladder.yaml", include_str!("../../stepladder.yaml")),
    ("thresholds.yaml", include_str!("../../thresholds.yaml")),
    ("escalation.yaml", include_str!("../../escalation.yaml")),
    ("runbooks/daily-check.yaml", include_str!("../../runbooks/daily-check.yaml")),
    ("runbooks/auto-recovery.yaml", include_str!("../../runbooks/auto-recovery.yaml")),
    ("runbooks/diagnose-livekit.yaml", include_str!("../../runbooks/diagnose-livekit.yaml")),
    ("runbooks/p1-response.yaml", include_str!("../../runbooks/p1-response.yaml")),
    ("runbooks/respond-api.yaml", include_str!("../../runbooks/respond-api.yaml")),
    ("runbooks/respond-authentication.yaml", include_str!("../../runbooks/respond-authentication.yaml")),
    ("runbooks/respond-performance.yaml", include_str!("../../runbooks/respond-performance.yaml")),
    ("runbooks/respond-security.yaml", include_str!("../../runbooks/respond-security.yaml")),
    ("runbooks/respond-sip.yaml", include_str!("../../runbooks/respond-sip.yaml")),
];

/// Steps that look at this machine and not at the voice system: what they find is none of the demonstration's doing.
const OF_THIS_MACHINE: [&str; 2] = ["machine", "summary"];

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        return program::main();
    }
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("\nthe demonstration did not go as it should: {reason:#}");
            ExitCode::FAILURE
        }
    }
}

/// One check of a healthy system, one of an ailing one, and what is left to look at.
fn demonstrate() -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("no directory to work in")?;
    let book = dir.path().join("book");
    for (name, text) in BOOK {
        let file = book.join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(&book))?;
        std::fs::write(file, text)?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let config = system::Config {
        port: 0,
        redis_port: 0,
        redis: None,
        sip: None,
        dir: dir.path().join("voice"),
        faults: Vec::new(),
    };
    let voice = runtime.block_on(system::start(config)).context("the voice system did not start")?;
    let stage = Stage {
        book,
        url: voice.url(),
        redis: voice.redis(),
        log: voice.log().into(),
        database: voice.database().into(),
    };

    println!("A voice system answers at {}. The daily check looks at it, and at this machine:", stage.url);
    stage.check()?;
    let found = stage.found()?;
    if let Some((step, _)) = found.iter().find(|(step, level)| level == "critical" && !of_this_machine(step)) {
        bail!("`{step}` is critical, and the system is well");
    }
    if let Some((step, level)) = found.iter().find(|(_, level)| level == "warning" || level == "critical") {
        println!("(`{step}` is {level}: that is this machine, busy or full as it is, not the demonstration.)");
    }

    println!("\nNow its Redis dies and its log fills with errors:");
    stage.fault("redis-down")?;
    stage.fault("error-burst-in-log")?;
    stage.until_the_log_shows_it()?;
    stage.check()?;
    let found = stage.found()?;
    for (step, want) in [("redis", "critical"), ("health", "critical"), ("log_errors", "warning")] {
        let level = found.iter().find(|(it, _)| it == step).map(|(_, level)| level.as_str());
        if level != Some(want) {
            bail!("`{step}` should be {want} and is {}", level.unwrap_or("not there"));
        }
    }

    println!("\nBoth days, side by side (`stepladder runs daily-check`):\n");
    stage.stepladder(&["runs", "daily-check"])?;
    println!(
        "\nNext: `cargo run -- run daily-check` for a system of your own, `cargo run -- check` after changing runbooks/."
    );
    Ok(())
}

fn of_this_machine(step: &str) -> bool {
    OF_THIS_MACHINE.contains(&step)
}

/// Where everything is.
struct Stage {
    book: PathBuf,
    url: String,
    redis: String,
    log: PathBuf,
    database: PathBuf,
}

impl Stage {
    /// This program again, as stepladder, with its output on our terminal. Gives the exit code.
    fn stepladder(&self, args: &[&str]) -> anyhow::Result<i32> {
        std::io::stdout().flush()?;
        let status = self.command(args)?.status().context("cannot start this program again")?;
        status.code().context("stepladder was killed")
    }

    fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--book").arg(&self.book).args(args);
        Ok(command)
    }

    /// The daily check of the stand-in; a code above 2 means that it could not even start.
    fn check(&self) -> anyhow::Result<()> {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        let shown = |path: &Path| path.display().to_string();
        let inputs = [
            format!("base_url={}", self.url),
            format!("port={port}"),
            format!("redis={}", self.redis),
            format!("log={}", shown(&self.log)),
            format!("database={}", shown(&self.database)),
        ];
        let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
        println!("\n$ stepladder run daily-check\n");
        match self.stepladder(&[&["run", "daily-check"], inputs.as_slice()].concat())? {
            0..=2 => Ok(()),
            code => bail!("stepladder could not run it (exit code {code})"),
        }
    }

    /// What the last run found: each step with its level.
    fn found(&self) -> anyhow::Result<Vec<(String, String)>> {
        let output = self.command(&["show", "last", "--json"])?.output()?;
        let run: serde_json::Value = serde_json::from_slice(&output.stdout).context("`show --json` is not JSON")?;
        let events = run["events"].as_array().context("`show --json` has no events")?;
        let ended = events.iter().filter(|event| event["event"] == "step_ended");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(ended.map(|event| (text(&event["place"]), text(&event["level"]))).collect())
    }

    /// Switches a fault of the stand-in on, as anybody could from outside.
    fn fault(&self, name: &str) -> anyhow::Result<()> {
        println!("$ curl -X POST {}/faults/{name}", self.url);
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host)?;
        write!(
            stream,
            "POST /faults/{name} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { bail!("the stand-in would not: {answer}") }
    }

    /// Waits until the log has enough errors for the check to mind.
    fn until_the_log_shows_it(&self) -> anyhow::Result<()> {
        for _ in 0..200 {
            if std::fs::read_to_string(&self.log)?.matches(" ERROR ").count() >= 12 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the log shows no errors")
    }
}
