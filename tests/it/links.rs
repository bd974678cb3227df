//! Links between the documents lead somewhere: the file is there, and the heading in it.

use crate::rust_text::{files, root};
use regex::Regex;
use std::collections::BTreeSet;

/// The lines of a page outside its blocks, with their numbers, code in sentences left out.
fn prose(page: &str) -> Vec<(usize, String)> {
    let code = Regex::new("`[^`]*`").unwrap();
    let mut fence = false;
    let mut found = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            fence = !fence;
        } else if !fence {
            found.push((number + 1, code.replace_all(line, "").into_owned()));
        }
    }
    found
}

/// The name that a heading has in a link.
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase();
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let mut fence = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        fence ^= line.starts_with("```");
        if !fence && line.starts_with('#') {
            found.insert(anchor(line.trim_start_matches('#')));
        }
    }
    found
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let own = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    let own = own.map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap()));
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, page) in files("docs", "md").into_iter().chain(own) {
        let dir = root().join(&path).parent().unwrap().to_path_buf();
        for (number, line) in prose(&page) {
            for found in link.captures_iter(&line) {
                let to = &found[1];
                if to.starts_with("http") {
                    continue;
                }
                seen += 1;
                let (file, heading) = to.split_once('#').unwrap_or((to, ""));
                let target = if file.is_empty() { root().join(&path) } else { dir.join(file) };
                let there = match heading {
                    "" => target.exists(),
                    _ => std::fs::read_to_string(&target).is_ok_and(|page| anchors(&page).contains(heading)),
                };
                if !there {
                    wrong.push(format!("{path}:{number}: {to}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} links were found: how are they written now?");
}
