//! `artifacts:` the files of an ended attempt that are kept with its run: `<data>/artifacts/<run>/<place>.<attempt>/`.
//!
//! Every directory on the way and every file is opened by its own name, without following links, below the
//! step's working directory or `$RUN_DIR`, and nothing of the data directory is taken. Copies are masked as
//! output is.

use crate::act::{self, Filled, World, fits};
use crate::base::limits::{MAX_ARTIFACT_BYTES, MAX_ARTIFACT_DEPTH, MAX_ARTIFACT_NAMES, MAX_ARTIFACTS};
use crate::base::mask::Masker;
use crate::base::span::show_size;
use crate::base::value::{Value, json};
use crate::model::perform::{Finding, Reply, Request};
use crate::runtime::spool;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// So many reasons why something was not kept are told.
const TOLD: usize = 20;

/// What begins a pattern below the run's own directory.
const OF_RUN: &str = "$RUN_DIR/";

/// The directory of what is kept of a run.
#[must_use]
pub fn run_dir(data: &Path, run: &str) -> PathBuf {
    data.join("artifacts").join(run)
}

/// A file that was kept.
#[derive(Debug, PartialEq, Eq)]
struct Copied {
    name: String,
    bytes: u64,
    masked: bool,
}

/// What became of the files of one attempt.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Where the copies are, below the data directory.
    below: String,
    files: Vec<Copied>,
    not: Vec<String>,
    more: usize,
}

impl Kept {
    /// Nothing, for one reason.
    pub(super) fn nothing(why: &str) -> Self {
        Self { not: vec![format!("nothing is kept: {why}")], ..Self::default() }
    }

    fn refuse(&mut self, why: String) {
        if self.not.len() < TOLD { self.not.push(why) } else { self.more += 1 }
    }

    /// The reply, with what was kept and what was not in its output; the latter is a notice of a good attempt.
    pub(super) fn put_into(mut self, mut reply: Reply) -> Reply {
        if self.more > 0 {
            self.not.push(format!("and {} more", self.more));
        }
        let output = match &mut reply {
            Reply::Done { output, findings } => {
                if !self.not.is_empty() {
                    let message = format!("artifacts not kept: {}", self.not.join("; "));
                    findings.push(Finding { level: "notice".into(), message });
                }
                output
            }
            Reply::Failed(failure) => &mut failure.output,
            Reply::Stopped { output } => output,
            Reply::Lost { .. } => return reply,
        };
        let row = |file: &Copied| {
            let path = format!("{}/{}", self.below, file.name);
            json!({ "name": file.name, "bytes": file.bytes, "masked": file.masked, "path": path })
        };
        if let Value::Object(map) = output {
            map.insert("artifacts".into(), self.files.iter().map(row).collect());
            map.insert("not_kept".into(), json!(self.not));
        }
        reply
    }
}

/// Keeps the files of an attempt, as the request says.
pub(super) fn of(request: &Request, world: &World, filled: &Filled, data: &Path) -> Kept {
    // The same directory that the child was started in.
    let from = match act::command(request, world, filled) {
        Ok(command) => command.cwd,
        Err(failure) => return Kept::nothing(&failure.message),
    };
    let (within, own) = (|path: &Path, of: &Path| path.starts_with(of), real(&world.run_dir));
    if within(&real(&from), &real(data)) && !within(&real(&from), &own) {
        return Kept::nothing("the working directory is within the data directory");
    }
    let stem = spool::stem(data, &request.run, &request.place, request.attempt);
    let below = format!("artifacts/{}/{}", request.run, stem.file_name().unwrap_or_default().to_string_lossy());
    keep(&request.artifacts, &filled.masks(), (&from, &world.run_dir), (data, below))
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Copies what the patterns mean below the working directory, or below the run's, into a directory of `data` that is made anew.
fn keep(patterns: &[String], masks: &[String], (from, run): (&Path, &Path), (data, below): (&Path, String)) -> Kept {
    let masker = match Masker::new(masks) {
        Ok(masker) => masker,
        Err(why) => return Kept::nothing(&why),
    };
    let to = data.join(&below);
    // An owner that ended in the middle of this may have left a part.
    drop(std::fs::remove_dir_all(&to));
    let kept = Kept { below, ..Kept::default() };
    let seen = BTreeSet::new();
    let mut keeper = Keeper { masker, to, data: identity(data), kept, seen, bytes: 0, left: MAX_ARTIFACT_NAMES };
    for pattern in patterns {
        let (root, flags, rest) = match pattern.strip_prefix(OF_RUN) {
            Some(rest) => (run, OFlags::NOFOLLOW, rest),
            None => (from, OFlags::empty(), pattern.as_str()),
        };
        let above = if flags.is_empty() { "" } else { OF_RUN.trim_end_matches('/') };
        let mut matched = false;
        match openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY | flags, Mode::empty()) {
            Ok(root) => keeper.walk(&root, above, &rest.split('/').collect::<Vec<_>>(), 0, &mut matched),
            Err(error) => {
                matched = true;
                keeper.kept.refuse(format!("`{pattern}`: the directory can't be read: {error}"));
            }
        }
        if keeper.left == 0 {
            keeper.kept.refuse(format!("`{pattern}`: {MAX_ARTIFACT_NAMES} names were looked at, and no more are"));
            break;
        }
        if !matched {
            keeper.kept.refuse(format!("no file matches `{pattern}`"));
        }
    }
    keeper.kept
}

