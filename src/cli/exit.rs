//! The exit codes, all of them: a script that starts runs reads nothing else.

/// How the process ends. The numbers are promises of `docs/language.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done; a run ended `ok` or at `notice`.
    Fine,
    /// A run ended at `warning`; `check --strict` or `fmt --check` found something.
    Warning,
    /// A run ended `failed` or at `critical`.
    Failed,
    /// It could not start: bad runbook, bad input, wrong usage, no book, no connection.
    NotStarted,
    /// A run was cancelled.
    Cancelled,
    /// Whoever read our output went away (`| head`): what a shell shows for SIGPIPE.
    ReaderGone,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 6] =
        [Self::Fine, Self::Warning, Self::Failed, Self::NotStarted, Self::Cancelled, Self::ReaderGone];

    /// The number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Warning => 1,
            Self::Failed => 2,
            Self::NotStarted => 3,
            Self::Cancelled => 130,
            Self::ReaderGone => 141,
        }
    }

    /// How a run that ended with these words ends the process; words of a later version count as failed.
    #[must_use]
    pub fn of_run(outcome: &str, level: &str) -> Self {
        match (outcome, level) {
            ("cancelled", _) => Self::Cancelled,
            ("succeeded" | "recovered", "ok" | "notice") => Self::Fine,
            ("succeeded" | "recovered", "warning") => Self::Warning,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_runs_have_the_numbers_of_the_manual() {
        for (outcome, level, code) in [
            ("succeeded", "ok", 0),
            ("recovered", "notice", 0),
            ("succeeded", "warning", 1),
            ("recovered", "critical", 2),
            ("failed", "critical", 2),
            ("failed", "warning", 2),
            ("cancelled", "ok", 130),
            ("exploded", "ok", 2),
        ] {
            assert_eq!(Exit::of_run(outcome, level).code(), code, "{outcome} {level}");
        }
    }
}
