//! A runbook on its way to text: plain data, written as a person would lay it out.

use crate::base::value::Value;
use crate::lang::import::words::Names;
use std::fmt::Write;

/// How long a list or map may be that stands on one line.
const ONE_LINE: usize = 90;

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Out {
    /// Text.
    Text(String),
    /// A number, a boolean, a name: as it stands.
    Bare(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in its order.
    Map(Vec<(String, Self)>),
}

/// A key and its value.
pub(super) fn pair(key: impl Into<String>, value: Out) -> (String, Out) {
    (key.into(), value)
}

/// A key and its text.
pub(super) fn text(key: impl Into<String>, value: impl Into<String>) -> (String, Out) {
    (key.into(), Out::Text(value.into()))
}

/// A key and what stands there as it is.
pub(super) fn bare(key: impl Into<String>, value: impl std::fmt::Display + Copy) -> (String, Out) {
    (key.into(), Out::Bare(value.to_string()))
}

/// A key and a list of names.
pub(super) fn names<'a>(key: &str, names: impl IntoIterator<Item = &'a str>) -> (String, Out) {
    (key.to_owned(), Out::List(names.into_iter().map(|name| Out::Bare(name.to_owned())).collect()))
}

/// One step.
pub(super) type Step = Vec<(String, Out)>;

/// One runbook.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// What it was made of, as a comment.
    pub(super) from: String,
    /// What stands above the steps, in order, but for the triggers.
    pub(super) head: Vec<(String, Out)>,
    /// What starts it.
    pub(super) triggers: Vec<Out>,
    /// Whether a step of it is one that fails because it could not be said.
    pub(super) held: bool,
    /// The steps, those after a failure, those at the end.
    pub(super) steps: Vec<Step>,
    pub(super) on_failure: Vec<Step>,
    pub(super) finally: Vec<Step>,
    /// The ids that were given.
    pub(super) ids: Names,
}

impl Draft {
    /// The text of the runbook.
    pub(super) fn write(&self) -> String {
        let mut out = format!("# from {}\n", self.from.replace(char::is_control, " "));
        if self.held && !self.triggers.is_empty() {
            let held = one_line(&Out::List(self.triggers.clone())).unwrap_or_default();
            let _ = writeln!(out, "# held back until what was left out is written: triggers: {held}");
        }
        let mut all = self.head.clone();
        if !self.held && !self.triggers.is_empty() {
            all.push(pair("triggers", Out::List(self.triggers.clone())));
        }
        for (key, steps) in [("steps", &self.steps), ("on_failure", &self.on_failure), ("finally", &self.finally)] {
            if !steps.is_empty() {
                all.push(pair(key, Out::List(steps.iter().cloned().map(Out::Map).collect())));
            }
        }
        let long = |key: &str| matches!(key, "steps" | "on_failure" | "finally" | "triggers");
        for (key, value) in &all {
            entry(&mut out, key, value, 0, long(key));
        }
        out
    }
}

/// A step that fails and says why: it stands for one that could not be said.
pub(super) fn left_out(id: &str, title: &str, why: &str) -> Step {
    let why = escaped(&why.replace('\'', "’").replace(char::is_control, " "));
    let mut step = vec![bare("id", id)];
    if !title.is_empty() && title != id {
        step.push(text("title", title));
    }
    step.push(text("shell", format!("echo >&2 'left out by the import: {why}'; exit 1")));
    step
}

/// The text as a template that writes it.
pub(super) fn escaped(text: &str) -> String {
    text.replace("{{", "\\{{")
}

/// Whether the text cannot be written as a template: a backslash before two braces is taken away by it.
pub(super) fn is_beyond_templates(text: &str) -> bool {
    text.contains("\\{{")
}

fn entry(out: &mut String, key: &str, value: &Out, indent: usize, long: bool) {
    let _ = write!(out, "{:indent$}{key}:", "");
    let short = if long { None } else { one_line(value).filter(|text| text.len() <= ONE_LINE || is_scalar(value)) };
    match (short, value) {
        (Some(short), _) => {
            let _ = writeln!(out, " {short}");
        }
        (None, Out::Text(words)) => block(out, words, indent + 2),
        (None, Out::Bare(words)) => {
            let _ = writeln!(out, " {words}");
        }
        (None, Out::List(items)) => {
            out.push('\n');
            for item in items {
                item_of(out, item, indent + 2);
            }
        }
        (None, Out::Map(pairs)) => {
            out.push('\n');
            for (key, value) in pairs {
                entry(out, key, value, indent + 2, false);
            }
        }
    }
}

