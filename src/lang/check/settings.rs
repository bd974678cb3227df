//! The book as a whole: settings, names of files, the ladder.

use super::triggers::zone;
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::model::escalation::Escalation;

/// Checks what concerns no single runbook.
pub(super) fn check(loaded: &Loaded, findings: &mut Diagnostics) {
    file_names(loaded, findings);
    let settings = &loaded.book.settings;
    if let Some(found) =
        word(loaded, "stepladder.yaml", &settings.timezone).and_then(|spot| zone(&settings.timezone, spot))
    {
        findings.push(found);
    }
    if let (Some(ladder), Some(file)) = (&loaded.book.escalation, file(loaded, "escalation.yaml")) {
        escalation(loaded, ladder, file, findings);
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

fn file(loaded: &Loaded, name: &str) -> Option<FileId> {
    loaded.sources.iter().find(|(_, source)| source.name == name).map(|(id, _)| id)
}

/// Where a word stands in a file of the book.
fn word(loaded: &Loaded, name: &str, word: &str) -> Option<Spot> {
    let file = file(loaded, name)?;
    let start = loaded.sources.get(file).text.find(word)?;
    Some(Spot { file, start, end: start + word.len() })
}

fn escalation(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let top = Spot { file, start: 0, end: 0 };
    let at = |text: &str| word(loaded, "escalation.yaml", text).unwrap_or(top);
    if !loaded.book.settings.other.contains_key("dead_man") {
        findings.push(
            Diagnostic::warning(Code::NoDeadMan, top, "nobody would notice if stepladder itself stopped: `dead_man` is not set")
                .help("in stepladder.yaml: `dead_man: { url: \"https://…\", every: 1m }`, at a watcher that pages when the calls stop"),
        );
    }
    if ladder.catch_all.is_empty() {
        findings.push(
            Diagnostic::error(
                Code::NoCatchAll,
                top,
                "the ladder has no `catch_all`: when nobody is reachable, nobody is told",
            )
            .help("name who is told when everything else failed: `catch_all: [manager]`"),
        );
    }
    let known = |text: &str| somebody(ladder, text);
    let lists = ladder.levels.iter().map(|(number, level)| (format!("level {number}"), &level.page));
    let lists = lists.chain([("`catch_all`".to_owned(), &ladder.catch_all)]);
    for (place, names) in lists {
        for name in names.iter().filter(|name| !known(name)) {
            let people: Vec<&str> = ladder.contacts.keys().chain(ladder.on_call.keys()).map(Name::as_str).collect();
            findings.push(
                Diagnostic::error(Code::UnknownContact, at(name), format!("unknown contact `{name}` in {place}"))
                    .help("people are declared below `contacts:`, rotations below `on_call:`")
                    .did_you_mean(name, people),
            );
        }
    }
    for (rotation, members) in &ladder.on_call {
        for member in members.iter().filter(|member| !ladder.contacts.contains_key(*member)) {
            findings.push(
                Diagnostic::error(
                    Code::UnknownContact,
                    at(member.as_str()),
                    format!("unknown contact `{member}` in the rotation `{rotation}`"),
                )
                .help("people are declared below `contacts:`")
                .did_you_mean(member.as_str(), ladder.contacts.keys().map(Name::as_str)),
            );
        }
    }
    for (number, level) in &ladder.levels {
        for name in level.gather.iter().chain(&level.tries) {
            super::calls::unknown(loaded, name, at(name.as_str()), findings);
        }
        if level.page.is_empty() && level.gather.is_empty() && level.tries.is_empty() {
            let message = format!("level {number} pages nobody and tries nothing");
            findings.push(Diagnostic::error(Code::NobodyTold, top, message).help("give it `page: [NAME]`"));
        }
    }
    phones(ladder, &at, findings);
    answered(ladder, &at, findings);
}

fn somebody(ladder: &Escalation, text: &str) -> bool {
    match text.strip_prefix("on_call.") {
        Some("owner") => true,
        Some(rotation) => ladder.on_call.keys().any(|known| known.as_str() == rotation),
        None => ladder.contacts.keys().any(|known| known.as_str() == text),
    }
}

fn phones(ladder: &Escalation, at: &dyn Fn(&str) -> Spot, findings: &mut Diagnostics) {
    for (name, contact) in &ladder.contacts {
        if contact.addresses.is_empty() {
            findings.push(
                Diagnostic::error(
                    Code::NoAddress,
                    at(name.as_str()),
                    format!("`{name}` has no address on any channel"),
                )
                .help("give at least one: `phone`, `email` or `slack`"),
            );
        }
        for number in ["phone", "sms"].iter().filter_map(|channel| contact.addresses.get(*channel)) {
            let odd = |c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.'));
            if number.contains(odd) || number.chars().filter(char::is_ascii_digit).count() < 5 {
                findings.push(
                    Diagnostic::warning(
                        Code::BadPhone,
                        at(number),
                        format!("`{number}` of `{name}` cannot be dialled"),
                    )
                    .help("digits only, with the country first: `+1-555-0123`"),
                );
            }
        }
    }
}

/// Every severity tells somebody before it asks for an answer.
fn answered(ladder: &Escalation, at: &dyn Fn(&str) -> Spot, findings: &mut Diagnostics) {
    for (name, severity) in &ladder.severities {
        for level in severity.climb.keys().filter(|level| !ladder.levels.contains_key(level)) {
            let message = format!("`{name}` climbs to level {level}, which is not declared");
            findings.push(Diagnostic::error(Code::UnknownName, at(name), message).help("declare it below `levels:`"));
        }
        let Some(within) = severity.respond_within else { continue };
        let paged = severity
            .climb
            .iter()
            .filter(|(level, _)| ladder.levels.get(level).is_some_and(|level| !level.page.is_empty()));
        let first = paged.map(|(_, offset)| *offset).min();
        if first.is_none_or(|first| first > within) {
            let when = first.map_or_else(|| "never".to_owned(), |first| format!("after {first}"));
            findings.push(
                Diagnostic::error(
                    Code::NobodyTold,
                    at(name),
                    format!("`{name}` asks for an answer within {within}, and a person is paged {when}"),
                )
                .help("let it climb sooner to a level with `page:`, or give it more time"),
            );
        }
    }
}
