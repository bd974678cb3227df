//! What every step may ask for around its kind.

use crate::base::arg::Landing;
use crate::lang::keys::{LEVELS, syntax};
use crate::model::shape::{Key, Shape, key, required};

const COUNT: Shape = Shape::Int(1, 10_000);

const RETRY: &[Key] = &[
    key("attempts", Shape::Int(1, 1_000), "How often in all, the first included. 3 unless said."),
    key(
        "backoff",
        Shape::Syntax(&syntax::BACKOFF),
        "The wait between attempts: `5s` is fixed, `5s..30s` doubles up to the cap. `1s..30s` unless said.",
    ),
    key(
        "jitter",
        Shape::Bool,
        "Draw each wait between nothing and its length, so that many do not come back at once. true unless said.",
    ),
    key(
        "for",
        Shape::Duration,
        "Bounds all attempts together: none begins after it, and one that runs is cut off at it.",
    ),
    key(
        "on",
        Shape::Many(&Shape::Choice(&["timeout", "connect", "status", "exit", "expect", "start", "other"])),
        "Which failures are tried again; all that can be unless said.",
    ),
    key("unless", Shape::Expr, "Not again when this is true; over `error` and `output`."),
];

const MEASURE: &[Key] = &[
    key("each", Shape::Expr, "A list: one sample for each of its items, which is `it` in the other keys."),
    required("value", Shape::Expr, "The number."),
    key("unit", Shape::Verbatim, "The unit the number is in; converted into the one of thresholds.yaml."),
    key("labels", Shape::Map(&Shape::Text(Landing::Plain)), "Labels of the sample."),
];

/// The environment of a step's children.
pub(crate) const ENV: Shape = Shape::Map(&Shape::Text(Landing::Env));

