//! Which texts of a book are taken: the present ones, but of what does not pass its checks the last that did.

use crate::diagnostic::Severity;
use crate::lang::{self, Loaded, Unread};
use crate::runtime::accepted::Load;
use crate::runtime::shelf::Texts;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The file without which there is no book.
pub const BOOK_FILE: &str = "stepladder.yaml";

/// The folders whose files stand each for itself; every other file is shared by all.
const OWN: [&str; 2] = ["runbooks/", "tests/"];

/// Findings of one file, one a line, that are shown at most.
const SHOWN: usize = 20;

/// The files of a book as they are.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Those that can be read.
    pub texts: Texts,
    /// Those that can't.
    pub unread: Vec<Unread>,
}

/// What comes of the present files and those that were taken before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Composed {
    /// The texts that count.
    pub texts: Texts,
    /// Files that do not count as they are, each with what is wrong with it.
    pub refused: BTreeMap<String, Vec<String>>,
}

/// Puts a book together. `wrong` are files that were taken although something is wrong with them: it lies elsewhere.
/// `now` is when: a ladder in the place of another one has to hold for the next 90 days.
#[must_use]
pub(super) fn compose(before: &Texts, wrong: &BTreeSet<String>, found: Found, now: Timestamp, load: &Load) -> Composed {
    let mut all = Composed { texts: found.texts, refused: BTreeMap::new() };
    for file in found.unread {
        all.give_back(before, &file.name, vec![format!("{}: {}; {}", file.name, file.message, file.help)]);
    }
    if before.contains_key(BOOK_FILE) && !all.texts.contains_key(BOOK_FILE) && !all.refused.contains_key(BOOK_FILE) {
        all.give_back(before, BOOK_FILE, vec![format!("{BOOK_FILE}: it is gone, and a book has one")]);
    }
    // Each round gives at least one file back, so there is an end.
    loop {
        let errors = against(before, &all.texts, now, load);
        let is_new = |texts: &Texts, name: &str| texts.get(name) != before.get(name);
        let own: Vec<String> = errors.keys().filter(|name| is_new(&all.texts, name)).cloned().collect();
        if !own.is_empty() {
            for name in own {
                let lines = errors.get(&name).cloned().unwrap_or_default();
                all.give_back(before, &name, lines);
            }
            continue;
        }
        // What is unchanged has gone wrong: because of a file that all share, or of one that is gone.
        let harmed: Vec<String> =
            errors.iter().filter(|(name, _)| !wrong.contains(*name)).flat_map(|(_, lines)| lines.clone()).collect();
        let shared: Vec<String> =
            all.texts.keys().filter(|name| is_shared(name) && is_new(&all.texts, name)).cloned().collect();
        if harmed.is_empty() || shared.is_empty() {
            all.refused.extend(errors);
            return all;
        }
        for name in shared {
            let mut lines = vec![format!("{name}: with this text other files do not pass their checks any more")];
            lines.extend(harmed.iter().take(SHOWN).cloned());
            all.give_back(before, &name, lines);
        }
    }
}

impl Composed {
    /// Takes the earlier text of a file, or none where there was none.
    fn give_back(&mut self, before: &Texts, name: &str, lines: Vec<String>) {
        match before.get(name) {
            Some(text) => self.texts.insert(name.to_owned(), Arc::clone(text)),
            None => self.texts.remove(name),
        };
        self.refused.insert(name.to_owned(), lines);
    }
}

fn is_shared(name: &str) -> bool {
    !OWN.iter().any(|folder| name.starts_with(folder))
}

/// What is wrong with each file, as lines.
pub(super) fn errors(texts: &Texts, load: &Load) -> BTreeMap<String, Vec<String>> {
    lines(&load(texts))
}

/// What is wrong with those texts, and with their ladder in the place of the one before.
fn against(before: &Texts, texts: &Texts, now: Timestamp, load: &Load) -> BTreeMap<String, Vec<String>> {
    let loaded = load(texts);
    let shared = |texts: &Texts| -> Texts {
        texts.iter().filter(|(name, _)| is_shared(name)).map(|(name, text)| (name.clone(), Arc::clone(text))).collect()
    };
    if lang::ladder_text(before) == lang::ladder_text(texts) {
        return lines(&loaded);
    }
    let earlier: Vec<_> = shared(before).into_iter().collect();
    let Some(earlier) = lang::load(&earlier).book.escalation else { return lines(&loaded) };
    let (shifted, ahead) = (lang::reshuffled(&earlier, &loaded), lang::ahead(&loaded, now));
    let mut loaded = Loaded::clone(&loaded);
    loaded.findings.append(shifted);
    loaded.findings.append(ahead);
    lines(&loaded)
}

