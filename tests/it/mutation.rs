//! One edit at a time in each runbook we ship: a dropped letter, two letters swapped, a key in the
//! place of its neighbour's, an indent. Each is found where it was made, or changes nothing but words
//! that are nobody's but the author's.

use crate::rust_text::{files, root};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use stepladder::diagnostic::Severity;
use stepladder::lang::{Formula, Loaded, load};

/// How many edits of each runbook.
const EDITS: usize = 200;
/// The share that must be found, of those that change something; in percent.
const LEAST: usize = 95;

/// What in the shown form of a runbook is a place.
static PLACES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"Spot \{[^}]*\}|\b(?:offset|len|start|end|at|from|to|begin|place): \d+|\d+\.\.\d+|\(\d+, \d+\)")
        .unwrap()
});
/// What in it is a word of the author's.
static WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*""#).unwrap());
/// A key at the beginning of a line.
static KEY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*(?:- )?(?:\{ )?([a-z_]+):").unwrap());

/// The files of our own book.
fn book() -> Vec<(String, Arc<str>)> {
    let single = ["stepladder.yaml", "escalation.yaml", "thresholds.yaml", "alerts.yaml"];
    let single =
        single.into_iter().filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?)));
    single.chain(files("runbooks", "yaml")).map(|(name, text)| (name, text.into())).collect()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// One edit: the text it makes, the line it was made on (from 1), the word that stood there.
struct Edit {
    text: String,
    line: usize,
    word: String,
    what: &'static str,
}

/// The lines that carry something: no comments, no blank ones.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let all = text.split_inclusive('\n').enumerate();
    all.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#')).collect()
}

fn with_line(text: &str, number: usize, new: &str) -> String {
    text.split_inclusive('\n').enumerate().map(|(at, line)| if at == number { new } else { line }).collect()
}

/// The key of a line, as a range of it.
fn key(line: &str) -> Option<std::ops::Range<usize>> {
    let found = KEY.captures(line)?;
    Some(found.get(1)?.range())
}

fn word_at(line: &str, at: usize) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let start = line[..at].rfind(|c| !part(c)).map_or(0, |before| before + 1);
    line[start..].chars().take_while(|c| part(*c)).collect()
}

fn drop_letter(text: &str, dice: &mut Dice) -> Option<Edit> {
    let lines = lines(text);
    let (number, line) = lines[dice.below(lines.len())];
    let code = line.split(" #").next().unwrap_or(line);
    let letters: Vec<usize> = code.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    let at = *letters.get(dice.below(letters.len()))?;
    let new = format!("{}{}", &line[..at], &line[at + 1..]);
    Some(Edit {
        text: with_line(text, number, &new),
        line: number + 1,
        word: word_at(line, at),
        what: "dropped letter",
    })
}

fn swap_letters(text: &str, dice: &mut Dice) -> Option<Edit> {
    let lines = lines(text);
    let (number, line) = lines[dice.below(lines.len())];
    let key = key(line)?;
    let at = key.start + dice.below(key.len().checked_sub(1)?);
    let pair = line.get(at..at + 2)?;
    let turned: String = pair.chars().rev().collect();
    let new = format!("{}{turned}{}", &line[..at], &line[at + 2..]);
    (turned != pair).then(|| Edit {
        text: with_line(text, number, &new),
        line: number + 1,
        word: line[key].to_owned(),
        what: "swapped letters",
    })
}

fn other_key(text: &str, dice: &mut Dice) -> Option<Edit> {
    let lines = lines(text);
    let keyed: Vec<_> = lines.iter().filter_map(|(number, line)| Some((*number, *line, key(line)?))).collect();
    let (number, line, key) = keyed.get(dice.below(keyed.len()))?.clone();
    let (_, from, theirs) = &keyed[dice.below(keyed.len())];
    let new = format!("{}{}{}", &line[..key.start], &from[theirs.clone()], &line[key.end..]);
    (new != line).then(|| Edit {
        text: with_line(text, number, &new),
        line: number + 1,
        word: line[key].to_owned(),
        what: "other key",
    })
}

fn indent(text: &str, dice: &mut Dice) -> Option<Edit> {
    let lines = lines(text);
    let (number, line) = lines[dice.below(lines.len())];
    let blanks = line.len() - line.trim_start().len();
    let new = match dice.below(4) {
        0 => format!(" {line}"),
        1 => format!("  {line}"),
        2 if blanks > 0 => line[1..].to_owned(),
        _ if blanks > 1 => line[2..].to_owned(),
        _ => return None,
    };
    let word = line.trim().split([':', ' ']).find(|word| word.len() > 1).unwrap_or_default().to_owned();
    Some(Edit { text: with_line(text, number, &new), line: number + 1, word, what: "indent" })
}

