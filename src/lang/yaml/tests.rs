//! What is said about texts that are no YAML, or more YAML than the language takes.

use super::*;
use crate::base::limits::{MAX_FILE, MAX_NODES};
use crate::diagnostic::{Diagnostics, FileId, Sources};
use std::fmt::Write as _;

fn findings(text: &str) -> String {
    let mut sources = Sources::default();
    sources.add("x.yaml", text);
    let mut findings = Diagnostics::default();
    let _ = read(FileId(0), text, &mut findings);
    let shown = findings.sorted().into_iter().map(|finding| {
        let (line, column) = sources.line_column(finding.spot);
        let marked = text.get(finding.spot.start..finding.spot.end).expect("a place inside the text");
        format!("{line}:{column} {} `{marked}` {}", finding.code.as_str(), finding.message)
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn trouble_is_told_where_it_was_made() {
    let mut wrong = Vec::new();
    for (text, told) in [
        ("a: 1\nb: [1, 2\nc: 3\n", "2:4 SL0001 `[` the bracket opened here is not closed before the next key"),
        ("a: {x: 1, y: 2\nb: 3\n", "1:4 SL0001 `{` the `{` opened here is not closed properly"),
        ("a: {x: 1}}\nb: 3\n", "1:10 SL0001 `}` this bracket closes nothing"),
        ("a: \"abc\nb: 3\nc: 4\n", "1:4 SL0001 `\"abc` a quote is opened and never closed"),
        ("a: b: c\nd: 1\n", "1:5 SL0001 `:` a second `: ` in one line"),
        ("a:\n\tb: 1\n", "2:1 SL0001 `\t` a tab where YAML wants spaces"),
        ("a:\n  b: 1\n c: 2\n", "3:2 SL0001 `c:` this line is indented differently from the ones it belongs to"),
        ("a: @x\n", "1:4 SL0001 `@x` a value cannot begin with `@`"),
        ("a: {{ x }}\n", "1:4 SL0001 `{{ x }}` a value that begins with `{{` must be quoted, or YAML reads a map"),
        ("a: {{ x }}/y\nb: 1\n", "1:11 SL0001 `/y` a value that begins with `{{` must be quoted, or YAML reads a map"),
        ("a: 1\na: 2\n", "2:1 SL0003 `a` the key `a` is written twice"),
        ("a: !foo x\n", "1:4 SL0011 `!foo` the tag `!foo` means nothing here"),
        ("z: *b\n", "1:4 SL0011 `*b` `*b` names no anchor above"),
        ("a: 'it's'\n", "1:8 SL0001 `s'` text behind the closing quote"),
        ("a: \"C:\\dir\"\n", "1:4 SL0001 `\"C:\\dir\"` an unknown escape in double quotes"),
        ("a\nb: 1\n", "1:1 SL0001 `a` a `:` is missing on this line"),
        ("? [a]\n: 1\n", "1:3 SL0011 `[a]` a key must be a word, not a list"),
        ("a:\n  <<: 1\n", "2:3 SL0011 `<<` merge keys (`<<`) are not part of YAML 1.2"),
        ("key: - x\n", "1:6 SL0001 `-` a list item (`- `) cannot stand here"),
        ("\u{feff}a: 1\r\nb: 2\r\n", ""),
    ] {
        let found = findings(text);
        if found != told {
            wrong.push(format!("{text:?}\n  wanted {told}\n  told   {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_line_costs_the_line_and_not_the_file() {
    let mut findings = Diagnostics::default();
    let stream = read(FileId(0), "a: 1\nb: @\nc: 3\n", &mut findings);
    let root = stream.documents[0].root.as_ref().expect("a map");
    assert!(stream.broken && root.get("a").is_some() && root.get("c").is_some() && root.get("b").is_none());
}

#[test]
fn bombs_and_giants_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let of = format!("*a{}", level - 1);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", [of.as_str(); 9].join(", "));
    }
    assert!(findings(&bomb).contains(&format!("more than {MAX_NODES} values")));
    let deep = findings(&"[".repeat(300));
    assert!(deep.contains("SL0007"), "{deep}");
    assert!(findings(&"x".repeat(MAX_FILE + 1)).contains("SL0007"));
}

#[test]
fn scalars_mean_what_the_core_schema_says() {
    for (text, core) in [
        ("true", Core::Bool(true)),
        ("yes", Core::Text),
        ("on", Core::Text),
        ("~", Core::Null),
        ("12", Core::Int(12)),
        ("012", Core::Text),
        ("1.10", Core::Float(1.10)),
        ("1e3", Core::Float(1000.0)),
        (".inf", Core::Text),
        ("1:30", Core::Text),
        ("0x1F", Core::Text),
    ] {
        let scalar = Scalar { text: text.into(), style: Style::Plain, as_text: false };
        assert_eq!(scalar.core(), core, "{text}");
        assert_eq!(Scalar { style: Style::Double, ..scalar }.core(), Core::Text, "{text} in quotes");
    }
}

#[test]
fn block_scalars_begin_at_their_header() {
    let text = "a: >-\n    one\n    two\nb: | # x | y\n  x\n\n\nc: |2\n   d\n  e\nd: \"q\"\n";
    let mut findings = Diagnostics::default();
    let stream = read(FileId(0), text, &mut findings);
    let root = stream.documents[0].root.as_ref().expect("a map");
    let written: Vec<&str> =
        root.pairs().expect("pairs").iter().map(|(_, value)| &text[value.spot.start..value.spot.end]).collect();
    assert_eq!(written, [">-\n    one\n    two", "| # x | y\n  x", "|2\n   d\n  e", "\"q\""]);
}
