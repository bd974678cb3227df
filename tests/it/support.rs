//! What goes to somebody who helps: everything they need, and no secret.

use crate::owner::{Home, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const CANARY: &str = "hunter2-canary-value";
const WRITTEN: &str = "written-by-mistake-77";

#[test]
fn a_bundle_has_what_helps_and_no_secret() {
    let home = Home::new(&[(
        "leaky",
        "secrets: [KEY]\nsteps:\n  - { id: a, shell: 'echo \"$KEY\"; exit 3', env: { KEY: '{{ secrets.KEY }}' } }\n",
    )]);
    let settings = format!(
        "timezone: UTC\nkeep: {{ min_free: 1MiB }}\nsecrets: [ {{ file: secrets.yaml }} ]\nchannels:\n  email: {{ smtp: \"smtp.company.com:587\", username: bot, password: {WRITTEN}, from: \"Bot <bot@company.com>\" }}\n"
    );
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    fs::write(home.path("secrets.yaml"), format!("KEY: {CANARY}\n")).unwrap();
    fs::set_permissions(home.path("secrets.yaml"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.run(&["run", "leaky"]).status.code(), Some(2));
    let out = home.run(&["support-bundle", "bundle.tar.gz"]);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    let file = home.path("bundle.tar.gz");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = Command::new("tar").args(["xzOf"]).arg(&file).output().unwrap();
    let whole = text(&whole.stdout);
    for there in [
        "\"key\": \"channels.email.username\"",
        "runbook: leaky",
        "\"outcome\": \"failed\"",
        "smtp.company.com",
        "\"symptoms\": []",
        "stepladder ",
    ] {
        assert!(whole.contains(there), "`{there}` is not in it");
    }
    for secret in [CANARY, WRITTEN] {
        assert!(!whole.contains(secret), "`{secret}` is in it");
    }
    assert!(whole.contains("password: \"***\"") && whole.contains("{{ secrets.KEY }}"), "a name is no secret");
    // What is there is never written over.
    let again = home.run(&["support-bundle", "bundle.tar.gz"]);
    assert_eq!(again.status.code(), Some(3), "{}", text(&again.stderr));
}

#[test]
fn a_bundle_is_made_although_nothing_works() {
    let home = Home::new(&[("good", "steps: [ { id: a, shell: 'true' } ]\n")]);
    fs::write(home.path("runbooks/broken.yaml"), "runbook: broken\nstpes: []\n").unwrap();
    fs::write(home.path(".stepladder"), "no directory").unwrap();
    let out = home.run(&["support-bundle", "bundle.tar.gz"]);
    assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(text(&out.stderr).contains("not in it: the data directory"), "{}", text(&out.stderr));
    let whole = Command::new("tar").args(["xzOf"]).arg(home.path("bundle.tar.gz")).output().unwrap();
    assert!(text(&whole.stdout).contains("SL0002"), "{}", text(&whole.stdout));
}
