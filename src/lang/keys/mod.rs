//! The tables of everything operators write but what `act` performs (those rows are in `model::kind`).
//!
//! Decoder, JSON Schemas, hover texts, `did you mean` and `docs/language.md` read these and nothing else
//! (`docs/decisions/0011-one-table-of-language-keys.md`).

pub(crate) mod alerts;
pub(crate) mod channel;
pub(crate) mod escalation;
pub(crate) mod flow;
pub(crate) mod runbook;
pub(crate) mod settings;
pub(crate) mod step;
pub(crate) mod syntax;
pub(crate) mod tests;
pub(crate) mod thresholds;
pub(crate) mod trigger;

use crate::model::shape::Shape;

/// The words of levels, mildest first.
pub(crate) const LEVELS: &[&str] = &["ok", "notice", "warning", "critical"];

/// Keys of other tools, with what they are called here. Told only where the word on the right exists.
const SYNONYMS: &[(&str, &str, &str)] = &[
    ("if", "when", "a condition is `when`"),
    ("depends", "needs", "what a step waits for is `needs`"),
    ("depends_on", "needs", "what a step waits for is `needs`"),
    ("run", "shell", "a command is `shell: LINE`"),
    ("command", "shell", "a command is `shell: LINE`, or `exec: [command, argument]`"),
    ("cmd", "shell", "a command is `shell: LINE`"),
    ("bash", "shell", "write `shell: { bash: LINE }`"),
    ("name", "title", "what people read is `title`, what steps call it is `id`"),
    ("loop", "foreach", "once for each item is `foreach`"),
    ("with_items", "foreach", "once for each item is `foreach`"),
    ("retries", "retry", "write `retry: { attempts: 3 }`"),
    ("ignore_errors", "allow_failure", "to go on after a failure, write `allow_failure: true`"),
    ("continue_on_error", "allow_failure", "to go on after a failure, write `allow_failure: true`"),
    ("rescue", "recover", "steps that mend are `recover`, steps that only tell are `on_error`"),
    ("always", "finally", "steps that always run are `finally`"),
    ("schedule", "triggers", "write `triggers: [ { cron: \"30 6 * * *\" } ]`"),
    ("on", "triggers", "what starts a runbook is `triggers`"),
    ("parameters", "inputs", "what a start gives is `inputs`"),
    ("jobs", "steps", "the work is a list of `steps`"),
    ("tasks", "steps", "the work is a list of `steps`"),
    ("environment", "env", "environment variables are `env`"),
    ("cwd", "workdir", "the working directory is `workdir`"),
    ("working_directory", "workdir", "the working directory is `workdir`"),
    ("delay", "backoff", "the wait between attempts is `backoff`"),
    ("sleep", "wait", "a pause is `wait: 5s`"),
    ("register", "output", "nothing has to be registered: what a step put out is `steps.ID.output`"),
];

/// The way out for a key that belongs to another tool.
pub(crate) fn synonym(name: &str, known: &[&str]) -> Option<String> {
    let found = SYNONYMS.iter().find(|(theirs, ours, _)| *theirs == name.replace('-', "_") && known.contains(ours));
    found.map(|(_, _, help)| (*help).to_owned())
}

/// One kind of file, for schemas and the manual.
pub(crate) struct FileTable {
    /// The name of its schema.
    pub(crate) name: &'static str,
    /// Which files of a book it is for.
    pub(crate) files: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// What stands in it.
    pub(crate) shape: Shape,
}

/// Every kind of file of a book.
pub(crate) const FILES: &[FileTable] = &[
    FileTable {
        name: "runbook",
        files: "runbooks/*.yaml",
        doc: "A runbook: what starts it, what it needs, what it does.",
        shape: Shape::Record(runbook::RUNBOOK),
    },
    FileTable {
        name: "stepladder",
        files: "stepladder.yaml",
        doc: "The settings of a book.",
        shape: Shape::Record(settings::SETTINGS),
    },
    FileTable {
        name: "thresholds",
        files: "thresholds.yaml",
        doc: "Every name that may be measured, with the bands that judge it.",
        shape: Shape::Map(&Shape::Record(thresholds::THRESHOLD)),
    },
    FileTable {
        name: "alerts",
        files: "alerts.yaml",
        doc: "Conditions over time; each opens an incident and feeds `alert` triggers.",
        shape: Shape::Map(&Shape::Record(alerts::ALERT)),
    },
    FileTable {
        name: "escalation",
        files: "escalation.yaml",
        doc: "Severities, levels, people, rotations and routes.",
        shape: Shape::Record(escalation::ESCALATION),
    },
    FileTable {
        name: "tests",
        files: "tests/*.yaml",
        doc: "Tests of runbooks and of the ladder, one a document.",
        shape: Shape::Record(tests::TEST),
    },
];
