//! Tags, and conditions that YAML takes for one: `when: !steps.a.failed` is a tag with nothing behind it.

/// Keys whose value is an expression.
const EXPRESSIONS: &[&str] = &["when", "bad", "unless", "foreach", "each", "value"];

/// The text that a tag and what stands behind it were meant to be, where that is an expression: `from` is where the tag
/// begins, `to` where it ends, `end` where its value does.
pub(super) fn meant(text: &str, (from, to, end): (usize, usize, usize), key: Option<&str>) -> Option<String> {
    let tag = text.get(from..to)?.trim_end();
    let raw = text.get(from..end.max(to))?.trim_end();
    let own = tag.len() > 1 && !tag.starts_with("!!") && !tag.starts_with("!<");
    let alone = raw.len() == tag.len();
    let says = alone || tag.contains(['.', '(']) || key.is_some_and(|key| EXPRESSIONS.contains(&key));
    (own && says && !raw.contains('\n')).then(|| raw.to_owned())
}

/// How such a value is written so that it is one.
pub(super) fn quoted(key: Option<&str>, value: &str) -> String {
    let quote = if value.contains('"') { '\'' } else { '"' };
    let key = key.map_or(String::new(), |key| format!("{key}: "));
    format!("quote the whole value, or YAML takes it for a tag: `{key}{quote}{value}{quote}`")
}

/// The key and the value of a line whose condition begins with a `!` and is not quoted.
pub(super) fn bare(line: &str) -> Option<(&'static str, &str)> {
    EXPRESSIONS.iter().find_map(|key| {
        let at = line.find(&format!("{key}: !"))?;
        let first = line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let value = &line[at + key.len() + 2..];
        let flow = line[..at].contains('{');
        let end = if flow { value.find([',', '}']).unwrap_or(value.len()) } else { value.len() };
        let value = value[..end].trim_end();
        (first && !value.starts_with("!!")).then_some((*key, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_told_from_a_tag() {
        let text = "!steps.a.failed && x";
        for (ends, key, said) in [
            ((0, 15, 20), None, Some(text)),
            ((0, 15, 15), None, Some("!steps.a.failed")),
            ((0, 6, 15), Some("when"), Some("!steps.a.failed")),
            ((0, 6, 15), Some("title"), None),
        ] {
            assert_eq!(meant(text, ends, key).as_deref(), said, "{ends:?} {key:?}");
        }
        assert_eq!(meant("!url http://x", (0, 4, 13), Some("http")), None);
        assert_eq!(meant("!!str", (0, 5, 5), Some("when")), None);
    }

    #[test]
    fn lines_with_such_a_condition() {
        assert_eq!(bare("    when: !a || b"), Some(("when", "!a || b")));
        assert_eq!(bare("  - { id: x, when: !a || b, shell: ls }"), Some(("when", "!a || b")));
        assert_eq!(bare("    when: \"!a\""), None);
        assert_eq!(bare("    when: !!str a"), None);
    }
}
