//! `stepladder` alone: what to type first.

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

const OUTSIDE: &str = "\
stepladder runs operators' runbooks, and remembers.

  stepladder init             start a small living book here
  stepladder run hello        run its first runbook
  stepladder --help           every command

A book is a directory with a stepladder.yaml; there is none here or above.
";

/// Says what to type first.
pub fn run(settings: &Settings) -> Result<Exit, Trouble> {
    match settings.book() {
        Err(_) => output::data(OUTSIDE)?,
        Ok(book) => output::data(&format!(
            "\
stepladder runs operators' runbooks, and remembers. The book here is {}

  stepladder list             its runbooks
  stepladder check            is everything in it right?
  stepladder run RUNBOOK      run one and watch
  stepladder runs             what ran before
  stepladder --help           every command
",
            book.display()
        ))?,
    }
    Ok(Exit::Fine)
}
