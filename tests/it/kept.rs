//! Output, artifacts, blobs and keys that are damaged or gone: `doctor` names them, `logs` prints no part in silence.

use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

const LOUD: &str = "steps:
  - id: speak
    artifacts: [$RUN_DIR/said]
    shell: 'echo kept > \"$RUN_DIR/said\"; i=0; while [ $i -lt 400 ]; do echo \"$i a line of output\"; i=$((i+1)); done'
";

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

fn below(folder: &Path, ends: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(below(&path, ends));
        } else if path.to_string_lossy().ends_with(ends) {
            found.push(path);
        }
    }
    found
}

fn only(folder: &Path, ends: &str) -> PathBuf {
    let found = below(folder, ends);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn doctor(home: &Home, code: i32, says: &str) {
    let out = home.run(&["doctor"]);
    assert_eq!(out.status.code(), Some(code), "{says}: {}", said(&out));
    assert!(said(&out).contains(says), "{says}: {}", said(&out));
}

#[test]
fn output_that_is_not_what_was_kept_is_named() {
    let home = Home::new(&[("loud", LOUD)]);
    assert_eq!(home.run(&["run", "loud"]).status.code(), Some(0));
    doctor(&home, 0, "all is well");
    let file = only(&home.path(".stepladder/spool"), ".stdout");
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    let longer = [&whole[..], b"more"].concat();
    let short = format!("is not whole: 100 of {} bytes that were kept are there", whole.len());
    for (bytes, says) in [
        (Some(&flipped[..]), "is not what was kept: its checksum is another"),
        (Some(&longer), "is not what was kept"),
        (Some(&whole[..100]), &short),
        (Some(b""), "is not whole: 0 of"),
        (None, "is gone: "),
    ] {
        match bytes {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        doctor(&home, 2, &format!("damage: stdout of attempt 1 of `speak` of run `{}` {says}", id(&home)));
        let logs = home.run(&["logs", "last"]);
        assert_eq!(logs.status.code(), Some(1), "{}", said(&logs));
        assert!(text(&logs.stderr).contains(&format!("damaged: stdout of `speak` {says}")), "{}", said(&logs));
        let shown = home.run(&["show", "last"]);
        let by_length = !says.ends_with("checksum is another");
        assert_eq!(text(&shown.stderr).contains(&format!("damaged: stdout of attempt 1 of `speak` {says}")), by_length);
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(home.run(&["logs", "last"]).status.code(), Some(0));
    let log = only(&home.path(".stepladder/spool"), "/attempts");
    let record = fs::read(&log).unwrap();
    let at = String::from_utf8_lossy(&record).find("\"code\":0").unwrap();
    let mut bent = record.clone();
    bent[at + 7] = b'1';
    fs::remove_file(&log).unwrap();
    fs::write(&log, bent).unwrap();
    doctor(&home, 2, "the log of the attempts of run");
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    doctor(&home, 2, "the record of attempt 1 of `speak`");
    let logs = home.run(&["logs", "last"]);
    assert!(text(&logs.stderr).contains("what `speak` printed is not here"), "{}", said(&logs));
}

fn id(home: &Home) -> String {
    home.rows()[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn artifacts_that_are_not_what_was_kept_are_named() {
    let home = Home::new(&[("loud", LOUD)]);
    assert_eq!(home.run(&["run", "loud"]).status.code(), Some(0));
    let file = only(&home.path(".stepladder/artifacts"), "said");
    fs::write(&file, "ke").unwrap();
    doctor(&home, 2, "of attempt 1 of `speak` of run");
    doctor(&home, 2, "has 2 bytes of 5");
    fs::remove_dir_all(home.path(".stepladder/artifacts")).unwrap();
    doctor(&home, 2, "can't be read");
}

#[test]
fn blobs_that_are_gone_are_named_and_those_nobody_needs_counted() {
    let home = Home::new(&[("loud", LOUD)]);
    let daemon = Daemon::start(&home);
    drop(daemon.end(Signal::TERM));
    doctor(&home, 0, "all is well");
    let blob = only(&home.path(".stepladder/blobs"), "");
    let bytes = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    doctor(&home, 2, "named by `book/files`, is not there");
    fs::write(&blob, bytes).unwrap();
    let name = stepladder::base::digest::Digest::of(b"nobody").to_string();
    let folder = home.path(&format!(".stepladder/blobs/{}", &name[..2]));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&name), "nobody").unwrap();
    doctor(&home, 0, "2 blobs (1 of them no event names): all is well");
}

#[test]
fn a_key_that_is_gone_is_missed_before_it_is_needed() {
    let home = Home::new(&[(
        "keyed",
        "inputs: { token: { type: secret, prompt: Token } }\nsteps: [ { id: a, env: { T: '{{ inputs.token }}' }, shell: 'true' } ]\n",
    )]);
    let mut run = home.command(&["run", "keyed", "--input", "token=-"]).stdin(Stdio::piped()).spawn().unwrap();
    run.stdin.take().unwrap().write_all(b"hunter2-hunter2").unwrap();
    assert!(run.wait_with_output().unwrap().status.success());
    doctor(&home, 0, "all is well");
    let key = home.path(".stepladder/seal.key");
    fs::rename(&key, home.path("elsewhere")).unwrap();
    doctor(&home, 1, "notice: the secret inputs of 1 runs can't be opened");
    fs::copy(home.path("elsewhere"), &key).unwrap();
    let text = fs::read_to_string(&key).unwrap();
    fs::write(&key, &text[..10]).unwrap();
    doctor(&home, 1, "is damaged: it holds no key");
}

/// The record of an attempt is taken away under a dead owner and a dead keeper: nobody can say that it never began.
#[test]
fn an_attempt_whose_record_is_lost_does_not_begin_again() {
    for how in ["removed", "zeroed", "bent"] {
        let home = Home::new(&[
            (
                "slow",
                "steps: [ { id: one, on_interrupt: ask, shell: 'echo x >> begun; while [ ! -e go ]; do sleep 0.02; done' } ]\n",
            ),
            ("quick", "steps: [ { id: a, shell: 'true' } ]\n"),
        ]);
        let owner = home.start(&["run", "slow"]);
        home.until("the child is at work", || home.lines("begun") == 1);
        kill(owner.id(), Signal::KILL);
        drop(owner.wait_with_output());
        for (_, identity) in stepladder::keeper::keepers(&home.path(".stepladder")) {
            kill(u32::try_from(identity.keeper.pid).unwrap(), Signal::KILL);
        }
        let run = id(&home);
        lose(&home.path(&format!(".stepladder/spool/{run}/attempts")), how);
        assert_eq!(home.run(&["run", "quick"]).status.code(), Some(0));
        let row = home.rows().into_iter().find(|row| row["run"] == run.as_str()).unwrap();
        assert_eq!((row["state"].as_str(), home.lines("begun")), (Some("waiting"), 1), "{how}");
        fs::write(home.path("go"), "").unwrap();
        // Whoever drives it on ends with it.
        home.run(&["cancel", &run]);
    }
}

fn lose(log: &Path, how: &str) {
    let mut bytes = fs::read(log).unwrap();
    fs::remove_file(log).unwrap();
    match how {
        "zeroed" => fs::write(log, vec![0; bytes.len()]).unwrap(),
        "bent" => {
            let at = String::from_utf8_lossy(&bytes).find("\"seen\"").unwrap();
            // There is one line, and it does not say any more that the attempt was seen.
            bytes.truncate(bytes.iter().skip(at).position(|byte| *byte == b'\n').unwrap() + at + 1);
            bytes[at + 20] ^= 1;
            fs::write(log, bytes).unwrap();
        }
        _ => {}
    }
}
