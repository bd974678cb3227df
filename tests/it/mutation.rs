//! One edit at a time in each runbook we ship: a dropped letter, two letters swapped, a key in the
//! place of its neighbour's, an indent. Each is found where it was made, or changes nothing, or nothing but prose:
//! a title, a description, a message. Any other text (a path, an address, a name, a line of shell) is no prose: an
//! edit of it that nobody finds is missed, also where it stands in data that only the world knows: these are counted apart.

use crate::rust_text::{files, root};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use stepladder::diagnostic::Severity;
use stepladder::lang::{Formula, Loaded, load};

/// How many edits of each runbook; `STEPLADDER_EDITS=200` makes as many as one sitting should have.
const EDITS: usize = 24;
/// The share that must be found or change nothing that a run does, in percent of all edits.
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
    /// Whether it stands in words that only people read.
    prose: bool,
    /// Whether it stands in data that only the world could find wrong.
    data: bool,
}

/// Keys whose values only the world knows to be wrong: another URL, file, label, metric or text is another good runbook.
/// They are counted by themselves: nothing here could find them.
const DATA: [&str; 12] =
    ["url", "get", "post", "to", "file", "files", "default", "labels", "foreach", "pick", "metric", "expr"];
/// Keys below which each key is a name that only the author's own conditions and texts mention.
const NAMED: [&str; 1] = ["patterns"];
/// Keys below which keys too are the author's own: the fields of a document, the names of what is picked.
const FREE: [&str; 2] = ["json", "pick"];

/// Whether a place of the text holds data of the author's: the nearest key before it on its line, or one of the
/// lines it is inside of, says so.
fn is_data(text: &str, number: usize, at: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let line = lines[number];
    let around = (0..number).rev().scan(indent_of(line), |least, above| {
        let outer = !lines[above].trim().is_empty() && indent_of(lines[above]) < *least;
        *least = if outer { indent_of(lines[above]) } else { *least };
        Some(outer.then_some(above))
    });
    let around: Vec<String> =
        around.flatten().filter_map(|above| Some(lines[above][key(lines[above])?].to_owned())).collect();
    if around.iter().any(|key| FREE.contains(&key.as_str())) {
        return true;
    }
    if key(line).is_some_and(|key| at < key.end) {
        return false;
    }
    let quoted = line.find('"').filter(|quote| *quote < at);
    let words = &line[..quoted.unwrap_or(at)];
    let near = KEYS.captures_iter(words).last().and_then(|found| Some(found.get(1)?.as_str().to_owned()));
    let open = words.rfind('{').filter(|_| words.matches('{').count() > words.matches('}').count());
    let owner =
        open.and_then(|open| KEYS.captures_iter(&words[..=open]).last()?.get(1).map(|key| key.as_str().to_owned()));
    near.iter().chain(&owner).any(|key| DATA.contains(&key.as_str()))
        || (around.first().is_some_and(|key| key == "rhai") && is_literal(line, at))
}

/// Whether a place of an expression is in a text that it does not compare with anything.
fn is_literal(line: &str, at: usize) -> bool {
    line[..at].matches("\\\"").count() % 2 == 1 && !line.contains("==") && !line.contains("!=")
}

/// Keys whose values only people read.
const PROSE: [&str; 10] =
    ["title", "description", "prompt", "message", "log", "fail", "pass", "confirm", "help", "markdown"];
/// A key anywhere in a line, in a flow map too.
static KEYS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?:^|[\s{,])([a-z_]+):(?:\s|$)").unwrap());

/// Whether a place of the text stands in prose: the nearest key before it, on its line, or on a line above that
/// has it as text in a block, is one of [`PROSE`].
fn is_prose(text: &str, number: usize, at: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let block = (0..number).rev().scan(indent_of(lines[number]), |least, above| {
        let inner = !lines[above].trim().is_empty() && indent_of(lines[above]) < *least;
        *least = if inner { indent_of(lines[above]) } else { *least };
        Some(inner.then_some(above))
    });
    let opens = |line: &&str| line.trim_end().ends_with(['|', '>']);
    let block = block.flatten().map(|above| lines[above]).find(opens);
    let of = |line: &str| KEYS.captures_iter(line).last().and_then(|found| Some(found.get(1)?.as_str().to_owned()));
    let quoted = lines[number].find('"').filter(|quote| *quote < at);
    let key = block.map_or_else(|| of(&lines[number][..quoted.unwrap_or(at)]), of);
    key.is_some_and(|key| PROSE.contains(&key.as_str()))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
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
        prose: is_prose(text, number, at),
        data: is_data(text, number, at),
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
        prose: is_prose(text, number, at),
        data: is_data(text, number, at),
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
        word: line[key.clone()].to_owned(),
        what: "other key",
        prose: is_prose(text, number, key.start),
        data: is_data(text, number, key.start),
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
    Some(Edit {
        text: with_line(text, number, &new),
        line: number + 1,
        word,
        what: "indent",
        prose: is_prose(text, number, blanks),
        data: false,
    })
}

