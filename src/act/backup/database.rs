//! Copies of SQLite databases while they are in use, made by SQLite itself, and whether one is whole.

use crate::act::door::{Door, Found};
use crate::act::roots::Halt;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first bytes of every database.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Pages copied at once, and how often the copy may begin anew because somebody wrote.
const PAGES: i32 = 4096;
const RESTARTS: u32 = 20;
/// How often a locked database is asked again, and the pause: half a minute.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// What belongs to a database beside its file.
pub(in crate::act) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Whether a file begins as a database does.
pub(in crate::act) fn is_database(door: &Door, found: &Found) -> io::Result<bool> {
    let mut first = Vec::new();
    door.read(found)?.take(MAGIC.len() as u64).read_to_end(&mut first)?;
    Ok(first == MAGIC)
}

/// The path of something that belongs to a database.
pub(in crate::act) fn companion(path: &Path, which: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(which);
    name.into()
}

/// Copies a database below a root into a file that is there already, and checks the copy.
///
/// SQLite takes paths, not descriptors. It follows no link; that it opened the file that was found is asked
/// before and after.
pub(in crate::act) fn copy((door, root, found): (&Door, &Path, &Found), into: &Path, halt: &Halt) -> io::Result<()> {
    let shown = found.shown();
    let said = |error: rusqlite::Error| io::Error::other(format!("{shown}: {}", sentence(&error)));
    let same = || match door.look(&found.path)? {
        Some(now) if now.inode == found.inode => Ok(()),
        Some(_) | None => Err(io::Error::other(format!("{shown} was replaced while it was copied: try again"))),
    };
    same()?;
    let path = root.canonicalize()?.join(&found.path);
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let from = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(said)?;
    let mut to = Connection::open_with_flags(into, flags | OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(said)?;
    to.pragma_update(None, "journal_mode", "memory").map_err(said)?;
    pages(&from, &mut to, halt, &shown)?;
    to.close().map_err(|(_, error)| said(error))?;
    from.close().map_err(|(_, error)| said(error))?;
    same()?;
    check(into).map_err(|error| io::Error::other(format!("{shown}: {error}")))
}

fn pages(from: &Connection, to: &mut Connection, halt: &Halt, shown: &str) -> io::Result<()> {
    let said = |error: rusqlite::Error| io::Error::other(format!("{shown}: {}", sentence(&error)));
    let backup = Backup::new(from, to).map_err(said)?;
    let (mut tries, mut restarts, mut left) = (0, 0, i32::MAX);
    loop {
        halt.check()?;
        let pages = if restarts > RESTARTS { -1 } else { PAGES };
        match backup.step(pages).map_err(said)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                let remaining = backup.progress().remaining;
                restarts += u32::from(remaining >= left);
                left = remaining;
            }
            // Busy or locked.
            StepResult::Busy | StepResult::Locked | _ => {
                if tries == TRIES {
                    let who = "who uses it (`fuser FILE`)?";
                    let why = format!("{shown} was locked by another process for half a minute: {who}");
                    return Err(io::Error::other(why));
                }
                tries += 1;
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// Whether a database that nobody uses is whole; nothing is written beside it.
pub(in crate::act) fn check(path: &Path) -> io::Result<()> {
    let said = |error: rusqlite::Error| io::Error::other(sentence(&error));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let path = path.canonicalize()?;
    let database = Connection::open_with_flags(uri(&path), flags).map_err(said)?;
    let found: String = database.query_row("pragma integrity_check(1)", [], |row| row.get(0)).map_err(said)?;
    if found == "ok" { Ok(()) } else { Err(io::Error::other(format!("the database is damaged: {found}"))) }
}

/// `immutable=1`: without a look at `-wal` or `-shm`, and without making them.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn sentence(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "it is no SQLite database, or encrypted".into(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => format!("the database is damaged: {error}"),
        Some(rusqlite::ErrorCode::DiskFull) => "there is no room for its copy".into(),
        Some(_) | None => error.to_string(),
    }
}
