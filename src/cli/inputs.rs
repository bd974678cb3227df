//! The inputs of a run: what was typed, made into values; what is missing, asked for.

use crate::base::ids::StepId;
use crate::base::limits::MAX_SECRET;
use crate::base::value::{Map, Value, plain};
use crate::cli::ask;
use crate::cli::output::aside;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::diagnostic::closest;
use crate::model::input::{Input, InputType};
use crate::model::runbook::Runbook;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes of a secret that are read: with its line break more than are taken, so that whoever takes it says so.
const MOST: u64 = MAX_SECRET as u64 + 3;

/// How often a person is asked for one value.
const ASKED: usize = 3;

/// The inputs for a run. Defaults, and those that a plan has, are left to whoever starts it.
///
/// # Errors
/// A sentence for every value that is no input, or none of its type, or missing with nobody to ask.
pub fn gather(
    runbook: &Runbook,
    typed: &[String],
    planned: &[String],
    settings: &Settings,
) -> Result<Map<String, Value>, Trouble> {
    let (mut values, mut wrong) = accept(runbook, typed);
    for input in &runbook.inputs {
        let known = planned.iter().any(|name| name == input.name.as_str());
        let given =
            typed.iter().any(|pair| pair.split_once('=').is_some_and(|(name, _)| name.trim() == input.name.as_str()));
        if input.default.is_none() && !known && !given {
            if settings.can_ask && wrong.is_empty() {
                values.insert(input.name.to_string(), ask_for(input)?);
            } else if !settings.can_ask {
                let missing = Trouble::new(format!("input `{}` is missing: {}", input.name, what(input)));
                wrong.push(missing.help(way(input)));
            }
        }
    }
    match wrong.len() {
        0 => Ok(values),
        1 => Err(wrong.remove(0)),
        several => {
            let each: Vec<String> = wrong.iter().map(|one| one.to_string().replacen("error: ", "  ", 1)).collect();
            Err(Trouble::new(format!("{several} inputs are not right:\n{}", each.join("\n"))))
        }
    }
}

/// What was typed as `NAME=VALUE`, each in its type, and everything that is wrong with it.
fn accept(runbook: &Runbook, typed: &[String]) -> (Map<String, Value>, Vec<Trouble>) {
    let (mut values, mut wrong) = (Map::new(), Vec::new());
    for pair in typed {
        match accept_one(runbook, pair) {
            Ok((name, value)) => {
                if values.insert(name.clone(), value).is_some() {
                    wrong.push(Trouble::new(format!("input `{name}` is given twice")));
                }
            }
            Err(trouble) => wrong.push(trouble),
        }
    }
    (values, wrong)
}

fn accept_one(runbook: &Runbook, pair: &str) -> Result<(String, Value), Trouble> {
    let Some((name, text)) = pair.split_once('=') else {
        return Err(
            Trouble::new(format!("`{pair}` is not `NAME=VALUE`")).help("write it like `--input target=staging`")
        );
    };
    let Some(input) = runbook.inputs.iter().find(|input| input.name.as_str() == name.trim()) else {
        return Err(unknown(runbook, name.trim()));
    };
    let value = value_of(input, text)?;
    let value =
        input.ty.accept_text(&value).map_err(|reason| Trouble::new(format!("input `{}` {reason}", input.name)))?;
    Ok((input.name.to_string(), value))
}

/// What was typed for an input: itself, or for a secret where it is.
fn value_of<'a>(input: &Input, text: &'a str) -> Result<Cow<'a, str>, Trouble> {
    if input.ty != InputType::Secret {
        return Ok(text.into());
    }
    let read = match text.strip_prefix('@') {
        _ if text == "-" => {
            let from = Path::new("standard input");
            std::io::read_to_string(std::io::stdin().take(MOST)).map_err(|reason| Trouble::io("read", from, &reason))?
        }
        Some(file) => {
            let path = Path::new(file);
            let file = File::open(path).map_err(|reason| Trouble::io("read", path, &reason))?;
            std::io::read_to_string(file.take(MOST)).map_err(|reason| Trouble::io("read", path, &reason))?
        }
        None => {
            aside(&format!(
                "warning: `{0}` is a secret, and what is typed can be seen in the list of processes\n  \
                 help: write `--input {0}=@FILE`, `--input {0}=-` for standard input, or leave it out and be asked",
                input.name
            ));
            return Ok(text.into());
        }
    };
    Ok(read.strip_suffix('\n').map_or(read.clone(), |line| line.trim_end_matches('\r').to_owned()).into())
}

/// How a missing input is given.
fn way(input: &Input) -> String {
    let name = &input.name;
    if input.ty == InputType::Secret {
        format!("give it with `--input {name}=@FILE`, or `--input {name}=-` for standard input")
    } else {
        format!("give it with `--input {name}=VALUE`")
    }
}

fn unknown(runbook: &Runbook, name: &str) -> Trouble {
    let known: Vec<&str> = runbook.inputs.iter().map(|input| StepId::as_str(&input.name)).collect();
    let trouble = Trouble::new(format!("runbook `{}` has no input `{name}`", runbook.name));
    match closest(name, known.iter().copied()) {
        Some(near) => trouble.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => trouble.help("it has no inputs at all"),
        None => trouble.help(format!("it has {}", known.join(", "))),
    }
}

/// What an input wants, in a few words.
fn what(input: &Input) -> String {
    let told = input.description.as_ref().or(input.prompt.as_ref()).map(|text| format!(" ({})", text.trim()));
    let wants = match &input.ty {
        InputType::Choice(options) => format!("one of {}", options.join(", ")),
        InputType::Duration => "a length of time like 30s".into(),
        InputType::List => "a list like a,b,c".into(),
        InputType::Boolean => "true or false".into(),
        InputType::Text { .. }
        | InputType::Integer { .. }
        | InputType::Number { .. }
        | InputType::Url
        | InputType::Json
        | InputType::Secret => format!("of type {}", input.ty.word()),
    };
    wants + told.as_deref().unwrap_or_default()
}

fn ask_for(input: &Input) -> Result<Value, Trouble> {
    let question = input.prompt.clone().unwrap_or_else(|| input.name.to_string());
    let choices = match &input.ty {
        InputType::Choice(options) => format!(" ({})", options.join("/")),
        InputType::Boolean => " (true/false)".into(),
        InputType::Text { .. }
        | InputType::Integer { .. }
        | InputType::Number { .. }
        | InputType::Url
        | InputType::Duration
        | InputType::List
        | InputType::Json
        | InputType::Secret => String::new(),
    };
    for _ in 0..ASKED {
        let question = format!("{question}{choices}: ");
        let text = if input.ty == InputType::Secret { ask::secret(&question)? } else { ask::line(&question)? };
        match input.ty.accept_text(&text) {
            Ok(value) if plain(&value).is_empty() => aside("  a value is needed"),
            Ok(value) => return Ok(value),
            Err(reason) => aside(&format!("  {reason}")),
        }
    }
    Err(Trouble::new(format!("input `{}` is missing: {}", input.name, what(input))))
}
