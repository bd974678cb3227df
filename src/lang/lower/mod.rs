//! From trees to the model: every file of a book by its place, each as far as it can be read.

mod alerts;
mod contacts;
mod escalation;
mod inputs;
mod kind;
mod list;
mod order;
mod policy;
mod reader;
mod runbook;
mod settings;
pub(super) mod step;
mod tests;
mod thresholds;
mod triggers;

use crate::base::ids::Name;
use crate::base::ids::StepId;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::lang::decode::Ctx;
use crate::lang::yaml::{self, Document, Node};
use crate::model::measure::Threshold;
use crate::model::runbook::{Runbook, walk};
use reader::Reader;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which part of a book a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Settings,
    Thresholds,
    Alerts,
    Escalation,
    Runbook,
    Test,
}

fn part(name: &str) -> Part {
    match name.rsplit('/').next().unwrap_or(name) {
        "stepladder.yaml" | "stepladder.yml" => Part::Settings,
        "thresholds.yaml" | "thresholds.yml" => Part::Thresholds,
        "alerts.yaml" | "alerts.yml" => Part::Alerts,
        "escalation.yaml" | "escalation.yml" | "incident_contacts.yaml" | "incident_contacts.yml" => Part::Escalation,
        _ if name.starts_with("tests/") => Part::Test,
        _ => Part::Runbook,
    }
}

/// Lowers every file into `loaded.book`: whatever could be made of it, right or wrong.
pub(super) fn lower(loaded: &mut Loaded) {
    let mut files: Vec<(Part, FileId, Arc<str>)> =
        loaded.sources.iter().map(|(id, source)| (part(&source.name), id, Arc::clone(&source.text))).collect();
    // Settings first: everything else is read in the book's time zone.
    files.sort_by_key(|(part, id, _)| (*part, *id));
    let mut runbooks: BTreeMap<Name, Runbook> = BTreeMap::new();
    for (part, file, text) in files {
        let mut ctx = Ctx::new(file, Arc::clone(&text));
        let mut findings = Diagnostics::default();
        let stream = yaml::read(file, &text, &mut findings);
        loaded.findings.append(findings);
        let mut documents = stream.documents;
        let more: Vec<Node> = documents
            .split_off(documents.len().min(1))
            .into_iter()
            .filter_map(|document| {
                if part != Part::Test {
                    ctx.error_help(
                        Code::UnsupportedYaml,
                        document.spot,
                        "a second document in one file",
                        "give each a file of its own",
                    );
                }
                document.root
            })
            .collect();
        let root = first(&mut ctx, part, documents, file);
        match (part, root) {
            (Part::Runbook, root) => runbook(loaded, ctx, root, stream.broken, &mut runbooks),
            (_, None) => finish(loaded, ctx, stream.broken),
            (Part::Settings, Some(root)) => {
                loaded.book.settings = settings::settings(&mut ctx, &root);
                finish(loaded, ctx, stream.broken);
            }
            (Part::Thresholds, Some(root)) => {
                loaded.book.thresholds = thresholds::thresholds(&mut ctx, &root);
                finish(loaded, ctx, stream.broken);
            }
            (Part::Alerts, Some(root)) => {
                loaded.book.alerts = alerts::alerts(&mut ctx, &root);
                finish(loaded, ctx, stream.broken);
            }
            (Part::Escalation, Some(root)) => {
                let ladder = match root.get("escalation_contacts") {
                    Some(_) => contacts::ladder(&mut ctx, &root),
                    None => escalation::ladder(&mut ctx, &root),
                };
                loaded.book.escalation = ladder.or(loaded.book.escalation.take());
                finish(loaded, ctx, stream.broken);
            }
            (Part::Test, Some(root)) => {
                for document in std::iter::once(&root).chain(&more) {
                    loaded.book.tests.extend(tests::test(&mut ctx, document));
                }
                finish(loaded, ctx, stream.broken);
            }
        }
    }
    for (name, mut runbook) in runbooks {
        runbook.thresholds = measured(&runbook, &loaded.book.thresholds);
        runbook.allow_hosts.clone_from(&loaded.book.settings.allow_hosts);
        loaded.book.runbooks.insert(name, Arc::new(runbook));
    }
}

/// The first document of a file.
fn first(ctx: &mut Ctx, part: Part, documents: Vec<Document>, file: FileId) -> Option<Node> {
    let root = documents.into_iter().next().and_then(|document| document.root).filter(|root| !root.is_null());
    if root.is_none() && part == Part::Runbook {
        let spot = Spot { file, start: 0, end: 0 };
        ctx.error_help(Code::MissingKey, spot, "the file is empty", "begin with `runbook: NAME` and a list of `steps`");
    }
    root
}

/// Takes over what was found. Of a file that could not be parsed whole, what may only look missing is not said.
fn finish(loaded: &mut Loaded, ctx: Ctx, broken: bool) {
    let hidden = |finding: &&Diagnostic| {
        broken && matches!(finding.code, Code::MissingKey | Code::KindCount | Code::UnknownStep | Code::WrongType)
    };
    for finding in ctx.findings.sorted().into_iter().filter(|finding| !hidden(finding)) {
        loaded.findings.push(finding.clone());
    }
    if !broken {
        loaded.mentions.extend(ctx.mentions);
    }
}

fn runbook(loaded: &mut Loaded, ctx: Ctx, root: Option<Node>, broken: bool, runbooks: &mut BTreeMap<Name, Runbook>) {
    let file = ctx.file;
    let mut reader = Reader::new(ctx);
    let zone = loaded.book.settings.timezone.clone();
    let lowered = root.as_ref().and_then(|root| {
        if root.pairs().is_none() {
            let message = format!("a runbook must be a map, not {}", root.is_a());
            reader.ctx.error_help(Code::WrongType, root.spot, message, "begin with `runbook: NAME`");
            return None;
        }
        reader.runbook(root, &zone)
    });
    if let Some(runbook) = lowered.filter(|_| !broken) {
        match runbooks.get(&runbook.name) {
            Some(first) => {
                let message = format!("two runbooks are named `{}`", runbook.name);
                let finding = Diagnostic::error(Code::DuplicateRunbook, runbook.spot, message).label("again here");
                reader.ctx.findings.push(finding.note(first.spot, "first here"));
            }
            None => {
                let name = runbook.name.clone();
                for (id, spot) in std::mem::take(&mut reader.spots) {
                    loaded.spots.step(&name, id, spot);
                }
                loaded.broken.extend(std::mem::take(&mut reader.broken).into_iter().map(|id| (name.clone(), id)));
                loaded.spots.root(&name, root);
                loaded.book.files.insert(name.clone(), file);
                runbooks.insert(name, runbook);
            }
        }
    }
    finish(loaded, reader.ctx, broken);
}

/// The thresholds of what a runbook measures.
fn measured(runbook: &Runbook, all: &BTreeMap<StepId, Threshold>) -> BTreeMap<StepId, Threshold> {
    let mut found = BTreeMap::new();
    for list in [&runbook.steps, &runbook.on_failure, &runbook.finally] {
        walk(list, &mut |step| {
            for measure in &step.measure {
                if let Some(threshold) = all.get(&measure.name) {
                    found.insert(measure.name.clone(), threshold.clone());
                }
            }
        });
    }
    found
}
