//! What a parser's error means to the person who typed the line.

use crate::base::limits::{MAX_DEPTH, MAX_NODES};
use crate::diagnostic::{Code, Diagnostic, FileId, Spot};
use crate::lang::yaml::tag;
use granit_parser::{ErrorKind, ScanError};

/// The error as a finding, and the place whose line is at fault. `open` is the innermost bracket still open.
pub(super) fn explain(file: FileId, text: &str, error: &ScanError, open: Option<Spot>) -> (Diagnostic, Spot) {
    let kind = error.kind();
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let here = word(file, text, at);
    let line = line_of(text, at);
    let open = open.or_else(|| open_bracket(file, text, at));
    let (spot, message, help) = if let Some(value) = bare_template(line) {
        let message = "a value that begins with `{{` must be quoted, or YAML reads a map";
        (here, message.to_owned(), format!("write \"{value}\""))
    } else if let Some((key, value)) = tag::bare(line) {
        let message = "a value that begins with `!` must be quoted, or YAML reads a tag";
        (here, message.to_owned(), tag::quoted(Some(key), value))
    } else if let Some(told) = open.and_then(|open| unclosed(kind, text, at, open)) {
        told
    } else if let (true, Some((start, end))) = (is_misplaced(kind), keyless_line_above(text, at)) {
        (
            Spot { file, start, end },
            "a `:` is missing on this line".to_owned(),
            with_colon(text.get(start..end).unwrap_or("")),
        )
    } else {
        let (message, help) = told(kind, line);
        let quote = if matches!(kind, ErrorKind::UnclosedQuotedScalar) { quote_start(text, at) } else { None };
        let start = if is_tab(kind) { tab(text, at) } else { quote };
        (start.map_or(here, |start| Spot { file, start, end: start + 1 }), message, help)
    };
    let code = if matches!(kind, ErrorKind::RecursionLimitExceeded) { Code::TooLarge } else { Code::Syntax };
    let mut finding = Diagnostic::error(code, spot, message);
    let layout = is_indent(kind) && bare_template(line).is_none() && tag::bare(line).is_none();
    if let (true, Some(above)) = (layout, line_above(file, text, spot.start)) {
        finding = finding.note(above, "or this one is");
        if let Some(first) = first_of_block(file, text, spot.start).filter(|first| *first != above) {
            finding = finding.note(first, "or this one, which it would go with");
        }
    }
    (finding.help(help), spot)
}

fn is_indent(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::ExpectedDocumentStart
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

/// The line with which the block begins that a line would belong to by its indent, where that one is indented otherwise;
/// or the line above that block, where it is a single space away.
fn first_of_block(file: FileId, text: &str, at: usize) -> Option<Spot> {
    let start = text.get(..at)?.rfind('\n')? + 1;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(text[start..].lines().next()?);
    let (mut first, mut end) = (None, start.checked_sub(1)?);
    loop {
        let begin = text[..end].rfind('\n').map_or(0, |line| line + 1);
        let line = &text[begin..end];
        let says = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        // Nobody indents by a single space: the line above it is the one that slipped.
        if says && indent(line) + 1 == own {
            return Some(Spot { file, start: begin + indent(line), end: begin + line.trim_end().len() });
        }
        if says && indent(line) < own {
            break;
        }
        if says {
            first = Some((begin, line));
        }
        end = begin.checked_sub(1)?;
    }
    let (begin, line) = first.filter(|(_, line)| indent(line) != own)?;
    Some(Spot { file, start: begin + indent(line), end: begin + line.trim_end().len() })
}

fn is_misplaced(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement
    )
}

/// An error that comes of a bracket left open: told where it was opened.
fn unclosed(kind: &ErrorKind, text: &str, at: usize, open: Spot) -> Option<(Spot, String, String)> {
    let spot = Spot { end: open.start + 1, ..open };
    let bracket = text.get(spot.start..spot.end)?;
    let closing = if bracket == "[" { "]" } else { "}" };
    let lines_between = text.get(open.start..at).is_some_and(|between| between.contains('\n'));
    if (is_misplaced(kind) || matches!(kind, ErrorKind::BlockSequenceEntryNotAllowed)) && lines_between {
        let message = "the bracket opened here is not closed before the next key".to_owned();
        return Some((spot, message, format!("write `{closing}` at its end")));
    }
    let ends = matches!(
        kind,
        ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidFlowScalarIndent
    );
    let help =
        format!("a `,` or `{closing}` is missing behind an item; a text with `,`, `:`, `[` or `{{` in it needs quotes");
    ends.then(|| (spot, format!("the `{bracket}` opened here is not closed properly"), help))
}

