//! Tables of templates: texts, refusals, findings; and shell lines that a real shell runs.

use super::*;
use crate::base::value::{Map, Value};
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
            Ok(template) => match template.render(&Scope(scope)) {
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
