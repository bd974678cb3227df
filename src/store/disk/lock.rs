//! The lock on a data directory: one owner at a time, and his name.
//!
//! Two locks. The file `lock` names the owner, and older releases know it alone; whoever deletes it makes room for another
//! file of that name, which nobody holds. So the directory itself is locked, too: it can't be replaced beneath who has it open.

use crate::store::disk::directory::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held as long as it lives; the system lets go when the process ends, however it ends.
pub(crate) struct Lock {
    file: File,
    /// `None` where the file system locks files alone.
    directory: Option<File>,
}

impl Drop for Lock {
    /// Lets go in words: a process that is just being started has a copy of the descriptor until its exec, and
    /// closing ours alone would leave the directory locked for that long.
    fn drop(&mut self) {
        for held in self.directory.iter().chain([&self.file]) {
            let _ = flock(held, FlockOperation::Unlock);
        }
    }
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join("lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(|error| OpenError::io(&path, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut owner = String::new();
                drop(file.read_to_string(&mut owner));
                return Err(OpenError::Held {
                    directory: directory.display().to_string(),
                    pid: owner.trim().parse().ok(),
                });
            }
            Err(error) => {
                return Err(OpenError::NoLock { directory: directory.display().to_string(), why: error.to_string() });
            }
        }
        let whole = File::open(directory).map_err(|error| OpenError::io(directory, &error))?;
        let whole = match flock(&whole, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Some(whole),
            // Somebody has deleted the file of the owner there is.
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::Held { directory: directory.display().to_string(), pid: None });
            }
            Err(_) => None,
        };
        let named = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        named.map_err(|error| OpenError::io(&path, &error))?;
        Ok(Self { file, directory: whole })
    }
}
