//! Secret inputs: kept sealed, given on sealed, found nowhere else; a lost key is a sentence.

use crate::owner::{Home, text, walk};
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

/// Two lines, with what every notation has to escape.
const SECRET: &str = "tok3n-&'\"/+ canary\nsec0nd line of it";

/// Prints the secret in every form that comes to mind, fails at the end until `ready` is there.
const LOUD: &str = r#"inputs: { token: { type: secret, prompt: Token } }
steps:
  - id: loud
    artifacts: [kept]
    env: { T: "{{ inputs.token }}" }
    script:
      run: [python3]
      body: |
        import base64, json, os, shlex, sys, urllib.parse
        t = os.environ['T']
        b = t.encode()
        print(t, json.dumps(t), shlex.quote(t), urllib.parse.quote(t, safe=''), urllib.parse.quote_plus(t))
        print(b.hex(), b.hex().upper(), b.hex(':'))
        for pad in (b'', b'x', b'xy'):
            print(base64.b64encode(pad + b).decode(), base64.urlsafe_b64encode(pad + b).decode())
        for line in t.splitlines():
            print('line', line, json.dumps(line), urllib.parse.quote(line, safe=''), file=sys.stderr)
            print(line.encode().hex(), base64.b64encode(line.encode()).decode())
        open('kept', 'w').write(t)
  - { id: file, shell: cat kept }
  - { id: down, http: { post: "http://127.0.0.1:1/", headers: { X-Token: "{{ inputs.token }}" } }, allow_failure: true }
  - { id: child, runbook: { run: inner, inputs: { key: "{{ inputs.token }}" } } }
  - { id: last, env: { T: "{{ inputs.token }}" }, shell: 'echo "last $T" >> lasts; test -e ready' }
"#;

const INNER: &str = "inputs: { key: secret }\nsteps:\n  - { id: a, env: { K: '{{ inputs.key }}' }, shell: 'echo \"inner $K\"; printf %s \"$K\" > inner' }\n";

fn home() -> Home {
    Home::new(&[("loud", LOUD), ("inner", INNER)])
}

fn given(home: &Home, args: &[&str], secret: &str) -> Output {
    let mut child = home.command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(out: &Output) -> String {
    format!("{}{}", text(&out.stdout), text(&out.stderr))
}

/// What must be found nowhere: each line of the secret, in every form.
fn needles() -> Vec<String> {
    let mut needles = vec![SECRET.to_owned()];
    for line in SECRET.lines() {
        needles.push(line.to_owned());
        needles.push(line.bytes().map(|byte| format!("{byte:02x}")).collect());
        needles.push(line.bytes().map(|byte| format!("{byte:02X}")).collect());
        needles.push(line.bytes().map(|byte| format!("{byte:02x}:")).collect::<String>().trim_end_matches(':').into());
    }
    // Pieces that stand in every notation of a whole line: URL, JSON, shell.
    needles.extend(["tok3n-", "canary", "sec0nd", "%20canary", "+canary"].map(str::to_owned));
    // base64 of the first line in its three alignments, without the letters that neighbours change.
    needles.extend(
        ["dG9rM24tJiciLysgY2FuYXJ5", "Rva zNuLSYnIi8rIGNhbmFye".replace(' ', "").as_str(), "0b2szbi0mJyIvKyBjYW5hcn"]
            .map(str::to_owned),
    );
    needles
}

#[test]
fn a_secret_input_leaves_no_trace() {
    let home = home();
    let first = given(&home, &["run", "loud", "--input", "token=-", "--json"], SECRET);
    assert_eq!(first.status.code(), Some(2), "`last` fails: {}", said(&first));
    assert_eq!(fs::read_to_string(home.path("kept")).unwrap(), SECRET, "the step itself had it");
    assert_eq!(fs::read_to_string(home.path("inner")).unwrap(), SECRET, "so had the called runbook");

    let logs = text(&home.run(&["logs", "loud"]).stdout);
    assert!(logs.contains("line "), "the output itself is there: {logs}");

    let mut looked = 0;
    let mut found = Vec::new();
    let needles = needles();
    let mut look = |name: &str, bytes: &[u8]| {
        looked += 1;
        for needle in &needles {
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(format!("`{needle}` in {name}"));
            }
        }
    };
    look("stdout", &first.stdout);
    look("stderr", &first.stderr);
    look("its logs", logs.as_bytes());
    fs::write(home.path("ready"), "").unwrap();
    let again = home.run(&["retry", "last"]);
    assert_eq!(again.status.code(), Some(1), "a retry opens it again: {}", said(&again));
    let lasts = fs::read_to_string(home.path("lasts")).unwrap();
    assert_eq!(lasts, format!("last {SECRET}\n").repeat(2));
    look("the retry", said(&again).as_bytes());
    let shown = home.run(&["show", "last", "--json"]);
    assert!(said(&shown).contains("inputs.token"), "what is shown names it");
    look("show", &shown.stdout);
    for run in ["loud", "inner", "last"] {
        look("logs", &home.run(&["logs", run]).stdout);
        look("plain show", &home.run(&["show", run]).stdout);
    }
    let artifacts = fs::read_dir(home.path(".stepladder/artifacts")).unwrap().count();
    assert_eq!(artifacts, 1, "the file it is in was kept, and is looked at below");
    let planned = given(&home, &["plan", "loud", "--input", "token=-"], SECRET);
    look("plan", said(&planned).as_bytes());
    walk(&home.path(".stepladder"), &mut |path, bytes| look(&path.display().to_string(), bytes));
    assert!(found.is_empty(), "{found:#?}");
    assert!(looked > 16, "only {looked} places were looked at");
}

