//! Every way a secret's value is likely to be written: as is, URL, JSON, shell, hex, base64.
//!
//! Values shorter than [`MIN_MASKED`] bytes are not masked: they would turn ordinary output into
//! stars and are no secrets worth the name. The same holds for each line of a longer value.

use crate::base::planted::{self, Bug};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Shortest text that is masked, in bytes.
pub const MIN_MASKED: usize = 4;

/// Every text that gives `value` away, sorted, without doubles.
///
/// Encodings are made of the whole value, of the value without white space around it, and of each of
/// its lines. A base64 text depends on how many bytes stand before the value, so there are three.
#[must_use]
pub fn variants(value: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let lines = value.lines().map(str::trim);
    for part in [value, value.trim()].into_iter().chain(lines) {
        if part.len() >= MIN_MASKED {
            encodings(part, &mut |text| {
                if text.len() >= MIN_MASKED {
                    found.insert(text);
                }
            });
        }
    }
    found.into_iter().collect()
}

fn encodings(value: &str, add: &mut dyn FnMut(String)) {
    add(value.into());
    if planted::has(Bug::PlainMask) {
        return;
    }
    url(value, add);
    json(value, add);
    shell(value, add);
    add(hex(value.as_bytes(), "", false));
    add(hex(value.as_bytes(), "", true));
    for separator in [":", " ", "\\x"] {
        add(hex(value.as_bytes(), separator, false));
        add(hex(value.as_bytes(), separator, true));
    }
    for (alphabet, skip) in
        [STANDARD, URL_SAFE].into_iter().flat_map(|alphabet| (0..3).map(move |skip| (alphabet, skip)))
    {
        add(base64(value.as_bytes(), skip, alphabet));
    }
}

/// Percent-encoded, with the reserved characters kept (a whole URL) and encoded (a part of one), in
/// both cases of the digits, and with `+` for a space as forms do.
fn url(value: &str, add: &mut dyn FnMut(String)) {
    for kept in ["-_.~", "-_.~!*'()", "-_.~!#$&'()*+,/:;=?@", "-_.*"] {
        for upper in [true, false] {
            let encoded: String = value.bytes().fold(String::new(), |mut text, byte| {
                if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    let _ = if upper { write!(text, "%{byte:02X}") } else { write!(text, "%{byte:02x}") };
                }
                text
            });
            add(encoded.replace("%20", "+"));
            add(encoded);
        }
    }
}

/// As the inside of a JSON string: as we write it, with `\/`, and in plain ASCII. Twice over, too,
/// for JSON that is a string of JSON.
fn json(value: &str, add: &mut dyn FnMut(String)) {
    let plain = json_inside(value);
    let ascii = plain.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    });
    add(plain.replace('/', "\\/"));
    add(ascii.replace('/', "\\/"));
    add(json_inside(&plain));
    add(ascii);
    add(plain);
}

fn json_inside(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].into()
}

/// As shells write it: inside single quotes, inside double quotes, with backslashes, as `$'…'`.
fn shell(value: &str, add: &mut dyn FnMut(String)) {
    let escaped = |special: &dyn Fn(char) -> bool| {
        value.chars().fold(String::new(), |mut text, c| {
            if special(c) {
                text.push('\\');
            }
            text.push(c);
            text
        })
    };
    add(value.replace('\'', "'\\''"));
    add(value.replace('\'', "'\"'\"'"));
    add(escaped(&|c| "\\\"$`".contains(c)));
    add(escaped(&|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./:=+,@%".contains(c)));
    add(escaped(&|c| c.is_ascii() && !c.is_ascii_alphanumeric()));
    add(escaped(&|c| "\\'".contains(c)).replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r"));
}

fn hex(bytes: &[u8], separator: &str, upper: bool) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
    }
    text
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The characters of base64 text that only `bytes` decide when `skip` other bytes stand before them
/// in their group of three; those shared with a neighbour are left out.
fn base64(bytes: &[u8], skip: usize, alphabet: &[u8; 64]) -> String {
    let first = (skip * 8).div_ceil(6);
    let whole = (skip + bytes.len()) * 8 / 6;
    let bit = |index: usize| index.checked_sub(skip * 8).map_or(0, |at| bytes[at / 8] >> (7 - at % 8) & 1);
    (first..whole)
        .map(|index| (0..6).fold(0, |sextet, offset| sextet << 1 | usize::from(bit(index * 6 + offset))))
        .map(|sextet| char::from(alphabet[sextet]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_value_is_known() {
        let found = variants("pä/ss w'rd\"$");
        for (way, text) in [
            ("as is", "pä/ss w'rd\"$"),
            ("url part", "p%C3%A4%2Fss%20w%27rd%22%24"),
            ("url part, lower", "p%c3%a4%2fss%20w%27rd%22%24"),
            ("form", "p%C3%A4%2Fss+w%27rd%22%24"),
            ("whole url", "p%C3%A4/ss%20w'rd%22$"),
            ("json", "pä/ss w'rd\\\"$"),
            ("json, ascii", "p\\u00e4/ss w'rd\\\"$"),
            ("json, slash", "pä\\/ss w'rd\\\"$"),
            ("single quotes", "pä/ss w'\\''rd\"$"),
            ("double quotes", "pä/ss w'rd\\\"\\$"),
            ("backslashes", "pä/ss\\ w\\'rd\\\"\\$"),
            ("hex", "70c3a42f737320772772642224"),
            ("hex, upper", "70C3A42F737320772772642224"),
            ("hex dump", "70 c3 a4 2f 73 73 20 77 27 72 64 22 24"),
            ("base64", "cMOkL3NzIHcncmQiJ"),
        ] {
            assert!(found.iter().any(|variant| variant == text), "{way}: {text} not in {found:#?}");
        }
    }

    #[test]
    fn base64_is_found_at_every_offset_and_with_every_tail() {
        let value = "s3cr3t?>value";
        let found = variants(value);
        for before in ["", "a", "ab", "abc", "user:", "user::", "user:::"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = format!("{before}{value}{after}");
                let encoded = base64(format!("{text}\0\0").as_bytes(), 0, STANDARD);
                assert!(found.iter().any(|variant| encoded.contains(variant.as_str())), "{before}|{after}: {encoded}");
            }
        }
    }

    #[test]
    fn lines_count_and_short_values_do_not() {
        assert_eq!(variants("abc"), Vec::<String>::new());
        let found = variants("first line\nabc\n  second line  \n");
        for line in ["first line", "second line"] {
            assert!(found.iter().any(|variant| variant == line), "{line}");
        }
        assert!(!found.iter().any(|variant| variant == "abc"));
    }
}