fn item_of(out: &mut String, item: &Out, indent: usize) {
    let start = out.len();
    match item {
        Out::Map(pairs) if one_line(item).is_none_or(|text| text.len() > ONE_LINE - 20) => {
            for (key, value) in pairs {
                entry(out, key, value, indent + 2, false);
            }
            // The first key stands behind the dash.
            out.replace_range(start + indent..=start + indent, "-");
        }
        Out::Text(_) | Out::Bare(_) | Out::List(_) | Out::Map(_) => {
            let shown = one_line(item).unwrap_or_else(|| json(&whole(item)));
            let _ = writeln!(out, "{:indent$}- {shown}", "");
        }
    }
}

fn is_scalar(value: &Out) -> bool {
    match value {
        Out::Text(_) | Out::Bare(_) => true,
        Out::List(_) | Out::Map(_) => false,
    }
}

/// The value on one line, where it can stand on one.
fn one_line(value: &Out) -> Option<String> {
    match value {
        Out::Text(words) if is_block(words) => None,
        Out::Text(words) if is_plain(words) => Some(words.clone()),
        Out::Text(words) => Some(json(words)),
        Out::Bare(words) => Some(words.clone()),
        Out::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(one_line).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Out::Map(pairs) => {
            let pairs: Option<Vec<String>> =
                pairs.iter().map(|(key, value)| Some(format!("{}: {}", key_of(key), one_line(value)?))).collect();
            Some(format!("{{ {} }}", pairs?.join(", ")))
        }
    }
}

/// Whether a text means itself without quotes, wherever it stands.
fn is_plain(words: &str) -> bool {
    let odd = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    words.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !words.ends_with(' ')
        && words.chars().all(|c| c.is_ascii_alphanumeric() || " _./-".contains(c))
        && !odd.contains(&words.to_ascii_lowercase().as_str())
}

fn key_of(key: &str) -> String {
    if crate::lang::import::words::is_variable(key) { key.to_owned() } else { json(key) }
}

/// The texts in a value that has no layout of its own.
fn whole(value: &Out) -> String {
    match value {
        Out::Text(words) | Out::Bare(words) => words.clone(),
        Out::List(items) => items.iter().map(whole).collect::<Vec<_>>().join("\n"),
        Out::Map(pairs) => pairs.iter().map(|(_, value)| whole(value)).collect::<Vec<_>>().join("\n"),
    }
}

/// Whether a text of several lines can be written as it is.
fn is_block(words: &str) -> bool {
    let odd = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}');
    let body = words.strip_suffix('\n').unwrap_or(words);
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with(char::is_whitespace)
        && !words.contains(odd)
        && !body.lines().any(|line| !line.is_empty() && line.trim().is_empty())
}

fn block(out: &mut String, words: &str, indent: usize) {
    let _ = writeln!(out, " {}", if words.ends_with('\n') { "|" } else { "|-" });
    for line in words.strip_suffix('\n').unwrap_or(words).split('\n') {
        let _ = if line.is_empty() { writeln!(out) } else { writeln!(out, "{:indent$}{line}", "") };
    }
}

/// JSON text is YAML text.
fn json(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_laid_out_as_a_person_would() {
        let draft = Draft {
            from: "a file".into(),
            head: vec![bare("runbook", "x"), pair("labels", Out::Map(vec![text("a b", "c")]))],
            triggers: vec![Out::Map(vec![text("cron", "0 1 * * *")])],
            steps: vec![
                vec![bare("id", "one"), text("shell", "set -e\n  echo \"$X\"\n")],
                vec![bare("id", "two"), names("needs", ["one"]), text("shell", " odd\n")],
            ],
            ..Draft::default()
        };
        let want = "# from a file\nrunbook: x\nlabels: { \"a b\": c }\ntriggers:\n  - { cron: \"0 1 * * *\" }\nsteps:\n  - id: one\n    \
                    shell: |\n      set -e\n        echo \"$X\"\n  - { id: two, needs: [one], shell: \" odd\\n\" }\n";
        assert_eq!(draft.write(), want);
        let held = Draft { held: true, ..draft };
        assert!(held.write().starts_with("# from a file\n# held back until"), "{}", held.write());
        assert!(!held.write().contains("\ntriggers:"));
    }
}
