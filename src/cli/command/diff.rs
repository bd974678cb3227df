//! `diff`: the texts that the daemon goes by, against the files as they are.

use crate::cli::args::Diff;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};
use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff as Lines, InternedInput, UnifiedDiffConfig};
use std::collections::{BTreeMap, BTreeSet};

/// Shows the differences, if there are any.
pub async fn run(_args: &Diff, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let door = Door::open(settings, &book, Purpose::Look).await?;
    let counts = door.book_texts().await?.texts;
    let files: BTreeMap<String, String> =
        shelf::found(&book)?.texts.into_iter().map(|(name, text)| (name, text.to_string())).collect();
    let text = differences(&counts, &files);
    output::data(&text)?;
    Ok(if text.is_empty() { Exit::Fine } else { Exit::Warning })
}

fn differences(counts: &BTreeMap<String, String>, files: &BTreeMap<String, String>) -> String {
    let names: BTreeSet<&String> = counts.keys().chain(files.keys()).collect();
    let text = |of: &BTreeMap<String, String>, name: &String| of.get(name).cloned().unwrap_or_default();
    let differ = names.into_iter().filter(|name| counts.get(*name) != files.get(*name));
    differ
        .map(|name| {
            let (old, new) = (text(counts, name), text(files, name));
            let head = |of: &BTreeMap<String, String>, side: &str| {
                if of.contains_key(name) { format!("{side}/{name}") } else { "/dev/null".to_owned() }
            };
            let (before, after) = (head(counts, "counts"), head(files, "files"));
            let lines = InternedInput::new(old.as_str(), new.as_str());
            let mut found = Lines::compute(Algorithm::Histogram, &lines);
            found.postprocess_lines(&lines);
            let printer = BasicLineDiffPrinter(&lines.interner);
            let hunks = found.unified_diff(&printer, UnifiedDiffConfig::default(), &lines).to_string();
            // A file without lines has no first one.
            let hunks = if old.is_empty() { hunks.replacen("@@ -1,0 ", "@@ -0,0 ", 1) } else { hunks };
            let hunks = if new.is_empty() { hunks.replacen(" +1,0 @@", " +0,0 @@", 1) } else { hunks };
            format!("--- {before}\n+++ {after}\n{hunks}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_new_changed_or_gone_is_shown() {
        let texts = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let (counts, files) =
            (texts(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]), texts(&[("b", "2\n"), ("c", "4\n"), ("d", "5\n")]));
        let want = "--- counts/a\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-1\n--- counts/c\n+++ files/c\n@@ -1,1 +1,1 @@\n-3\n+4\n--- /dev/null\n+++ files/d\n@@ -0,0 +1,1 @@\n+5\n";
        assert_eq!(differences(&counts, &files), want);
        assert_eq!(differences(&counts, &counts), "");
    }
}
