//! From trees to the model: every file of a book by its place, each as far as it can be read.

mod alerts;
mod contacts;
mod drill;
mod escalation;
mod inputs;
mod kind;
mod list;
mod order;
pub(super) mod piece;
mod places;
mod policy;
mod reader;
mod rehearsals;
mod rotations;
mod runbook;
mod settings;
pub(super) mod step;
mod tests;
mod thresholds;
mod triggers;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::lang::decode::Ctx;
use crate::lang::half;
use crate::lang::yaml::{self, Document, Node};
use std::path::Path;
use std::sync::Arc;

/// Which part of a book a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Settings,
    Thresholds,
    Escalation,
    Alerts,
    Runbook,
    Test,
    Calendar,
}

fn part(name: &str) -> Part {
    match name.rsplit('/').next().unwrap_or(name) {
        "stepladder.yaml" | "stepladder.yml" => Part::Settings,
        "thresholds.yaml" | "thresholds.yml" => Part::Thresholds,
        "alerts.yaml" | "alerts.yml" => Part::Alerts,
        "escalation.yaml" | "escalation.yml" | "incident_contacts.yaml" | "incident_contacts.yml" => Part::Escalation,
        _ if Path::new(name).extension().is_some_and(|end| end == "ics") => Part::Calendar,
        _ if name.starts_with("tests/") => Part::Test,
        _ => Part::Runbook,
    }
}

/// The runbooks' files, in the order of their names.
pub(super) fn runbooks(loaded: &Loaded) -> Vec<FileId> {
    let runbook = loaded.sources.iter().filter(|(_, source)| part(&source.name) == Part::Runbook);
    runbook.map(|(id, _)| id).collect()
}

/// Lowers every file but the runbooks into `loaded.book`: whatever could be made of it, right or wrong.
pub(super) fn others(loaded: &mut Loaded) {
    let mut files: Vec<(Part, FileId, Arc<str>)> =
        loaded.sources.iter().map(|(id, source)| (part(&source.name), id, Arc::clone(&source.text))).collect();
    files.retain(|(part, ..)| !matches!(part, Part::Runbook | Part::Calendar));
    // Settings first: everything else is read in the book's time zone. Alerts speak of thresholds and severities.
    files.sort_by_key(|(part, id, _)| (*part, *id));
    for (part, file, text) in files {
        let mut ctx = Ctx::new(file, Arc::clone(&text));
        let mut findings = Diagnostics::default();
        let stream = yaml::read(file, &text, &mut findings);
        loaded.findings.append(findings);
        let mut documents = stream.documents;
        if part == Part::Test {
            let zone = loaded.book.settings.timezone.clone();
            let roots: Vec<&Node> = documents.iter().filter_map(|document| document.root.as_ref()).collect();
            let roots: Vec<&Node> = roots.into_iter().filter(|root| !root.is_null()).collect();
            for (test, whole) in tests::tests(&mut ctx, &roots, &zone) {
                if !whole {
                    loaded.wrong_tests.insert(test.spot);
                }
                loaded.book.tests.push(test);
            }
        } else {
            one_document(&mut ctx, &mut documents);
            let root = first(&mut ctx, part, documents);
            if stream.broken || root.as_ref().is_some_and(|root| root.pairs().is_none()) {
                let name = &loaded.sources.get(file).name;
                loaded.half.extend(half::codes(name).iter().map(|code| (*code, name.clone())));
            }
            if let Some(root) = root {
                single(loaded, &mut ctx, part, &root);
            }
        }
        for finding in told(&ctx, stream.broken) {
            loaded.findings.push(finding);
        }
        if !stream.broken {
            loaded.mentions.extend(ctx.mentions);
        }
    }
}

/// Lowers a file of which a book has one.
fn single(loaded: &mut Loaded, ctx: &mut Ctx, part: Part, root: &Node) {
    match part {
        Part::Settings => loaded.book.settings = settings::settings(ctx, root, &loaded.sources),
        Part::Thresholds => loaded.book.thresholds = thresholds::thresholds(ctx, root),
        Part::Alerts => loaded.book.alerts = alerts::alerts(ctx, root, loaded),
        Part::Escalation => {
            let ladder = match root.get("escalation_contacts") {
                Some(_) => contacts::ladder(ctx, root, &loaded.book.settings),
                None => escalation::ladder(ctx, root, &loaded.book.settings),
            };
            // Of two files, `escalation.yaml` is the ladder, in whatever order they come; `check` says so.
            let first = loaded.book.escalation.take();
            let guide = root.get("escalation_contacts").is_some();
            loaded.book.escalation = if guide { first.or(ladder) } else { ladder.or(first) };
        }
        Part::Runbook | Part::Test | Part::Calendar => {}
    }
}

/// Reports every document of a file but the first, and drops it.
fn one_document(ctx: &mut Ctx, documents: &mut Vec<Document>) {
    for document in documents.drain(documents.len().min(1)..) {
        ctx.error_help(
            Code::UnsupportedYaml,
            document.spot,
            "a second document in one file",
            "give each a file of its own",
        );
    }
}

/// The first document of a file.
fn first(ctx: &mut Ctx, part: Part, documents: Vec<Document>) -> Option<Node> {
    let root = documents.into_iter().next().and_then(|document| document.root).filter(|root| !root.is_null());
    if root.is_none() && part == Part::Runbook {
        let spot = Spot { file: ctx.file, start: 0, end: 0 };
        ctx.error_help(Code::MissingKey, spot, "the file is empty", "begin with `runbook: NAME` and a list of `steps`");
    }
    root
}

/// What was found. Of a file that could not be parsed whole, what may only look missing is not said.
fn told(ctx: &Ctx, broken: bool) -> Vec<Diagnostic> {
    let hidden = |finding: &&Diagnostic| {
        broken && matches!(finding.code, Code::MissingKey | Code::KindCount | Code::UnknownStep | Code::WrongType)
    };
    ctx.findings.sorted().into_iter().filter(|finding| !hidden(finding)).cloned().collect()
}
