//! A few words of Redis' protocol, so that a bare machine has something to ping.
//!
//! PING and INFO are answered, everything else is an unknown command. Nothing is stored.

use super::faults::{Fault, Faults};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const INFO: &str =
    "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory:1048576\r\n# Clients\r\nconnected_clients:1\r\n";

/// Longest command and most words of one that it reads.
const MAX: usize = 4 * 1024;

/// Answers until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, faults: Arc<Faults>) {
    while let Ok((stream, _)) = listener.accept().await {
        if !faults.on(Fault::RedisDown) {
            tokio::spawn(talk(stream, Arc::clone(&faults)));
        }
    }
}

async fn talk(stream: TcpStream, faults: Arc<Faults>) {
    let mut stream = BufReader::new(stream);
    while let Some(words) = command(&mut stream).await {
        if faults.on(Fault::RedisDown) {
            return;
        }
        let answer = match words.first().map(|word| word.to_ascii_uppercase()).as_deref() {
            Some("PING") => "+PONG\r\n".to_owned(),
            Some("INFO") => format!("${}\r\n{INFO}\r\n", INFO.len()),
            Some("CLIENT" | "SELECT") => "+OK\r\n".to_owned(),
            other => format!("-ERR unknown command '{}'\r\n", other.unwrap_or_default()),
        };
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One command: `*2 $4 PING …` or a bare line. `None` when the other side is done or talks nonsense.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let line = line(stream).await?;
    let Some(count) = line.strip_prefix('*') else {
        return Some(line.split_whitespace().map(str::to_owned).collect());
    };
    let count = count.parse::<usize>().ok().filter(|count| *count <= MAX)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length =
            self::line(stream).await?.strip_prefix('$')?.parse::<usize>().ok().filter(|length| *length <= MAX)?;
        let mut word = vec![0; length + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(length);
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX).ok()?;
    (&mut *stream).take(most).read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
    Some(String::from_utf8(line).ok()?.trim_end().to_owned())
}