/// What a text means, without its words and places: two texts that differ in nothing else do the same.
fn meaning(loaded: &Loaded, name: &str) -> String {
    let runbooks = loaded.book.runbooks.values().filter(|runbook| {
        loaded.book.files.get(&runbook.name).is_some_and(|file| loaded.sources.get(*file).name == name)
    });
    let shape: String = runbooks.map(|runbook| format!("{runbook:?}")).collect();
    let file = loaded.sources.iter().find(|(_, source)| source.name == name).map(|(id, _)| id);
    let here = loaded.mentions.iter().filter(|mention| Some(mention.text.whole.file) == file);
    let read: Vec<String> = here
        .map(|mention| match &mention.what {
            Formula::Expr(expr) => expr.source().to_owned(),
            Formula::Template(template) => {
                template.reads().iter().map(|read| read.path.join(".")).collect::<Vec<_>>().join(",")
            }
        })
        .collect();
    format!("{}\n{}", WORDS.replace_all(&PLACES.replace_all(&shape, ""), "\"\""), read.join("\n"))
}

/// Everything that is said, as (file, line, text), so that what an edit adds can be told from what was there.
fn said(loaded: &Loaded) -> BTreeSet<(String, usize, String)> {
    let mut said = BTreeSet::new();
    for finding in loaded.findings.sorted() {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        let text =
            format!("{severity} {} {} {}", finding.message, finding.label, finding.help.clone().unwrap_or_default());
        let spots = std::iter::once(finding.spot).chain(finding.notes.iter().map(|note| note.spot));
        for spot in spots {
            let (line, _) = loaded.sources.line_column(spot);
            said.insert((loaded.sources.get(spot.file).name.clone(), line, text.clone()));
        }
    }
    said
}

/// Whether what was said leads to the edit: its line, or a line that mentions the word that was edited.
fn leads_there(new: &[&(String, usize, String)], edit: &Edit, name: &str) -> bool {
    let on_line = new.iter().any(|(file, line, _)| file == name && *line == edit.line);
    let mentions =
        |text: &str| text.contains(&format!("line {}", edit.line)) || text.contains(&format!("`{}`", edit.word));
    on_line || new.iter().any(|(_, _, text)| mentions(text))
}

#[derive(Default)]
struct Tally {
    found: usize,
    same: usize,
    missed: Vec<String>,
}

fn judge(edit: &Edit, name: &str, before: (&str, &BTreeSet<(String, usize, String)>), tally: &mut Tally) {
    let mut files = book();
    for (file, text) in &mut files {
        if file == name {
            *text = edit.text.clone().into();
        }
    }
    let loaded = load(&files);
    let said = said(&loaded);
    let new: Vec<_> = said.difference(before.1).collect();
    if leads_there(&new, edit, name) {
        tally.found += 1;
    } else if new.is_empty() && meaning(&loaded, name) == before.0 {
        tally.same += 1;
    } else {
        let line = edit.text.lines().nth(edit.line - 1).unwrap_or_default();
        let elsewhere: Vec<_> = new.iter().map(|(_, line, text)| format!("{line}: {text}")).collect();
        tally.missed.push(format!("{name}:{} {}: {line}\n      {}", edit.line, edit.what, elsewhere.join("\n      ")));
    }
}

#[test]
fn an_edit_is_found_where_it_was_made() {
    let files = book();
    let loaded = load(&files);
    let known = said(&loaded);
    let mut tally = Tally::default();
    let mut runbooks = 0;
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with("runbooks/")) {
        runbooks += 1;
        let meant = meaning(&loaded, name);
        assert!(!meant.trim().is_empty(), "{name} is not accepted as it stands");
        let mut dice = Dice(name.bytes().map(u64::from).sum());
        let makers = [drop_letter, swap_letters, drop_letter, other_key, indent];
        let mut made = 0;
        while made < EDITS {
            let Some(edit) = makers[dice.below(makers.len())](text, &mut dice) else { continue };
            made += 1;
            judge(&edit, name, (&meant, &known), &mut tally);
        }
    }
    assert!(runbooks > 0, "there are runbooks to edit");
    let changed = tally.found + tally.missed.len();
    let rate = tally.found * 1000 / changed.max(1);
    let report = format!(
        "{} edits of {runbooks} runbooks: {} found, {} change only words, {} missed: {}.{} % found",
        EDITS * runbooks,
        tally.found,
        tally.same,
        tally.missed.len(),
        rate / 10,
        rate % 10
    );
    println!("{report}\n{}", tally.missed.join("\n"));
    assert!(rate >= LEAST * 10, "{report}\n{}", tally.missed.join("\n"));
    assert!(tally.found > EDITS * runbooks / 3, "{report}: too few of the edits were any");
}
