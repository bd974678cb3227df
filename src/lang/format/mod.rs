//! `stepladder fmt`: one way to lay a file out. Comments stay, the values stay, running it twice changes nothing.
//!
//! Whatever it cannot lay out without changing a value or losing a comment is left exactly as it is.

mod print;
mod scalar;

use crate::diagnostic::{Diagnostics, FileId};
use crate::lang::yaml::{self, Stream};

/// What became of a text that was to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaidOut {
    /// It is laid out.
    Anew(String),
    /// It is as it was: no layout was found that says the same.
    AsItWas(String),
}

/// The text laid out: two spaces an indent, no quotes where none are needed, `id` and `title` first in a step; or the
/// text as it is.
///
/// # Errors
/// What is wrong with it as YAML.
pub fn fmt(text: &str) -> Result<String, Diagnostics> {
    lay_out(text).map(|(LaidOut::Anew(text) | LaidOut::AsItWas(text))| text)
}

/// The same as [`fmt`], and whether it could be done.
///
/// # Errors
/// What is wrong with it as YAML.
pub fn lay_out(text: &str) -> Result<LaidOut, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let stream = parsed(&text)?;
    let laid_out = print::print(&text, &stream);
    // The promise that values stay is kept by looking: a layout that reads differently is not used.
    match parsed(&laid_out) {
        Ok(again) if same(&stream, &again) => Ok(LaidOut::Anew(laid_out)),
        Ok(_) | Err(_) => Ok(LaidOut::AsItWas(text)),
    }
}

fn parsed(text: &str) -> Result<Stream, Diagnostics> {
    let mut findings = Diagnostics::default();
    let stream = yaml::read(FileId(0), text, &mut findings);
    if findings.has_errors() { Err(findings) } else { Ok(stream) }
}

/// Whether both say the same, comments included; the order of keys may differ.
fn same(one: &Stream, other: &Stream) -> bool {
    let values = |stream: &Stream| -> Vec<String> {
        let shown =
            |value: Option<crate::base::value::Value>| value.map_or(String::new(), |value| sorted(value).to_string());
        stream.documents.iter().map(|document| shown(document.root.as_ref().map(yaml::Node::value))).collect()
    };
    values(one) == values(other) && one.comments.len() == other.comments.len()
}

fn sorted(value: crate::base::value::Value) -> crate::base::value::Value {
    use crate::base::value::Value;
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_laid_out() {
        for (text, laid_out) in [
            ("a:   1\nb:  'word'\n", "a: 1\nb: word\n"),
            ("a:\n- 1\n- b:   2\n  c: 3\n", "a:\n  - 1\n  - b: 2\n    c: 3\n"),
            ("# top\n\n\n\na: 1 # one\n# end\n", "# top\n\na: 1 # one\n# end\n"),
            ("a: {b: 1,c: [x,y]}\n", "a: { b: 1, c: [x, y] }\n"),
            ("a: {}\nb: []\nc:\n", "a: {}\nb: []\nc:\n"),
            ("a: |\n    one\n      two\n\n    three\nb: 1", "a: |\n  one\n    two\n\n  three\nb: 1\n"),
            ("a: >-\n    one\n    two\n", "a: >-\n  one\n  two\n"),
            (
                "a: \"yes\"\nb: '1'\nc: \"x: y\"\nd: \"http://x/y\"\n",
                "a: \"yes\"\nb: '1'\nc: \"x: y\"\nd: \"http://x/y\"\n",
            ),
            ("steps:\n  - shell: ls\n    id: x\n", "steps:\n  - id: x\n    shell: ls\n"),
            ("steps:\n  - shell: ls # list\n    id: x\n", "steps:\n  - shell: ls # list\n    id: x\n"),
            ("a:\n    b: 1\n    # inner\n# outer\nc: 2\n", "a:\n  b: 1\n  # inner\n# outer\nc: 2\n"),
            ("a: &x\n  b: 1\nc: *x\n", "a: &x\n  b: 1\nc: *x\n"),
            ("a: # why\n  - 1\n", "a: # why\n  - 1\n"),
            ("test: a\n---\ntest: b\n", "test: a\n---\ntest: b\n"),
            ("a: {b: 1, # one\n  c: 2}\n", "a: { b: 1, # one\n  c: 2 }\n"),
            ("a: ! word\nb: ! 1\nc: !!str word\n", "a: word\nb: \"1\"\nc: word\n"),
            ("- - 1\n  - 2\n-   a\n", "- - 1\n  - 2\n- a\n"),
            ("a: one\n  two\n", "a: one two\n"),
            (
                "a:   { b: 1,  c: 2 }\nbcd: { b: 11, c: 2 }\ne:  1\n",
                "a:   { b: 1,  c: 2 }\nbcd: { b: 11, c: 2 }\ne: 1\n",
            ),
            (
                "a:   f\nsteps:\n# x\n- id: a\n  shell: |\n    keep\n",
                "a: f\nsteps:\n  # x\n  - id: a\n    shell: |\n      keep\n",
            ),
            ("a:\n  - b: 1\n# why\n    c: 2 # two\n# last\n", "a:\n  - b: 1\n    # why\n    c: 2 # two\n# last\n"),
            ("a:\n# x\n  {b: 1, # one\n  c: 2}\n", "a: { b: 1, # one\n  c: 2 }\n# x\n"),
            (
                "steps:\n  - {\n    id: f, # why\n  }\nc: {\n  d: 1, # two\n}\n",
                "steps:\n  - {\n      id: f, # why\n    }\nc: {\n    d: 1, # two\n  }\n",
            ),
            ("", ""),
            ("# only\n", "# only\n"),
        ] {
            let shown = fmt(text).unwrap_or_else(|_| panic!("{text:?} parses"));
            assert_eq!(shown, laid_out, "{text:?}");
            assert_eq!(fmt(&shown).ok().as_deref(), Some(laid_out), "{text:?} twice");
        }
        assert!(fmt("a: [").is_err());
    }
}