/// What a directory is, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

struct Keeper {
    masker: Masker,
    to: PathBuf,
    data: Option<(u64, u64)>,
    kept: Kept,
    /// Files that were come upon, by whatever pattern.
    seen: BTreeSet<String>,
    bytes: u64,
    /// Names that may still be looked at.
    left: usize,
}

impl Keeper {
    fn walk(&mut self, at: &OwnedFd, above: &str, parts: &[&str], depth: usize, matched: &mut bool) {
        let Some((pattern, rest)) = parts.split_first() else { return };
        if fstat(at).is_ok_and(|stat| Some((stat.st_dev, stat.st_ino)) == self.data) {
            return;
        }
        if depth > MAX_ARTIFACT_DEPTH {
            return self.refuse(above, &format!("is more than {MAX_ARTIFACT_DEPTH} directories deep"));
        }
        if *pattern == "**" {
            self.walk(at, above, rest, depth, matched);
            for name in self.names(at, "*") {
                if let Ok(Found::Directory(inner)) = find(at, &name) {
                    self.walk(&inner, &join(above, &name), parts, depth + 1, matched);
                }
            }
            return;
        }
        for name in self.names(at, pattern) {
            let path = join(above, &name);
            match (find(at, &name), rest.is_empty()) {
                (Ok(Found::Directory(inner)), false) => self.walk(&inner, &path, rest, depth + 1, matched),
                (Ok(Found::File(file)), true) => {
                    *matched = true;
                    if self.seen.insert(path.clone()) {
                        self.file(file, &path);
                    }
                }
                (Ok(Found::Link), _) => {
                    *matched = true;
                    self.refuse(&path, "is a link, which is not followed");
                }
                (Err(Errno::NOENT | Errno::NOTDIR) | Ok(Found::Directory(_) | Found::File(_) | Found::Other), _) => {}
                (Err(error), _) => {
                    *matched = true;
                    self.refuse(&path, &format!("can't be read: {error}"));
                }
            }
        }
    }

