//! `shell`, `exec`, `script`: a request into a command, and the end of a child into a reply.
//!
//! Pure: the keeper starts, minds and stops the child in between.

use crate::act::args::Args;
use crate::act::secret::Filled;
use crate::act::verdict::beginning;
use crate::act::world::World;
use crate::base::digest::Digest;
use crate::base::limits::{MAX_OUTPUT_VALUE, MAX_PARSED, MAX_SCRIPT};
use crate::base::span::Span;
use crate::base::value::{Map, Value, json};
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request, Unkept};
use crate::model::policy::{FailureKind, OutputForm};
use std::path::PathBuf;

/// A child process, exactly.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment, sorted by name.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// What it reads; nothing where there is none.
    pub stdin: Option<Vec<u8>>,
    /// Texts that must be masked in everything it prints.
    pub masks: Vec<String>,
}

impl std::fmt::Debug for Command {
    /// Without the environment and the masks, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("argv", &self.argv).field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessExit {
    /// Its exit status, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether its time was up.
    pub timed_out: bool,
    /// Whether it was stopped because the engine asked.
    pub stopped: bool,
    /// Why it could not be started.
    pub start_error: Option<String>,
    /// Whether that may pass: the machine had no memory or no process number to spare.
    pub retriable: bool,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// The `PATH` it had.
    pub path: Option<String>,
}

/// What a child printed on one stream: the last bytes, and how many there were. Already masked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The last bytes; of output that is read as a value all of them, where they are no more than [`MAX_PARSED`].
    pub tail: Vec<u8>,
    /// How many bytes there were in all.
    pub total: u64,
    /// What is not kept of them.
    pub unkept: Option<Unkept>,
}

/// The command that a `shell`, `exec` or `script` request asks for.
///
/// # Errors
/// The [`Failure`] of an attempt that can't be started.
pub fn command(request: &Request, world: &World, filled: &Filled) -> Result<Command, Failure> {
    let cannot = |why: String| Failure::lasting(FailureKind::Start, why);
    let kind = Kind::parse(&request.kind).ok_or_else(|| cannot(format!("there is no kind `{}`", request.kind)))?;
    let args = Args::of(kind, request, filled)?;
    let mut env = environment(request, world, filled)?;
    let argv = match request.kind.as_str() {
        "shell" => shell(&args)?,
        "exec" => args.texts("argv"),
        "script" => {
            let params = Value::Object(args.map("params")).to_string();
            env.retain(|(name, _)| name != "PARAMS");
            env.push(("PARAMS".into(), params));
            script(&args)?
        }
        other => return Err(cannot(format!("`{other}` is no child process"))),
    };
    if argv.first().is_none_or(String::is_empty) {
        return Err(cannot("no command: the first word is empty".into()));
    }
    if let Some(text) =
        argv.iter().chain(env.iter().flat_map(|(name, value)| [name, value])).find(|text| text.contains('\0'))
    {
        return Err(cannot(format!(
            "a NUL byte can't be passed to a command (in `{}`)",
            beginning(&text.replace('\0', "␀"))
        )));
    }
    env.sort();
    let workdir = request.workdir.as_ref().map(|text| text.fill(&mut |secret| filled.value(secret))).transpose()?;
    let cwd = workdir.map_or_else(|| world.book_dir.clone(), |workdir| world.path(&workdir));
    let stdin = args.text("stdin").map(String::into_bytes);
    Ok(Command { argv, env, cwd, stdin, masks: filled.masks() })
}

fn shell(args: &Args) -> Result<Vec<String>, Failure> {
    let argv = |words: &[&str], line: String| words.iter().map(|word| (*word).to_owned()).chain([line]).collect();
    match args.text("bash") {
        Some(line) => Ok(argv(&["bash", "-euo", "pipefail", "-c"], line)),
        None => Ok(argv(&["sh", "-eu", "-c"], args.need("sh")?)),
    }
}

