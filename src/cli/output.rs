//! The one file that prints. Data goes to stdout, everything else to stderr.
//!
//! A reader that goes away (`| head`) is no error: printing ends quietly.

use crate::cli::trouble::{Trouble, plain};
use std::io::{BufWriter, ErrorKind, Write};

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What was asked for.
    Data,
    /// What is said beside it.
    Aside,
}

/// Writes all of `text` as it is.
///
/// # Errors
/// [`Trouble::ReaderGone`] when nobody reads any more; a sentence for other failures (a full disk).
pub fn write(stream: Stream, text: &str) -> Result<(), Trouble> {
    let written = match stream {
        Stream::Data => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Stream::Aside => {
            let mut out = std::io::stderr().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
    };
    written.map_err(|reason| {
        if reason.kind() == ErrorKind::BrokenPipe {
            Trouble::ReaderGone
        } else {
            Trouble::new(format!("cannot print: {}", plain(&reason)))
        }
    })
}

/// Prints data: text that ends in a line break.
///
/// # Errors
/// As [`write()`].
pub fn data(text: &str) -> Result<(), Trouble> {
    write(Stream::Data, text)
}

/// Prints a line of data.
///
/// # Errors
/// As [`write()`].
pub fn line(text: &str) -> Result<(), Trouble> {
    write(Stream::Data, &format!("{text}\n"))
}

/// Says something beside the data. That nobody hears it stops nothing.
pub fn aside(text: &str) {
    drop(write(Stream::Aside, &format!("{text}\n")));
}
