//! `explain`: the manual page of a code, a kind of step or a key.

use crate::cli::args::Explain;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::diagnostic::{Code, closest};
use crate::lang::manual::manual;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Codes that are named on each side of one that does not exist.
const NEAR: usize = 2;

/// Explains what was named, or lists what can be.
pub fn run(args: &Explain, settings: &Settings) -> Result<Exit, Trouble> {
    let manual = Manual::read(&manual());
    match &args.what {
        None => output::data(&index(&manual))?,
        Some(what) => output::data(&page(what, &manual, settings.out.width)?)?,
    }
    Ok(Exit::Fine)
}

/// The page of `what`.
fn page(what: &str, manual: &Manual, width: usize) -> Result<String, Trouble> {
    let upper = what.to_ascii_uppercase();
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == upper) {
        return Ok(format!("{}: {}\n\n{}", code.as_str(), code.title(), body(code.page())));
    }
    if let Some(kind) = manual.kinds.iter().find(|kind| kind.name == what) {
        return Ok(kind.text(width));
    }
    let found: Vec<String> = manual.all().filter_map(|section| section.about(what, width)).collect();
    if !found.is_empty() {
        return Ok(found.join("\n"));
    }
    if upper.strip_prefix("SL").is_some_and(|it| it.len() == 4 && it.bytes().all(|digit| digit.is_ascii_digit())) {
        return Err(unassigned(&upper));
    }
    let codes = Code::ALL.iter().map(|code| code.as_str());
    let names = manual.kinds.iter().map(|kind| kind.name.as_str());
    let keys = manual.all().flat_map(|section| section.rows.iter().map(|row| row.key.as_str()));
    let help = match closest(what, codes.clone().chain(names).chain(keys)).or_else(|| closest(&upper, codes)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`stepladder explain` lists everything there is".into(),
    };
    Err(Trouble::new(format!("`{what}` is neither a code nor a kind of step nor a key")).help(help))
}

/// What is said of a code that no finding has: the nearest ones below and above it that some have.
fn unassigned(code: &str) -> Trouble {
    let above = Code::ALL.partition_point(|known| known.as_str() < code);
    let near = &Code::ALL[above.saturating_sub(NEAR)..(above + NEAR).min(Code::ALL.len())];
    let near: Vec<String> = near.iter().map(|code| format!("{} ({})", code.as_str(), code.title())).collect();
    Trouble::new(format!("no finding of this release has the code `{code}`"))
        .help(format!("the nearest are {}; `stepladder explain` lists all of them", near.join(", ")))
}

/// The page without the title line that we print ourselves.
fn body(page: &str) -> String {
    let text = match page.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => rest,
        Some(_) | None => page,
    };
    format!("{}\n", text.trim())
}

fn index(manual: &Manual) -> String {
    let codes: String = Code::ALL.iter().map(|code| format!("  {}  {}\n", code.as_str(), code.title())).collect();
    let kinds =
        manual.kinds.iter().map(|kind| format!("  {:<10}  {}\n", kind.name, kind.lead.first().map_or("", |it| it)));
    let keys = manual.files.iter().flat_map(|section| section.rows.iter().map(|row| row.key.as_str()));
    let keys: BTreeSet<&str> = keys.filter(|key| !key.contains(['.', '['])).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let keys: String = keys.chunks(10).map(|row| format!("  {}\n", row.join(" "))).collect();
    format!("Codes of findings:\n{codes}\nKinds of steps:\n{}\nKeys:\n{keys}", kinds.collect::<String>())
}

/// The manual's tables, read back from its text: there is one source of what a key means.
struct Manual {
    kinds: Vec<Section>,
    files: Vec<Section>,
}

/// What stands under one heading.
#[derive(Default)]
struct Section {
    name: String,
    lead: Vec<String>,
    rows: Vec<Row>,
}

/// One row of a table.
struct Row {
    key: String,
    required: bool,
    takes: String,
    doc: String,
    output: bool,
}