    /// The names in a directory that fit, sorted; hidden ones only where the pattern says so.
    fn names(&mut self, at: &OwnedFd, pattern: &str) -> Vec<String> {
        if !pattern.contains(['*', '?']) {
            return vec![pattern.to_owned()];
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(at).into_iter().flatten().flatten() {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let shown = pattern.starts_with('.') || !name.starts_with('.');
            if shown && name != "." && name != ".." && fits(pattern, name) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names
    }

    /// What is not kept is named only where its name holds no secret.
    fn refuse(&mut self, path: &str, why: &str) {
        let masked = self.masker.mask(path.as_bytes());
        self.kept.refuse(format!("`{}` {why}", String::from_utf8_lossy(&masked)));
    }

    fn file(&mut self, mut file: File, path: &str) {
        if self.masker.mask(path.as_bytes()) != path.as_bytes() {
            return self.refuse(path, "has a secret in its name");
        }
        if self.kept.files.len() >= MAX_ARTIFACTS {
            return self.refuse(path, &format!("is more than the {MAX_ARTIFACTS} files of one attempt"));
        }
        let room = MAX_ARTIFACT_BYTES as u64 - self.bytes;
        let too_much = format!("does not fit into the {} of one attempt", show_size(MAX_ARTIFACT_BYTES as u64));
        if file.metadata().is_ok_and(|meta| meta.len() > room) {
            return self.refuse(path, &too_much);
        }
        // The run's own directory is named by its variable, which is no name for a directory of ours.
        let name = path.strip_prefix(OF_RUN).map_or_else(|| path.to_owned(), |rest| format!("RUN_DIR/{rest}"));
        let to = self.to.join(&name);
        match copy(&mut file, &to, &mut self.masker, room) {
            Ok((read, bytes)) if read <= room => {
                self.bytes += bytes;
                self.kept.files.push(Copied { name, bytes, masked: bytes < read });
            }
            Ok(_) => {
                drop(std::fs::remove_file(&to));
                self.refuse(path, &too_much);
            }
            Err(error) => {
                drop(std::fs::remove_file(&to));
                self.refuse(path, &format!("can't be copied: {error}"));
            }
        }
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

/// What stands under a name.
enum Found {
    Directory(OwnedFd),
    File(File),
    Link,
    /// A pipe, a socket, a device: opening one may do something.
    Other,
}

fn find(at: &OwnedFd, name: &str) -> Result<Found, Errno> {
    let kind = |mode| FileType::from_raw_mode(mode);
    match kind(statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
        FileType::Symlink => return Ok(Found::Link),
        FileType::RegularFile | FileType::Directory => {}
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
            return Ok(Found::Other);
        }
    }
    // Whatever it was, it may be something else by now.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = openat(at, name, flags, Mode::empty())?;
    Ok(match kind(fstat(&opened)?.st_mode) {
        FileType::Directory => Found::Directory(opened),
        FileType::RegularFile => Found::File(File::from(opened)),
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Found::Other,
    })
}

/// Copies at most `room` bytes and one, masked; how many were read and written.
fn copy(file: &mut File, to: &Path, masker: &mut Masker, room: u64) -> std::io::Result<(u64, u64)> {
    if let Some(directory) = to.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let (mut read, mut written, mut failed) = (0, 0, None);
    let mut write = |bytes: &[u8]| {
        written += bytes.len() as u64;
        if failed.is_none() {
            failed = target.write_all(bytes).err();
        }
    };
    let mut chunk = vec![0; 64 * 1024];
    let mut from = file.take(room + 1);
    let ended = loop {
        match from.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(count) => {
                read += count as u64;
                masker.push(&chunk[..count], &mut write);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    masker.finish(&mut write);
    ended?;
    failed.map_or(Ok((read, written)), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct House(tempfile::TempDir);

    impl House {
        fn new(files: &[(&str, &str)]) -> Self {
            let house = Self(tempfile::tempdir().expect("dir"));
            for dir in ["work", "data/runs/r"] {
                std::fs::create_dir_all(house.path(dir)).expect("dir");
            }
            for (name, text) in files {
                let path = house.path(name);
                std::fs::create_dir_all(path.parent().expect("above")).expect("dir");
                std::fs::write(path, text).expect("write");
            }
            house
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn kept(&self, patterns: &[&str], masks: &[&str]) -> (String, Vec<String>) {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let (work, run, data) = (self.path("work"), self.path("data/runs/r"), self.path("data"));
            let kept = keep(&own(patterns), &own(masks), (&work, &run), (&data, "artifacts/r/a.1".into()));
            let rows: Vec<String> = kept
                .files
                .iter()
                .map(|file| {
                    let copy = self.path("data/artifacts/r/a.1").join(&file.name);
                    let mode = std::fs::metadata(&copy).expect("copied").permissions().mode() & 0o777;
                    assert_eq!(mode, 0o600, "{}", file.name);
                    let text = std::fs::read_to_string(copy).expect("copied");
                    assert_eq!(text.len() as u64, file.bytes, "{}", file.name);
                    format!("{}={text}{}", file.name, if file.masked { " (masked)" } else { "" })
                })
                .collect();
            (rows.join(" "), kept.not)
        }
    }

    #[test]
    fn patterns_mean_files_below_the_working_directory_and_the_run_s() {
        let house = House::new(&[
            ("work/a.log", "1"),
            ("work/.hidden.log", "2"),
            ("work/sub/b.log", "3"),
            ("work/sub/deep/c.log", "4"),
            ("data/runs/r/d.txt", "5"),
            ("a.log", "outside"),
        ]);
        for (patterns, files, not) in [
            (&["*.log"][..], "a.log=1", &[][..]),
            (&["*.log", "a.*"], "a.log=1", &[]),
            (&[".*.log"], ".hidden.log=2", &[]),
            (&["*/*.log"], "sub/b.log=3", &[]),
            (&["**/*.log"], "a.log=1 sub/b.log=3 sub/deep/c.log=4", &[]),
            (&["sub/**/*"], "sub/b.log=3 sub/deep/c.log=4", &[]),
            (&["$RUN_DIR/*.txt"], "RUN_DIR/d.txt=5", &[]),
            (
                &["*.tar", "sub", "a.log/x"],
                "",
                &["no file matches `*.tar`", "no file matches `sub`", "no file matches `a.log/x`"],
            ),
        ] {
            assert_eq!(house.kept(patterns, &[]), (files.to_owned(), not.iter().map(ToString::to_string).collect()));
        }
    }

    #[test]
    fn nothing_leads_outside_and_nothing_but_files_is_opened() {
        let house = House::new(&[("secret/key", "outside"), ("work/inner/x", "inside"), ("data/seal.key", "ours")]);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, house.path(name)).expect("link");
        link("../secret", "work/dir");
        link("../secret/key", "work/file");
        link("..", "work/up");
        let pipe = std::process::Command::new("mkfifo").arg(house.path("work/pipe")).status();
        assert!(pipe.is_ok_and(|status| status.success()));
        let (files, not) = house.kept(&["*", "*/*", "**/key"], &[]);
        assert_eq!(files, "inner/x=inside");
        let links = ["`dir` is a link", "`file` is a link", "`up` is a link"];
        assert!(links.iter().all(|link| not.iter().any(|why| why.starts_with(link))), "{not:?}");
        assert_eq!(not.last().map(String::as_str), Some("no file matches `**/key`"));
        // The data directory may be below the working directory.
        let (work, run, data) = (house.0.path().to_owned(), house.path("data/runs/r"), house.path("data"));
        let kept = keep(&["*/*.key".into()], &[], (&work, &run), (&data, "artifacts/r/a.1".into()));
        assert_eq!((kept.files, kept.not), (Vec::new(), vec!["no file matches `*/*.key`".to_owned()]));
    }

    #[test]
    fn copies_and_names_are_masked() {
        let long = format!("{}hunter2-hunter2", "x".repeat(64 * 1024 - 5));
        let house =
            House::new(&[("work/a", "is hunter2-hunter2!"), ("work/hunter2-hunter2.log", "b"), ("work/long", &long)]);
        let (files, not) = house.kept(&["*"], &["hunter2-hunter2"]);
        let rest = format!("long={}*** (masked)", "x".repeat(64 * 1024 - 5));
        assert_eq!(files, format!("a=is ***! (masked) {rest}"));
        assert_eq!(not, ["`***.log` has a secret in its name"]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let names: Vec<String> = (0..=MAX_ARTIFACTS).map(|nth| format!("work/{nth:03}")).collect();
        let house = House::new(&names.iter().map(|name| (name.as_str(), "")).collect::<Vec<_>>());
        let (_, not) = house.kept(&["*"], &[]);
        assert_eq!(not, ["`100` is more than the 100 files of one attempt"]);

        let house = House::new(&[("work/small", "1")]);
        let big = File::create(house.path("work/big")).expect("file");
        big.set_len(MAX_ARTIFACT_BYTES as u64 + 1).expect("sparse");
        assert_eq!(
            house.kept(&["*"], &[]),
            ("small=1".into(), vec!["`big` does not fit into the 64.0 MiB of one attempt".into()])
        );

        let deep = format!("work/{}x", "d/".repeat(MAX_ARTIFACT_DEPTH + 1));
        let house = House::new(&[(&deep, "1")]);
        let (files, not) = house.kept(&["**/x"], &[]);
        assert!(files.is_empty() && not[0].ends_with("is more than 16 directories deep"), "{not:?}");
    }
}