/// Interpreters take a script as an argument, so that what it starts can't read the rest of it.
fn script(args: &Args) -> Result<Vec<String>, Failure> {
    let (mut argv, body) = (args.texts("run"), args.need("body")?);
    let program = argv.first().cloned().unwrap_or_default();
    let name =
        program.rsplit('/').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let flag = match name {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "python" | "fish" => "-c",
        "perl" | "ruby" | "node" | "lua" | "Rscript" | "elixir" => "-e",
        "php" => "-r",
        "awk" | "gawk" | "mawk" | "sed" | "jq" => "--",
        _ => {
            let why = format!("`{program}` is no interpreter known here: write the script to a file and use `exec`");
            return Err(Failure::lasting(FailureKind::Start, why));
        }
    };
    if body.len() > MAX_SCRIPT {
        let why = format!("the script has {} bytes, more than the {MAX_SCRIPT} that fit: put it in a file", body.len());
        return Err(Failure::lasting(FailureKind::Start, why));
    }
    argv.extend([flag.to_owned(), body]);
    Ok(argv)
}

/// The key of a step that is the same over its attempts, by which what is done twice is known to be one.
pub(super) fn key(request: &Request) -> String {
    // Passes of a group are attempts, too.
    let place = request.place.of_first_pass().to_string();
    let key = Digest::of_parts(&[request.run.as_bytes(), place.as_bytes()]).to_string();
    key[..32].to_owned()
}

/// The whole environment of a child: ours last, so that nothing the author wrote hides it.
fn environment(request: &Request, world: &World, filled: &Filled) -> Result<Vec<(String, String)>, Failure> {
    let mut env = world.base_env.clone();
    for (name, text) in &request.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), text.fill(&mut |secret| filled.value(secret))?));
    }
    for (name, value) in [
        ("RUN_ID", request.run.clone()),
        ("RUN_DIR", world.run_dir.display().to_string()),
        ("STEP_ID", request.place.step().to_string()),
        ("ATTEMPT", request.attempt.to_string()),
        ("BOOK_DIR", world.book_dir.display().to_string()),
        ("STEPLADDER_KEY", key(request)),
    ] {
        env.retain(|(known, _)| known != name);
        env.push((name.into(), value));
    }
    Ok(env)
}

/// What the end of the child means.
#[must_use]
pub fn reply(request: &Request, exit: &ProcessExit, stdout: &Captured, stderr: &Captured) -> Reply {
    let mut output = output(exit, stdout, stderr);
    if exit.stopped {
        return Reply::Stopped { output };
    }
    let failed = |kind, message: String, lasting, output: &Value| {
        Reply::Failed(Failure { output: output.clone(), lasting, ..Failure::new(kind, message) })
    };
    if let Some(why) = &exit.start_error {
        let why = format!("{} could not be started: {why}", program(request));
        return failed(FailureKind::Start, why, !exit.retriable, &output);
    }
    if exit.timed_out {
        let limit = request.timeout.unwrap_or(Span::from_millis(exit.duration_ms));
        return failed(
            FailureKind::Timeout,
            format!("{} was not done after {limit}", program(request)),
            false,
            &output,
        );
    }
    if let Some(why) = wrong_end(request, exit, stderr) {
        return failed(FailureKind::Exit, why, exit.code == Some(127), &output);
    }
    match parse(request.output, stdout) {
        Ok(value) => {
            output["value"] = value;
            Reply::Done { output, findings: Vec::new() }
        }
        Err(why) => failed(FailureKind::Expect, format!("{}: {why}", program(request)), false, &output),
    }
}

fn output(exit: &ProcessExit, stdout: &Captured, stderr: &Captured) -> Value {
    let code = exit.code.or(exit.signal.map(|signal| 128 + signal));
    json!({ "exit_code": code, "stdout": text(stdout), "stderr": text(stderr), "value": null, "duration_ms": exit.duration_ms })
}

fn text(captured: &Captured) -> String {
    let start = captured.tail.len().saturating_sub(MAX_OUTPUT_VALUE);
    String::from_utf8_lossy(&captured.tail[start..]).into_owned()
}

