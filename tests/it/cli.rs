//! The real program, typed at: `tests/fixtures/cli/*.md` are transcripts. `UPDATE=1` rewrites them.
//!
//! Each file is a session of its own in an empty directory. Lines that begin with `$ ` inside a fence are run
//! by `sh`; what is behind them is what both streams said, and `[exit N]` where that is not 0.

use crate::golden::{files, updating};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// What a line prints, made the same on every machine.
fn typed(line: &str, dir: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_stepladder")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{{ {line}\n}} 2>&1")).current_dir(dir).env_clear();
    let output = command.env("PATH", path).env("HOME", dir).env("LANG", "C.UTF-8").env("TZ", "UTC").output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    for (from, to) in [(dir.to_str().unwrap(), "[DIR]"), (env!("CARGO_PKG_VERSION"), "[VERSION]"), ("\x1b", "[ESC]")] {
        text = text.replace(from, to);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("[no line break]\n");
    }
    match output.status.code() {
        Some(0) => text,
        code => format!("{text}[exit {}]\n", code.map_or("by a signal".to_owned(), |code| code.to_string())),
    }
}

/// The transcript as it is now.
fn played(text: &str, dir: &Path) -> String {
    let mut played = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            let _ = writeln!(played, "{line}");
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let _ = write!(played, "{line}\n{}", typed(command, dir));
        } else if !inside {
            let _ = writeln!(played, "{line}");
        }
    }
    played
}

#[test]
fn sessions_go_as_written_down() {
    let transcripts = files("cli", "md");
    assert!(!transcripts.is_empty());
    let mut wrong = Vec::new();
    for path in transcripts {
        let text = std::fs::read_to_string(&path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let played = played(&text, &dir.path().canonicalize().unwrap());
        if played == text {
            continue;
        }
        if updating() {
            std::fs::write(&path, played).unwrap();
        } else {
            let diff = crate::golden::difference(&text, &played);
            wrong.push(format!("{} (UPDATE=1 rewrites it):\n{}", path.display(), diff));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
