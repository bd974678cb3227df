//! One rule for each landing: what a value becomes there, or why it may not go there.

use crate::base::arg::Landing;
use crate::base::planted::{self, Bug};
use crate::template::tree::Spot;
use std::fmt::Write;

/// The value as it is written where it lands.
///
/// # Errors
/// A sentence, when it would be empty or unsafe there.
pub(super) fn land(text: &str, spot: Spot) -> Result<String, String> {
    if spot.raw {
        return Ok(text.into());
    }
    match spot.landing {
        Landing::Plain => Ok(plain(text)),
        Landing::ShellWord => shell(text, spot).map(|text| single_quoted(&text)),
        Landing::ShellSingle if planted::has(Bug::QuoteEnds) => Ok(text.into()),
        Landing::ShellSingle => shell(text, spot).map(|text| text.replace('\'', r"'\''")),
        Landing::ShellDouble => shell(text, spot).map(|text| inside_double(&text)),
        Landing::Argv => no_nul(filled(no_dash(text, spot)?, "an argument")?).map(str::to_owned),
        Landing::Env => no_nul(text).map(str::to_owned),
        Landing::Url => whole_url(text, spot),
        Landing::UrlPart => url_part(text),
        // Whoever serialises the document escapes its strings; doing it here as well would do it twice.
        Landing::Json => Ok(text.into()),
        Landing::Html => Ok(html(text)),
        Landing::Markdown => Ok(markdown(text)),
        Landing::Chat => Ok(chat(text)),
        Landing::Header => Ok(one_line(text)),
        Landing::PathPart => path_part(text),
        Landing::Path => whole_path(text),
        Landing::Host => host(text),
    }
}

fn filled<'a>(text: &'a str, place: &str) -> Result<&'a str, String> {
    if text.is_empty() { Err(format!("it is empty, which {place} may not be")) } else { Ok(text) }
}

fn no_nul(text: &str) -> Result<&str, String> {
    if text.contains('\0') { Err("it holds a NUL character".into()) } else { Ok(text) }
}

fn no_dash(text: &str, spot: Spot) -> Result<&str, String> {
    if spot.first && text.starts_with('-') {
        return Err(format!(
            "`{}` begins with a dash and would be taken for an option: put `--` before it",
            short(text)
        ));
    }
    Ok(text)
}

fn short(text: &str) -> String {
    plain(&text.chars().take(40).collect::<String>())
}

fn shell(text: &str, spot: Spot) -> Result<String, String> {
    no_nul(filled(no_dash(text, spot)?, "a word of a shell line")?).map(str::to_owned)
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn inside_double(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Control characters made visible, but for line breaks and tabs; so are those that reorder text.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\u{7f}' => shown.push('\u{2421}'),
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + c as u32)),
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", c as u32);
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Everything but the unreserved characters of RFC 3986 becomes `%XX`.
pub(super) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn url_part(text: &str) -> Result<String, String> {
    let text = filled(text, "a part of a URL")?;
    if text == "." || text == ".." {
        return Err(format!("`{text}` as a part of a URL leads elsewhere"));
    }
    Ok(percent(text))
}

fn whole_url(text: &str, spot: Spot) -> Result<String, String> {
    let text = filled(text, "a URL")?;
    let lower = text.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let Some(scheme) = scheme else {
        return Err(format!("`{}` is no URL: it must begin with http:// or https://", short(text)));
    };
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(format!("`{}` is no URL: it holds white space, a backslash or control characters", short(text)));
    }
    if spot.tail && text.contains(['?', '#']) {
        return Err(format!("`{}` has a query, and more of the URL follows it", short(text)));
    }
    let rest = &text[scheme.len()..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("a URL may not carry a user name: use `auth:`".into());
    }
    host(authority)?;
    Ok(text.into())
}

fn host(text: &str) -> Result<String, String> {
    let bad = || format!("`{}` is no host", short(text));
    let text = filled(text, "a host")?;
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(bad)?;
            if address.is_empty() || !address.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.')) {
                return Err(bad());
            }
            ("v6", if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(bad)?) })
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if name.is_empty() || name.starts_with(['-', '.']) || name.contains("..") || !name.chars().all(fine) {
        return Err(bad());
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(bad());
    }
    Ok(text.into())
}

pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut line_start = true;
    for c in plain(text).chars() {
        let special = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' | '&' => true,
            '#' | '+' | '-' | '=' => line_start,
            // `1.` and `1)` begin a list.
            '.' | ')' => {
                let line = escaped.rsplit('\n').next().unwrap_or_default().trim_start();
                !line.is_empty() && line.chars().all(|c| c.is_ascii_digit())
            }
            _ => false,
        };
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
        line_start = c == '\n' || (line_start && (c == ' ' || c == '\t'));
    }
    escaped
}

/// Links and mentions are written with angle brackets in chat, and `&` opens what stands for one.
fn chat(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if !breaks {
            line.push(c);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.trim_end().into()
}

fn path_part(text: &str) -> Result<String, String> {
    let text = no_nul(filled(text, "a part of a path")?)?;
    if text == "." || text == ".." || text.contains('/') {
        return Err(format!("`{}` is not one part of a path", short(text)));
    }
    Ok(text.into())
}

fn whole_path(text: &str) -> Result<String, String> {
    let text = no_nul(filled(text, "a path")?)?;
    if text.split('/').any(|part| part == "..") {
        return Err(format!("`{}` climbs out with `..`", short(text)));
    }
    Ok(text.into())
}
