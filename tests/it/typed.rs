//! What the documents tell people to type: each `stepladder …` line of a shell block is one that the program takes.

use crate::rust_text::{files, root};
use clap::Parser;
use clap::error::ErrorKind;
use stepladder::cli::args::Cli;

/// The commands of a shell line: up to a comment, split at `&&`, `|` and `;`, redirections and what runs beside left out.
pub(crate) fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            // What `$( )` puts in may be anything: it is one word.
            (_, '$') if chars.peek() == Some(&'(') => {
                chars.by_ref().find(|c| *c == ')');
                word.get_or_insert_default().push('x');
            }
            (None, '&' | '|' | ';' | '>' | '<') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all
}

/// Those of them that call this program, as it would see them.
fn ours(line: &str) -> Vec<Vec<String>> {
    commands(line).into_iter().filter_map(|words| called(&words)).collect()
}

/// The program and its arguments: behind variables that are set (`NAME=value`), or behind `cargo run --`.
fn called(words: &[String]) -> Option<Vec<String>> {
    let sets = |word: &String| {
        word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let from = words.iter().take_while(|word| sets(word)).count();
    match &words[from..] {
        [cargo, run, dashes, rest @ ..] if cargo == "cargo" && run == "run" && dashes == "--" => {
            Some(std::iter::once("stepladder".to_owned()).chain(rest.iter().cloned()).collect())
        }
        [program, ..] if program == "stepladder" => Some(words[from..].to_vec()),
        _ => None,
    }
}

/// What is wrong with a line that somebody is told to type. One that leaves out what has to follow is a mention of its command.
pub(crate) fn refused(line: &str) -> Option<String> {
    let left_out = [
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
    ];
    ours(line).into_iter().find_map(|words| {
        let error = Cli::try_parse_from(&words).err()?;
        (!left_out.contains(&error.kind())).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
    })
}

#[test]
fn lines_are_read_as_a_shell_reads_them() {
    let words = |line: &str| ours(line).into_iter().map(|words| words.join("_")).collect::<Vec<_>>();
    assert_eq!(words("A=1 stepladder run x --input 'a=b c' # more"), ["stepladder_run_x_--input_a=b c"]);
    assert_eq!(
        words("stepladder show last && stepladder ack $(cat id) | less"),
        ["stepladder_show_last", "stepladder_ack_x"]
    );
    assert_eq!(words("cargo run -- runs daily-check > out"), ["stepladder_runs_daily-check"]);
    assert_eq!(words("cargo test --test it -- stepladder; curl x"), Vec::<String>::new());
    assert!(refused("stepladder run x --inptu a=b").is_some() && refused("stepladder runn x").is_some());
    assert_eq!(refused("stepladder explain SL0101"), None);
}

#[test]
fn commands_in_the_documents_are_those_of_the_program() {
    let own = ["README.md", "ARCHITECTURE.md"]
        .map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()));
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, page) in files("docs", "md").into_iter().chain(own) {
        let (mut fence, mut typed) = (false, false);
        for (number, line) in page.lines().enumerate() {
            if line.starts_with("```") {
                (fence, typed) = (!fence, !fence && matches!(line, "```sh" | "```console"));
                continue;
            }
            // Beside the blocks what stands in the text and in tables, where it is a whole command.
            let spoken: Vec<&str> = match (fence, typed, line.strip_prefix("$ ")) {
                (true, true, prompt) => vec![prompt.unwrap_or(line)],
                (true, false, Some(prompt)) => vec![prompt],
                (true, false, None) => Vec::new(),
                (false, ..) => line.split('`').skip(1).step_by(2).filter(|word| whole(word)).collect(),
            };
            seen += spoken.iter().filter(|line| !ours(line).is_empty()).count();
            let refusals = spoken.iter().filter_map(|line| refused(line).map(|why| (line, why)));
            wrong.extend(refusals.map(|(line, why)| format!("{path}:{}: `{line}`: {why}", number + 1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} commands were found: how are they written now?");
}

/// Whether a piece of code in a sentence is a command to type, rather than one with parts left out.
fn whole(text: &str) -> bool {
    text.starts_with("stepladder ") && !text.contains(['…', '[']) && !text.contains(" | ")
}