/// The keys that may stand beside any kind.
pub(crate) const STEP: &[Key] = &[
    key(
        "id",
        Shape::Id,
        "The step's name in conditions and commands: letters a-z, digits and `_`, unique in the runbook.",
    ),
    key("title", Shape::Prose, "What people read; the id unless said."),
    key(
        "needs",
        Shape::Many(&Shape::Id),
        "Steps that must be satisfied first (succeeded, recovered, skipped, or failed under `allow_failure`). `[]` starts at once. Without `needs` and `after`, a step needs every step above it.",
    ),
    key("after", Shape::Many(&Shape::Id), "Steps that must have ended first, however. `all` is every step above."),
    key(
        "when",
        Shape::Expr,
        "Runs only when this is true; else the step is `skipped`. A condition that asks about failing waits for all steps above, however they end.",
    ),
    key(
        "timeout",
        Shape::Duration,
        "Bounds one attempt. Without it a step that asks somebody else ends after 5m, `sql` after 1h; everything else takes what it takes.",
    ),
    key(
        "retry",
        Shape::Either(&[Shape::Int(1, 1_000), Shape::Record(RETRY)]),
        "Attempts after a failure: a number of attempts, or a map. One that could not end before the run's timeout (its own counted) is not begun.",
    ),
    key(
        "recover",
        Shape::Steps,
        "Run these when the step failed, then the step again; if it is good then, it is `recovered`.",
    ),
    key(
        "on_error",
        Shape::Steps,
        "Run these once the step failed for good, with `error.kind`, `error.message`, `error.attempts`. The step stays failed.",
    ),
    key(
        "undo",
        Shape::Steps,
        "Run these when the run fails, times out or is cancelled after this step started; of several steps the newest first.",
    ),
    key(
        "allow_failure",
        Shape::Either(&[Shape::Bool, Shape::Choice(LEVELS)]),
        "A failure lets the run go on, at this level (`true` is warning).",
    ),
    key(
        "measure",
        Shape::Map(&Shape::Either(&[Shape::Expr, Shape::Record(MEASURE)])),
        "Samples to store and judge by thresholds.yaml, by name.",
    ),
    key(
        "foreach",
        Shape::Either(&[Shape::Expr, Shape::List(&Shape::Any(Landing::Plain))]),
        "Once for each item of a list, or of an expression that is one. No item may be in it twice.",
    ),
    key("as", Shape::Id, "The name of the item. `item` unless said."),
    key("max_parallel", COUNT, "How many items at once. 1 unless said."),
    key(
        "max_failures",
        Shape::Either(&[COUNT, Shape::Choice(&["none"])]),
        "At how many failed items no new one starts. 1 unless said; `none` never stops.",
    ),
    key("allow_empty", Shape::Bool, "An empty list is good. It fails unless said."),
    key("env", ENV, "Environment variables of its processes and of those of steps in it; values may name `secrets.X`."),
    key(
        "workdir",
        Shape::Text(Landing::Path),
        "Working directory of its processes and of those of steps in it; the book unless said.",
    ),
    key(
        "on_interrupt",
        Shape::Choice(&["retry", "fail", "ask"]),
        "What a lost attempt means. Reads and probes: retry; others: fail. `ask` waits for a person.",
    ),
    key("mutex", Shape::Name, "Held while the step runs: no step of any run holds it then but those inside it."),
    key("check", Shape::Step, "What a dry run runs instead."),
    key(
        "confirm",
        Shape::Verbatim,
        "Asked before it starts: on a terminal a question, elsewhere an approval by whoever started the run or may approve (`allow.approve`): `stepladder approve RUN STEP`. The step's timeout does not count meanwhile; the run's does.",
    ),
    key(
        "output",
        Shape::Choice(&["text", "json", "lines", "number", "kv"]),
        "How the text it prints becomes `output.value`: as it is without the last line break (text), the list of its lines, one JSON value, one number, or a map of its `name=value` lines as in an env file (kv: empty lines and `#` lines passed over, `export` and a pair of quotes taken off). text unless said.",
    ),
    key(
        "artifacts",
        Shape::Many(&Shape::Syntax(&syntax::GLOB)),
        "Files of its process kept with the run, for `shell`, `exec` and `script`: after each attempt, however it ended, the regular files that match are copied, at most 100 of 64 MiB together. A pattern is relative to the working directory, or begins with `$RUN_DIR/`; `*` and `?` stay within one name, `**/` is any number of directories; links are not followed. Copies are masked as output is. What a pattern missed, and what was too much, is told in `output.not_kept` and lifts a good step to notice.",
    ),
    key(
        "unsafe_raw",
        Shape::Bool,
        "`true` allows `{{{ three braces }}}` in this step: values put in without being made safe. Only for values you wrote yourself.",
    ),
    key("host", Shape::Verbatim, "Reserved for running a step on another machine."),
    key("parallel", Shape::Int(1, 1_000), "In a group: its steps do not need one another, so many at once."),
    key("fail_fast", Shape::Bool, "In a group: a failure cancels the rest."),
    key("defaults", Shape::Record(DEFAULTS), "In a group: given to each step in it that does not say otherwise."),
];

/// The keys of `defaults:`.
pub(crate) const DEFAULTS: &[Key] = &[
    key(
        "timeout",
        Shape::Duration,
        "Bounds one attempt. Without it a step that asks somebody else ends after 5m, `sql` after 1h; everything else takes what it takes.",
    ),
    key("retry", Shape::Either(&[Shape::Int(1, 1_000), Shape::Record(RETRY)]), "Attempts after a failure."),
    key(
        "allow_failure",
        Shape::Either(&[Shape::Bool, Shape::Choice(LEVELS)]),
        "A failure lets the run go on, at this level.",
    ),
    key("env", ENV, "Environment variables; a step's own come on top."),
    key("workdir", Shape::Text(Landing::Path), "Working directory."),
    key("on_interrupt", Shape::Choice(&["retry", "fail", "ask"]), "What a lost attempt means."),
    key("mutex", Shape::Name, "Held while each step runs."),
    key(
        "output",
        Shape::Choice(&["text", "json", "lines", "number", "kv"]),
        "How the text it prints becomes `output.value`.",
    ),
];

/// The keys that only a group (`steps:`) may have.
pub(crate) const GROUP_ONLY: &[&str] = &["parallel", "fail_fast", "defaults"];
/// The keys that only mean something beside `foreach`.
pub(crate) const FOREACH_ONLY: &[&str] = &["as", "max_parallel", "max_failures", "allow_empty"];
