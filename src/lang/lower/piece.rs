//! One runbook's file, read on its own: files know nothing of one another until they are joined.

use super::reader::Reader;
use super::{first, told};
use crate::base::ids::StepId;
use crate::diagnostic::{Code, Diagnostic, FileId, Spot};
use crate::lang::decode::Ctx;
use crate::lang::yaml::{self, Node};
use crate::lang::{Loaded, Mention};
use crate::model::book::Book;
use crate::model::measure::Threshold;
use crate::model::plot;
use crate::model::runbook::{Runbook, walk};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of reading one runbook's file.
#[derive(Debug)]
pub struct Piece {
    file: FileId,
    findings: Vec<Diagnostic>,
    mentions: Vec<Mention>,
    lowered: Option<Lowered>,
}

/// A runbook that could be lowered, with what the rules want to know of its text.
#[derive(Debug)]
struct Lowered {
    runbook: Runbook,
    root: Option<Node>,
    spots: BTreeMap<StepId, Spot>,
    broken: BTreeSet<StepId>,
}

/// Reads one runbook's file. Of the book only settings and thresholds are looked at.
pub(in crate::lang) fn read(book: &Book, file: FileId, text: &Arc<str>) -> Piece {
    let mut ctx = Ctx::new(file, Arc::clone(text));
    let stream = yaml::read(file, text, &mut ctx.findings);
    let mut findings: Vec<Diagnostic> = std::mem::take(&mut ctx.findings).sorted().into_iter().cloned().collect();
    let mut documents = stream.documents;
    super::one_document(&mut ctx, &mut documents);
    let root = first(&mut ctx, super::Part::Runbook, documents);
    let mut reader = Reader::new(ctx);
    let lowered = root.as_ref().and_then(|root| {
        if root.pairs().is_none() {
            let message = format!("a runbook must be a map, not {}", root.is_a());
            reader.ctx.error_help(Code::WrongType, root.spot, message, "begin with `runbook: NAME`");
            return None;
        }
        reader.runbook(root, &book.settings.timezone)
    });
    let lowered = lowered.filter(|_| !stream.broken).map(|mut runbook| {
        runbook.thresholds = measured(&runbook, &book.thresholds);
        runbook.allow_hosts.clone_from(&book.settings.allow_hosts);
        Lowered { runbook, root, spots: std::mem::take(&mut reader.spots), broken: std::mem::take(&mut reader.broken) }
    });
    findings.extend(told(&reader.ctx, stream.broken));
    let mentions = if stream.broken { Vec::new() } else { reader.ctx.mentions };
    Piece { file, findings, mentions, lowered }
}

/// Puts what was read into the book, in the order of the files: of two runbooks with one name the first stays.
pub(in crate::lang) fn join(loaded: &mut Loaded, pieces: Vec<Piece>) {
    for piece in pieces {
        piece.findings.into_iter().for_each(|finding| loaded.findings.push(finding));
        loaded.mentions.extend(piece.mentions);
        let Some(lowered) = piece.lowered else { continue };
        let name = lowered.runbook.name.clone();
        if let Some(first) = loaded.book.runbooks.get(&name) {
            let message = format!("two runbooks are named `{name}`");
            let finding = Diagnostic::error(Code::DuplicateRunbook, lowered.runbook.spot, message).label("again here");
            loaded.findings.push(finding.note(first.spot, "first here").help("give one of them another name"));
            continue;
        }
        for (id, spot) in lowered.spots {
            loaded.spots.step(&name, id, spot);
        }
        loaded.broken.extend(lowered.broken.into_iter().map(|id| (name.clone(), id)));
        loaded.spots.root(&name, lowered.root);
        loaded.book.files.insert(name.clone(), piece.file);
        loaded.book.runbooks.insert(name, Arc::new(lowered.runbook));
    }
}

/// The thresholds of what a runbook measures or draws.
fn measured(runbook: &Runbook, all: &BTreeMap<StepId, Threshold>) -> BTreeMap<StepId, Threshold> {
    let mut found = BTreeMap::new();
    for list in [&runbook.steps, &runbook.on_failure, &runbook.finally] {
        walk(list, &mut |step| {
            for name in step.measure.iter().map(|measure| &measure.name).chain(&plot::measures(step)) {
                if let Some(threshold) = all.get(name) {
                    found.insert(name.clone(), threshold.clone());
                }
            }
        });
    }
    found
}
