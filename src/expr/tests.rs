//! Tables of expressions: values, refusals, findings.

use super::*;
use std::fmt::Write;

fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(" | ").map(str::trim).collect())
        .collect()
}

#[test]
fn values() {
    let mut wrong = String::new();
    for row in rows(include_str!("../../tests/fixtures/expr/eval.table")) {
        let [source, scope, want] = row[..] else { panic!("a row needs three parts: {row:?}") };
        let scope: Map<String, Value> = serde_json::from_str(scope).expect(source);
        let got = match Expr::compile(source).map(|expr| expr.eval(&Scope(scope))) {
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