/// A copy of a data directory takes its key along; without it, or with another, a sentence says so and what
/// does not need the secret still runs.
#[test]
fn a_lost_key_is_a_sentence() {
    let home = Home::new(&[(
        "sealed",
        "inputs: { token: secret }\nsteps:\n  - { id: a, env: { T: '{{ inputs.token }}' }, shell: 'test -e ready; echo $T > had' }\nfinally:\n  - { id: tidy, shell: echo tidy >> tidied }\n",
    )]);
    assert_eq!(given(&home, &["run", "sealed", "--input", "token=-"], "first-secret\n").status.code(), Some(2));
    fs::write(home.path("ready"), "").unwrap();
    fs::rename(home.path(".stepladder/seal.key"), home.path("seal.key")).unwrap();
    let lost = said(&home.run(&["retry", "last"]));
    assert!(lost.contains("the secret input `token` can't be read: it is sealed under the key "), "{lost}");
    assert!(lost.contains("seal.key` is not there: put the key file"), "{lost}");
    assert_eq!(fs::read_to_string(home.path("tidied")).unwrap().lines().count(), 2, "what does not need it runs");

    let anew = given(&home, &["run", "sealed", "--input", "token=-"], "second-secret\n");
    assert_eq!(anew.status.code(), Some(0), "a new key is made: {}", said(&anew));
    let runs = text(&home.run(&["runs", "--json"]).stdout);
    let old = runs.lines().last().unwrap();
    let old = serde_json::from_str::<serde_json::Value>(old).unwrap()["run"].as_str().unwrap().to_owned();
    let wrong = said(&home.run(&["retry", &old]));
    assert!(wrong.contains("seal.key` holds the key "), "{wrong}");

    fs::rename(home.path("seal.key"), home.path(".stepladder/seal.key")).unwrap();
    fs::rename(home.path(".stepladder"), home.path("moved")).unwrap();
    fs::write(home.path("stepladder.yaml"), "timezone: UTC\ndata: moved\nkeep: { min_free: 1MiB }\n").unwrap();
    let moved = home.run(&["retry", &old]);
    assert_eq!(moved.status.code(), Some(0), "a directory that moves takes its key along: {}", said(&moved));
    assert_eq!(fs::read_to_string(home.path("had")).unwrap(), "first-secret\n");
}

