//! The tokens of an alert's condition.

use super::At;
use super::trouble::Trouble;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number as written, with whatever unit stands right behind it: `85`, `0.05`, `90%`, `1h30m`.
    Number(String),
    /// A name.
    Word(String),
    /// Text in quotes.
    Text(String),
    /// Signs.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// Longest first: `<=` is not `<` and `=`.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "=~", "!~", "<", ">", "=", "!", "+", "-", "*", "/", "(", ")", "{", "}", "[",
    "]", ",",
];

/// All tokens of a text, [`Token::End`] last.
pub(super) fn scan(text: &str) -> Result<Vec<(Token, At)>, Trouble> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let length = number(rest);
            (Token::Number(rest[..length].into()), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Token::Word(rest[..length].into()), length)
        } else if first == '"' || first == '\'' {
            quoted(rest, first, at)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let message = format!("`{first}` means nothing in the condition of an alert");
            return Err(Trouble::syntax((at, at + first.len_utf8()), message)
                .help("write it like `cpu_used > 85` or `rate(errors_total, 5m) > 0.1`"));
        };
        tokens.push((token, (at, at + length)));
        at += length;
    }
    tokens.push((Token::End, (text.trim_end().len(), text.trim_end().len())));
    Ok(tokens)
}

/// The length of a number and of the unit right behind it.
fn number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut length = digits(text);
    let exponent = text[length..].strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    if let Some(rest) = exponent.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        length = text.len() - rest.len() + digits(rest);
    }
    let unit = text[length..].find(|c: char| !c.is_ascii_alphanumeric() && c != '%' && c != '.');
    unit.map_or(text.len(), |unit| length + unit)
}

fn quoted(text: &str, quote: char, at: usize) -> Result<(Token, usize), Trouble> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| if c == 'n' { '\n' } else { c })),
            c if c == quote => return Ok((Token::Text(value), index + 1)),
            c => value.push(c),
        }
    }
    Err(Trouble::syntax((at, at + text.len()), "this quote is never closed"))
}
