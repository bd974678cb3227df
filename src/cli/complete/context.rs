//! What the words on a line that is being typed can be: names in the book, runs in its data directory.

use crate::api::wire::{RunRow, RunsRequest};
use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::cli::command::schema;
use crate::cli::complete::{Found, settings};
use crate::cli::door::{Door, Purpose};
use crate::cli::settings::{Settings, Surroundings};
use crate::cli::view::short;
use crate::diagnostic::Code;
use crate::lang::glance::{Glance, glance};
use crate::lang::manual;
use crate::model::kind::Kind;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of a runbook that are read for its title.
const HEAD: usize = 4 * 1024;
/// Runs that are offered.
const RUNS: u32 = 50;
/// How long a data directory may take to answer: nobody waits for a completion.
const PATIENCE: Span = Span::from_millis(1_000);

/// The flags whose next word is their value.
const VALUED: &[&str] = &["-i", "--input", "--from", "--only", "--skip", "--plan", "--plan-out", "--book", "--color"];

/// A line that is being typed, and the book it is about.
pub(super) struct Context {
    line: Vec<String>,
    settings: Settings,
    book: Option<PathBuf>,
}

impl Context {
    pub(super) fn new(line: &[OsString], around: &Surroundings) -> Self {
        let settings = settings(line, around);
        let book = settings.book().ok();
        let line = line.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        Self { line, settings, book }
    }

