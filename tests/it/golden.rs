//! Golden text beside its input, rewritten by `UPDATE=1` and read in the diff.

use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, UnifiedDiffConfig};
use std::path::{Path, PathBuf};

/// Every file of `tests/fixtures/<folder>` with that ending, in order.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

/// Whether golden text is to be rewritten.
pub(crate) fn updating() -> bool {
    std::env::vars().any(|(name, value)| name == "UPDATE" && value == "1")
}

/// Compares a fenced block of a literate file with `found`, or rewrites it; a difference comes back as text.
pub(crate) fn block(path: &Path, kind: &str, found: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let open = format!("```{kind}\n");
    let (before, after) = match text.split_once(&open) {
        Some((before, rest)) => {
            let (_, after) = rest.split_once("```").unwrap_or((rest, "\n"));
            (before.to_owned(), after.to_owned())
        }
        None => (format!("{}\n\n", text.trim_end()), "\n".to_owned()),
    };
    let whole = format!("{before}{open}{found}```{after}");
    if whole == text {
        return None;
    }
    if updating() {
        std::fs::write(path, whole).unwrap();
        return None;
    }
    let diff = difference(&text, &whole);
    Some(format!("{} differs (UPDATE=1 rewrites it):\n{}", path.display(), diff))
}

/// Where two texts differ, line by line, with two lines around; empty where they are the same.
pub(crate) fn difference(was: &str, is: &str) -> String {
    let lines = InternedInput::new(was, is);
    let mut found = Diff::compute(Algorithm::Histogram, &lines);
    found.postprocess_lines(&lines);
    let (printer, mut config) = (BasicLineDiffPrinter(&lines.interner), UnifiedDiffConfig::default());
    config.context_len(2);
    found.unified_diff(&printer, config, &lines).to_string()
}
