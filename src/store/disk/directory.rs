//! The data directory itself: whose it is, which format it has, whether it can be used at all.
//!
//! Every refusal is a sentence that says what to do.

use crate::base::digest::Digest;
use crate::store::disk::DiskJournal;
use crate::store::disk::device::{Disk, is_full, read_all};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// The format this release writes.
pub const FORMAT: u32 = 1;
const PATH: &str = "format";
/// In the place of a machine's id: what may be at work elsewhere, brought here by a copy or an archive.
const COPY: &str = "copy";
/// The same as long as an archive is not in the directory whole.
const IMPORT: &str = "import";

/// Why a data directory can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process owns it.
    #[error("the data directory `{directory}` is in use{}: ask it, or wait until it has ended", pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Held {
        /// The directory.
        directory: String,
        /// The owner's process, if it says.
        pid: Option<u32>,
    },
    /// Its file system has no locks.
    #[error("the file system of `{directory}` has no file locks ({why}): choose a data directory on a local disk")]
    NoLock {
        /// The directory.
        directory: String,
        /// What the system said.
        why: String,
    },
    /// A later release wrote it.
    #[error(
        "the data directory `{directory}` has format {found} and was written by a newer stepladder; this one knows format {FORMAT}: use the newer binary"
    )]
    Newer {
        /// The directory.
        directory: String,
        /// Its format.
        found: u32,
    },
    /// It is not a data directory.
    #[error("`{directory}` is no data directory of stepladder: {why}")]
    Foreign {
        /// The directory.
        directory: String,
        /// What is odd about it.
        why: String,
    },
    /// It belongs to another user.
    #[error(
        "the data directory `{directory}` belongs to user {owner} and this is user {user}: run as that user, or name another directory under `data` in stepladder.yaml"
    )]
    OtherUser {
        /// The directory.
        directory: String,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// It was written on another machine: a restored backup or a cloned disk.
    #[error(
        "the data directory `{directory}` was written on another machine (a restored backup or a clone?): two machines must never drive the same runs; once the other one is gone for good, adopt it with `stepladder doctor --adopt`"
    )]
    OtherMachine {
        /// The directory.
        directory: String,
    },
    /// It is a copy, or was imported, and may hold what is at work elsewhere.
    #[error(
        "the data directory `{directory}` is a copy, made by `stepladder store`: what is unfinished in it may be at work where it was made, and two must never drive the same runs; once nobody drives them there, adopt it with `stepladder doctor --adopt`"
    )]
    Copy {
        /// The directory.
        directory: String,
    },
    /// An import into it did not come to its end.
    #[error(
        "the data directory `{directory}` holds a part of an archive: its import did not come to its end; take the directory away and import the archive again"
    )]
    HalfImported {
        /// The directory.
        directory: String,
    },
    /// It can't be written.
    #[error("the data directory `{path}` is on a file system that is mounted read-only")]
    ReadOnly {
        /// Where it was noticed.
        path: String,
    },
    /// The device is full.
    #[error("no space left on the device of `{path}` (bytes, inodes or quota): free some and start again")]
    Full {
        /// Where it was noticed.
        path: String,
    },
    /// The system said no.
    #[error("cannot use `{path}`: {why}")]
    Io {
        /// Where.
        path: String,
        /// What it said.
        why: String,
    },
}

impl OpenError {
    /// The error of a file or directory, in the words for it.
    #[must_use]
    pub fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.display().to_string();
        if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
            Self::ReadOnly { path }
        } else if is_full(error) {
            Self::Full { path }
        } else {
            Self::Io { path, why: error.to_string() }
        }
    }
}

/// What makes this machine, and its being up since then, this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A hash of the machine's id.
    pub machine: String,
    /// The id of this boot.
    pub boot: String,
}

impl Host {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        // The machine id is confidential; a keyed hash of it is enough to tell machines apart.
        let machine = Digest::of_parts(&[b"stepladder machine", text("/etc/machine-id").as_bytes()]);
        Self { machine: machine.to_string()[..32].to_owned(), boot: text("/proc/sys/kernel/random/boot_id") }
    }
}

/// Whose a data directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Ours, and new.
    New,
    /// Ours.
    Ours,
    /// Brought here from elsewhere: it is to be ours from the moment on at which that is written down.
    Elsewhere,
}

