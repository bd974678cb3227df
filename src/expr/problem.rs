//! What is wrong with an expression or a template, at a place in its own text.

/// Something wrong with an expression or a template, at a place in its own text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// First byte in the expression's text.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// The way out.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of that kind between two bytes of the text.
    #[must_use]
    pub fn new(kind: ProblemKind, span: (usize, usize), message: impl Into<String>) -> Self {
        let (start, end) = span;
        Self { kind, message: message.into(), offset: start, len: end.saturating_sub(start), help: None }
    }

    /// With that way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With "did you mean" for the closest of `known`, if one is close.
    #[must_use]
    pub fn did_you_mean<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(wrong, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The one of `known` that `wrong` was probably meant to be.
#[must_use]
pub(crate) fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = 1 + wrong.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        // A name of which no letter is the same is no typing mistake.
        .filter(|(distance, name)| *distance < wrong.chars().count().max(name.chars().count()))
        .filter(|(distance, name)| *distance <= allowed || (wrong.len() > 2 && name.starts_with(wrong)))
        .min()
        .map(|(_, name)| name)
}

/// The kinds of [`Problem`], each with a code of its own in `diagnostic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// It does not parse.
    Syntax,
    /// A name that is not there.
    Name,
    /// A field that the value does not have.
    Field,
    /// Types that do not fit.
    Type,
    /// A secret where none may be.
    Secret,
    /// A place where a value cannot be made safe.
    Place,
    /// A limit was passed.
    Limit,
    /// A value that may be missing and is not guarded.
    Unguarded,
}

impl ProblemKind {
    /// The word of tests and of programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Name => "name",
            Self::Field => "field",
            Self::Type => "type",
            Self::Secret => "secret",
            Self::Place => "place",
            Self::Limit => "limit",
            Self::Unguarded => "unguarded",
        }
    }
}
