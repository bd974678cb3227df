//! The world is against it: full disks, no inodes, read-only file systems, directories of others, files that are none.
//!
//! Each is one sentence and exit 3; what was going on ends truthfully or goes on under the next owner. File systems are
//! mounted where that is permitted, and it is said where it is not.

use crate::owner::{Home, text};
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A file system in memory, unmounted when it is done with.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(args: &[&str], dir: &PathBuf) -> bool {
    let mut command = Command::new("mount");
    command.args(args).arg(dir).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Mounts one over a directory of the book; `None`, said aloud, where that is not permitted.
fn mounted(home: &Home, name: &str, options: &str) -> Option<Mounted> {
    let dir = home.path(name);
    fs::create_dir_all(&dir).unwrap();
    if mount(&["-t", "tmpfs", "-o", options, "tmpfs"], &dir) {
        return Some(Mounted(dir));
    }
    crate::tools::not_permitted(&format!("no file system can be mounted here ({options})"));
    None
}

/// What a command that could not start said: exit 3, one sentence with a way out, no panic.
fn refused(home: &Home, args: &[&str]) -> String {
    let out = home.run(args);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{args:?}: {said}{}", text(&out.stdout));
    assert!(!said.contains("panicked") && said.matches("error:").count() == 1, "{args:?}: {said}");
    said
}

const GOOD: (&str, &str) = ("good", "steps: [ { id: a, shell: 'echo fine' } ]\n");

#[test]
fn files_that_cannot_be_read_are_named() {
    let home = Home::new(&[GOOD]);
    let says = |name: &str, what: &str| {
        for args in [&["run", "good"][..], &["check"], &["list"]] {
            let said = refused(&home, args);
            assert!(said.contains(name) && said.contains(what), "{args:?}: {said}");
        }
    };
    // A threshold that is not read would be a threshold that does not hold.
    fs::create_dir(home.path("thresholds.yaml")).unwrap();
    says("thresholds.yaml", "it is no file");
    fs::remove_dir(home.path("thresholds.yaml")).unwrap();
    // A runbook that is not read is a finding, and the others are checked and run.
    let other = home.path("runbooks/other.yaml");
    let found = |what: &str| {
        let said = text(&home.run(&["check"]).stdout);
        assert!(said.contains("SL0602") && said.contains("runbooks/other.yaml") && said.contains(what), "{said}");
        assert_eq!(home.run(&["run", "good"]).status.code(), Some(0), "{what}");
        assert!(refused(&home, &["run", "other"]).contains("does not pass its checks"));
    };
    fs::create_dir(&other).unwrap();
    found("it is no file");
    fs::remove_dir(&other).unwrap();
    std::os::unix::fs::symlink("gone.yaml", &other).unwrap();
    found("No such file");
    fs::remove_file(&other).unwrap();
    fs::write(&other, b"runbook: other\n# \xff\n").unwrap();
    found("runbooks/other.yaml:2:3");
    fs::write(&other, vec![b'#'; 2 << 20]).unwrap();
    found("too large");
    fs::remove_file(&other).unwrap();
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0));
}

#[test]
fn a_missing_book_and_wrong_inputs_are_a_sentence_each() {
    let home = Home::new(&[(
        "typed",
        "inputs:\n  n: { type: integer, min: 1, max: 9, default: 1 }\n  f: { type: number, default: 1.5 }\n  b: { type: boolean, default: true }\n  u: { type: url, default: \"http://localhost/\" }\n  c: { type: choice, options: [red, blue], default: red }\n  l: { type: list, default: [] }\n  d: { type: duration, default: 5s }\nsteps: [ { id: a, shell: 'true' } ]\n",
    )]);
    for (input, says) in [
        ("n=x", "whole number"),
        ("n=10", "9"),
        ("n=0", "1"),
        ("n=99999999999999999999", "whole number"),
        ("f=much", "number"),
        ("b=maybe", "neither true nor false"),
        ("u=nonsense", "url"),
        ("c=green", "red"),
        ("d=soon", "length of time"),
        ("m=1", "`m`"),
        ("n", "NAME=VALUE"),
    ] {
        let said = refused(&home, &["run", "typed", "--input", input]);
        assert!(said.to_lowercase().contains(&says.to_lowercase()), "{input}: {said}");
    }
    assert!(home.rows().is_empty(), "a run that could not start is none");
    let nowhere = tempfile::tempdir().unwrap();
    let dir = nowhere.path().to_str().unwrap();
    for args in
        [&["--book", dir, "run", "x"][..], &["--book", "/no/such", "list"], &["show", "zzzzzz"], &["retry", "last"]]
    {
        refused(&home, args);
    }
    fs::write(nowhere.path().join("stepladder.yaml"), "").unwrap();
    assert!(refused(&home, &["--book", dir, "run", "x"]).contains("has no runbook yet"));
}