fn program(request: &Request) -> String {
    let first = match request.params.shown() {
        Value::Object(map) => map.get("argv").or_else(|| map.get("run")).map(|argv| match argv {
            Value::Array(words) => words.first().map(crate::base::value::plain).unwrap_or_default(),
            one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                crate::base::value::plain(one)
            }
        }),
        Value::Array(words) => words.first().map(crate::base::value::plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    first.map_or_else(|| format!("the {} line", request.kind), |first| format!("`{first}`"))
}

/// Why the end is no good one, in a sentence.
fn wrong_end(request: &Request, exit: &ProcessExit, stderr: &Captured) -> Option<String> {
    let what = program(request);
    let said = text(stderr);
    let said = said.trim_end().lines().last().map(beginning).filter(|line| !line.is_empty());
    let said = said.map_or_else(String::new, |line| format!(": {line}"));
    if let Some(signal) = exit.signal {
        return Some(format!("{what} was ended by {}{said}", signal_name(signal)));
    }
    let code = exit.code.unwrap_or_default();
    let good = match request.params.shown().get("exit") {
        Some(Value::Array(codes)) => codes.iter().filter_map(Value::as_i64).collect(),
        Some(one) => one.as_i64().into_iter().collect(),
        None => vec![0],
    };
    match (good.contains(&i64::from(code)), code) {
        (true, _) => None,
        (false, 127) => {
            let path = exit.path.as_ref().map_or_else(String::new, |path| format!(" in PATH={path}"));
            Some(format!("{what} exited with 127, command not found{path}{said}"))
        }
        (false, 126) => Some(format!("{what} exited with 126, not executable{said}")),
        (false, code) => Some(format!("{what} exited with {code}{said}")),
    }
}

/// Every signal a kernel of Linux ends processes with, in the order of their numbers from 1.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// A signal with its name: `signal 9 (KILL)`.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    let index = usize::try_from(signal).ok().and_then(|number| number.checked_sub(1));
    let name = index.and_then(|index| SIGNALS.get(index)).map_or_else(String::new, |name| format!(" ({name})"));
    format!("signal {signal}{name}")
}

/// A value of a `kv` line without the pair of quotes around it; in double quotes a backslash keeps what follows.
fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(text) = inside('\'') {
        return text.to_owned();
    }
    let Some(text) = inside('"') else { return value.to_owned() };
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        match one {
            '\\' => plain.extend(chars.next()),
            one => plain.push(one),
        }
    }
    plain
}

/// All that was printed, to be read as such a value; a sentence where a part of it is missing.
fn whole(stdout: &Captured, name: &str) -> Result<String, String> {
    let (total, read) = (stdout.total, stdout.tail.len());
    match &stdout.unkept {
        Some(unkept) => Err(format!("it {unkept}: a part cannot be read as {name}")),
        None if total > MAX_PARSED as u64 => {
            Err(format!("it printed {total} bytes, too many to read as {name} (at most {MAX_PARSED})"))
        }
        None if total > read as u64 => {
            Err(format!("of the {total} bytes it printed {read} are there: a part cannot be read as {name}"))
        }
        None => Ok(String::from_utf8_lossy(&stdout.tail).into_owned()),
    }
}

/// `output.value` in the form the step asks for, or a sentence.
fn parse(form: OutputForm, stdout: &Captured) -> Result<Value, String> {
    match form {
        OutputForm::Text => Ok(Value::from(text(stdout).trim_end_matches('\n'))),
        OutputForm::Lines => Ok(whole(stdout, "lines")?.lines().map(Value::from).collect()),
        OutputForm::Json => {
            let text = whole(stdout, "JSON")?;
            let found = || format!("it did not print JSON (`{}`)", beginning(&text));
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", found()))
        }
        OutputForm::Number => {
            let text = whole(stdout, "a number")?;
            let trimmed = text.trim();
            let number = trimmed.parse::<i64>().map(Value::from).or_else(|_| trimmed.parse::<f64>().map(Value::from));
            let number = number.ok().filter(|number| !number.is_null());
            number.ok_or_else(|| format!("it did not print a number but `{}`", beginning(&text)))
        }
        OutputForm::Kv => {
            let text = whole(stdout, "key=value lines")?;
            let mut map = Map::new();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let (key, value) =
                    line.split_once('=').ok_or_else(|| format!("`{}` is no key=value line", beginning(line)))?;
                let key = key.trim();
                let key = key.strip_prefix("export ").map_or(key, str::trim);
                map.insert(key.into(), Value::from(unquoted(value.trim())));
            }
            Ok(Value::Object(map))
        }
    }
}
