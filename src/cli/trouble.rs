//! Why a command did not do what was asked: one sentence and a way out.

use crate::api::wire::Problem;
use crate::cli::exit::Exit;
use std::fmt;

/// What a command ends with when it does not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Something to say: what, and the way out.
    Said {
        /// What is wrong: lower case, no full stop, names in backticks.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The owner that was asked is not there any more; said as `Said` is.
    Lost {
        /// What happened.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Something that is kept can't be trusted; said as `Said` is.
    Damage {
        /// What is wrong.
        message: String,
    },
    /// Nobody reads what we print any more.
    ReaderGone,
}

impl Trouble {
    /// A sentence.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::Said { message: message.into(), help: None }
    }

    /// The owner that was asked is gone.
    #[must_use]
    pub fn lost(message: impl Into<String>) -> Self {
        Self::Lost { message: message.into(), help: None }
    }

    /// Whether the owner that was asked is gone: the next one may be asked.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Said { .. } | Self::Damage { .. } | Self::ReaderGone => false,
        }
    }

    /// With a way out.
    #[must_use]
    pub fn help(self, text: impl Into<String>) -> Self {
        match self {
            Self::Said { message, .. } => Self::Said { message, help: Some(text.into()) },
            Self::Lost { message, .. } => Self::Lost { message, help: Some(text.into()) },
            Self::Damage { message } => Self::Damage { message },
            Self::ReaderGone => Self::ReaderGone,
        }
    }

    /// A file or directory that could not be used.
    #[must_use]
    pub fn io(what: &str, path: &std::path::Path, reason: &std::io::Error) -> Self {
        Self::new(format!("cannot {what} `{}`: {}", path.display(), plain(reason)))
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Said { .. } | Self::Lost { .. } => Exit::NotStarted,
            Self::Damage { .. } => Exit::Failed,
            Self::ReaderGone => Exit::ReaderGone,
        }
    }
}

/// An error of the system without its number: `permission denied`.
#[must_use]
pub fn plain(reason: &std::io::Error) -> String {
    let text = reason.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { message, help: None } | Self::Lost { message, help: None } | Self::Damage { message } => {
                write!(f, "error: {message}")
            }
            Self::Said { message, help: Some(help) } | Self::Lost { message, help: Some(help) } => {
                write!(f, "error: {message}\n  help: {help}")
            }
            Self::ReaderGone => Ok(()),
        }
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        if problem.kind == "quarantined" { Self::Damage { message: problem.detail } } else { Self::new(problem.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_a_sentence_and_a_way_out() {
        let reason = std::io::Error::from_raw_os_error(13);
        let trouble = Trouble::io("read", std::path::Path::new("x.yaml"), &reason).help("look at its mode");
        assert_eq!(trouble.to_string(), "error: cannot read `x.yaml`: permission denied\n  help: look at its mode");
        assert_eq!(trouble.exit(), Exit::NotStarted);
    }
}
