//! The book as a whole: settings and names of files.

use super::triggers::zone;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Sources, Spot};
use crate::lang::Loaded;

/// Checks what concerns no single runbook.
pub(super) fn check(loaded: &Loaded, findings: &mut Diagnostics) {
    file_names(loaded, findings);
    let settings = &loaded.book.settings;
    let written = file(loaded, "stepladder.yaml").and_then(|file| word(&loaded.sources, file, &settings.timezone, 0));
    if let Some(found) = written.and_then(|spot| zone(&settings.timezone, spot)) {
        findings.push(found);
    }
    if let (Some(ladder), Some(file)) = (&loaded.book.escalation, ladder_file(loaded)) {
        super::rungs::check(loaded, ladder, file, findings);
        super::reaching::check(loaded, ladder, file, findings);
        super::never::check(loaded, ladder, file, findings);
        super::turns::check(loaded, ladder, file, findings);
        super::levels::check(loaded, ladder, file, findings);
    }
}

fn file_names(loaded: &Loaded, findings: &mut Diagnostics) {
    for (name, file) in &loaded.book.files {
        let path = &loaded.sources.get(*file).name;
        let stem = path.rsplit('/').next().and_then(|last| last.rsplit_once('.')).map(|(stem, _)| stem);
        if let (Some(stem), Some(runbook)) = (stem, loaded.book.runbooks.get(name))
            && stem != name.as_str()
        {
            findings.push(
                Diagnostic::warning(
                    Code::FileName,
                    runbook.spot,
                    format!("the runbook `{name}` stands in a file named `{stem}`"),
                )
                .help(format!("name the file `{name}.yaml`: who reads the name in a page at 3 am looks for that file")),
            );
        }
    }
}

/// Whether stepladder.yaml has that key.
pub(super) fn says(loaded: &Loaded, key: &str) -> bool {
    let settings = file(loaded, "stepladder.yaml").map(|file| &loaded.sources.get(file).text);
    settings
        .is_some_and(|text| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))))
}

/// The file that the ladder is written in.
pub(super) fn ladder_file(loaded: &Loaded) -> Option<FileId> {
    ladder_files(loaded).next()
}

/// The files that may be the ladder; the first of them is.
pub(super) fn ladder_files(loaded: &Loaded) -> impl Iterator<Item = FileId> {
    loaded.ladders.iter().map(|(_, id)| *id)
}

fn file(loaded: &Loaded, name: &str) -> Option<FileId> {
    loaded.sources.iter().find(|(_, source)| source.name == name).map(|(id, _)| id)
}

/// Where a word stands in a file for the first time from an offset on; not as a part of another word.
pub(super) fn word(sources: &Sources, file: FileId, word: &str, from: usize) -> Option<Spot> {
    let text = &sources.get(file).text;
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let alone = |start: usize| {
        let before = text[..start].chars().next_back().is_some_and(part);
        let after = text[start + word.len()..].chars().next().is_some_and(part);
        !before && !after
    };
    let found = text.get(from..)?.match_indices(word).map(|(at, _)| from + at);
    let start = found.into_iter().find(|start| alone(*start))?;
    Some(Spot { file, start, end: start + word.len() })
}
