//! `fmt`: the files of a book, laid out one way.

use crate::cli::args::Fmt;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use crate::diagnostic::render::people;
use crate::diagnostic::{Severity, Sources};
use crate::lang::format::{LaidOut, lay_out};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Lays files out, or says which are not.
pub fn run(args: &Fmt, settings: &Settings) -> Result<Exit, Trouble> {
    if args.files.iter().any(|file| file.as_os_str() == "-") {
        return standard_input(settings);
    }
    let mut changed = Vec::new();
    for path in files(args, settings)? {
        let text = std::fs::read_to_string(&path).map_err(|reason| Trouble::io("read", &path, &reason))?;
        let shown = path.strip_prefix(settings.cwd()).unwrap_or(&path).display().to_string();
        let laid_out = formatted(&shown, &text, settings)?;
        if laid_out != text {
            if !args.check {
                replace(&path, &laid_out)?;
            }
            changed.push(shown);
        }
    }
    let word = if args.check { "would change" } else { "formatted" };
    changed.iter().try_for_each(|name| output::line(&format!("{word} {name}")))?;
    Ok(if args.check && !changed.is_empty() { Exit::Warning } else { Exit::Fine })
}

fn standard_input(settings: &Settings) -> Result<Exit, Trouble> {
    let mut text = String::new();
    let read = std::io::stdin().take(crate::base::limits::MAX_FILE as u64).read_to_string(&mut text);
    read.map_err(|reason| Trouble::new(format!("cannot read standard input: {reason}")))?;
    output::data(&formatted("-", &text, settings)?)?;
    Ok(Exit::Fine)
}

fn files(args: &Fmt, settings: &Settings) -> Result<Vec<PathBuf>, Trouble> {
    if !args.files.is_empty() {
        return Ok(args.files.iter().map(|file| settings.cwd().join(file)).collect());
    }
    let book = settings.book()?;
    Ok(shelf::files(&book)?
        .into_iter()
        .filter(|(name, _)| Path::new(name).extension().is_none_or(|end| end != "ics"))
        .map(|(name, _)| book.join(name))
        .collect())
}

/// The text laid out; what is wrong with it as YAML is shown, and it is said where a text stays as it is.
fn formatted(name: &str, text: &str, settings: &Settings) -> Result<String, Trouble> {
    let laid_out = lay_out(text).map_err(|findings| {
        let mut sources = Sources::default();
        sources.add(name, text);
        output::aside(people(&sources, &findings, settings.err).trim_end());
        let first = findings.sorted().into_iter().find(|finding| finding.severity == Severity::Error);
        let why = first.map_or_else(String::new, |first| {
            let (line, column) = sources.line_column(first.spot);
            format!(": {} (at {name}:{line}:{column})", first.message)
        });
        Trouble::new(format!("`{name}` cannot be formatted{why}")).help("nothing of it was changed")
    })?;
    match laid_out {
        LaidOut::Anew(text) => Ok(text),
        LaidOut::AsItWas(text) => {
            output::aside(&format!(
                "`{name}` stays as it is: laid out, it would not say the same with all its comments; that is a fault of `fmt`"
            ));
            Ok(text)
        }
    }
}

/// Puts a new text in place of a file in one step: nobody ever sees half of it.
fn replace(path: &Path, text: &str) -> Result<(), Trouble> {
    let failed = |reason: std::io::Error| Trouble::io("write", path, &reason);
    // A link stays a link: what it leads to is replaced.
    let path = std::fs::canonicalize(path).map_err(failed)?;
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let mode = std::fs::metadata(&path).map_err(failed)?.permissions();
    std::fs::write(&beside, text).map_err(failed)?;
    let done = std::fs::set_permissions(&beside, mode).and_then(|()| std::fs::rename(&beside, &path));
    done.map_err(|reason| {
        drop(std::fs::remove_file(&beside));
        failed(reason)
    })
}
