//! A command that carries the message: an argument vector, no shell, the message as JSON on standard input.

use crate::act::channel::Sending;
use crate::act::channel::form;
use crate::act::channel::wire::{PATIENCE, later, refused};
use crate::act::verdict::beginning;
use crate::base::limits::MAX_COMMAND_SAID;
use crate::model::message::Sent;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Exit statuses of sysexits.h that never get better, and those of a command that is not there.
const FOR_GOOD: &[i32] = &[64, 65, 67, 68, 77, 78, 126, 127];

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let argv = sending.own.texts("command");
    let Some((program, rest)) = argv.split_first() else { return refused("`command` is empty") };
    let command = tokio::process::Command::new(program)
        .args(rest)
        .env_clear()
        .envs(sending.world.base_env.iter().map(|(name, value)| (name, value)))
        .envs(sending.own.pairs("env"))
        .env("STEPLADDER_KEY", &sending.message.key)
        .current_dir(&sending.world.book_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match command {
        Ok(child) => child,
        Err(error) => return refused(format!("`{program}` did not start: {error}")),
    };
    let body = form::data(sending.message, &sending.to).to_string();
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let talk = async {
        if let Some(mut stdin) = stdin {
            // A command that reads nothing may end well all the same.
            let _ = stdin.write_all(body.as_bytes()).await;
        }
        let mut said = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(MAX_COMMAND_SAID as u64).read_to_end(&mut said).await;
        }
        (child.wait().await, said)
    };
    match tokio::time::timeout(PATIENCE, talk).await {
        Ok((Ok(status), said)) => ended(program, status.code(), &String::from_utf8_lossy(&said)),
        Ok((Err(error), _)) => later(format!("`{program}`: {error}"), None),
        Err(_) => later(format!("`{program}` took longer than {} s", PATIENCE.as_secs()), None),
    }
}

fn ended(program: &str, code: Option<i32>, said: &str) -> Sent {
    let said = beginning(said);
    let said = if said.is_empty() { said } else { format!(": {said}") };
    match code {
        Some(0) => Sent::Accepted { id: None },
        Some(code) if FOR_GOOD.contains(&code) => refused(format!("`{program}` ended with exit status {code}{said}")),
        Some(code) => later(format!("`{program}` ended with exit status {code}{said}"), None),
        None => later(format!("`{program}` was killed{said}"), None),
    }
}
