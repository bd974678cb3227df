//! `init`: a small living book.

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::{BOOK_FILE, Settings};
use crate::cli::trouble::Trouble;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

const HELLO: &str = include_str!("init/hello.yaml");
const HELLO_TEST: &str = include_str!("init/hello_test.yaml");
const THRESHOLDS: &str = include_str!("init/thresholds.yaml");
const GITIGNORE: &str = "# what stepladder remembers of its runs\n/.stepladder/\n";

/// Writes a book where there is none.
pub fn run(settings: &Settings) -> Result<Exit, Trouble> {
    let dir = settings.new_book();
    if dir.join(BOOK_FILE).exists() {
        return Err(Trouble::new(format!("`{}` is a book already", dir.display()))
            .help("`stepladder new NAME` adds a runbook to it"));
    }
    create(&dir.join(BOOK_FILE), &settings_file())?;
    create(&dir.join("thresholds.yaml"), THRESHOLDS)?;
    create(&dir.join("runbooks/hello.yaml"), HELLO)?;
    create(&dir.join("tests/hello.yaml"), HELLO_TEST)?;
    // A .gitignore that is there is somebody's: it stays as it is.
    if !dir.join(".gitignore").exists() {
        create(&dir.join(".gitignore"), GITIGNORE)?;
    }
    output::aside(&format!("a book is in {}", dir.display()));
    output::aside("next: `stepladder run hello`, `stepladder test`, then `stepladder new NAME`");
    Ok(Exit::Fine)
}

/// `stepladder.yaml`, with the zone of this machine written down: it is never taken silently.
fn settings_file() -> String {
    let zone = jiff::tz::TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    let zone = zone.filter(|zone| !zone.is_empty() && zone != "Etc/Unknown").unwrap_or_else(|| "UTC".into());
    format!(
        "# The settings of this book. Every key: `stepladder schema stepladder`.
timezone: {zone}
data: .stepladder # what it remembers of its runs
secrets: [{{ env: {{}} }}] # where secrets come from: the environment
"
    )
}

/// Writes a file that is not there yet, and the directories above it.
///
/// # Errors
/// A sentence when it is there or cannot be written.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Trouble> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|reason| Trouble::io("make the directory", dir, &reason))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|reason| {
        if reason.kind() == ErrorKind::AlreadyExists {
            Trouble::new(format!("`{}` is there already", path.display()))
                .help("nothing was changed; move it away or choose another name")
        } else {
            Trouble::io("write", path, &reason)
        }
    })
}
