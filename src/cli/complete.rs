//! Completion: what may stand at the cursor, told to the shell that asks while somebody types.
//!
//! The scripts of `stepladder completions SHELL` call this program again with a variable set. Quick, and
//! silent about everything that is wrong: a broken book completes what can be read of it.

mod context;

use crate::cli::args::Cli;
use crate::cli::complete::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::{Settings, Surroundings};
use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

/// The variable that makes the program answer a shell; it holds the shell's name.
pub const VARIABLE: &str = "STEPLADDER_COMPLETE";

/// What is typed into a shell to be understood.
const NAME: &str = "stepladder";

/// Bash takes words apart at `=`, which belongs to ours: they are put together before, and the answer is cut.
const BASH: &str = r#"_stepladder() {
    local words=() word current glue="" i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == "=" || -n $glue ]] && ((${#words[@]} > 1)); then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        glue=""
        [[ $word == "=" ]] && glue=1
    done
    current=${words[${#words[@]}-1]}
    local reply
    mapfile -t reply < <(STEPLADDER_COMPLETE=bash _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        "${words[0]}" -- "${words[@]}" 2>/dev/null)
    [[ $current == *=* ]] && reply=("${reply[@]#"${current%=*}="}")
    COMPREPLY=("${reply[@]}")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace
}
complete -o bashdefault -F _stepladder stepladder
"#;

/// The script that a shell reads once to complete our commands.
///
/// # Errors
/// When it cannot be made.
pub fn script(shell: clap_complete::Shell) -> std::io::Result<String> {
    let mut script = Vec::new();
    match completer(&shell.to_string()) {
        Some(completer) if completer.name() != Bash.name() => {
            completer.write_registration(VARIABLE, NAME, NAME, NAME, &mut script)?;
        }
        Some(_) | None => script.extend_from_slice(BASH.as_bytes()),
    }
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Answers a shell: `typed` is what it gave, behind a `--` what stands on its line.
#[must_use]
pub fn answer(shell: &str, typed: &[OsString], around: &Surroundings) -> Exit {
    let line = typed.iter().skip_while(|word| *word != "--").skip(1).cloned().collect::<Vec<_>>();
    let Some(completer) = completer(shell).filter(|_| !line.is_empty()) else { return Exit::NotStarted };
    let context = Arc::new(Context::new(&line, around));
    let mut answer = Vec::new();
    let done = completer.write_complete(&mut command(&context), line, Some(&around.cwd), &mut answer);
    match done.map(|()| output::data(&String::from_utf8_lossy(&answer))) {
        Ok(Ok(())) => Exit::Fine,
        Ok(Err(_)) | Err(_) => Exit::NotStarted,
    }
}

fn completer(shell: &str) -> Option<&'static dyn EnvCompleter> {
    let known: [&dyn EnvCompleter; 5] = [&Bash, &Zsh, &Fish, &Elvish, &Powershell];
    known.into_iter().find(|completer| completer.is(shell))
}

/// Something that completes one word.
type Words = fn(&Context, &str) -> Vec<Found>;

/// A word and what it is.
struct Found {
    word: String,
    help: String,
}

/// Which argument is completed by what.
const COMPLETED: &[(&str, &str, Words)] = &[
    ("run", "runbook", Context::runbooks),
    ("run", "inputs", Context::inputs),
    ("run", "from", Context::steps),
    ("run", "only", Context::steps),
    ("run", "skip", Context::steps),
    ("plan", "runbook", Context::runbooks),
    ("plan", "inputs", Context::inputs),
    ("plan", "from", Context::steps),
    ("plan", "only", Context::steps),
    ("plan", "skip", Context::steps),
    ("backfill", "runbook", Context::runbooks),
    // Both words of `measures`, too.
    ("measures", "measure", Context::measures),
    ("measures", "labels", Context::labels_of_measure),
    ("graph", "runbook", Context::runbooks),
    ("runs", "runbook", Context::runbooks),
    ("show", "run", Context::runs),
    // Both words of `logs`, in their order: clap puts what is touched last.
    ("logs", "run", Context::runs),
    ("logs", "step", Context::steps_of_run),
    ("cancel", "run", Context::runs),
    ("retry", "run", Context::runs),
    ("explain", "what", Context::topics),
    ("schema", "name", Context::schemas),
];

fn command(context: &Arc<Context>) -> Command {
    COMPLETED.iter().fold(Cli::command(), |command, (name, argument, words)| {
        let context = Arc::clone(context);
        let found = move |current: &OsStr| candidates(&context, *words, current);
        command.mut_subcommand(name, |command| {
            command.mut_arg(argument, |argument| argument.add(ArgValueCompleter::new(found)))
        })
    })
}

fn candidates(context: &Context, words: Words, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let found = words(context, current).into_iter().filter(|found| found.word.starts_with(current));
    let candidate = |(order, found): (usize, Found)| {
        let help = (!found.help.is_empty()).then(|| found.help.into());
        CompletionCandidate::new(found.word).help(help).display_order(Some(order))
    };
    found.enumerate().map(candidate).collect()
}

/// The settings of a line that is being typed.
fn settings(line: &[OsString], around: &Surroundings) -> Settings {
    let words: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
    let named = words.iter().zip(words.iter().skip(1)).find(|(flag, _)| **flag == "--book").map(|(_, dir)| *dir);
    let glued = words.iter().find_map(|word| word.strip_prefix("--book="));
    let global = crate::cli::args::Global { book: named.or(glued).map(Into::into), ..Default::default() };
    Settings::new(&global, around)
}
