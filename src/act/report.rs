//! `report`: a file below `reports/` or a named root, whole or not at all.

use crate::act::args::Args;
use crate::act::door::{Door, Existing};
use crate::act::roots;
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::digest::Digest;
use crate::base::value::json;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::path::{Path, PathBuf};

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let to = args.need("to")?;
    let (directory, inside) = place(args, world, &to)?;
    let body = body(args)?;
    let existing = if args.flag("replace")? == Some(false) { Existing::Refuse } else { Existing::Replace };
    let path = directory.join(&inside);
    let shown = path.display().to_string();
    let (bytes, digest) = (body.len(), Digest::of(body.as_bytes()));
    let work = move || Door::open(&directory)?.write(&inside, body.as_bytes(), existing);
    let written = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other).and_then(|written| written);
    let replaced = written.map_err(|error| failure(&shown, &error))?;
    Ok(Done::new(json!({ "path": shown, "bytes": bytes, "sha256": digest.to_string(), "replaced": replaced })))
}

/// The directory that must not be left, and the file in it.
fn place(args: &Args, world: &World, to: &str) -> Result<(PathBuf, PathBuf), Failure> {
    let Some(root) = args.text("root") else {
        let inside = Path::new(to).strip_prefix("reports").unwrap_or(Path::new(to));
        return Ok((world.path("reports"), inside.into()));
    };
    Ok((roots::directory(world, &root)?, to.into()))
}

fn body(args: &Args) -> Result<String, Failure> {
    let text = ["markdown", "html", "text"].into_iter().find_map(|key| args.text(key));
    let body = match (args.get("json"), text) {
        (Some(value), _) => serde_json::to_string_pretty(value).ok(),
        (None, text) => text,
    };
    let missing = || {
        Failure::lasting(FailureKind::Template, "there is nothing to write: say `json`, `markdown`, `html` or `text`")
    };
    let mut body = body.ok_or_else(missing)?;
    if !body.ends_with('\n') {
        body.push('\n');
    }
    Ok(body)
}

fn failure(path: &str, error: &std::io::Error) -> Failure {
    let lasting = matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::AlreadyExists);
    Failure { lasting, ..Failure::new(FailureKind::Other, format!("{path} can't be written: {error}")) }
}
