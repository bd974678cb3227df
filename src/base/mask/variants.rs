//! Every way a secret's value is likely to be written: as is, URL, JSON, HTML, shell, hex, base64.
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
    html(value, add);
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

/// What is kept as it is when a text becomes part of a URL, beside letters and digits.
const KEPT_IN_URLS: &[&str] = &[
    // RFC 3986's unreserved; with the slash as Python keeps it; PHP's and Java's form fields.
    "-_.~",
    "-_.~/",
    "-_.",
    "-_.*",
    // JavaScript's `encodeURIComponent` and `encodeURI`.
    "-_.!~*'()",
    "-_.!~*'();,/?:@&=+$#",
    // Go's path segment, path, user and fragment.
    "-_.~$&+:=@",
    "-_.~$&+,/:;=@",
    "-_.~$&+,;=",
    "-_.~$&+,/:;=?@!()*",
    // A segment, a path and a query as RFC 3986 allows them.
    "-_.~!$&'()*+,;=:@",
    "-_.~!$&'()*+,;=:@/",
    "-_.~!$&'()*+,;=:@/?",
    // Browsers: component, user, path, query, query of https, fragment.
    "-_.~!'()*",
    "-_.~!$&'()*+,%",
    "-_.~!$&'()*+,;=:@/[]|\\%",
    "-_.~!$&'()*+,;=:@/?[]|\\^`{}%",
    "-_.~!$&()*+,;=:@/?[]|\\^`{}%",
    "-_.~!#$&'()*+,;=:@/?[]|\\^{}%",
    "-_.~!#$&'()*+,/:;=?@",
];

/// Percent-encoded as everybody does it, in both cases of the digits, and with `+` for a space as forms do.
fn url(value: &str, add: &mut dyn FnMut(String)) {
    for kept in KEPT_IN_URLS {
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

/// As the inside of a JSON string: as we write it, in plain ASCII, with `\/`, with what HTML minds as numbers (Go, PHP,
/// .NET) in both cases of the digits. Twice over, too, for JSON that is a string of JSON.
fn json(value: &str, add: &mut dyn FnMut(String)) {
    add(json_inside(&json_inside(value)));
    for minded in ["", "<>&", "<>&'", "<>&\"", "<>&'\"", "<>&'\"+`"] {
        for (upper, ascii) in [(false, false), (false, true), (true, false), (true, true)] {
            let text = value.chars().fold(String::new(), |mut text, c| {
                if minded.contains(c) || (ascii && !c.is_ascii()) {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = if upper { write!(text, "\\u{unit:04X}") } else { write!(text, "\\u{unit:04x}") };
                    }
                } else {
                    text.push_str(&json_inside(c.encode_utf8(&mut [0; 4])));
                }
                text
            });
            add(text.replace('/', "\\/"));
            add(text);
        }
    }
}

/// As HTML and XML write it, quotes as they are or in one of their guises.
fn html(value: &str, add: &mut dyn FnMut(String)) {
    let plain = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for double in ["\"", "&quot;", "&#34;", "&#x22;", "&#034;"] {
        for single in ["'", "&#39;", "&#x27;", "&apos;", "&#039;"] {
            let text = plain.replace('"', double).replace('\'', single);
            // Handlebars minds these, too.
            add(text.replace('`', "&#x60;").replace('=', "&#x3D;"));
            add(text);
        }
    }
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
    // `printf %q` of bash: a tilde and a hash are marked at the beginning only.
    let marked = escaped(&|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./:=+@%~#".contains(c));
    add(if value.starts_with(['~', '#']) { format!("\\{marked}") } else { marked });
    // A quote doubled: SQL, YAML, CSV, PowerShell.
    add(value.replace('\'', "''"));
    add(value.replace('"', "\"\""));
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
    fn what_other_programs_make_of_a_value_is_known() {
        let aws = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEX=";
        let odd = "p!a'(b)*~c/d:e@f+g=h&i,j;k$l#m";
        let marked = "Tr0ub4dor&3<zz>!\"'+";
        for (way, value, text) in [
            ("quote of Python", aws, "wJalrXUtnFEMI/K7MDENG%2BbPxRfiCYEX%3D"),
            ("PathEscape of Go", aws, "wJalrXUtnFEMI%2FK7MDENG+bPxRfiCYEX="),
            ("QueryEscape of Go", aws, "wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEX%3D"),
            ("encodeURI", odd, "p!a'(b)*~c/d:e@f+g=h&i,j;k$l#m"),
            ("a path in a browser", "a b?c#d{e}\"f/g", "a%20b%3Fc%23d%7Be%7D%22f/g"),
            ("a query in a browser", "a b?c#d{e}\"f/g", "a%20b?c%23d{e}%22f/g"),
            ("bash, %q", odd, "p\\!a\\'\\(b\\)\\*~c/d:e@f+g=h\\&i\\,j\\;k\\$l#m"),
            ("bash, %q at the beginning", "~#home&1", "\\~#home\\&1"),
            ("JSON of Go", marked, "Tr0ub4dor\\u00263\\u003czz\\u003e!\\\"'+"),
            ("JSON of .NET", marked, "Tr0ub4dor\\u00263\\u003Czz\\u003E!\\u0022\\u0027\\u002B"),
            ("HTML", marked, "Tr0ub4dor&amp;3&lt;zz&gt;!&quot;&#39;+"),
            ("HTML of Python", marked, "Tr0ub4dor&amp;3&lt;zz&gt;!&quot;&#x27;+"),
            ("HTML of Go", marked, "Tr0ub4dor&amp;3&lt;zz&gt;!&#34;&#39;+"),
            ("XML", marked, "Tr0ub4dor&amp;3&lt;zz&gt;!\"'+"),
            ("SQL", marked, "Tr0ub4dor&3<zz>!\"\'\'+"),
        ] {
            let found = variants(value);
            assert!(found.iter().any(|variant| variant == text), "{way}: {text} not in {found:#?}");
        }
    }

    #[test]
    fn a_plain_value_has_few_guises() {
        let count = variants("0123456789abcdefABCDEF").len();
        assert!(count < 20, "{count} texts to look for");
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
