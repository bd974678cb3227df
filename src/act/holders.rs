//! Who has files open: what a process still writes would be lost with the file, what it reads would not be
//! what is there.

use crate::act::door::Found;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The access mode in the flags of an open file, and the mode that only reads.
const ACCESS: u32 = 0o3;

/// Inodes of these files that a process has open for writing, and which process. Only of processes that this user
/// may look into.
pub(super) fn writers(files: &[Found]) -> Vec<((u64, u64), String)> {
    holders(files, &|info| writes(info))
}

/// The same for processes that have a file open in any way.
pub(super) fn users(files: &[Found]) -> Vec<((u64, u64), String)> {
    holders(files, &|_| true)
}

fn holders(files: &[Found], counts: &dyn Fn(&str) -> bool) -> Vec<((u64, u64), String)> {
    let wanted: BTreeSet<(u64, u64)> = files.iter().map(|found| found.inode).collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for open in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let Ok(metadata) = fs::metadata(open.path()) else { continue };
            let inode = (metadata.dev(), metadata.ino());
            let info = process.path().join("fdinfo").join(open.file_name());
            if wanted.contains(&inode) && fs::read_to_string(info).is_ok_and(|info| counts(&info)) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                found.push((inode, format!("{} (process {pid})", name.trim())));
            }
        }
    }
    found
}

fn writes(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & ACCESS != 0)
}
