//! The keys of `tests/*.yaml`.

use crate::lang::keys::{LEVELS, syntax};
use crate::model::shape::{Key, Shape, key, required};

/// Outcomes of a run.
const OUTCOMES: &[&str] = &["succeeded", "recovered", "failed", "cancelled"];

/// Outcomes of a step.
pub(crate) const STEP_OUTCOMES: &[&str] =
    &["succeeded", "recovered", "failed", "skipped", "unreached", "cancelled", "interrupted"];

/// Ways an attempt fails.
const FAILURES: &[&str] =
    &["timeout", "connect", "status", "exit", "expect", "start", "missing", "interrupted", "rejected", "other"];

/// A result in one word.
pub(crate) const RESULT_WORDS: &[&str] = &["ok", "hangs"];

/// Behind `fails:`, where a sentence is not enough.
const FAILS: &[Key] = &[
    key(
        "kind",
        Shape::Choice(FAILURES),
        "How it fails, as `retry.on` names it; `exit` for processes and `connect` for the others unless said.",
    ),
    required("message", Shape::Prose, "What is said."),
    key("output", Shape::Map(&Shape::Literal), "What there is of an output."),
];

/// Behind `finds:`.
const FINDS: &[Key] = &[
    required("level", Shape::Choice(LEVELS), "The level it lifts the step to."),
    required("message", Shape::Prose, "What was found."),
];

const OK: Key = key(
    "ok",
    Shape::Either(&[Shape::Map(&Shape::Literal), Shape::Prose]),
    "The world answers with these fields of the kind's output; fields left out are empty, `status` is 200. The step's own `expect` (of `http`) or `exit` (of processes) judges it. A bare text is what a process prints.",
);
const FAILS_KEY: Key = key(
    "fails",
    Shape::Either(&[Shape::Prose, Shape::Record(FAILS)]),
    "It fails with this message, or with a `kind`, a `message` and an `output`.",
);
const LOST: Key =
    key("lost", Shape::Prose, "Its process is lost, and this is all that is known: `on_interrupt` decides.");
const HANGS: Key = key("hangs", Shape::Bool, "`true`: it never ends by itself, only by its timeout or a cancel.");
const FINDS_KEY: Key =
    key("finds", Shape::Many(&Shape::Record(FINDS)), "Beside `ok`: what lifts the level without failing.");
const TAKES: Key = key("takes", Shape::Duration, "How long it takes, in virtual time; no time at all unless said.");

/// The keys of one result.
pub(crate) const RESULT: &[Key] = &[OK, FAILS_KEY, LOST, HANGS, FINDS_KEY, TAKES];

const ONE: Shape = Shape::Either(&[Shape::Choice(RESULT_WORDS), Shape::Record(RESULT)]);

const ITEM: Shape = Shape::Either(&[Shape::Choice(RESULT_WORDS), Shape::List(&ONE), Shape::Record(RESULT)]);

/// The keys of all results of a step.
const RESULTS: &[Key] = &[
    OK,
    FAILS_KEY,
    LOST,
    HANGS,
    FINDS_KEY,
    TAKES,
    key("items", Shape::Map(&ITEM), "In a `foreach`: results of single items, by item; the rest is for the others."),
];

const SCRIPT: Shape = Shape::Either(&[Shape::Choice(RESULT_WORDS), Shape::List(&ONE), Shape::Record(RESULTS)]);

/// The words of an answer.
pub(crate) const SAYS: &[&str] = &["go", "stop", "succeeded", "failed", "again", "approve", "reject"];

const ANSWER: &[Key] = &[
    required("say", Shape::Choice(SAYS), "What is said."),
    key("after", Shape::Duration, "How long after the question; at once unless said."),
    key(
        "by",
        Shape::Name,
        "Of an approval: the contact who says it. The next of those who may unless said; who may not fails the test.",
    ),
    key("fields", Shape::Map(&Shape::Literal), "Of an approval: what they fill in."),
    key("note", Shape::Prose, "Of an approval: what they write with it."),
];

const SAYING: Shape = Shape::Either(&[Shape::Choice(SAYS), Shape::Record(ANSWER)]);

const MOMENT: &[Key] = &[required("at", Shape::Duration, "How long after the start.")];