impl Manual {
    fn read(text: &str) -> Self {
        let mut manual = Self { kinds: Vec::new(), files: Vec::new() };
        let (mut output, mut code) = (false, false);
        let mut section = Section::default();
        for line in text.lines().chain(["## "]) {
            if let Some(name) = line.strip_prefix("### ").or(line.strip_prefix("## ")) {
                let done =
                    std::mem::replace(&mut section, Section { name: name.replace('`', ""), ..Section::default() });
                manual.keep(done);
                (output, code) = (false, false);
            } else if line.starts_with("```") {
                code = !code;
            } else if code {
                section.lead.push(format!("    {line}"));
            } else if line.starts_with('|') {
                output |= line.starts_with("| field");
                section.rows.extend(row(line, output));
            } else if !line.is_empty() && line != "Puts out:" {
                section.lead.push(line.to_owned());
            }
        }
        manual
    }

    /// Kinds have one word for a heading, all other sections are of files.
    fn keep(&mut self, section: Section) {
        if section.rows.is_empty() && section.lead.is_empty() {
            return;
        }
        let word = !section.name.is_empty() && section.name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if word { self.kinds.push(section) } else { self.files.push(section) }
    }

    fn all(&self) -> impl Iterator<Item = &Section> {
        self.files.iter().chain(&self.kinds)
    }
}

/// A row of a table, but for its head and its rule.
fn row(line: &str, output: bool) -> Option<Row> {
    let line = line.replace("\\|", "\u{1}");
    let cells: Vec<String> =
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('\u{1}', "|")).collect();
    let [key, takes, doc] = cells.as_slice() else { return None };
    if !key.contains('`') {
        return None;
    }
    let name = key.replace(['`', '*'], "");
    Some(Row { key: name, required: key.starts_with("**"), takes: takes.replace('`', ""), doc: doc.clone(), output })
}

impl Section {
    fn text(&self, width: usize) -> String {
        let (doc, rest) = self.lead.split_first().map_or(("", &[][..]), |(doc, rest)| (doc.as_str(), rest));
        let rest: String = rest.iter().map(|line| format!("{line}\n")).collect();
        let mut text = format!("{}: {doc}\n\n{rest}", self.name);
        for (output, head) in [(false, "\nKeys:\n"), (true, "\nPuts out:\n")] {
            let rows: String =
                self.rows.iter().filter(|row| row.output == output).map(|row| row.text("  ", width)).collect();
            if !rows.is_empty() {
                text.push_str(head);
                text.push_str(&rows);
            }
        }
        text
    }

    /// What this section says about a key and the keys inside it.
    fn about(&self, key: &str, width: usize) -> Option<String> {
        let inside = |row: &&Row| {
            let rest = row.key.strip_prefix(key);
            !row.output && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let rows: String = self.rows.iter().filter(inside).map(|row| row.text("  ", width)).collect();
        (!rows.is_empty()).then(|| format!("{key}, in {}\n{rows}", self.name))
    }
}

impl Row {
    fn text(&self, indent: &str, width: usize) -> String {
        let need = if self.required { ", must be there" } else { "" };
        let mut text = format!("{indent}{}  ({}{need})\n", self.key, self.takes);
        let mut line = format!("{indent}    ");
        for word in self.doc.split(' ') {
            if line.trim_start() != "" && line.chars().count() + word.chars().count() >= width {
                let _ = writeln!(text, "{}", line.trim_end());
                line = format!("{indent}    ");
            }
            line.push_str(word);
            line.push(' ');
        }
        text + line.trim_end() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_kinds_and_keys_are_explained() {
        let manual = Manual::read(&manual());
        for (what, wanted) in [
            ("sl0101", "SL0101: "),
            ("http", "Puts out:\n"),
            ("remedy", "remedy: "),
            ("retry", "retry.attempts"),
            ("concurrency", "concurrency.group"),
        ] {
            let text = page(what, &manual, 80).expect(what);
            assert!(text.contains(wanted), "{what}: {text}");
            assert!(!text.contains('|') || what != "retry", "{text}");
        }
        let trouble = page("SL0013", &manual, 80).expect_err("a code that no finding has").to_string();
        assert!(trouble.contains("no finding") && trouble.contains("SL0012 ("), "{trouble}");
        assert!(page("SL001", &manual, 80).is_err(), "no code at all");
        let trouble = page("htp", &manual, 80).expect_err("no such thing").to_string();
        assert!(trouble.ends_with("did you mean `http`?"), "{trouble}");
        assert!(index(&manual).split_whitespace().any(|word| word == "retry"), "{}", index(&manual));
    }
}
