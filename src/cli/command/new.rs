//! `new`: a runbook to begin from.

use crate::base::ids::Name;
use crate::cli::args::New;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::lang::format::fmt;

/// Writes `runbooks/NAME.yaml`, where there is none yet.
pub fn run(args: &New, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let name = Name::parse(&args.name)
        .map_err(|reason| Trouble::new(format!("`{}` is not a name for a runbook: {reason}", args.name)))?;
    let path = book.join("runbooks").join(format!("{name}.yaml"));
    super::init::create(&path, &skeleton(name.as_str(), args.title.as_deref()))?;
    output::aside(&format!(
        "{} is there: edit it, then `stepladder check` and `stepladder plan {name}`",
        path.display()
    ));
    Ok(Exit::Fine)
}

/// A runbook that passes its checks, shows where things go and is laid out as `fmt` would.
fn skeleton(name: &str, title: Option<&str>) -> String {
    let fallback = format!("What {name} is for, in a few words");
    // JSON text is YAML text: whatever was typed stays one title.
    let title = serde_json::Value::String(title.unwrap_or(&fallback).into());
    let text = format!(
        "runbook: {name}
title: {title}
description: |
  Why this exists, and what to do when it fails. Whoever is called reads this first.

steps:
  - id: look
    title: How things are
    shell: uptime
    timeout: 10s
  - id: act
    title: What is to be done about it
    shell: echo \"replace me\"
    retry: {{ attempts: 3, backoff: 1s..10s }}

finally:
  - id: tidy
    title: What is done however it went
    shell: echo \"nothing to tidy\"
"
    );
    fmt(&text).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_stays_one_text() {
        let text = skeleton("a", Some("say \"hi\": # now"));
        assert!(text.contains("\ntitle: \"say \\\"hi\\\": # now\"\n"), "{text}");
        assert!(skeleton("a", Some("Restart")).contains("\ntitle: Restart\n"), "as `fmt` writes it");
    }
}
