//! The keys of a runbook.

use crate::base::arg::Landing;
use crate::lang::keys::{step, syntax, trigger};
use crate::model::input::InputType;
use crate::model::shape::{Key, Shape, key, required};

/// The words of roles.
const ROLE: Shape = Shape::Choice(&["viewer", "operator", "admin"]);

/// The keys of one input.
pub(crate) const INPUT: &[Key] = &[
    key("type", Shape::Choice(InputType::WORDS), "What it must be. text unless said."),
    key("default", Shape::Literal, "Used where nothing is given; without one the input must be given."),
    key("options", Shape::List(&Shape::Verbatim), "The choices of a `choice`."),
    key("min", Shape::Number, "Least."),
    key("max", Shape::Number, "Greatest."),
    key("pattern", Shape::Regex, "A pattern the whole text must match."),
    key("prompt", Shape::Prose, "What to ask on a terminal."),
    key("description", Shape::Prose, "For help and forms."),
];

/// The keys of `concurrency`.
pub(crate) const CONCURRENCY: &[Key] = &[
    required("group", Shape::Name, "The group; runs of other runbooks may share it."),
    key("limit", Shape::Int(1, 1_000), "How many runs may hold it. 1 unless said."),
    key(
        "full",
        Shape::Choice(&["queue", "skip", "fail"]),
        "What happens to a run that finds it full. queue unless said.",
    ),
];

/// The keys of `incident`.
pub(crate) const INCIDENT: &[Key] = &[
    key(
        "open",
        Shape::Either(&[Shape::Choice(&["never"]), Shape::Map(&Shape::Verbatim)]),
        "The severity for an outcome or level: `{ failed: P2, critical: P2 }`. `{ failed: P3 }` for a runbook with triggers; `never` opens none.",
    ),
    key("in_a_row", Shape::Int(1, 10_000), "How many bad runs before it opens. 1 unless said."),
    key("clear", Shape::Int(1, 10_000), "How many good runs in a row resolve it. 1 unless said."),
    key("key", Shape::Text(Landing::Plain), "One open incident per key. The runbook's name unless said."),
    key("type", Shape::Verbatim, "What kind of trouble it is, for routes."),
];

/// The keys of a runbook.
pub(crate) const RUNBOOK: &[Key] = &[
    required("runbook", Shape::Name, "Its name: letters a-z, digits, `_` and `-`; the same as its file's."),
    key("title", Shape::Prose, "What people read; the name unless said."),
    key(
        "description",
        Shape::Prose,
        "Why it exists and what to do when it fails. Markdown; shown to whoever is paged.",
    ),
    key("owner", Shape::Name, "Who answers for it: an `on_call` of escalation.yaml."),
    key("labels", Shape::Map(&Shape::Verbatim), "Labels, for lists and routes."),
    key("triggers", Shape::List(&Shape::Record(trigger::TRIGGER)), "What starts it by itself."),
    key(
        "inputs",
        Shape::Map(&Shape::Either(&[Shape::Choice(InputType::WORDS), Shape::Record(INPUT)])),
        "What a start may or must give, by name; `url: text` is short for `url: { type: text }`.",
    ),
    key("vars", Shape::Map(&Shape::Expr), "Values computed once, at start, in this order."),
    key("outputs", Shape::Map(&Shape::Expr), "What callers get."),
    key(
        "secrets",
        Shape::List(&Shape::Syntax(&syntax::VARIABLE)),
        "Secrets it may use: resolved at run time, masked everywhere.",
    ),
    key(
        "env",
        Shape::List(&Shape::Syntax(&syntax::VARIABLE)),
        "The only names of the environment that its expressions and steps see.",
    ),
    key(
        "allow",
        Shape::Record(&[
            key("start", ROLE, "The least role that may start it. operator unless said."),
            key(
                "approve",
                Shape::Many(&Shape::Verbatim),
                "Who may approve where an `approval` names nobody, and confirm: a role, or names like `on_call.owner`. operator unless said.",
            ),
            key("cancel", ROLE, "The least role that may cancel it. operator unless said."),
        ]),
        "Who may do what.",
    ),
    key(
        "concurrency",
        Shape::Either(&[Shape::Name, Shape::Record(CONCURRENCY)]),
        "Exclusion: held from start to end. `concurrency: NAME` is short for `{ group: NAME }`.",
    ),
    key(
        "timeout",
        Shape::Duration,
        "Bounds the run from when its steps begin, their waits included. Waiting for its `concurrency` group does not count.",
    ),
    key("cleanup_timeout", Shape::Duration, "Bounds `undo`, `on_failure` and `finally` together. 10m unless said."),
    key("incident", Shape::Record(INCIDENT), "What opens and closes an incident by itself."),
    key(
        "keep",
        Shape::Record(&[
            key("runs", Shape::Int(1, 1_000_000), "How many finished runs."),
            key("age", Shape::Duration, "How old they may get."),
        ]),
        "How long finished runs are kept.",
    ),
    key("defaults", Shape::Record(step::DEFAULTS), "Given to each step that does not say otherwise."),
    key("parallel", Shape::Int(1, 1_000), "The steps do not need one another, so many at once."),
    key("fail_fast", Shape::Bool, "A failure cancels the steps that still run."),
    required("steps", Shape::Steps, "What it does."),
    key("on_failure", Shape::Steps, "Run when the run failed, after `undo`."),
    key("finally", Shape::Steps, "Run at the end, however it went."),
];
