//! Tables of expressions: values, refusals, findings.

use super::*;
use crate::base::limits;
use std::fmt::Write;

fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(" | ").map(str::trim).collect())
        .collect::<Vec<_>>()
}

#[test]
fn values() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/expr/eval.table")) {
        let [source, scope, want] = row[..] else { panic!("a row needs three parts: {row:?}") };
        let scope: Map<String, Value> = serde_json::from_str(scope).expect(source);
        let got = match Expr::compile(source).map(|expr| expr.eval(&Scope::of(scope))) {
            Ok(Ok(value)) => value.to_string(),
            Ok(Err(error)) => format!("error {error}"),
            Err(problems) => format!("does not compile: {problems:?}"),
        };
        if got != want {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn refusals() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/expr/compile.table")) {
        let (want, parts) = row.split_last().expect("a row has parts");
        let source = parts.join(" | ");
        let got = match Expr::compile(&source) {
            Ok(_) => "ok".into(),
            Err(problems) => {
                let p = &problems[0];
                format!("{} @{}+{} {}", p.kind.as_str(), p.offset, p.len, p.message)
            }
        };
        if got.split_once(' ').map_or(got.as_str(), |(kind, _)| kind) != *want && got != *want {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn record(fields: &[(&str, Type)]) -> Type {
    Type::record(fields.iter().map(|(name, kind)| (*name, kind.clone())))
}

fn types() -> Types {
    let list = Type::List(Box::new(Type::Text));
    let skipped = |kind: Type| Type::Maybe(Box::new(kind), "it may be skipped".into());
    let output = record(&[("n", Type::Int), ("json", Type::Any)]);
    let step = |output: Type| {
        record(&[
            ("ok", Type::Bool),
            ("failed", Type::Bool),
            ("outcome", Type::Text),
            ("level", Type::Level),
            ("output", output),
        ])
    };
    let restart = record(&[("restart", step(skipped(output.clone())))]);
    Types::from([
        (
            "inputs".into(),
            record(&[
                ("n", Type::Int),
                ("r", Type::Number),
                ("t", Type::Text),
                ("b", Type::Bool),
                ("l", list),
                ("j", Type::Any),
                ("m", Type::Map(Box::new(Type::Int))),
            ]),
        ),
        (
            "steps".into(),
            record(&[
                ("a", step(skipped(output.clone()))),
                ("b", step(output)),
                ("fleet", record(&[("items", Type::Map(Box::new(restart)))])),
            ]),
        ),
        (
            "run".into(),
            record(&[
                ("reason", Type::Text),
                ("failed_step", Type::Maybe(Box::new(Type::Text), "nothing may have failed".into())),
            ]),
        ),
        ("level".into(), Type::Level),
        ("failed".into(), Type::Bool),
    ])
}

#[test]
fn findings() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/expr/check.table")) {
        let [source, want_type, want] = row[..] else { panic!("a row needs three parts: {row:?}") };
        let want_type = match want_type {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "number" => Type::Number,
            "text" => Type::Text,
            "level" => Type::Level,
            _ => Type::Any,
        };
        let expr = Expr::compile(source).expect(source);
        let findings = expr.check(&types(), &want_type).into_iter().map(|p| {
            let help = p.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{} @{}+{} {}{help}", p.kind.as_str(), p.offset, p.len, p.message)
        });
        let findings = findings.collect::<Vec<_>>().join("; ");
        let kind = expr.type_of(&types()).to_string();
        let got = if findings.is_empty() { kind } else { findings };
        if got.trim_start_matches("an ").trim_start_matches("a ") != want.trim_start_matches("a ") {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn paths() {
    let mut wrong = String::new();
    for line in include_str!("../../tests/fixtures/expr/reads.table").lines().filter(|line| !line.starts_with('#')) {
        let (source, want) = line.rsplit_once(" | ").expect(line);
        let expr = Expr::compile(source).expect(source);
        let reads = expr.reads().iter().map(|read| {
            let guard = if read.guarded { "?" } else { "" };
            format!("{}{guard}@{}+{}", read.path.join("."), read.offset, read.len)
        });
        let got = reads.collect::<Vec<_>>().join(" ");
        if got != want.trim() {
            let _ = writeln!(wrong, "{source}\n  want {want}\n  got  {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

/// Whatever is written: no panic, and every finding points into the text.
#[test]
fn any_text_is_answered() {
    let seeds: Vec<&str> = include_str!("../../tests/fixtures/expr/eval.table")
        .lines()
        .chain(include_str!("../../tests/fixtures/expr/compile.table").lines())
        .filter_map(|line| line.split(" | ").next())
        .collect();
    let parts = [
        "(", ")", "[", "]", "{", "}", "\"", "`", "${", "??", "?.", "&&", "\n", "é", "-", "!", "if ", " else ", "0x",
        "1e9", "'", "/*", "//", "\\", "\0",
    ];
    let scope = Scope::of(serde_json::from_str(r#"{"inputs":{"n":1,"t":"x"},"output":{"list":[1,2]}}"#).expect("json"));
    let mut numbers = Numbers(7);
    for round in 0..6000 {
        let mut text: Vec<char> = seeds[numbers.next(seeds.len())].chars().collect();
        for _ in 0..=numbers.next(4) {
            let at = numbers.next(text.len() + 1);
            match numbers.next(3) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => drop(text.splice(at..at, parts[numbers.next(parts.len())].chars())),
                _ => {
                    let more: Vec<char> = seeds[numbers.next(seeds.len())].chars().collect();
                    drop(text.splice(at..at, more));
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Expr::compile(&text) {
            Ok(expr) => {
                for read in expr.reads() {
                    assert!(text.get(read.offset..read.offset + read.len).is_some(), "round {round}: {text}");
                }
                for problem in expr.check(&types(), &Type::Bool) {
                    assert!(text.get(problem.offset..problem.offset + problem.len).is_some(), "round {round}: {text}");
                }
                let _ = expr.eval(&scope);
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

/// Found by noise: a parenthesis too many, at the very end of the text and before a letter of two bytes.
#[test]
fn too_deep_is_a_place_inside_the_text() {
    for end in ["\r\r", "", "é"] {
        let source = format!("-((((((((!{}{end}", "(".repeat(55));
        let found = Expr::compile(&source).expect_err("too deep");
        assert!(found.iter().all(|it| source.get(it.offset..it.offset + it.len).is_some()), "{found:?}");
    }
}

#[test]
fn nesting_and_length_have_ends() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("len(", "\"a\"", ")"),
        ("a[", "1", "]"),
        ("if true { ", "1", " } else { 2 }"),
    ] {
        for depth in [10, 60, 200, 1000] {
            let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            if let Ok(expr) = Expr::compile(&text) {
                let _ = expr.eval(&Scope::default());
            }
        }
    }
    for sign in ["+", "&&", "||", "??", ".a", "[0]", "=="] {
        let text =
            format!("a{}", format!("{sign}{}", if sign.starts_with(['.', '[']) { "" } else { " a " }).repeat(400));
        if let Ok(expr) = Expr::compile(&text) {
            let _ = expr.eval(&Scope::default());
        }
    }
    let long = format!("1{}", " ".repeat(limits::MAX_EXPR));
    assert_eq!(Expr::compile(&long).expect_err("too long")[0].kind, ProblemKind::Limit);
}

#[test]
fn work_is_bounded() {
    let list: Vec<i64> = (0..60_000).collect();
    let scope = Scope::of(Map::from_iter([("l".to_owned(), Value::from(list))]));
    let expr = Expr::compile("len(l + l + l + l)").expect("compiles");
    let error = expr.eval(&scope).expect_err("grows past the limit");
    assert!(error.0.contains("too large"), "{error}");
}

/// A short condition costs microseconds; the bound is wide, what it guards is a whole scope being copied.
#[test]
fn only_what_is_read_is_converted() {
    let big = Value::from((0..200_000).collect::<Vec<i64>>());
    let mut scope = Scope::default();
    scope.values.insert("output".into(), serde_json::json!({ "big": big, "n": 3 }));
    let expr = Expr::compile("output.n > 2 && output.n < 5").expect("compiles");
    for _ in 0..20_000 {
        assert_eq!(expr.eval_bool(&scope), Ok(true));
    }
}

#[test]
fn what_is_found_stands_in_the_text_whatever_ends_its_lines() {
    for text in ["//\r..a", "\r\r//#\r!D!=..a..a", "1 +\r\n//x\r\n ..a", "a\r.b", "/*\r*/ ..é"] {
        let found = match Expr::compile(text) {
            Ok(expr) => {
                let reads = expr.reads().iter().map(|read| (read.offset, read.len)).collect::<Vec<_>>();
                let found = expr.check(&Types::new(), &Type::Any);
                reads.into_iter().chain(found.iter().map(|found| (found.offset, found.len))).collect::<Vec<_>>()
            }
            Err(found) => found.iter().map(|found| (found.offset, found.len)).collect(),
        };
        assert!(found.iter().all(|(at, len)| text.get(*at..at + len).is_some()), "{text:?}: {found:?}");
    }
}

/// Twice the work for each sign would be an age for sixty of them; the text is checked here, not only compiled.
#[test]
fn a_long_sum_is_checked_in_no_time() {
    for sign in ["+", "-", "*", "/", "%", "**"] {
        let text = format!("6{}", format!(" {sign} 6").repeat(55));
        let expr = Expr::compile(&text).expect("compiles");
        assert_eq!(expr.check(&Types::new(), &Type::Any).len(), 0, "{sign}");
    }
}
