//! Scalars and bracketed collections on one line, with no more quotes than they need.

use crate::lang::yaml::{Core, Node, NodeKind, Scalar, Style};
use std::fmt::Write;

/// The node on one line, as it may stand inside brackets or behind a key.
pub(super) fn inline(node: &Node, source: &str) -> String {
    if let Some(alias) = &node.alias {
        return format!("*{alias}");
    }
    let written = source.get(node.spot.start..node.spot.end).unwrap_or("");
    if node.scalar().is_none() && node.anchor.is_none() && well_spaced(written) {
        return written.to_owned();
    }
    let anchor = node.anchor.as_ref().map_or(String::new(), |anchor| format!("&{anchor} "));
    let body = match &node.kind {
        NodeKind::Scalar(scalar) => self::scalar(scalar, written),
        NodeKind::Seq(items, _) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, source)).collect();
            format!("[{}]", items.join(", "))
        }
        NodeKind::Map(pairs, _) if pairs.is_empty() => "{}".into(),
        NodeKind::Map(pairs, _) => {
            let mut text = String::from("{ ");
            for (index, (key, value)) in pairs.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                let value = inline(value, source);
                let space = if value.is_empty() { "" } else { " " };
                let _ = write!(text, "{comma}{}:{space}{value}", inline(key, source));
            }
            text + " }"
        }
    };
    format!("{anchor}{body}").trim_end().to_owned()
}

/// Whether brackets on one line already have their spaces: then columns that somebody aligned stay.
fn well_spaced(written: &str) -> bool {
    let mut quote = None;
    let mut before = ' ';
    let mut chars = written.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let good = match (quote, c) {
            (_, '\n' | '\t') => false,
            (Some(open), c) => {
                if c == open && before != '\\' {
                    quote = None;
                }
                true
            }
            (None, '"' | '\'') if !before.is_alphanumeric() => {
                quote = Some(c);
                true
            }
            (None, '{') => matches!(next, Some(' ' | '}')),
            (None, '}') => matches!(before, ' ' | '{'),
            (None, ',') => next == Some(' '),
            (None, _) => true,
        };
        if !good {
            return false;
        }
        before = c;
    }
    true
}

/// A scalar on one line. `written` is how it stands in the source.
fn scalar(scalar: &Scalar, written: &str) -> String {
    let one_line = !written.contains('\n');
    match scalar.style {
        Style::Plain if scalar.as_text && simple(&scalar.text) => scalar.text.to_string(),
        Style::Plain if scalar.as_text => quoted(&scalar.text),
        Style::Plain if one_line => written.trim().to_owned(),
        Style::Plain if !scalar.text.contains('\n') => scalar.text.to_string(),
        Style::Single | Style::Double if simple(&scalar.text) => scalar.text.to_string(),
        Style::Single | Style::Double if one_line => written.trim().to_owned(),
        Style::Single | Style::Double | Style::Plain | Style::Literal | Style::Folded => quoted(&scalar.text),
    }
}

/// Whether the text is the same without quotes, to the parser and to whoever reads it.
fn simple(text: &str) -> bool {
    let bare = Scalar { text: text.into(), style: Style::Plain, as_text: false };
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_./@+-".contains(c) || c == ' ';
    letter
        && text.chars().all(harmless)
        && !text.ends_with(' ')
        && !text.contains("  ")
        && bare.core() == Core::Text
        && bare.is_old_boolean().is_none()
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
