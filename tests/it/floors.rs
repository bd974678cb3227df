//! Imports point down: the floors of `ARCHITECTURE.md`, and the doors to the world and to big libraries.

use crate::rust_text::{code, files, line, without_tests};
use regex::Regex;

/// The floors, lowest first; modules of one floor are strangers to each other.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["expr", "template", "diagnostic"],
    &["model"],
    &["lang", "engine", "escalation", "schedule"],
    &["store", "act", "keeper"],
    &["runtime"],
    &["service"],
    &["api", "web"],
    &["cli"],
];

/// Same-floor imports that are agreed on: `expr`'s values and findings are what `template` is made of.
const AGREED: &[(&str, &str)] = &[("template", "expr")];

/// Floors below this one are pure: no waiting, no world.
const FIRST_IMPURE: usize = 4;

/// What pure code may not name.
const WORLD: &str = r"\basync\s+(?:fn|move)\b|\basync\s*\{|\b(?:tokio|tracing|reqwest|hyper)::|\bstd::(?:fs|env|net|process|thread)\b|\bstd::\{[^}]*\b(?:fs|env|net)\b";

/// Libraries with one door: whose code may name them.
const DOORS: &[(&str, &[&str])] = &[
    ("sled", &["src/store/disk/table.rs"]),
    ("rhai", &["src/expr/"]),
    ("handlebars", &["src/template/"]),
    ("anyhow", &["src/cli/"]),
    // A file of secrets is YAML too, and its values may not pass through the floors of `lang`.
    ("granit_parser", &["src/lang/yaml/", "src/act/secret/"]),
    ("axum", &["src/api/"]),
    ("schemars", &["src/api/"]),
];

/// What the binary may name: the command line, and the two guises it takes before there is one.
const BINARY: &[&str] = &["cli", "keeper", "runtime"];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&module))
}

/// What is wrong with these files (path, text), one line each.
fn broken(files: &[(String, String)]) -> Vec<String> {
    let shipped = files.iter().filter(|(path, _)| !path.ends_with("/tests.rs"));
    shipped.flat_map(|(path, text)| broken_file(path, &without_tests(&code(text)))).collect()
}

fn broken_file(path: &str, code: &str) -> Vec<String> {
    let Some((here, depth)) = module(path) else { return outside(path, code) };
    let Some(mine) = floor(here) else { return vec![format!("{path}: `{here}` is on no floor")] };
    let mut found = Vec::new();
    let mut say = |at: usize, what: String| found.push(format!("{path}:{}: {what}", line(code, at)));
    for hit in Regex::new(r"\bcrate::(\w+|\{)").unwrap().captures_iter(code) {
        let (at, there) = (hit.get(0).unwrap().start(), &hit[1]);
        match floor(there) {
            _ if there == "{" => say(at, "`crate::{…}` hides where it goes: one line for each module".into()),
            Some(theirs) if there != here && theirs >= mine && !AGREED.contains(&(here, there)) => {
                say(at, format!("floor {mine} `{here}` imports floor {theirs} `{there}`"));
            }
            Some(_) => {}
            None => say(at, format!("`{there}` is on no floor")),
        }
    }
    for hit in Regex::new(r"\b(?:super::)+").unwrap().find_iter(code) {
        if hit.as_str().len() / "super::".len() >= depth {
            say(hit.start(), format!("`super::` leaves `{here}`: write `crate::`"));
        }
    }
    if mine < FIRST_IMPURE {
        for hit in Regex::new(WORLD).unwrap().find_iter(code) {
            say(hit.start(), format!("floor {mine} is pure, but names `{}`", hit.as_str().trim_end_matches("::")));
        }
    }
    for (library, doors) in DOORS.iter().filter(|(_, doors)| !doors.iter().any(|door| path.starts_with(door))) {
        for hit in Regex::new(&format!(r"\b{library}::")).unwrap().find_iter(code) {
            say(hit.start(), format!("`{library}` belongs behind {}", doors.join(" or ")));
        }
    }
    found
}

/// The top-level module of a file and how deep in it the file's module is (1 = it is the module itself).
fn module(path: &str) -> Option<(&str, usize)> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let parts: Vec<&str> = inner.split('/').filter(|part| *part != "mod").collect();
    match parts.as_slice() {
        ["lib" | "main"] | [] => None,
        [top, ..] => Some((top, parts.len())),
    }
}

/// The two roots: the library lists its modules and nothing else, the binary knows what it can be and nothing below.
fn outside(path: &str, code: &str) -> Vec<String> {
    let bad = Regex::new(if path == "src/lib.rs" { r"\b(use|fn)\b" } else { r"\bstepladder::(\w+)" }).unwrap();
    let hits = bad.captures_iter(code).filter(|hit| path == "src/lib.rs" || !BINARY.contains(&&hit[1]));
    let start = |hit: &regex::Captures<'_>| hit.get(0).map_or(0, |whole| whole.start());
    hits.map(|hit| format!("{path}:{}: `{}` does not belong here", line(code, start(&hit)), &hit[0])).collect()
}

#[test]
fn imports_point_down() {
    let found = broken(&files("src", "rs"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    let tree = [
        ("src/lib.rs", "pub mod base;\npub use base::ids;"),
        ("src/main.rs", "fn main() { stepladder::engine::go(); stepladder::cli::main(); }"),
        (
            "src/base/ids.rs",
            "use crate::model::step::Step;\n// crate::cli in a comment\nconst A: &str = \"crate::cli\";",
        ),
        ("src/lang/mod.rs", "use crate::{base, model};\nuse super::base;"),
        ("src/lang/yaml/tree.rs", "use super::super::cron;\nuse super::super::super::base;\nuse std::{fmt, fs};"),
        (
            "src/engine/run.rs",
            "use crate::lang::yaml;\nasync fn go() { tokio::spawn(x); let t = rhai::Engine::new(); }",
        ),
        (
            "src/store/journal.rs",
            "use sled::Db;\nuse crate::act::http;\n#[cfg(test)]\nmod tests { use crate::cli::x; }",
        ),
        ("src/extra/mod.rs", "use crate::base::ids;"),
        ("src/template/mod.rs", "use crate::expr::Scope;"),
    ];
    let tree: Vec<_> = tree.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let want = "\
src/lib.rs:2: `use` does not belong here
src/main.rs:1: `stepladder::engine` does not belong here
src/base/ids.rs:1: floor 0 `base` imports floor 2 `model`
src/lang/mod.rs:1: `crate::{…}` hides where it goes: one line for each module
src/lang/mod.rs:2: `super::` leaves `lang`: write `crate::`
src/lang/yaml/tree.rs:2: `super::` leaves `lang`: write `crate::`
src/lang/yaml/tree.rs:3: floor 3 is pure, but names `std::{fmt, fs`
src/engine/run.rs:1: floor 3 `engine` imports floor 3 `lang`
src/engine/run.rs:2: floor 3 is pure, but names `async fn`
src/engine/run.rs:2: floor 3 is pure, but names `tokio`
src/engine/run.rs:2: `rhai` belongs behind src/expr/
src/store/journal.rs:2: floor 4 `store` imports floor 4 `act`
src/store/journal.rs:1: `sled` belongs behind src/store/disk/table.rs
src/extra/mod.rs: `extra` is on no floor";
    assert_eq!(broken(&tree).join("\n"), want);
}