/// Makes the directory if it is not there, private, and checks that it is ours.
pub(crate) fn enter(directory: &Path) -> Result<(), OpenError> {
    let io = |error: io::Error| OpenError::io(directory, &error);
    if !directory.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)?;
        }
    }
    let found = std::fs::metadata(directory).map_err(io)?;
    let shown = directory.display().to_string();
    if !found.is_dir() {
        return Err(OpenError::Foreign { directory: shown, why: "it is no directory".into() });
    }
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(OpenError::OtherUser { directory: shown, owner, user });
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(io)?;
    }
    Ok(())
}

/// Checks the format file, or writes it into a directory that has no journal yet. Whose it is stays as it is written:
/// one that is adopted is [`claim`]ed once all that belongs to that is done.
pub(crate) fn check_format(disk: &dyn Disk, directory: &Path, host: &Host, adopt: bool) -> Result<Standing, OpenError> {
    let io = |error: io::Error| OpenError::io(directory, &error);
    let shown = || directory.display().to_string();
    let foreign = |why: &str| OpenError::Foreign { directory: shown(), why: why.into() };
    let names = disk.list("").map_err(io)?;
    let begun = names.iter().any(|name| name == "anchor");
    let file = match disk.open(PATH) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && begun => {
            return Err(foreign("its `format` file is missing"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let ours = ["lock", "journal", "blobs"];
            if let Some(odd) = names.iter().find(|name| !ours.contains(&name.as_str()) && !name.starts_with("format."))
            {
                return Err(foreign(&format!("it holds `{odd}`; an empty directory is needed")));
            }
            claim(disk, &host.machine).map_err(io)?;
            return Ok(Standing::New);
        }
        opened => opened.map_err(io)?,
    };
    let text = String::from_utf8_lossy(&read_all(&*file).map_err(io)?).into_owned();
    let mut lines = text.lines();
    let version =
        lines.next().and_then(|line| line.strip_prefix("stepladder data ")).and_then(|word| word.parse().ok());
    match version {
        Some(FORMAT) => {}
        Some(found) => return Err(OpenError::Newer { directory: shown(), found }),
        None => return Err(foreign("its `format` file is not one of stepladder's")),
    }
    let machine = lines.next().and_then(|line| line.strip_prefix("machine ")).unwrap_or_default();
    match machine {
        machine if machine == host.machine => Ok(Standing::Ours),
        IMPORT => Err(OpenError::HalfImported { directory: shown() }),
        _ if adopt => Ok(Standing::Elsewhere),
        COPY => Err(OpenError::Copy { directory: shown() }),
        _ => Err(OpenError::OtherMachine { directory: shown() }),
    }
}

/// Writes down, for good, that the directory is of that machine.
pub(crate) fn claim(disk: &dyn Disk, machine: &str) -> io::Result<()> {
    drop(disk.remove("format.new"));
    let file = disk.create("format.new")?;
    file.write_at(0, text(machine).as_bytes())?;
    file.sync()?;
    disk.rename("format.new", PATH)?;
    disk.sync_dir("")
}

/// The format file of a copy: whoever opens it is told so.
pub(crate) fn text_of_copy() -> String {
    text(COPY)
}

fn text(machine: &str) -> String {
    format!("stepladder data {FORMAT}\nmachine {machine}\n")
}

impl DiskJournal {
    /// Whether it was brought here from elsewhere and is not ours yet.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.standing == Standing::Elsewhere
    }

    /// Makes it ours, for good.
    ///
    /// # Errors
    /// What the system says; it is held as before then.
    pub fn adopt(&self) -> io::Result<()> {
        claim(&*self.cleaner.disk, &self.machine)
    }

    /// From here on whoever opens it is told that it holds a part of an archive.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin_import(&self) -> io::Result<()> {
        claim(&*self.cleaner.disk, IMPORT)
    }

    /// All of the archive is there. Where something in it may be at work elsewhere it is held until a person adopts it.
    ///
    /// # Errors
    /// What the system says.
    pub fn end_import(&self, imported: Imported) -> io::Result<()> {
        let machine = match imported {
            Imported::Over => &self.machine,
            Imported::AtWork => COPY,
        };
        claim(&*self.cleaner.disk, machine)
    }
}

/// What an archive brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// Nothing of it goes on.
    Over,
    /// Something of it may be at work where it came from.
    AtWork,
}