fn lines(loaded: &Loaded) -> BTreeMap<String, Vec<String>> {
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in loaded.findings.sorted().into_iter().filter(|finding| finding.severity == Severity::Error) {
        let name = &loaded.sources.get(finding.spot.file).name;
        let (line, column) = loaded.sources.line_column(finding.spot);
        let lines = errors.entry(name.clone()).or_default();
        if lines.len() < SHOWN {
            lines.push(format!("{name}:{line}:{column}: {} {}", finding.code.as_str(), finding.message));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "runbook: a\nsteps: [ { id: x, shell: 'true' } ]\n";
    const BAD: &str = "runbook: a\nsteps: [ { id: x, shel: 'true' } ]\n";
    const CALLS: &str = "runbook: calls\nsteps: [ { id: x, runbook: a } ]\n";
    const MEASURES: &str =
        "runbook: m\nsteps: [ { id: x, http: 'http://localhost/', measure: { lag: output.latency_ms } } ]\n";

    fn texts(files: &[(&str, &str)]) -> Texts {
        files.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text))).collect()
    }

    /// What was taken, what is there now, which texts count and which files are refused.
    fn shown(before: &[(&str, &str)], now: &[(&str, &str)], wrong: &[&str]) -> String {
        let wrong = wrong.iter().map(|name| (*name).to_owned()).collect();
        let load: Load = Arc::new(|texts| Arc::new(lang::load(&texts.clone().into_iter().collect::<Vec<_>>())));
        let found = Found { texts: texts(now), unread: Vec::new() };
        let Composed { texts: taken, refused } = compose(
            &texts(before),
            &wrong,
            found,
            Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(500_000),
            &load,
        );
        let old = texts(before);
        let taken: Vec<String> = taken
            .iter()
            .map(|(name, text)| format!("{name}{}", if old.get(name) == Some(text) { "" } else { " new" }))
            .collect();
        let refused: Vec<String> = refused.into_keys().collect();
        format!("{} | {}", taken.join(", "), refused.join(", "))
    }

    const LADDER: &str = "severities: { P1: { respond_within: 15m, climb: { 1: 0m } } }
levels: { 1: { name: On call, page: [on_call.owner] } }
contacts: { a: { name: A, email: a@b.c }, b: { name: B, email: b@b.c } }
on_call: { platform: { since: 2026-11-23, members: [a, b] } }
routes: [ { match: {}, severity: P1, owner: platform } ]
catch_all: [a]
";

    #[test]
    fn a_ladder_whose_turns_would_shift_or_that_has_a_gap_is_not_taken() {
        let (s, l) = (BOOK_FILE, "escalation.yaml");
        let shifted = LADDER.replace("[a, b]", "[b, a]");
        let counted = shifted.replace("2026-11-23", "2026-11-30");
        let later = shifted.replace("2026-11-23", "2027-02-01");
        let renamed = LADDER.replace("name: B", "name: C");
        for (now, want) in [
            (shifted.as_str(), "escalation.yaml, stepladder.yaml | escalation.yaml"),
            (&counted, "escalation.yaml new, stepladder.yaml | "),
            (&later, "escalation.yaml, stepladder.yaml | escalation.yaml"),
            (&renamed, "escalation.yaml new, stepladder.yaml | "),
        ] {
            assert_eq!(shown(&[(s, ""), (l, LADDER)], &[(s, ""), (l, now)], &[]), want, "{now}");
        }
        // Where there was none before, a gap is better than no ladder at all.
        assert_eq!(shown(&[(s, "")], &[(s, ""), (l, &later)], &[]), "escalation.yaml new, stepladder.yaml | ");
    }

    #[test]
    fn what_passes_is_taken_and_what_does_not_is_as_it_was() {
        let (s, a, c, m, thresholds) =
            (BOOK_FILE, "runbooks/a.yaml", "runbooks/calls.yaml", "runbooks/m.yaml", "thresholds.yaml");
        let renamed = "runbook: a\ntitle: Other\nsteps: [ { id: x, shell: 'true' } ]\n";
        let good = "lag: { unit: ms }\n";
        for (before, now, wrong, want) in [
            (&[][..], &[(s, ""), (a, A)][..], &[][..], "runbooks/a.yaml new, stepladder.yaml new | "),
            (&[], &[(s, ""), (a, BAD)], &[], "stepladder.yaml new | runbooks/a.yaml"),
            (&[(s, ""), (a, A)], &[(s, ""), (a, BAD)], &[], "runbooks/a.yaml, stepladder.yaml | runbooks/a.yaml"),
            (&[(s, ""), (a, A)], &[(s, ""), (a, renamed)], &[], "runbooks/a.yaml new, stepladder.yaml | "),
            (&[(s, ""), (a, A)], &[(s, "")], &[], "stepladder.yaml | "),
            // A new caller of what is refused is refused itself.
            (
                &[(s, "")],
                &[(s, ""), (a, BAD), (c, CALLS)],
                &[],
                "stepladder.yaml | runbooks/a.yaml, runbooks/calls.yaml",
            ),
            // What is called goes: it is gone, and its caller is wrong.
            (
                &[(s, ""), (a, A), (c, CALLS)],
                &[(s, ""), (c, CALLS)],
                &[],
                "runbooks/calls.yaml, stepladder.yaml | runbooks/calls.yaml",
            ),
            // A shared file that breaks what worked is not taken …
            (
                &[(s, ""), (m, MEASURES), (thresholds, good)],
                &[(s, ""), (m, MEASURES), (thresholds, "other: { unit: ms }\n")],
                &[],
                "runbooks/m.yaml, stepladder.yaml, thresholds.yaml | thresholds.yaml",
            ),
            // … and one that breaks nothing more than was broken is.
            (
                &[(s, ""), (c, CALLS), (thresholds, good)],
                &[(s, ""), (c, CALLS), (thresholds, "lag: { unit: s }\n")],
                &[c],
                "runbooks/calls.yaml, stepladder.yaml, thresholds.yaml new | runbooks/calls.yaml",
            ),
            (&[(s, "timezone: UTC\n"), (a, A)], &[(a, A)], &[], "runbooks/a.yaml, stepladder.yaml | stepladder.yaml"),
        ] {
            assert_eq!(shown(before, now, wrong), want, "{before:?} -> {now:?}");
        }
    }
}
