//! Jobs of Rundeck, as it exports them in YAML.
//!
//! Options become inputs, and stand in the environment of every step as `RD_OPTION_NAME`, as they do there: `${option.name}`
//! in a line becomes that variable, quoted as Rundeck quotes it.

mod commands;
mod job;
mod options;
mod schedule;

use crate::base::ids::Name;
use crate::diagnostic::{Code, Sources};
use crate::lang::import::Foreign;
use crate::lang::import::draft::Draft;
use crate::lang::import::report::Report;
use crate::lang::import::words::Names;
use crate::lang::yaml::{self, Node};
use options::Choice;
use std::sync::Arc;

/// What others have to know of a job that they run.
#[derive(Debug)]
struct Outline {
    name: Name,
    called: String,
    group: String,
    uuid: Option<String>,
    options: Vec<Choice>,
}

/// The runbooks of jobs: names of files and their texts.
#[must_use]
pub fn rundeck(files: &[(String, Arc<str>)]) -> Foreign {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let mut jobs: Vec<Node> = Vec::new();
    for (name, text) in files {
        let file = sources.add(name.clone(), Arc::clone(text));
        let stream = yaml::read(file, text, &mut report.0);
        // A part of a job is another job.
        for root in stream.documents.into_iter().filter(|_| !stream.broken).filter_map(|document| document.root) {
            let items = root.items().map_or_else(|| vec![root.clone()], <[Node]>::to_vec);
            for item in items {
                if item.pairs().is_some() {
                    jobs.push(item);
                } else if !item.is_null() {
                    let message = format!("a job must be a map, not {}", item.is_a());
                    report.wrong(
                        Code::WrongType,
                        item.spot,
                        message,
                        "the file is a list of jobs, each with `name` and `sequence`",
                    );
                }
            }
        }
    }
    let mut names = Names::default();
    let mut outlines = Vec::new();
    for node in &jobs {
        let word = |key: &str| node.get(key).and_then(Node::name).unwrap_or_default().to_owned();
        let called = word("name");
        let options = node.get("options").map(|node| options::options(node, &mut report)).unwrap_or_default();
        let uuid = Some(word("uuid")).filter(|uuid| !uuid.is_empty()).or_else(|| Some(word("id")));
        outlines.push(Outline { name: names.runbook(&called), called, group: word("group"), uuid, options });
    }
    let mut runbooks = Vec::new();
    for (node, own) in jobs.iter().zip(&outlines) {
        let making = job::Making {
            node,
            called: own.called.clone(),
            group: own.group.clone(),
            options: own.options.clone(),
            outlines: &outlines,
            sources: &sources,
            report: &mut report,
            draft: Draft {
                from: format!("a job of Rundeck: {}", sources.get(node.spot.file).name),
                ..Draft::default()
            },
        };
        runbooks.extend(making.draft(own).map(|draft| (own.name.clone(), draft.write())));
    }
    Foreign { sources, runbooks, findings: report.0 }
}
