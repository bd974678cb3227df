//! Made-up input for everything that reads text: what `fuzz/` does for hours, for a few seconds and the same every time.
//!
//! No text brings a reader down, every finding points into the text, and formatting a file twice is formatting
//! it once and changes nothing of what it means.

use crate::golden::files;
use crate::rust_text;
use regex::Regex;
use std::sync::{Arc, LazyLock};
use stepladder::base::arg::Landing;
use stepladder::expr::{Expr, Scope, Type, Types};
use stepladder::lang::{self, Loaded, format::fmt};
use stepladder::template::Template;

/// Names of one file of each sort.
const SORTS: [&str; 6] =
    ["runbooks/x.yaml", "stepladder.yaml", "thresholds.yaml", "alerts.yaml", "escalation.yaml", "tests/x.yaml"];

/// Pieces that readers treat in a way of their own.
const PIECES: [&str; 40] = [
    "\0",
    "\t",
    "\r",
    "\r\n",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "é",
    "🦀",
    "\u{202e}",
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!!str ",
    "| ",
    "|2-\n",
    ">+\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<: ",
    "# ",
    "  ",
    "\n",
    "~",
    "0x",
    "1e999",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    /// A place in the text between two characters.
    fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }
}

/// The text with one to four things done to it.
fn bent(text: &str, other: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(4) {
        let at = dice.place(&text);
        let end = text.ceil_char_boundary((at + 1 + dice.below(12)).min(text.len()));
        match dice.below(6) {
            0 => text.insert_str(at, PIECES[dice.below(PIECES.len())]),
            1 => text.replace_range(at..end, ""),
            2 => text.replace_range(at..end, PIECES[dice.below(PIECES.len())]),
            3 => text.truncate(at),
            4 => {
                let from = dice.place(other);
                let to = other.ceil_char_boundary((from + dice.below(60)).min(other.len()));
                text.insert_str(at, &other[from..to]);
            }
            _ => {
                let line = text[at..].lines().next().unwrap_or_default().to_owned();
                text.insert_str(at, &format!("{line}\n"));
            }
        }
    }
    text
}

/// What in a shown book is a place in its text.
static PLACES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"Spot \{[^}]*\}|\b(?:offset|len|start|end|at|from|to|begin|place): \d+|\d+\.\.\d+|\(\d+, \d+\)")
        .unwrap()
});
/// What in a finding is one.
static LINES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:line|column) \d+|\b\d+:\d+\b").unwrap());

/// What a file means: its book and what is wrong with it, wherever it stands.
fn meaning(loaded: &Loaded) -> String {
    let mut said: Vec<String> = loaded
        .findings
        .sorted()
        .iter()
        .map(|finding| LINES.replace_all(&format!("{} {}", finding.code.as_str(), finding.message), "").into_owned())
        .collect();
    said.sort();
    let book = &loaded.book;
    let runbooks: Vec<_> = book.runbooks.values().collect();
    let shape = format!("{runbooks:?}{:?}{:?}{:?}", book.settings, book.escalation, book.tests.len());
    format!("{}\n{}", PLACES.replace_all(&shape, ""), said.join("\n"))
}

fn inside(text: &str, start: usize, end: usize) {
    assert!(text.get(start..end).is_some(), "{start}..{end} is no part of {text:?}");
}

/// One text as one sort of file.
fn read(name: &str, text: &str) -> Loaded {
    let loaded = lang::load(&[(name.to_owned(), Arc::from(text))]);
    for finding in loaded.findings.sorted() {
        inside(text, finding.spot.start, finding.spot.end);
    }
    loaded
}

fn laid_out(name: &str, text: &str) {
    let Ok(once) = fmt(text) else { return };
    assert_eq!(fmt(&once).ok().as_ref(), Some(&once), "formatting twice is not formatting once:\n{text}");
    let (before, after) = (meaning(&read(name, text)), meaning(&read(name, &once)));
    assert_eq!(before, after, "formatting changed what it means:\n{text:?}\n---\n{once:?}");
}