/// The text with the line of `at` blanked out, every other byte in its place. `None` if nothing is on it.
pub(super) fn without_line(text: &str, at: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |line| line + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |line| at + line);
    if bytes[start..end].iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let (before, rest) = (text.get(..start)?, text.get(end..)?);
    Some(format!("{before}{}{rest}", " ".repeat(end - start)))
}

/// What is said of a document that is over a limit, and the way out.
pub(super) fn too_much(deep: bool) -> (String, String) {
    if deep {
        let help = "write the inner parts beside the outer ones; a group of steps may become a runbook of its own";
        return (format!("nested deeper than {MAX_DEPTH} levels"), help.into());
    }
    let help = "an alias (`*name`) stands for all that its anchor (`&name`) holds: write fewer aliases of aliases, or make two files of it";
    (format!("more than {MAX_NODES} values in one document, aliases expanded"), help.into())
}

/// The sentence and the way out.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser's own words do for what nobody types")]
fn told(kind: &ErrorKind, line: &str) -> (String, String) {
    let (message, help) = match kind {
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let closing = if *open == '[' { ']' } else { '}' };
            let help = format!("write `{closing}` before it, or in its place");
            return (format!("`{close}` closes nothing here: `{open}` is still open"), help);
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return (format!("a value cannot begin with `{character}`"), "quote the whole value".to_owned());
        }
        kind if is_misplaced(kind) => return value_trouble(line),
        kind if is_tab(kind) => ("a tab where YAML wants spaces", "indent with spaces"),
        ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "text behind the closing quote",
            "inside single quotes a quote is written twice ('it''s'); or use double quotes",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ("text behind the closing quote", "inside double quotes a quote is written \\\"; or use single quotes")
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing", "take it out, or write the one that opens")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is opened and never closed", "put the same quote at the end of the text")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a `:` is missing behind this key, or the line is indented wrongly",
            "write `key: value`, in one line with the keys beside it",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::InvalidIndentation => {
            ("this line is indented differently from the ones it belongs to", "align it with the keys above it")
        }
        ErrorKind::BlockSequenceEntryNotAllowed => {
            ("a list item (`- `) cannot stand here", "begin the list on a line of its own below the key")
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            ("an unknown escape in double quotes", "use single quotes, where a backslash is only a backslash")
        }
        ErrorKind::RecursionLimitExceeded => ("nested too deeply", "write the inner parts beside the outer ones"),
        ErrorKind::DirectiveDisallowed => ("`%` directives are not used here", "if a text begins with `%`, quote it"),
        ErrorKind::CommentNotSeparated => {
            ("a `#` right behind something else", "put a space before a comment; a text with `#` in it needs quotes")
        }
        ErrorKind::InvalidBlockScalarHeader => {
            ("something behind the `|` or `>` that opens a text", "begin the text on the next line, indented")
        }
        other => {
            let help =
                "look for a bracket, quote or indent that is wrong here or just above; quotes make a text of anything";
            return (lower(&other.to_string()), help.to_owned());
        }
    };
    (message.to_owned(), help.to_owned())
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

fn value_trouble(line: &str) -> (String, String) {
    let colons = line.matches(": ").count() + usize::from(line.trim_end().ends_with(':'));
    if colons > 1 {
        ("a second `: ` in one line".to_owned(), "quote a text that has `: ` in it".to_owned())
    } else {
        ("a key cannot stand here".to_owned(), "check the indent of this line and the end of the one above".to_owned())
    }
}

/// What a line without a colon may have been meant to be.
fn with_colon(line: &str) -> String {
    let (dash, rest) = line.strip_prefix("- ").map_or(("", line), |rest| ("- ", rest));
    let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let key = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let text = "where it belongs to the text above it, indent it as that is";
    match (key, value.is_empty()) {
        (true, true) => format!("write `{dash}{word}:`; {text}"),
        (true, false) => format!("write `{dash}{word}: …`; {text}"),
        (false, _) => format!("write `key: value`; {text}"),
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
