//! `tcp`: connect, perhaps say something, perhaps listen.

use crate::act::args::Args;
use crate::act::connect::{Target, connect, connect_error};
use crate::act::millis;
use crate::act::verdict::{Done, Verdict, beginning, latency};
use crate::act::world::World;
use crate::base::limits::MAX_OUTPUT_VALUE;
use crate::base::value::json;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a silent peer is listened to where nobody says how long the step may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn perform(args: &Args, world: &World, timeout: Option<Duration>) -> Result<Done, Failure> {
    let target = Target::parse(&args.need("connect")?, None)?;
    let start = (world.ticks)();
    let (mut stream, address) = connect(&target).await?;
    let took = world.since(start);
    let wanted: Vec<String> = args.entries("expect").iter().flat_map(|entry| entry.texts("text")).collect();
    let mut text = String::new();
    if let Some(send) = args.text("send") {
        let broken = |error| Failure::new(FailureKind::Connect, connect_error(&error, &address.to_string()));
        stream.write_all(send.as_bytes()).await.map_err(broken)?;
    }
    if args.has("send") || !wanted.is_empty() {
        let left = timeout.map(|timeout| timeout.saturating_sub(timeout / 20).saturating_sub(world.since(start)));
        text = listen(&mut stream, &wanted, left).await;
    }
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, took)?.into_iter().collect();
        let absent = entry.texts("text").into_iter().filter(|want| !text.contains(want.as_str()));
        problems.extend(absent.map(|want| format!("expected `{}`, it said `{}`", beginning(&want), beginning(&text))));
        Ok(problems)
    })?;
    let output = json!({ "address": address.to_string(), "latency_ms": millis(took), "text": text });
    verdict.end(&target.to_string(), output)
}

/// What the peer says, until everything wanted was said, it closed, it fell silent or said too much. Where something is wanted
/// and the step has a timeout, silence lasts nearly as long as that: what was heard can still be told.
async fn listen(stream: &mut TcpStream, wanted: &[String], left: Option<Duration>) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let until = left.filter(|_| !wanted.is_empty()).map(|left| tokio::time::Instant::now() + left);
    while bytes.len() < MAX_OUTPUT_VALUE {
        let silence = until.unwrap_or_else(|| tokio::time::Instant::now() + PATIENCE);
        match tokio::time::timeout_at(silence, stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            Ok(Ok(_) | Err(_)) | Err(_) => break,
        }
        let text = String::from_utf8_lossy(&bytes);
        if !wanted.is_empty() && wanted.iter().all(|want| text.contains(want.as_str())) {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
