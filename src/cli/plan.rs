//! Plan files: written whole and for their owner's eyes, read back for a run.

use crate::base::limits::MAX_PLAN;
use crate::base::value::Value;
use crate::cli::trouble::Trouble;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a plan, 0600, in one step: nobody ever sees half of it.
///
/// # Errors
/// A sentence when it cannot be written.
pub fn write(path: &Path, plan: &Value) -> Result<(), Trouble> {
    let failed = |reason: std::io::Error| Trouble::io("write", path, &reason);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let text = serde_json::to_string_pretty(plan).map_err(|reason| Trouble::new(format!("the plan: {reason}")))?;
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    written().map_err(|reason| {
        drop(std::fs::remove_file(&beside));
        failed(reason)
    })
}

/// Reads a plan.
///
/// # Errors
/// A sentence when there is none.
pub fn read(path: &Path) -> Result<Value, Trouble> {
    let failed = |reason: std::io::Error| Trouble::io("read", path, &reason);
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(MAX_PLAN as u64).read_to_string(&mut text).map_err(failed)?;
    serde_json::from_str(&text).map_err(|reason| {
        Trouble::new(format!("`{}` is no plan: {reason}", path.display()))
            .help("`stepladder plan RUNBOOK --plan-out FILE` makes one")
    })
}

/// What a plan holds, for whoever made it.
#[must_use]
pub fn summary(path: &Path, plan: &Value) -> String {
    let touches = plan["touches"].as_array().map(Vec::as_slice).unwrap_or_default();
    let unknown = touches.iter().filter(|touch| touch.get("unknown").is_some()).count();
    let listed = touches.len() - unknown;
    let unknown = match unknown {
        0 => String::new(),
        1 => ", 1 step that could not be known and will be refused".to_owned(),
        more => format!(", {more} steps that could not be known and will be refused"),
    };
    let changes = if listed == 1 { "change" } else { "changes" };
    format!("{}: {listed} {changes}{unknown}\n  stepladder run --plan {0}", path.display())
}
