//! From what was typed to how the process ends.

use crate::cli::args::{Cli, ColorChoice, Global};
use crate::cli::exit::Exit;
use crate::cli::settings::{Settings, Surroundings};
use crate::cli::trouble::Trouble;
use crate::cli::{command, complete, log, output};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// The command line, from what was typed to the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let around = Surroundings::read();
    if let Some(shell) = around.vars.get(complete::VARIABLE) {
        return complete::answer(shell, &typed, &around).into();
    }
    let exit = match Cli::try_parse_from(&typed) {
        Ok(cli) => {
            let settings = Settings::new(&cli.global, &around).of_command(cli.command.as_ref());
            log::begin(&settings, cli.command.as_ref());
            command::begin(cli.command, &settings).unwrap_or_else(|trouble| tell(&trouble, settings.err.color))
        }
        Err(reason) => usage(&reason, &typed, &around),
    };
    exit.into()
}

/// Says what went wrong, in the one form all troubles have.
fn tell(trouble: &Trouble, color: bool) -> Exit {
    let text = trouble.to_string();
    match (text.strip_prefix("error:"), color) {
        (Some(rest), true) => output::aside(&format!("\x1b[1;31merror:\x1b[0m{rest}")),
        (Some(_), false) => output::aside(&text),
        (None, _) => {}
    }
    trouble.exit()
}

/// `--help`, `--version` and wrong usage. clap finds the words, we print them and choose the exit code.
fn usage(reason: &clap::Error, typed: &[OsString], around: &Surroundings) -> Exit {
    let color = match typed.iter().filter_map(|arg| arg.to_str()).find(|arg| arg.contains("color")) {
        Some("--no-color" | "--color=never") => ColorChoice::Never,
        Some("--color=always") => ColorChoice::Always,
        Some(_) | None => ColorChoice::Auto,
    };
    let settings = Settings::new(&Global { color, ..Global::default() }, around);
    let (stream, style, exit) = if reason.use_stderr() {
        (output::Stream::Aside, settings.err, Exit::NotStarted)
    } else {
        (output::Stream::Data, settings.out, Exit::Fine)
    };
    let text = reason.render();
    let text = if style.color { text.ansi().to_string() } else { text.to_string() };
    match output::write(stream, &text) {
        Ok(()) => exit,
        Err(trouble) => trouble.exit(),
    }
}