    /// Names of measures.
    pub(super) fn measures(&self, _: &str) -> Vec<Found> {
        let Some(book) = self.book.as_ref() else { return Vec::new() };
        let text = std::fs::read_to_string(book.join("thresholds.yaml")).unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name);
        let names = names.filter(|name| StepId::parse(name).is_ok());
        names.map(|name| Found { word: name.to_owned(), help: String::new() }).collect()
    }

    /// `NAME=` of the labels of the measure on the line.
    pub(super) fn labels_of_measure(&self, _: &str) -> Vec<Found> {
        let (Some(book), Some(measure)) = (self.book.as_ref(), self.named(1)) else { return Vec::new() };
        let text = std::fs::read_to_string(book.join("thresholds.yaml")).unwrap_or_default();
        let mut lines = text.lines().skip_while(|line| line.split_once(':').is_none_or(|(name, _)| name != measure));
        let own =
            lines.next().into_iter().chain(lines.take_while(|line| line.starts_with([' ', '#']) || line.is_empty()));
        let own: String = own.collect::<Vec<_>>().join(" ");
        let labels = own.split_once("labels:").and_then(|(_, rest)| rest.split_once('['));
        let labels = labels.and_then(|(_, rest)| rest.split_once(']')).map_or("", |(labels, _)| labels);
        let labels = labels.split(',').map(|label| label.trim().trim_matches(['"', '\'']));
        let labels = labels.filter(|label| !label.is_empty());
        labels.map(|label| Found { word: format!("{label}="), help: String::new() }).collect()
    }

    /// Names of runbooks, with their titles.
    pub(super) fn runbooks(&self, _: &str) -> Vec<Found> {
        let Some(dir) = self.book.as_ref().map(|book| book.join("runbooks")) else { return Vec::new() };
        let mut found: Vec<Found> = std::fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let path = entry.path();
                let end = path.extension()?;
                let name = path.file_stem()?.to_str().filter(|name| !name.starts_with('.'))?;
                let text =
                    (end == "yaml" || end == "yml").then(|| std::fs::read_to_string(&path).unwrap_or_default())?;
                let head = text.get(..HEAD.min(text.len())).unwrap_or(&text);
                let title = head.lines().find_map(|line| line.strip_prefix("title:")).unwrap_or_default();
                Some(Found { word: name.to_owned(), help: title.trim().trim_matches(['"', '\'']).to_owned() })
            })
            .collect();
        found.sort_by(|a, b| a.word.cmp(&b.word));
        found
    }

    /// Ids of the steps of the runbook on the line; behind commas the next one.
    pub(super) fn steps(&self, current: &str) -> Vec<Found> {
        let before = current.rfind(',').map_or("", |at| &current[..=at]);
        let steps = self.named(1).map(|name| self.runbook(name).steps).unwrap_or_default().into_iter();
        steps.map(|(id, title)| Found { word: format!("{before}{id}"), help: title.unwrap_or_default() }).collect()
    }

    /// `NAME=` of the inputs of the runbook on the line, and behind `=` what a choice may be.
    pub(super) fn inputs(&self, current: &str) -> Vec<Found> {
        let inputs = self.named(1).map(|name| self.runbook(name).inputs).unwrap_or_default();
        match current.split_once('=') {
            None => {
                inputs.into_iter().map(|input| Found { word: format!("{}=", input.name), help: input.ty }).collect()
            }
            Some((name, _)) => {
                let options = inputs.into_iter().find(|input| input.name == name).map(|input| input.options);
                let word = |option| Found { word: format!("{name}={option}"), help: String::new() };
                options.unwrap_or_default().into_iter().map(word).collect()
            }
        }
    }

    /// Ids of the steps of the runbook whose run is on the line, as its file has them now.
    pub(super) fn steps_of_run(&self, _: &str) -> Vec<Found> {
        let (Some(book), Some(run)) = (&self.book, self.named(1)) else { return Vec::new() };
        let rows = self.rows(book);
        let fits = |row: &&RunRow| row.run.starts_with(run) || row.run.ends_with(run) || row.runbook == run;
        let row = if run == "last" { rows.iter().find(|row| row.parent.is_none()) } else { rows.iter().find(fits) };
        let steps = row.map(|row| self.runbook(&row.runbook).steps).unwrap_or_default().into_iter();
        steps.map(|(id, title)| Found { word: id, help: title.unwrap_or_default() }).collect()
    }

    /// Ids of runs, newest first, and `last`.
    pub(super) fn runs(&self, current: &str) -> Vec<Found> {
        let last = Found { word: "last".into(), help: "the last run".into() };
        let whole = current.len() > short(&"0".repeat(26)).len();
        let rows = self.book.as_ref().map(|book| self.rows(book)).unwrap_or_default();
        let rows = rows.into_iter().map(|row| {
            let state = row.outcome.unwrap_or_else(|| "unfinished".into());
            let when = row.started.strftime("%Y-%m-%d %H:%M");
            let word = if whole { row.run } else { short(&row.run).to_owned() };
            Found { word, help: format!("{} {state}, {when}", row.runbook) }
        });
        std::iter::once(last).chain(rows).collect()
    }

    fn rows(&self, book: &Path) -> Vec<RunRow> {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
        let asked = async {
            let door = Door::open(&self.settings, book, Purpose::Look).await?;
            door.runs(RunsRequest { dry: true, limit: RUNS, ..RunsRequest::default() }).await
        };
        let limited = async { tokio::time::timeout(Duration::from(PATIENCE), asked).await };
        runtime.block_on(limited).ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Codes, kinds of steps and keys.
    pub(super) fn topics(_: &Self, _: &str) -> Vec<Found> {
        let codes = Code::ALL.iter().map(|code| Found { word: code.as_str().into(), help: code.title().into() });
        let kinds = Kind::ALL.iter().map(|kind| Found { word: kind.name().into(), help: "a kind of step".into() });
        let manual = manual::manual();
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| "));
        let keys: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let plain = keys.into_iter().filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        let keys =
            plain.filter(|key| Kind::parse(key).is_none()).map(|key| Found { word: key.into(), help: "a key".into() });
        codes.chain(kinds).chain(keys).collect()
    }

    /// Names of schemas.
    pub(super) fn schemas(_: &Self, _: &str) -> Vec<Found> {
        schema::all().into_iter().map(|name| Found { word: name.into(), help: String::new() }).collect()
    }

    /// The word of that number that is no flag and no value of one; the command is number 0.
    fn named(&self, number: usize) -> Option<&str> {
        let mut words = Vec::new();
        let mut value = false;
        for word in &self.line {
            if value {
                value = false;
            } else if VALUED.contains(&word.as_str()) {
                value = true;
            } else if !word.starts_with('-') {
                words.push(word.as_str());
            }
        }
        words.get(number).copied()
    }

    /// What stands in the file of that runbook.
    fn runbook(&self, name: &str) -> Glance {
        let Some(book) = self.book.as_ref().filter(|_| !name.contains('/')) else { return Glance::default() };
        let file = ["yaml", "yml"].map(|end| book.join("runbooks").join(format!("{name}.{end}")));
        let text = file.iter().find_map(|file| std::fs::read_to_string(file).ok());
        glance(&text.unwrap_or_default())
    }
}
