//! Tables of templates: texts, refusals, findings; and shell lines that a real shell runs.

use super::*;
use crate::base::value::{Map, Value};
use crate::expr::Type;
use std::fmt::Write;

fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with("# ") && !line.is_empty())
        .map(|line| line.split(" | ").collect())
        .collect()
}

fn landing(word: &str) -> Landing {
    serde_json::from_value(Value::from(word)).expect(word)
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t")
}

#[test]
fn texts() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/template/render.table")) {
        let [word, source, scope, want] = row[..] else { panic!("a row needs four parts: {row:?}") };
        let scope: Map<String, Value> = serde_json::from_str(scope).expect(source);
        let got = match Template::compile(&unescaped(source), landing(word)) {
            Ok(template) => match template.render(&Scope::of(scope)) {
                Ok(text) => text.to_string(),
                Err(error) => format!("error {error}"),
            },
            Err(problems) => format!("{} {}", problems[0].kind.as_str(), problems[0].message),
        };
        if got != unescaped(want) {
            let _ = writeln!(wrong, "{word} {source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn record(fields: &[(&str, Type)]) -> Type {
    Type::record(fields.iter().map(|(name, kind)| (*name, kind.clone())))
}

fn types() -> Types {
    let row = record(&[("name", Type::Text)]);
    let inputs = record(&[
        ("n", Type::Int),
        ("t", Type::Text),
        ("l", Type::List(Box::new(Type::Text))),
        ("rows", Type::List(Box::new(row))),
        ("m", Type::Map(Box::new(Type::Int))),
    ]);
    let output = Type::Maybe(Box::new(record(&[("n", Type::Int)])), "it may be skipped".into());
    let step = record(&[("ok", Type::Bool), ("failed", Type::Bool), ("output", output)]);
    Types::from([("inputs".into(), inputs), ("steps".into(), record(&[("a", step)]))])
}

#[test]
fn findings() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/template/check.table")) {
        let [word, source, want] = row[..] else { panic!("a row needs three parts: {row:?}") };
        let template = Template::compile(source, landing(word)).expect(source);
        let findings = template.check(&types()).into_iter().map(|p| {
            let help = p.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{} @{}+{} {}{help}", p.kind.as_str(), p.offset, p.len, p.message)
        });
        let findings = findings.collect::<Vec<_>>().join("; ");
        let got = if findings.is_empty() { "ok".to_owned() } else { findings };
        if got != want {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn paths() {
    let mut wrong = String::new();
    for line in include_str!("../../tests/fixtures/template/reads.table").lines().filter(|line| !line.starts_with('#'))
    {
        let (source, want) = line.rsplit_once(" | ").expect(line);
        let template = Template::compile(source, Landing::Plain).expect(source);
        let secrets = template.secrets().iter().map(|read| (read, "!"));
        let mut reads: Vec<_> = template.reads().iter().map(|read| (read, "")).chain(secrets).collect();
        reads.sort_by_key(|(read, _)| read.offset);
        let shown = reads.into_iter().map(|(read, mark)| {
            let guard = if read.guarded { "?" } else { "" };
            format!("{mark}{}{guard}@{}+{}", read.path.join("."), read.offset, read.len)
        });
        let got = shown.collect::<Vec<_>>().join(" ");
        if got != want.trim() {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn hosts_are_known() {
    let hosts = |source: &str| {
        let template = Template::compile(source, Landing::Url).expect(source);
        template.hosts().iter().map(|read| read.path.join(".")).collect::<Vec<_>>()
    };
    assert_eq!(hosts("https://{{ inputs.h }}/{{ inputs.p }}"), ["inputs.h"]);
    assert_eq!(hosts("{{ inputs.u }}/x?{{ inputs.q }}"), ["inputs.u"]);
    assert_eq!(hosts("https://a/{{ inputs.p }}"), [""; 0]);
}

#[test]
fn a_lone_placeholder_keeps_its_type() {
    let scope = Scope::of(serde_json::from_str(r#"{"a":{"n":3,"l":[1,"x"],"z":null}}"#).expect("json"));
    let arg = |source: &str| Template::compile(source, Landing::Plain).expect(source).render_arg(&scope);
    assert_eq!(arg("{{ a.n }}"), Ok(Arg::Value(Value::from(3))));
    assert_eq!(arg("{{ a.l }}"), Ok(Arg::Value(serde_json::json!([1, "x"]))));
    assert_eq!(arg("{{ a.z }}"), Ok(Arg::Value(Value::Null)));
    assert_eq!(arg("{{ a.n }}!"), Ok(Arg::Text(Text::lit("3!"))));
    assert_eq!(arg("{{ secrets.T }}").expect("a hole").shown(), Value::from("<secrets.T>"));
    assert!(arg("{{ a.x }}").is_err());
}

#[test]
fn no_value_forges_a_secret() {
    let scope = Scope::of(Map::from_iter([
        ("x".to_owned(), Value::from("\0S\u{1}TOKEN\0 \0\0S\u{1}T\0")),
        ("yes".to_owned(), Value::from(true)),
    ]));
    for source in ["{{ x }}{{ secrets.REAL }}", "{{#if yes}}{{{ x }}}{{ secrets.REAL }}{{ x }}{{/if}}"] {
        let template = Template::compile_raw_allowed(source, Landing::Env)
            .or_else(|_| Template::compile_raw_allowed(source, Landing::Json));
        let text = template.expect(source).render(&scope);
        let names: Vec<_> = text.iter().flat_map(Text::secrets).map(|secret| secret.name.as_str()).collect();
        assert!(text.is_err() || names == ["REAL"], "{source}: {text:?}");
    }
    let template = Template::compile_raw_allowed("{{#if yes}}{{{ x }}}{{/if}}", Landing::Plain).expect("compiles");
    assert_eq!(template.render(&scope), Ok(Text::lit("\0S\u{1}TOKEN\0 \0\0S\u{1}T\0")), "raw comes through as it is");
}

#[test]
fn raw_needs_to_be_allowed() {
    assert!(Template::compile("echo {{{ x }}}", Landing::ShellWord).is_err());
    let template = Template::compile_raw_allowed("echo {{{ x }}} {{ x }}", Landing::ShellWord).expect("allowed");
    let scope = Scope::of(Map::from_iter([("x".to_owned(), Value::from("a b"))]));
    assert_eq!(template.render(&scope), Ok(Text::lit("echo a b 'a b'")));
    let dashes = Template::compile_argv("{{ x }}", true).expect("compiles");
    let scope = Scope::of(Map::from_iter([("x".to_owned(), Value::from("-v"))]));
    assert_eq!(dashes.render(&scope), Ok(Text::lit("-v")));
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

/// Whatever is written: no panic, every finding points into the text, and what compiles renders or says why not.
#[test]
fn any_text_is_answered() {
    let table: Vec<Vec<&str>> = rows(include_str!("../../tests/fixtures/template/render.table"));
    let parts = [
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{#if x}}",
        "{{/if}}",
        "{{#each l}}",
        "{{/each}}",
        "{{else}}",
        "~",
        "\\",
        "'",
        "\"",
        "`",
        "$(",
        ")",
        "${",
        "}",
        "\n",
        "<<E",
        "#",
        "é",
        "|",
        "(",
        "[",
        "@",
        "../",
        "this",
        "\0",
        "://",
        "{{x}}",
    ];
    let scope = Scope::of(serde_json::from_str(r#"{"x":"v","inputs":{"x":"a b"},"l":["p",{"q":1}]}"#).expect("json"));
    let mut numbers = Numbers(11);
    for round in 0..6000 {
        let row = &table[numbers.next(table.len())];
        let mut text: Vec<char> = unescaped(row[1]).chars().collect();
        for _ in 0..=numbers.next(5) {
            let at = numbers.next(text.len() + 1);
            match numbers.next(3) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => drop(text.splice(at..at, parts[numbers.next(parts.len())].chars())),
                _ => {
                    let more: Vec<char> = unescaped(table[numbers.next(table.len())][1]).chars().collect();
                    drop(text.splice(at..at, more));
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Template::compile_raw_allowed(&text, landing(row[0])) {
            Ok(template) => {
                for read in template.reads().iter().chain(template.secrets()) {
                    assert!(text.get(read.offset..read.offset + read.len).is_some(), "round {round}: {text}");
                }
                let _ = (template.render(&scope), template.render_arg(&scope), template.check(&types()));
            }
            Err(problems) => {
                for problem in problems {
                    assert!(
                        text.get(problem.offset..problem.offset + problem.len).is_some(),
                        "round {round}: {text} {problem:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn size_has_ends() {
    let scope = Scope::of(Map::from_iter([
        ("l".to_owned(), Value::from(vec![1; 1000])),
        ("t".to_owned(), Value::from("x".repeat(700_000))),
    ]));
    for source in [
        "{{#each l}}{{#each @root.l}}{{#each @root.l}}{{/each}}{{/each}}{{/each}}",
        "{{ t }}{{ t }}",
        "{{#if t}}{{ t }}{{ t }}{{/if}}",
    ] {
        let error = Template::compile(source, Landing::Plain).expect(source).render(&scope).expect_err(source);
        assert!(error.0.contains("longer than"), "{error}");
    }
    let deep = format!("{}x{}", "{{#if a}}".repeat(40), "{{/if}}".repeat(40));
    assert_eq!(Template::compile(&deep, Landing::Plain).expect_err("deep")[0].kind, ProblemKind::Limit);
    let chain = format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if b}}x".repeat(40));
    assert_eq!(Template::compile(&chain, Landing::Plain).expect_err("long")[0].kind, ProblemKind::Limit);
}
