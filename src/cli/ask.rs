//! Asking the person at the terminal. Questions go to stderr, answers come from stdin.

use crate::cli::output::{self, Stream};
use crate::cli::trouble::Trouble;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// The line typed after a question.
///
/// # Errors
/// When stdin ends or cannot be read.
pub fn line(question: &str) -> Result<String, Trouble> {
    output::write(Stream::Aside, question)?;
    let mut text = String::new();
    match std::io::stdin().read_line(&mut text) {
        Ok(0) => Err(Trouble::new("nobody answered: the input ended")),
        Ok(_) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
        Err(reason) => Err(Trouble::new(format!("cannot read the answer: {reason}"))),
    }
}

/// As [`line()`], but what is typed is not shown.
///
/// # Errors
/// As [`line()`].
pub fn secret(question: &str) -> Result<String, Trouble> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).ok();
    if let Some(shown) = &before {
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        drop(tcsetattr(&stdin, OptionalActions::Now, &hidden));
    }
    let text = line(question);
    if let Some(shown) = &before {
        drop(tcsetattr(&stdin, OptionalActions::Now, shown));
        output::aside("");
    }
    text
}
