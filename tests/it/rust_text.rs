//! Rust source as text for the house's own checks: the files of the tree, their code without
//! comments and literals, their part outside tests, their functions. Lexical; knows no types.

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `dir` of the repository with that extension, as (path from the root, text), in order.
pub(crate) fn files(dir: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather(&root().join(dir), extension, &mut found);
    found.sort();
    found
}

fn gather(dir: &Path, extension: &str, found: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The text with the inside of comments and of string and character literals blanked; lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = token_end(&chars, at);
        let is_code = end == at + 1;
        chars[at..end].iter().for_each(|c| out.push(if is_code || *c == '\n' { *c } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that starts at `at` ends; `at + 1` where none starts.
fn token_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let fresh = at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], next) {
        ('/', Some('/')) => (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len()),
        ('/', Some('*')) => block_end(chars, at),
        ('"', _) => string_end(chars, at + 1),
        ('r', Some('"' | '#')) if fresh => raw_end(chars, at),
        ('b' | 'c', Some('r')) if fresh && matches!(chars.get(at + 2), Some('"' | '#')) => raw_end(chars, at + 1),
        ('\'', Some('\\')) => (at + 3..chars.len()).find(|i| chars[*i] == '\'').map_or(chars.len(), |i| i + 1),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at + 1,
    }
}

fn block_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0, at);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return at + 1;
    }
    let closes = |i: &usize| chars[*i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (open + 1..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}

/// The code (as [`code`] gives it) with every item behind `#[cfg(test)]` taken out, its lines too.
pub(crate) fn without_tests(code: &str) -> String {
    let mut rest = code;
    let mut out = String::new();
    while let Some(start) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..start]);
        let item = &rest[start..];
        let body = item.find(['{', ';']).unwrap_or(item.len());
        let end =
            if item[body..].starts_with('{') { body + block_len(&item[body..]) } else { (body + 1).min(item.len()) };
        rest = &item[end..];
    }
    out + rest
}

/// How many bytes the `{ … }` at the start of `code` takes.
fn block_len(code: &str) -> usize {
    let mut depth = 0_i32;
    for (at, c) in code.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Every function of the code: its name and how many lines it takes from `fn` to its closing brace.
pub(crate) fn functions(code: &str) -> Vec<(String, usize)> {
    let head = regex::Regex::new(r"\bfn\s+(\w+)").unwrap();
    let body = |from: usize| -> Option<usize> {
        let brackets = |c: char| matches!(c, '{' | ';' | '(' | '[' | ')' | ']');
        let mut depth = 0;
        for (at, c) in code[from..].char_indices().filter(|(_, c)| brackets(*c)) {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                '{' if depth == 0 => return Some(from + at),
                ';' if depth == 0 => return None,
                _ => {}
            }
        }
        None
    };
    head.captures_iter(code)
        .filter_map(|found| {
            let (start, name) = (found.get(0)?.start(), found[1].to_owned());
            let open = body(found.get(0)?.end())?;
            Some((name, code[start..open + block_len(&code[open..])].lines().count()))
        })
        .collect()
}

/// The line (from 1) of a byte of the code.
pub(crate) fn line(code: &str, byte: usize) -> usize {
    code[..byte].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_blanked_and_tests_taken_out() {
    let text = "a /* x /* y */ z */ b // c\nlet s = \"q \\\" crate::x\"; let c = '\"'; let l: &'a str = r#\"no \" yes\"#;\n#[cfg(test)]\nmod tests { fn t() { } }\nfn keep(a: [u8; 2]) {\n}\n";
    let code = without_tests(&code(text));
    let words: Vec<&str> = code.split_whitespace().collect();
    let want = "a b let s = ; let c = ; let l: &'a str = ; fn keep(a: [u8; 2]) { }";
    assert_eq!(words.join(" "), want);
    assert_eq!(functions(&code), [("keep".to_owned(), 2)]);
}