/// What a text means without its places, whole and without its words: two texts with the first in common do the
/// same; with the second, they differ in nothing but words.
fn meaning(loaded: &Loaded, name: &str) -> (String, String) {
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
    let whole = PLACES.replace_all(&shape, "").into_owned();
    let words = format!("{}\n{}", WORDS.replace_all(&whole, "\"\""), read.join("\n"));
    (whole, words)
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
    names: usize,
    prose: usize,
    data: usize,
    missed: Vec<String>,
    /// Messages that say nothing of what to do.
    silent: BTreeSet<String>,
}

/// What is said without a way out.
fn silent(loaded: &Loaded) -> Vec<String> {
    let bare = |help: Option<&String>| help.is_none_or(|help| help.starts_with("`stepladder explain"));
    let findings = loaded.findings.sorted().into_iter().filter(|finding| bare(finding.help.as_ref()));
    findings.map(|finding| format!("{} {}", finding.code.as_str(), finding.message)).collect()
}

/// Whether the edit did nothing but give another name to a step, a trigger or a pattern, which nothing refers to.
fn renamed(edit: &Edit, before: &(String, String), after: &(String, String)) -> bool {
    let line = edit.text.lines().nth(edit.line - 1).unwrap_or_default();
    let id = line.trim_start().strip_prefix("- id: ").map(str::trim);
    let named = key(line).map(|key| line[key].to_owned()).filter(|_| is_free(&edit.text, edit.line - 1));
    let Some(new) = id.map(str::to_owned).or(named) else { return false };
    // Names may stand in another order then: the parts of both are compared, both names as one.
    let both =
        Regex::new(&format!(r"\b(?:{}|{})(?:_probe)?\b", regex::escape(&new), regex::escape(&edit.word))).unwrap();
    let parts = |text: &str| {
        let text = both.replace_all(text, "§").into_owned();
        let mut parts: Vec<String> = text.split([' ', ',', '(', ')', '{', '}', '[', ']']).map(str::to_owned).collect();
        parts.sort();
        parts
    };
    parts(&after.0) == parts(&before.0)
}

/// Whether the key of a line is a name of the author's: it stands directly below one of [`NAMED`].
fn is_free(text: &str, number: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let above = (0..number)
        .rev()
        .find(|above| !lines[*above].trim().is_empty() && indent_of(lines[*above]) < indent_of(lines[number]));
    above.and_then(|above| Some(NAMED.contains(&&lines[above][key(lines[above])?]))).unwrap_or_default()
}

fn judge(edit: &Edit, name: &str, before: (&(String, String), &BTreeSet<(String, usize, String)>), tally: &mut Tally) {
    let mut files = book();
    for (file, text) in &mut files {
        if file == name {
            *text = edit.text.clone().into();
        }
    }
    let loaded = load(&files);
    tally.silent.extend(silent(&loaded));
    let said = said(&loaded);
    let new: Vec<_> = said.difference(before.1).collect();
    if leads_there(&new, edit, name) {
        tally.found += 1;
    } else if new.is_empty() && meaning(&loaded, name).0 == before.0.0 {
        tally.same += 1;
    } else if new.is_empty() && edit.prose && meaning(&loaded, name).1 == before.0.1 {
        tally.prose += 1;
    } else if new.is_empty() && renamed(edit, before.0, &meaning(&loaded, name)) {
        tally.names += 1;
    } else if new.is_empty() && edit.data {
        tally.data += 1;
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
    let asked = std::env::var_os("STEPLADDER_EDITS").and_then(|text| text.to_str()?.parse().ok());
    let edits = asked.unwrap_or(EDITS);
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with("runbooks/")) {
        runbooks += 1;
        let meant = meaning(&loaded, name);
        assert!(!meant.0.trim().is_empty(), "{name} is not accepted as it stands");
        let mut dice = Dice(name.bytes().map(u64::from).sum());
        let makers = [drop_letter, swap_letters, drop_letter, other_key, indent];
        let mut made = 0;
        while made < edits {
            let Some(edit) = makers[dice.below(makers.len())](text, &mut dice) else { continue };
            made += 1;
            judge(&edit, name, (&meant, &known), &mut tally);
        }
    }
    assert!(runbooks > 0, "there are runbooks to edit");
    let all = edits * runbooks;
    let rate = (all - tally.data - tally.missed.len()) * 1000 / all;
    let report = format!(
        "{all} edits of {runbooks} runbooks: {} found, {} change nothing, {} only prose, {} only a name that nothing mentions: {}.{} % found or equivalent; {} only the world could find, {} missed",
        tally.found,
        tally.same,
        tally.prose,
        tally.names,
        rate / 10,
        rate % 10,
        tally.data,
        tally.missed.len()
    );
    println!("{}\n{report}", tally.missed.join("\n"));
    println!(
        "MUTATION RATE {}.{} %: found on the edited line or equivalent, of {all} single edits",
        rate / 10,
        rate % 10
    );
    assert!(tally.silent.is_empty(), "what is wrong, and no word of what to do: {:#?}", tally.silent);
    assert!(rate >= LEAST * 10, "{report}\n{}", tally.missed.join("\n"));
    assert!(tally.found > all / 3, "{report}: too few of the edits were any");
}
