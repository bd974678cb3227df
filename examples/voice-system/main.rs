//! A stand-in for the watched voice system: health endpoints, metrics, a log, a database, faults.
//!
//! `cargo run --example voice-system -- --port 8000 --dir /tmp/voice`. For trying out and for tests;
//! the runbooks know nothing of it but a URL. It ends on TERM or INT, when a pipe on its standard
//! input closes, when whoever started it is gone, and in any case after `--for`.

use clap::Parser;
use rustix::fs::FileType;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

mod system;

/// What it may be told.
#[derive(Parser)]
#[command(about = "A stand-in for the watched voice system")]
struct Args {
    /// Port of the health endpoints and metrics; 0 takes any free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Port on which it answers PING as Redis would; 0 takes any free one.
    #[arg(long, default_value_t = 6379)]
    redis_port: u16,
    /// A Redis of its own that its part `redis` is asked of, HOST:PORT; then it does not play one itself.
    #[arg(long)]
    redis: Option<SocketAddr>,
    /// A SIP server that its part `sip` is asked of over UDP, HOST:PORT; otherwise it only says that it is well.
    #[arg(long)]
    sip: Option<SocketAddr>,
    /// Where `logs/` and `data/` are made.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Faults that are on from the start.
    #[arg(long)]
    fault: Vec<system::faults::Fault>,
    /// The longest it may live, in minutes.
    #[arg(long = "for", default_value_t = 480)]
    minutes: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let config = system::Config {
        port: args.port,
        redis_port: args.redis_port,
        redis: args.redis,
        sip: args.sip,
        dir: args.dir,
        faults: args.fault,
    };
    let running = system::start(config).await?;
    say(&format!(
        "voice system: {0}\nredis: {1}\nlog: {2}\ndatabase: {3}\nfaults: GET {0}/faults, POST {0}/faults/NAME?on=true",
        running.url(),
        running.redis(),
        running.log().display(),
        running.database().display()
    ));
    let why = end(Duration::from_secs(args.minutes * 60)).await?;
    say(&format!("stopping: {why}"));
    Ok(())
}

/// Says it to whoever started this, if they still listen.
fn say(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// Waits for a reason to end.
async fn end(longest: Duration) -> anyhow::Result<&'static str> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = term.recv() => "told to",
        _ = int.recv() => "interrupted",
        () = input_closed() => "the pipe on standard input closed",
        () = orphaned() => "whoever started it is gone",
        () = tokio::time::sleep(longest) => "it has lived long enough",
    })
}

/// Ends when a pipe on standard input closes; a terminal or /dev/null never does.
async fn input_closed() {
    let piped =
        rustix::fs::fstat(std::io::stdin()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if !piped {
        return std::future::pending().await;
    }
    let (closed, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _all = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _gone = closed.send(());
    });
    let _closed = wait.await;
}

/// Ends when another process has become the parent.
async fn orphaned() {
    let parent = rustix::process::getppid();
    while rustix::process::getppid() == parent {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
