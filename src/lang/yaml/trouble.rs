//! What a parser's error means to the person who typed the line.

use crate::diagnostic::{Code, Diagnostic, FileId, Spot};
use granit_parser::{ErrorKind, ScanError};

/// The error as a finding, and the place whose line is at fault. `open` is the innermost bracket still open.
pub(super) fn explain(file: FileId, text: &str, error: &ScanError, open: Option<Spot>) -> (Diagnostic, Spot) {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let mut spot = word(file, text, at);
    let line = line_of(text, at);
    if let Some(value) = bare_template(line) {
        let message = "a value that begins with `{{` must be quoted, or YAML reads a map";
        return (Diagnostic::error(Code::Syntax, spot, message).help(format!("write \"{value}\"")), spot);
    }
    let open = open.or_else(|| open_bracket(file, text, at));
    let earlier = open.filter(|open| text.get(open.start..at).is_some_and(|between| between.contains('\n')));
    let (message, help) = match error.kind() {
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::BlockSequenceEntryNotAllowed
            if earlier.is_some() =>
        {
            spot = earlier.map_or(spot, |open| Spot { end: open.start + 1, ..open });
            let closing = if text.get(spot.start..spot.end) == Some("[") { "]" } else { "}" };
            (
                "the bracket opened here is not closed before the next key".to_owned(),
                Some(format!("write `{closing}` at its end")),
            )
        }
        ErrorKind::MappingValueNotAllowed if keyless_line_above(text, at).is_some() => {
            if let Some((start, end)) = keyless_line_above(text, at) {
                spot = Spot { file, start, end };
            }
            ("a `:` is missing on this line".to_owned(), None)
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "text behind the closing quote".to_owned(),
            Some("inside single quotes a quote is written twice ('it''s'); or use double quotes".to_owned()),
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "text behind the closing quote".to_owned(),
            Some("inside double quotes a quote is written \\\"; or use single quotes".to_owned()),
        ),
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::InvalidFlowScalarIndent
            if open.is_some() =>
        {
            if let Some(open) = open {
                spot = Spot { end: open.start + 1, ..open };
            }
            let bracket = text.get(spot.start..spot.end).unwrap_or("{");
            let closing = if bracket == "[" { "]" } else { "}" };
            (
                format!("the `{bracket}` opened here is not closed properly"),
                Some(format!(
                    "a `,` or `{closing}` is missing behind an item; a text with `,`, `:`, `[` or `{{` in it needs quotes"
                )),
            )
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{close}` closes nothing here: `{open}` is still open"), None)
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("this bracket closes nothing".to_owned(), None),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is opened and never closed".to_owned(), None)
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            ("a tab where YAML wants spaces".to_owned(), Some("indent with spaces".to_owned()))
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement => {
            value_trouble(line)
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("a `:` is missing behind this key, or the line is indented wrongly".to_owned(), None)
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => (
            "this line is indented differently from the ones it belongs to".to_owned(),
            Some("align it with the keys above it".to_owned()),
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => (
            "a list item (`- `) cannot stand here".to_owned(),
            Some("begin the list on a line of its own below the key".to_owned()),
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot begin with `{character}`"), Some("quote the whole value".to_owned()))
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            "an unknown escape in double quotes".to_owned(),
            Some("use single quotes, where a backslash is only a backslash".to_owned()),
        ),
        ErrorKind::RecursionLimitExceeded => ("nested too deeply".to_owned(), None),
        ErrorKind::DirectiveDisallowed => {
            ("`%` directives are not used here".to_owned(), Some("if a text begins with `%`, quote it".to_owned()))
        }
        other => (lower(&other.to_string()), None),
    };
    if let (true, Some(start)) = (is_tab(error.kind()), tab(text, at)) {
        spot = Spot { file, start, end: start + 1 };
    }
    if let (ErrorKind::UnclosedQuotedScalar, Some(start)) = (error.kind(), quote_start(text, at)) {
        spot = Spot { file, start, end: start + 1 };
    }
    let code = if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) { Code::TooLarge } else { Code::Syntax };
    let mut finding = Diagnostic::error(code, spot, message);
    if let (true, Some(above)) = (is_indent(error.kind()), line_above(file, text, spot.start)) {
        finding = finding.note(above, "or this one is");
    }
    (
        match help {
            Some(help) => finding.help(help),
            None => finding,
        },
        spot,
    )
}

fn is_indent(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::InvalidIndentation
            | ErrorKind::MappingValueNotAllowed
    )
}

/// The text of the last line above a place that has any, without its indent.
fn line_above(file: FileId, text: &str, at: usize) -> Option<Spot> {
    let start = text.get(..at)?.rfind('\n')?;
    let above = text.get(..start)?.trim_end();
    let line = above.rfind('\n').map_or(0, |line| line + 1);
    let lead = above[line..].len() - above[line..].trim_start().len();
    (!above.is_empty()).then_some(Spot { file, start: line + lead, end: above.len() })
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}

/// The tab of an indent: at the place, or at the start of its line or of the next one.
fn tab(text: &str, at: usize) -> Option<usize> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |line| line + 1);
    let near: usize = text.get(start..)?.split_inclusive('\n').take(2).map(str::len).sum();
    text.get(start..start + near)?.find('\t').map(|tab| start + tab)
}

fn value_trouble(line: &str) -> (String, Option<String>) {
    let colons = line.matches(": ").count() + usize::from(line.trim_end().ends_with(':'));
    if colons > 1 {
        ("a second `: ` in one line".to_owned(), Some("quote a text that has `: ` in it".to_owned()))
    } else {
        (
            "a key cannot stand here".to_owned(),
            Some("check the indent of this line and the end of the one above".to_owned()),
        )
    }
}

/// A bracket opened and not closed on one of the lines above: the parser looks ahead and may not have told of it.
fn open_bracket(file: FileId, text: &str, at: usize) -> Option<Spot> {
    let above = text.get(..at)?;
    let above = &above[..above.rfind('\n')?];
    let mut end = above.len();
    let mut closed = 0usize;
    for line in above.rsplit('\n').take(20) {
        let start = end - line.len();
        let bare = line.split(" #").next().unwrap_or("");
        let quotes = bare.contains(['"', '\'']);
        for (offset, c) in bare.char_indices().rev().filter(|_| !quotes) {
            match c {
                ']' | '}' => closed += 1,
                '[' | '{' if closed > 0 => closed -= 1,
                '[' | '{' => return Some(Spot { file, start: start + offset, end: start + offset + 1 }),
                _ => {}
            }
        }
        end = start.saturating_sub(1);
    }
    None
}

/// The value of a line that begins with a placeholder and is not quoted.
fn bare_template(line: &str) -> Option<&str> {
    let (_, value) = line.split_once(": ")?;
    let value = value.trim();
    value.starts_with("{{").then_some(value)
}

/// The line above that of `at`, where it has text but no key and no item.
fn keyless_line_above(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    let this = before.rfind('\n')?;
    let start = before[..this].rfind('\n').map_or(0, |line| line + 1);
    let above = &before[start..this];
    let bare = above.trim();
    let keyless = !bare.is_empty() && !bare.contains(": ") && !bare.ends_with(':') && !bare.starts_with('#');
    let lead = above.len() - above.trim_start().len();
    keyless.then_some((start + lead, start + lead + bare.len()))
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn line_of(text: &str, at: usize) -> &str {
    let Some((before, after)) = text.split_at_checked(at) else { return "" };
    let start = before.rfind('\n').map_or(0, |line| line + 1);
    let end = after.find('\n').map_or(text.len(), |line| at + line);
    text.get(start..end).unwrap_or("")
}

/// The word at a place; at the end of a line the last word of the line before.
fn word(file: FileId, text: &str, at: usize) -> Spot {
    let rest = text.get(at..).unwrap_or("");
    let len = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
    if len > 0 {
        return Spot { file, start: at, end: at + len };
    }
    let before = text.get(..at).unwrap_or("").trim_end();
    let start = before.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    Spot { file, start: start.min(before.len()), end: before.len() }
}

/// Where an unclosed quote was opened: the first value or item before `at` that begins with one and does not end with it.
fn quote_start(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let mut offset = 0;
    let mut found = None;
    for line in before.split_inclusive('\n') {
        for quote in ['"', '\''] {
            let odd = line.matches(quote).count() % 2 == 1;
            let opening = line
                .find(&format!(": {quote}"))
                .map(|at| at + 2)
                .or_else(|| line.find(&format!("- {quote}")).map(|at| at + 2));
            if let (true, Some(opening), None) = (odd, opening, found) {
                found = Some(offset + opening);
            }
        }
        offset += line.len();
    }
    found
}