/// Behind `given:`.
pub(crate) const GIVEN: &[Key] = &[
    key(
        "steps",
        Shape::Map(&SCRIPT),
        "Results by step: an id, or ids with dots from outside in (`heal.until` is the probe of the remedy `heal`, `deploy.restart` a step of the runbook that `deploy` calls). A list is one for each execution, the last repeats.",
    ),
    key("inputs", Shape::Map(&Shape::Literal), "Inputs of the run."),
    key(
        "at",
        Shape::Syntax(&syntax::DATE_TIME),
        "When the run is started, in the book's zone unless said; Monday 2026-01-05 09:00 where nothing is said.",
    ),
    key("env", Shape::Map(&Shape::Prose), "Values of the environment names that the runbook lists."),
    key("trigger", Shape::Map(&Shape::Literal), "What called for the run, as expressions see it."),
    key(
        "answers",
        Shape::Map(&Shape::Either(&[Shape::Choice(SAYS), Shape::List(&SAYING), Shape::Record(ANSWER)])),
        "What a person says when a step asks (`confirm`, `on_interrupt: ask`, `approval`), by step. A list is one vote of one person each.",
    ),
    key("cancel", Shape::Record(MOMENT), "Somebody cancels the run, so long after its start."),
    key("crash", Shape::Record(MOMENT), "The process that drives the run dies and the next one takes over."),
    key(
        "level_1",
        Shape::Either(&[Shape::Choice(&["hangs"]), Shape::Record(LEVEL_1)]),
        "Of an incident: what level 1 comes to, and after how long. `hangs`: nothing of it ends before its limit.",
    ),
    key(
        "acknowledged",
        Shape::Either(&[Shape::Prose, Shape::Record(ACKNOWLEDGED)]),
        "Of an incident: `never`, or how long after its opening somebody acknowledges. They work on it from then on, unless they are `idle`.",
    ),
    key(
        "resolved",
        Shape::Either(&[Shape::Prose, Shape::Record(RESOLVED)]),
        "Of an incident: how long after its opening a person ends it.",
    ),
    key(
        "cleared",
        Shape::Duration,
        "Of an incident: how long after its opening whoever told of it says that it is over.",
    ),
    key("away", Shape::Record(AWAY), "Of an incident: when nothing drives it, and it has to catch up afterwards."),
    key("channels", Shape::Map(&Shape::Choice(&["ok", "fails"])), "Of an incident: whether channels deliver."),
];

/// Behind `level_1:`.
pub(crate) const LEVEL_1: &[Key] = &[
    key("ok", Shape::Duration, "It ends well after so long."),
    key("fails", Shape::Duration, "It fails after so long."),
];

/// Behind `acknowledged:`.
pub(crate) const ACKNOWLEDGED: &[Key] = &[
    required("at", Shape::Duration, "How long after the opening."),
    key("by", Shape::Name, "The contact who does; whoever was told last unless said."),
    key("idle", Shape::Bool, "`true`: they do nothing about it after that, and their acknowledgement lapses."),
];

/// Behind `resolved:`.
pub(crate) const RESOLVED: &[Key] = &[
    required("at", Shape::Duration, "How long after the opening."),
    key("by", Shape::Name, "The contact who does; whoever has taken it unless said."),
];

/// Behind `away:`.
pub(crate) const AWAY: &[Key] = &[
    required("from", Shape::Duration, "How long after the opening it stops being driven."),
    required("to", Shape::Duration, "How long after the opening it is driven again."),
];

/// Behind `incident:`.
pub(crate) const INCIDENT: &[Key] = &[
    key("severity", Shape::Prose, "A severity of `escalation.yaml`; what the routes say unless said."),
    key("at", Shape::Syntax(&syntax::DATE_TIME), "When it opens."),
    key("message", Shape::Prose, "What is wrong."),
    key("key", Shape::Prose, "The key of which one incident is open."),
    key("type", Shape::Prose, "The type of incident: `api`, `sip`, …"),
    key("labels", Shape::Map(&Shape::Prose), "Labels for the routes."),
];

/// A message that was said.
pub(crate) const SAID: &[Key] = &[
    key("at", Shape::Duration, "How long after the start."),
    key("channel", Shape::Prose, "The channel it went to."),
    key("contact", Shape::Prose, "The contact it went to."),
    key("by", Shape::Many(&Shape::Prose), "The ways it went."),
    key("severity", Shape::Prose, "The severity it named."),
    key("key", Shape::Prose, "The key it named."),
    key("title", Shape::Prose, "What its heading contains."),
    key("message", Shape::Prose, "What it contains."),
];