fn expression(text: &str) {
    match Expr::compile(text) {
        Ok(expr) => {
            expr.reads().iter().for_each(|read| inside(text, read.offset, read.offset + read.len));
            let found = expr.check(&Types::new(), &Type::Any);
            for found in &found {
                inside(text, found.offset, found.offset + found.len);
            }
            let scope = serde_json::from_str(r#"{"inputs":{"n":1,"t":"x","l":[1,{"a":2}]},"level":"ok"}"#).unwrap();
            drop(expr.eval(&Scope::of(scope)));
        }
        Err(found) => found.iter().for_each(|found| inside(text, found.offset, found.offset + found.len)),
    }
}

fn template(text: &str, value: &str, landing: Landing) {
    match Template::compile(text, landing) {
        Ok(template) => {
            template.reads().iter().for_each(|read| inside(text, read.offset, read.offset + read.len));
            let found = template.check(&Types::new());
            for found in &found {
                inside(text, found.offset, found.offset + found.len);
            }
            let mut scope = Scope::default();
            scope.values.insert("x".into(), value.into());
            scope.values.insert("l".into(), vec![value, value].into());
            if let Ok(rendered) = template.render(&scope) {
                let named = |name: &str| template.secrets().iter().any(|read| read.path[1..] == [name]);
                assert!(rendered.secrets().all(|secret| named(&secret.name)), "a forged secret in {text:?}");
            }
        }
        Err(found) => found.iter().for_each(|found| inside(text, found.offset, found.offset + found.len)),
    }
}

/// Files to begin with, each with the name it is read under.
fn seeds() -> Vec<(String, String)> {
    let fixtures = ["check/ok", "check/err"].into_iter().flat_map(|folder| files(folder, "yaml"));
    let sort = |text: &str| if text.contains("runbook:") { 0 } else { text.len() % SORTS.len() };
    let fixtures = fixtures.map(|path| {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        (SORTS[sort(&text)].to_owned(), text)
    });
    rust_text::files("runbooks", "yaml")
        .into_iter()
        .map(|(_, text)| (SORTS[0].to_owned(), text))
        .chain(fixtures)
        .collect()
}

#[test]
fn a_book_of_noise_is_read_and_laid_out() {
    let seeds = seeds();
    assert!(seeds.len() > 50, "the texts to begin with are gone");
    for (name, text) in &seeds {
        laid_out(name, text);
    }
    let mut dice = Dice(1);
    for round in 0..2_500 {
        let (name, text) = &seeds[dice.below(seeds.len())];
        let (_, other) = &seeds[dice.below(seeds.len())];
        let text = bent(&text[..text.floor_char_boundary(4_000)], other, &mut dice);
        let name = if round % 8 == 0 { SORTS[dice.below(SORTS.len())] } else { name.as_str() };
        read(name, &text);
        laid_out(name, &text);
    }
}

#[test]
fn expressions_of_noise_are_compiled_and_evaluated() {
    let seeds = [
        "inputs.n > 3 && level >= warning",
        "inputs.l.filter(|it| it.a > 1).len() == 0",
        "if inputs.t == \"x\" { 1.5 } else { -2 }",
        "steps.a.output.json[\"k\"] ?? `none`",
        "[1, 2, 3].map(|x| x * 99999999999)",
        "#{ a: 1, b: [\"é\", 'c'] }",
        "inputs.t.split(\",\")[0] + \"🦀\"",
        "!(failed || inputs.n in 1..5)",
    ];
    let mut dice = Dice(2);
    for text in &seeds {
        expression(text);
    }
    for _ in 0..20_000 {
        let (text, other) = (seeds[dice.below(seeds.len())], seeds[dice.below(seeds.len())]);
        expression(&bent(text, other, &mut dice));
    }
}

#[test]
fn templates_of_noise_are_compiled_and_rendered() {
    let seeds = [
        "{{ x }} and {{ default x \"none\" }}",
        "{{#each l}}{{ this }} {{else}}none{{/each}}",
        "rm -- {{ x }} \"{{ x }}\" '{{x}}' $(echo a) `b` <<EOF\n{{ x }}\nEOF\n",
        "https://h/{{ x }}?a={{ x }}#{{ x }}",
        "{{ secrets.TOKEN }}{{{ x }}}",
        "{{#if x}}{{ json l }}{{else}}{{ round 1.5 0 }}{{/if}}",
        "{{ date x \"%Y\" }} {{ bytes 1024 }} {{ join l \", \" }}",
        "{{!-- note --}}{{~ x ~}}\\{{ x }}",
    ];
    let landings = [Landing::Plain, Landing::ShellWord, Landing::Url, Landing::Argv, Landing::Html, Landing::Path];
    let mut dice = Dice(3);
    for round in 0..20_000 {
        let (text, other) = (seeds[dice.below(seeds.len())], seeds[dice.below(seeds.len())]);
        let text = if round < 8 { seeds[round].to_owned() } else { bent(text, other, &mut dice) };
        template(&text, PIECES[dice.below(PIECES.len())], landings[dice.below(landings.len())]);
    }
}
