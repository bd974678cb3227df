//! What is said about expressions that do not parse: rhai's findings in the operators' words.

#![expect(clippy::wildcard_enum_match_arm, reason = "the tree and the errors of rhai are open enums of another crate")]

use crate::expr::functions::{self, Function};
use crate::expr::offsets::Offsets;
use crate::expr::problem::{Problem, ProblemKind};
use rhai::{LexError, ParseError, ParseErrorType};

/// rhai's finding in our words.
pub(super) fn problem(error: &ParseError, offsets: &Offsets<'_>) -> Problem {
    let start = offsets.at(error.position());
    let end = offsets.end_of_token(start);
    let found = offsets.snippet((start, end));
    let say = |text: String| Problem::new(ProblemKind::Syntax, (start, end), text);
    match error.err_type() {
        ParseErrorType::UnexpectedEOF => say("the expression ends too early".into()),
        ParseErrorType::ExprTooDeep => too_deep((start, end)),
        ParseErrorType::LiteralTooLarge(..) => Problem::new(ProblemKind::Limit, (start, end), "a literal is too long"),
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => {
            say("this is no text".into()).help("text is written in double quotes: \"failed\"")
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => say("the text has no closing quote".into()),
        ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, _)) if symbol == "=" || symbol == ":=" => {
            say(format!("`{symbol}` is not allowed here")).help("`==` compares; expressions assign nothing")
        }
        ParseErrorType::BadInput(LexError::UnexpectedInput(symbol)) => unexpected(symbol, (start, end)),
        ParseErrorType::BadInput(other) => say(lowered(&other.to_string())),
        ParseErrorType::MissingToken(token, _) if found.is_empty() => {
            say(format!("a `{token}` is missing at the end")).help(format!("write `{token}` where it belongs"))
        }
        ParseErrorType::MissingToken(token, _) => {
            say(format!("a `{token}` is missing before `{found}`")).help(format!("write `{token}` there"))
        }
        ParseErrorType::PropertyExpected => {
            let shown = if found.is_empty() { "the end" } else { found };
            say(format!("a field name is needed here, not `{shown}`"))
                .help(format!("a name that is a word of the language is read so: [\"{found}\"]"))
        }
        ParseErrorType::ExprExpected(_) if found.is_empty() => say("the expression ends too early".into()),
        other => say(format!("`{found}` does not belong here: {}", lowered(&other.to_string()))),
    }
}

fn unexpected(symbol: &str, span: (usize, usize)) -> Problem {
    let problem = Problem::new(ProblemKind::Syntax, span, format!("`{symbol}` does not belong here"));
    match symbol {
        "=" | "+=" | "-=" | "*=" | "/=" => problem.help("`==` compares; expressions assign nothing"),
        ";" => problem.help("an expression has one value and no statements"),
        "and" => problem.help("write `&&`"),
        "or" => problem.help("write `||`"),
        "?" => problem.help("write `if a { b } else { c }`, or `a ?? b` for a default"),
        _ => problem,
    }
}

fn lowered(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Nested past reading.
pub(super) fn too_deep(span: (usize, usize)) -> Problem {
    Problem::new(ProblemKind::Limit, span, "the expression is nested too deeply").help("compute parts of it in `vars:`")
}

/// Something of rhai that expressions do without.
pub(super) fn left_out(span: (usize, usize), what: &str, help: Option<&str>) -> Problem {
    let problem = Problem::new(ProblemKind::Syntax, span, format!("{what} is not part of expressions"));
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// An operator that expressions do without.
pub(super) fn unknown_operator(sign: &str, span: (usize, usize)) -> Problem {
    let help = match sign {
        "&" => Some("write `&&`"),
        "|" => Some("write `||`"),
        "^" => Some("write `**` for a power, `!=` for either-or"),
        _ => None,
    };
    left_out(span, &format!("`{sign}`"), help)
}

/// An `if` that may have no value.
pub(super) fn no_else(span: (usize, usize)) -> Problem {
    Problem::new(ProblemKind::Syntax, span, "an `if` needs an `else`: every expression has a value")
}

/// A function that does not exist.
pub(super) fn unknown_function(name: &str, span: (usize, usize)) -> Problem {
    let problem = Problem::new(ProblemKind::Name, span, format!("there is no function `{name}`"));
    match functions::meant(name) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("the functions are listed in docs/expressions.md"),
    }
}

/// A function with too few or too many values.
pub(super) fn wrong_count(function: &Function, given: usize, span: (usize, usize)) -> Problem {
    let most = function.params.len();
    let takes = if function.least == most { most.to_string() } else { format!("{} to {most}", function.least) };
    let text = format!("`{}` takes {takes} values, {given} are given", function.name);
    Problem::new(ProblemKind::Type, span, text).help(function.about)
}