const MESSAGE: Shape = Shape::Either(&[Shape::Prose, Shape::Record(SAID)]);

const MESSAGES: Shape = Shape::Either(&[
    Shape::List(&MESSAGE),
    Shape::Record(&[
        key("includes", Shape::Many(&MESSAGE), "These are among them."),
        key("never", Shape::Many(&MESSAGE), "None of these is."),
    ]),
]);

/// How one step must have ended.
pub(crate) const ENDED: &[Key] = &[
    key("outcome", Shape::Choice(STEP_OUTCOMES), "Its outcome."),
    key("level", Shape::Choice(LEVELS), "Its level."),
    key("reason", Shape::Prose, "What its reason or failure contains."),
    key("attempts", Shape::Int(0, 1_000_000), "How many attempts it had."),
    key("output", Shape::Map(&Shape::Literal), "Fields of its output."),
];

/// Behind `expect:`.
pub(crate) const EXPECT: &[Key] = &[
    key("outcome", Shape::Choice(OUTCOMES), "The outcome of the run."),
    key("level", Shape::Choice(LEVELS), "Its level."),
    key("reason", Shape::Prose, "What its reason contains."),
    key("failed_step", Shape::Prose, "The first step that failed."),
    key("outputs", Shape::Map(&Shape::Literal), "Outputs of the run, by name."),
    key(
        "steps",
        Shape::Map(&Shape::Either(&[Shape::Choice(STEP_OUTCOMES), Shape::Record(ENDED)])),
        "How single steps ended: an outcome, or more than that.",
    ),
    key(
        "ran",
        Shape::Either(&[
            Shape::List(&Shape::Prose),
            Shape::Record(&[
                key("includes", Shape::Many(&Shape::Prose), "These steps ran."),
                key("never", Shape::Many(&Shape::Prose), "These did not."),
            ]),
        ]),
        "Which steps ran. A plain list is exact and in the order they began, repeats folded, groups and other steps made of steps left out.",
    ),
    key(
        "notified",
        MESSAGES,
        "What `notify` said: texts that a message contains, or more. A plain list is exact and in order, repeats folded.",
    ),
    key(
        "paged",
        MESSAGES,
        "What `escalate` said, and in a test of an incident who was paged. A plain list is exact and in order, repeats folded; `[]` is nobody.",
    ),
    key(
        "took",
        Shape::Either(&[Shape::Duration, Shape::Record(BOUNDS)]),
        "How long the run took, in virtual time: exactly, or between bounds.",
    ),
    key(
        "levels",
        Shape::Map(&Shape::Prose),
        "Of an incident: when levels were first entered, after the opening, or `never`: `{ 2: 2m, 4: never }`.",
    ),
    key(
        "status",
        Shape::Choice(&["triggered", "acknowledged", "resolved"]),
        "Of an incident: how it stands at the end.",
    ),
    key(
        "breached",
        Shape::Many(&Shape::Choice(&["response", "escalation"])),
        "Of an incident: which promises were not kept, in order; `[]` is none.",
    ),
];

/// Behind `took:`.
const BOUNDS: &[Key] = &[key("at_least", Shape::Duration, "Not less."), key("at_most", Shape::Duration, "Not more.")];

/// Behind `defaults:`.
pub(crate) const DEFAULTS: &[Key] = &[
    key("runbook", Shape::Name, "The runbook of tests that name none."),
    key(
        "given",
        Shape::Record(GIVEN),
        "What is given to each test; what a test gives itself takes its place, name by name.",
    ),
];

/// The keys of one test. That `test` and `expect` are there is for `lower` to say: a document of defaults has neither.
pub(crate) const TEST: &[Key] = &[
    key("test", Shape::Prose, "What it shows, in a sentence."),
    key("runbook", Shape::Name, "The runbook it runs."),
    key("incident", Shape::Record(INCIDENT), "The incident it opens."),
    key("given", Shape::Record(GIVEN), "What the world answers."),
    key("expect", Shape::Record(EXPECT), "What must have come of it; what is not written is not looked at."),
    key(
        "defaults",
        Shape::Record(DEFAULTS),
        "A document of its own, above tests of the same file: what is given to each of them.",
    ),
];
