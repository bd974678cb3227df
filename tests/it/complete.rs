//! Completion, asked by a real bash as a real line is typed.

use crate::owner::{Home, text};
use std::fs;
use std::path::Path;

const DEPLOY: &str = "title: Deploy the app\ninputs: { target: { options: [staging, production] }, tries: integer }\nsteps:\n  - { id: build, shell: make }\n  - { id: ship, shell: make ship }\n";

/// What bash offers for a line whose words are these, the last one being typed; `None` where there is no bash.
fn offered(home: &Home, words: &[&str]) -> Option<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_stepladder")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let script = r#"source <(stepladder completions bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_stepladder stepladder "${COMP_WORDS[COMP_CWORD]}" "" 2>errors
echo "${COMPREPLY[*]}""#;
    let mut command = std::process::Command::new("bash");
    command.current_dir(home.path("")).args(["-c", script, "bash"]).args(words).env("PATH", path);
    let out = match command.output() {
        Ok(out) => out,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            crate::tools::missing("bash");
            return None;
        }
        Err(error) => panic!("bash: {error}"),
    };
    // `compopt` says that no completion goes on; nothing of ours says anything.
    let errors = fs::read_to_string(home.path("errors")).unwrap();
    assert!(errors.lines().all(|line| line.contains("compopt")), "{words:?}: {errors}");
    // Flags may always come next; they are clap's.
    let words = text(&out.stdout);
    Some(words.split_whitespace().filter(|word| !word.starts_with("--")).collect::<Vec<_>>().join(" "))
}

#[test]
fn bash_completes_what_the_book_and_its_runs_have() {
    let home = Home::new(&[("deploy", DEPLOY), ("daily-check", "steps: [ { id: a, shell: 'true' } ]\n")]);
    fs::write(home.path("thresholds.yaml"), "disk:\n  unit: '%'\n  labels: [mount, host]\nqueue: {}\n").unwrap();
    assert_eq!(home.run(&["run", "daily-check"]).status.code(), Some(0));
    let row = text(&home.run(&["runs", "--json"]).stdout);
    let run = serde_json::from_str::<serde_json::Value>(&row).unwrap()["run"].as_str().unwrap().to_owned();
    for (words, want) in [
        (&["ru"][..], "run runs"),
        (&["run", "d"], "daily-check deploy"),
        (&["graph", "dep"], "deploy"),
        (&["run", "deploy", "--from", ""], "build ship"),
        (&["plan", "deploy", "--only", "build,s"], "build,ship"),
        (&["run", "--skip", "build", "deploy", "--input", "t"], "target= tries="),
        // Bash takes the word apart at `=`.
        (&["run", "deploy", "-i", "target", "="], "staging production"),
        (&["run", "deploy", "-i", "target", "=", "pr"], "production"),
        (&["measures", ""], "disk queue"),
        (&["measures", "disk", "m"], "mount="),
        (&["show", "la"], "last"),
        (&["show", &run[20..23]], &run[20..]),
        (&["logs", &run[..8]], &run),
        (&["logs", "last", ""], "a"),
        (&["logs", &run[20..], ""], "a"),
        (&["explain", "SL010"], "SL0101 SL0102 SL0103 SL0104 SL0105 SL0106 SL0107 SL0108 SL0109"),
        (&["explain", "http"], "http"),
        (&["explain", "retr"], "retry"),
        (&["schema", "thr"], "thresholds"),
        (&["run", "--color", "a"], "auto always"),
    ] {
        let words: Vec<&str> = ["stepladder"].iter().chain(words).copied().collect();
        // A machine under load may open the data directory too late: it is asked again, as a person would.
        let mut got = offered(&home, &words);
        for _ in 0..30 {
            if got.as_deref() == Some(want) {
                break;
            }
            got = offered(&home, &words);
        }
        match got {
            Some(got) => assert_eq!(got, want, "{words:?}"),
            None => return println!("completion is not tried: there is no bash"),
        }
    }
}

#[test]
fn a_broken_book_completes_what_can_be_read_and_says_nothing() {
    let home = Home::new(&[("deploy", DEPLOY), ("broken", "steps:\n  - { id: fine, shell: x }\n  - { id: [\n")]);
    fs::write(home.path("stepladder.yaml"), "data: [\n").unwrap();
    for (words, want) in [
        (&["stepladder", "run", ""][..], "broken deploy"),
        (&["stepladder", "run", "deploy", "--from", ""], "build ship"),
        (&["stepladder", "run", "broken", "--from", "f"], "fine"),
        (&["stepladder", "run", "lost", "--from", "f"], ""),
        (&["stepladder", "run", "../x", "--from", "f"], ""),
        (&["stepladder", "show", "l"], "last"),
    ] {
        let Some(got) = offered(&home, words) else { return };
        assert_eq!(got, want, "{words:?}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = home.command(&["--", "stepladder", "run", ""]);
    command.current_dir(elsewhere.path()).env("STEPLADDER_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2");
    let out = command.output().unwrap();
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()), "no book is no trouble");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&home.run(&["completions", shell]).stdout);
        assert!(script.contains("STEPLADDER_COMPLETE"), "{shell}: {script}");
    }
}