/// Who leaves a step out whose output another reads hears of it before anything is done.
#[test]
fn a_selection_that_would_fail_in_the_middle_is_refused() {
    let home = Home::new(&[(
        "fed",
        "steps:\n  - { id: a, shell: 'echo > begun; echo 1' }\n  - { id: g, steps: [ { id: b, shell: 'echo {{ steps.a.output.stdout }}' } ] }\n  - { id: c, when: 'steps.a.ok && steps.a.output.exit_code == 0', shell: 'echo > c' }\n",
    )]);
    for (options, option) in
        [(&["--skip", "a"][..], "--skip"), (&["--only", "g"], "--only"), (&["--from", "g"], "--from")]
    {
        let said = refused(&home, &[&["run", "fed"], options].concat());
        let says = format!(
            "`g` needs the output of `a`, which `{option}` leaves out: let `a` run too, or leave `g` out as well"
        );
        assert!(said.contains(&says), "{options:?}: {said}");
    }
    assert!(!home.path("begun").exists() && home.rows().is_empty());
    for options in [&["--only", "a,g"][..], &["--only", "c"], &["--skip", "a,g"]] {
        let out = home.run(&[&["run", "fed"], options].concat());
        assert_eq!(out.status.code(), Some(0), "{options:?}: {}{}", text(&out.stdout), text(&out.stderr));
    }
}

#[test]
fn a_run_that_calls_what_does_not_pass_does_not_begin() {
    let home = Home::new(&[
        ("main", "steps:\n  - { id: a, shell: 'echo > begun' }\n  - { id: b, runbook: { run: middle } }\n"),
        ("middle", "steps: [ { id: a, runbook: { run: inner } } ]\n"),
        ("inner", "steps: [ { id: a, shel: 'true' } ]\n"),
    ]);
    let said = refused(&home, &["run", "main"]);
    assert!(said.contains("`inner`") && said.contains("runbooks/inner.yaml:2"), "{said}");
    assert!(!home.path("begun").exists() && home.rows().is_empty());
}

#[test]
fn a_data_directory_that_cannot_be_used_is_a_sentence() {
    let home = Home::new(&[GOOD]);
    fs::write(home.path(".stepladder"), "a file").unwrap();
    assert!(refused(&home, &["run", "good"]).contains("it is no directory"));
    fs::remove_file(home.path(".stepladder")).unwrap();
    fs::create_dir(home.path(".stepladder")).unwrap();
    fs::write(home.path(".stepladder/letters"), "mine").unwrap();
    assert!(refused(&home, &["run", "good"]).contains("it holds `letters`"));
    fs::remove_file(home.path(".stepladder/letters")).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(home.path(".stepladder"), Some(54_321), None).unwrap();
        assert!(refused(&home, &["run", "good"]).contains("belongs to user 54321 and this is user 0"));
        chown(home.path(".stepladder"), Some(0), None).unwrap();
    } else {
        crate::tools::not_permitted("only root can give a directory to another user");
    }
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0), "nothing of it was harmed");
}

#[test]
fn a_read_only_file_system_is_a_sentence_and_what_it_holds_stays() {
    let home = Home::new(&[GOOD]);
    let Some(there) = mounted(&home, ".stepladder", "size=32m,mode=0700") else { return };
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0));
    settled(&home);
    assert!(mount(&["-o", "remount,ro"], &there.0));
    assert!(refused(&home, &["run", "good"]).contains("mounted read-only"));
    assert!(mount(&["-o", "remount,rw"], &there.0));
    assert_eq!(home.run(&["run", "good"]).status.code(), Some(0));
    assert_eq!(home.rows().len(), 2);
}

/// Waits for the end of every keeper: one that has nothing to do goes by itself.
fn settled(home: &Home) {
    home.until("the keepers have gone", || {
        fs::read_dir(home.path(".stepladder/keeper")).map_or(true, |mut left| left.next().is_none())
    });
}

#[test]
fn no_space_and_no_inodes_are_a_sentence_each() {
    for options in ["size=16k,mode=0700", "size=32m,nr_inodes=4,mode=0700"] {
        let home = Home::new(&[GOOD]);
        fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 0B }\n").unwrap();
        let Some(_there) = mounted(&home, ".stepladder", options) else { return };
        let said = refused(&home, &["run", "good"]);
        assert!(said.contains("no space left"), "{options}: {said}");
    }
}

/// The disk fills up under a run: it is not lost and not half done, and goes on when there is room.
#[test]
fn a_run_outlives_a_disk_that_is_full_for_a_while() {
    let home = Home::new(&[(
        "work",
        // The records of the run end with a page: the next one needs another.
        "steps:\n  - id: a\n    shell: |\n      log=$(echo .stepladder/spool/*/attempts)\n      until grep -q '\"child\"' $log; do sleep 0.02; done\n      head -c $((4096 - $(stat -c %s $log) % 4096)) /dev/zero >> $log\n      echo a >> begun; while [ ! -e go ]; do sleep 0.02; done; echo a >> done\n  - { id: b, shell: 'echo b >> done' }\n  - { id: c, shell: 'echo c >> done' }\n",
    )]);
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\nkeep: { min_free: 0B }\n").unwrap();
    let Some(there) = mounted(&home, ".stepladder", "size=64m,mode=0700") else { return };
    let child = home.start(&["run", "work"]);
    home.until("the first step has begun", || home.path("begun").exists());
    // Every byte of the file system, down to the last page.
    let filler = there.0.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    drop(file);
    fs::write(home.path("go"), "").unwrap();
    home.until("the first step is done", || home.path("done").exists());
    // The end of a step is told once it is recorded, and there is no room for the record.
    let row = home.rows().pop().unwrap();
    assert_eq!((row["state"].as_str(), row["outcome"].as_str()), (Some("running"), None), "{row}");
    fs::remove_file(&filler).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    assert_eq!((home.lines("begun"), home.lines("done")), (1, 3), "each step was done once");
}
