//! Asking the person at the terminal. Questions go to stderr, answers come from stdin.

use crate::cli::output::{self, Stream};
use crate::cli::trouble::Trouble;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::Read;

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
/// Signals of the keyboard are read as the characters they are, so that whoever breaks off gets their
/// terminal back as it was.
///
/// # Errors
/// As [`line()`], or when the person broke off.
pub fn secret(question: &str) -> Result<String, Trouble> {
    let stdin = std::io::stdin();
    let Ok(before) = tcgetattr(&stdin) else { return line(question) };
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    output::write(Stream::Aside, question)?;
    // Characters typed ahead stay: `Now` keeps them.
    let _ = tcsetattr(&stdin, OptionalActions::Now, &hidden);
    let typed = typed(&mut stdin.lock());
    let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    output::aside("");
    typed
}

/// What is typed up to the end of the line, its editing done.
fn typed(stdin: &mut dyn Read) -> Result<String, Trouble> {
    const BREAK: u8 = 3;
    const END: u8 = 4;
    const ERASE: [u8; 2] = [8, 127];
    const KILL: u8 = 21;
    let mut bytes = Vec::new();
    let mut byte = [0];
    loop {
        let read = stdin.read(&mut byte).map_err(|reason| Trouble::new(format!("cannot read the answer: {reason}")))?;
        match byte[0] {
            BREAK => return Err(Trouble::new("broken off: nothing was started")),
            b'\n' | b'\r' if read == 1 => break,
            END if read == 1 && !bytes.is_empty() => break,
            _ if read == 0 => return Err(Trouble::new("nobody answered: the input ended")),
            END => return Err(Trouble::new("nobody answered: the input ended")),
            KILL => bytes.clear(),
            erase if ERASE.contains(&erase) => {
                // A character may have several bytes; the later ones begin with the bits 10.
                while bytes.pop().is_some_and(|last: u8| last & 0xC0 == 0x80) {}
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| Trouble::new("what was typed is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_typed_edited_and_broken_off() {
        for (keys, want) in [
            ("hunter2\n", Ok("hunter2")),
            ("hunter2\rrest", Ok("hunter2")),
            ("huntr\u{7f}er2\n", Ok("hunter2")),
            ("x\u{e9}\u{8}y\n", Ok("xy")),
            ("wrong\u{15}right\n", Ok("right")),
            ("all\u{4}", Ok("all")),
            ("hunt\u{3}", Err("error: broken off: nothing was started")),
            ("\u{4}", Err("error: nobody answered: the input ended")),
            ("hunt", Err("error: nobody answered: the input ended")),
        ] {
            let got = typed(&mut keys.as_bytes()).map_err(|trouble| trouble.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{keys:?}");
        }
    }
}
