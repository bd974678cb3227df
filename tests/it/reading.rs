//! What a person or a program reads: the same run piped, on a narrow terminal, read aloud, without UTF-8, cut off by `head`.

use crate::owner::{Home, text};
use std::process::Command;

const SHOW: (&str, &str) = (
    "show",
    "title: Everything a person sees\nsteps:\n  - { id: a, title: \"Длинный заголовок шага, который не помещается в сорок колонок\", shell: 'printf \"one\\033[31m\\n\"' }\n  - { id: b, shell: 'exit 3', allow_failure: true }\n  - { id: c, shell: 'kill -9 $$', allow_failure: true }\n  - { id: d, when: \"1 > 2\", shell: 'true' }\n  - { id: e, shell: 'sleep 0.3' }\n",
);

/// What a command writes on a terminal of 40 columns.
fn on_terminal(home: &Home, args: &str) -> String {
    let line = format!("stty cols 40 rows 24; exec {} {args}", env!("CARGO_BIN_EXE_stepladder"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(home.dir.path());
    command.env("LANG", "C.UTF-8").env("TERM", "xterm").env_remove("NO_COLOR").env_remove("COLUMNS");
    text(&command.output().unwrap().stdout)
}

fn piped(home: &Home, lang: &str, args: &[&str]) -> String {
    let out = home.command(args).env("LANG", lang).env_remove("NO_COLOR").env_remove("LC_ALL").output().unwrap();
    text(&out.stdout)
}

fn columns(line: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(line)
}

#[test]
fn a_run_reads_well_wherever_it_is_read() {
    let home = Home::new(&[SHOW]);
    let lines = piped(&home, "C.UTF-8", &["run", "show"]);
    assert!(!lines.contains('\x1b') && lines.contains("ended by signal 9 (KILL)"), "{lines}");
    let live = on_terminal(&home, "run show");
    assert!(
        live.contains("\x1b[?25l") && live.contains("\x1b[?25h"),
        "a terminal is drawn over, and its cursor comes back"
    );
    let page = on_terminal(&home, "--no-color show last");
    let wide: Vec<&str> = page.lines().filter(|line| columns(line.trim_end()) > 40).collect();
    assert!(page.contains("Длинный") && wide.is_empty(), "{wide:?}");
    let ascii = |text: &str| {
        text.chars().filter(|c| !c.is_ascii() && !('а'..='я').contains(c) && *c != 'Д').collect::<String>()
    };
    for args in [&["show", "last"][..], &["runs"], &["list"], &["graph", "show"], &["run", "show"], &["check"]] {
        assert_eq!(ascii(&piped(&home, "C", args)), "", "LANG=C {args:?}");
        let plain: Vec<&str> = ["--plain"].iter().chain(args).copied().collect();
        assert_eq!(ascii(&piped(&home, "C.UTF-8", &plain)), "", "{plain:?}");
    }
}

/// Read aloud: no colour, no symbol, nothing drawn over, on a terminal too.
#[test]
fn plain_is_plain_on_a_terminal() {
    let home = Home::new(&[SHOW]);
    for args in ["--plain run show", "--plain show last", "run --plain show"] {
        let said = on_terminal(&home, args);
        let odd: String = said.chars().filter(|c| "\x1b✖✔▲–…↓│".contains(*c)).collect();
        assert!(odd.is_empty() && said.contains("the shell line exited with 3"), "{args}: {said:?}");
    }
}

/// Output that steers a terminal is data for a pipe and harmless on a terminal.
#[test]
fn what_a_step_prints_does_not_steer_the_terminal() {
    let home = Home::new(&[SHOW]);
    piped(&home, "C.UTF-8", &["run", "show"]);
    let said = on_terminal(&home, "--no-color logs last a");
    assert!(said.contains("one") && !said.contains("\x1b[31m"), "{said:?}");
    assert!(piped(&home, "C.UTF-8", &["logs", "last", "a"]).contains("one\x1b[31m"));
}

/// Whoever is cut off ends quietly, with what a shell shows for SIGPIPE; a run goes on to its own end.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new(&[SHOW]);
    piped(&home, "C.UTF-8", &["run", "show"]);
    let cut = |args: &str| {
        // A pipe whose reader has gone before the first byte is written.
        let line = format!(
            "{{ sleep 0.2; {} {args}; echo $? >code; }} 2>err | true; cat code err",
            env!("CARGO_BIN_EXE_stepladder")
        );
        text(&Command::new("sh").args(["-c", &line]).current_dir(home.dir.path()).output().unwrap().stdout)
    };
    for args in ["schema runbook", "runs", "runs --json", "show last", "logs last", "list", "explain", "graph show"] {
        assert_eq!(cut(args), "141\n", "{args}");
    }
    for args in ["run show", "run show --json"] {
        assert_eq!(cut(args), "1\n", "the exit of a run is that of the run: {args}");
    }
}
