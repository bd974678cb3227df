//! DAGs of Dagu, in the older spelling of their keys (`retryPolicy`) and the newer (`retry_policy`).
//!
//! Parameters become inputs, and stand in the environment of every step under their own names, as they do there: so the
//! lines of shell stay as they are.

mod children;
mod conditions;
mod head;
mod kinds;
mod lines;
mod order;
mod params;
mod policy;
mod root;
mod schedule;
mod steps;
mod values;

use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, FileId, Sources};
use crate::lang::import::Foreign;
use crate::lang::import::draft::Draft;
use crate::lang::import::report::Report;
use crate::lang::import::words::{Names, snake};
use crate::lang::yaml::{self, Node};
use params::Param;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What others have to know of a DAG that they run.
#[derive(Debug)]
struct Outline {
    name: Name,
    params: Vec<Param>,
}

/// Every DAG by the name it is called by.
type Outlines = BTreeMap<String, Outline>;

/// What a DAG may know of others.
#[derive(Debug, Clone, Copy)]
struct World<'a> {
    outlines: &'a Outlines,
    /// Runbooks that are there already.
    known: &'a BTreeSet<Name>,
    sources: &'a Sources,
}

/// One document of one file.
struct Document {
    file: FileId,
    called: String,
    root: Node,
}

/// The runbooks of DAGs: names of files and their texts; `known` are runbooks that are there already.
#[must_use]
pub fn dagu(files: &[(String, Arc<str>)], known: &BTreeSet<Name>) -> Foreign {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let mut documents = Vec::new();
    for (name, text) in files {
        let file = sources.add(name.clone(), Arc::clone(text));
        let stem = name.rsplit('/').next().unwrap_or(name);
        let stem = stem.split('.').next().filter(|stem| *stem != "-").unwrap_or("dag");
        let stream = yaml::read(file, text, &mut report.0);
        // A part of a DAG is another DAG.
        for document in stream.documents.into_iter().filter(|_| !stream.broken) {
            let Some(root) = document.root.filter(|root| !root.is_null()) else { continue };
            if root.pairs().is_none() {
                let message = format!("a DAG must be a map, not {}", root.is_a());
                let found = Diagnostic::error(Code::WrongType, root.spot, message);
                report.0.push(found.help("its keys are `steps`, `schedule` and the like"));
                continue;
            }
            let called = root.get("name").and_then(Node::name).unwrap_or(stem).to_owned();
            documents.push(Document { file, called, root });
        }
    }
    let mut names = Names::default();
    let mut outlines = Outlines::new();
    let mut own = Vec::new();
    for document in &documents {
        let name = names.runbook(&document.called);
        let params = document.root.get("params").map(|node| params::params(node, &mut report)).unwrap_or_default();
        own.push((name.clone(), params.clone()));
        outlines.entry(document.called.clone()).or_insert(Outline { name, params });
    }
    let mut runbooks = Vec::new();
    for (document, (name, params)) in documents.iter().zip(own) {
        let from = format!("a DAG of Dagu: {}", sources.get(document.file).name);
        let world = World { outlines: &outlines, known, sources: &sources };
        let made = root::Making::new(&document.root, world, &mut report).draft(&name, &document.called, &params);
        runbooks.extend(made.map(|draft| (name, Draft { from, ..draft }.write())));
    }
    Foreign { sources, runbooks, findings: report.0 }
}

/// A key in the newer spelling, and by the newer of two names.
fn key(node: &Node) -> String {
    let written = snake(node.name().unwrap_or_default());
    match written.as_str() {
        "dir" | "workdir" => "working_dir".into(),
        "run" => "call".into(),
        "precondition" => "preconditions".into(),
        "tags" => "labels".into(),
        "config" => "with".into(),
        "cancel" => "abort".into(),
        _ => written,
    }
}
