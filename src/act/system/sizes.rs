//! How much directories hold, links not followed.

use crate::act::system::Sizes;
use crate::act::world::World;
use crate::base::value::Value;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the walk when the future that waits for it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The bytes of each path, as written.
pub(super) async fn of(paths: Vec<String>, world: &World) -> Result<Sizes, Failure> {
    let mut sizes = Sizes::new();
    for text in paths {
        let (path, stop) = (world.path(&text), Stop(Arc::new(AtomicBool::new(false))));
        let flag = Arc::clone(&stop.0);
        let size = tokio::task::spawn_blocking(move || total(path, &flag)).await;
        let size = size.map_err(|error| error.to_string()).and_then(|size| size.map_err(|error| error.to_string()));
        let size =
            size.map_err(|why| Failure::new(FailureKind::Missing, format!("`{text}` can't be measured: {why}")))?;
        sizes.insert(text, Value::from(size));
    }
    Ok(sizes)
}

fn total(path: PathBuf, stop: &AtomicBool) -> std::io::Result<u64> {
    let root = std::fs::metadata(&path)?;
    if !root.is_dir() {
        return Ok(root.len());
    }
    let (mut total, mut todo) = (0, vec![path]);
    while let Some(directory) = todo.pop() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // What goes away or is closed to us while we walk is not counted.
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && metadata.dev() == root.dev() {
                todo.push(directory.join(Path::new(&entry.file_name())));
            } else if metadata.is_file() {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}