#[test]
fn a_secret_that_is_typed_is_warned_of_and_too_much_is_refused() {
    let home = Home::new(&[(
        "sealed",
        "inputs: { token: secret }\nsteps:\n  - { id: a, env: { T: '{{ inputs.token }}' }, shell: 'echo $T > had' }\n",
    )]);
    let typed = home.run(&["run", "sealed", "--input", "token=typed-secret"]);
    assert_eq!(typed.status.code(), Some(0), "{}", said(&typed));
    assert!(text(&typed.stderr).contains("warning: `token` is a secret, and what is typed can be seen"));
    assert!(!said(&typed).contains("typed-secret"));
    fs::write(home.path("file"), "from-a-file\r\n").unwrap();
    let file = home.run(&["run", "sealed", "--input", "token=@file"]);
    assert_eq!((file.status.code(), text(&file.stderr)), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(home.path("had")).unwrap(), "from-a-file\n");
    fs::write(home.path("file"), "x".repeat(16 * 1024 + 1)).unwrap();
    for (input, says) in [
        ("token=@file", "input `token` has 16385 bytes, at most 16384 are taken"),
        ("token=@lost", "cannot read `lost`: no such file or directory"),
        ("token=-", "input `token` is empty"),
    ] {
        let refused = home.run(&["run", "sealed", "--input", input]);
        assert_eq!(refused.status.code(), Some(3), "{input}");
        assert!(said(&refused).contains(says), "{input}: {}", said(&refused));
    }
}

/// Mints a token, has a server's eyes look at it, and gives it to a child.
const MINTED: &str = r#"secrets: [LK_SECRET]
steps:
  - id: mint
    livekit: { api_key: devkey, api_secret: "{{ secrets.LK_SECRET }}", mint: { identity: probe, room: lobby, grants: { room_join: true } } }
  - id: look
    livekit: { api_key: devkey, api_secret: "{{ secrets.LK_SECRET }}", verify: "{{ steps.mint.output.token }}", expect: { seconds_left: 60 } }
  - { id: used, env: { T: "{{ steps.mint.output.token }}" }, shell: 'printf %s "$T" > used; echo "token $T"' }
  - { id: told, needs: [look], log: "{{ steps.look.output.identity }} of {{ steps.mint.output.claims.video.room }}" }
"#;

/// A token that a step made is kept sealed: the steps that name it have it, and nobody else ever sees it.
#[test]
fn a_minted_token_leaves_no_trace() {
    let home = Home::new(&[("minted", MINTED)]);
    let out = home.command(&["run", "minted"]).env("LK_SECRET", "a secret of this test").output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("probe of lobby"), "{}", said(&out));
    let token = fs::read_to_string(home.path("used")).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "the child had a token: {token}");

    let mut places = vec![("the run".to_owned(), said(&out).into_bytes())];
    for args in [&["show", "last", "--json"][..], &["show", "last"], &["logs", "last"]] {
        places.push((args.join(" "), said(&home.run(args)).into_bytes()));
    }
    let shown = String::from_utf8_lossy(&places[1].1).into_owned();
    assert!(shown.contains("steps.mint.output.token"), "what is shown names it: {shown}");
    assert!(String::from_utf8_lossy(&places[3].1).contains("token ***"), "it is masked");
    walk(&home.path(".stepladder"), &mut |path, bytes| places.push((path.display().to_string(), bytes.to_vec())));
    for (name, bytes) in &places {
        for needle in [parts[2], "a secret of this test"] {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "`{needle}` is in {name}");
        }
    }
}

/// A secret that only a step under `allow_failure` names is missed by that step; any other is missed before anything is done.
#[test]
fn a_run_begins_without_a_secret_that_it_can_do_without() {
    let spared = "secrets: [ABSENT]\nsteps:\n  - { id: a, env: { T: '{{ secrets.ABSENT }}' }, shell: 'true', allow_failure: true }\n  - { id: b, shell: echo went on }\n";
    let needed = spared.replace("allow_failure: true", "timeout: 1m");
    let home = Home::new(&[("spared", spared), ("needed", &needed)]);
    let out = home.run(&["run", "spared"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("secret `ABSENT` was not found"), "{}", said(&out));
    let out = home.run(&["run", "needed"]);
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(
        said(&out).contains("secret `ABSENT` was not found: not in the environment; nothing was started"),
        "{}",
        said(&out)
    );
}
