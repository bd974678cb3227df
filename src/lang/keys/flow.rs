//! The kinds of step that the engine itself performs: groups, waits, watches, remedies, calls.

use crate::base::arg::Landing;
use crate::lang::keys::LEVELS;
use crate::lang::keys::runbook::INPUT;
use crate::model::approval::Lapse;
use crate::model::input::InputType;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

const BODY: KindSpec = KindSpec {
    name: "",
    doc: "",
    example: "",
    shape: Shape::Steps,
    short: None,
    output: &[],
    effects: Effects::Depends,
};

const STEPS: KindSpec = KindSpec {
    name: "steps",
    doc: "A group: a list of steps with its own order. Every key of a step applies to the whole.",
    example: "steps: [ { id: inner, shell: df -h } ]",
    ..BODY
};

const WATCH: KindSpec = KindSpec {
    name: "watch",
    doc: "Rounds of steps for a time; fails as soon as more rounds than tolerated are bad, or too few had data.",
    example: "watch: { for: 10m, every: 15s, bad: level >= critical, tolerate: 2, steps: [ { id: probe, http: \"http://localhost:8000/health\" } ] }",
    shape: Shape::Record(&[
        required("for", Shape::Duration, "For how long."),
        required("every", Shape::Duration, "From the start of one round to the start of the next."),
        key("bad", Shape::Expr, "When a round is bad. `failed || level >= critical` unless said."),
        key("tolerate", Shape::Int(0, 100_000), "How many bad rounds are borne. 0 unless said."),
        key(
            "at_least",
            Shape::Int(0, 100_000),
            "How many rounds must have had data: a step in it came to a result of its own, good or bad. A round whose steps were all skipped looked at nothing. 1 unless said.",
        ),
        required("steps", Shape::Steps, "One round."),
    ]),
    output: &[
        Field { name: "rounds", ty: FieldType::Int, doc: "How many rounds there were." },
        Field { name: "bad", ty: FieldType::Int, doc: "How many of them were bad." },
    ],
    ..BODY
};

const REMEDY: KindSpec = KindSpec {
    name: "remedy",
    doc: "Remedies in order until a probe is healthy. Healthy before the first: succeeded; after one: recovered; never: failed. A failing remedy is noted and the next tried.",
    example: "remedy: { until: { http: \"http://localhost:8000/health\" }, try: [ { id: restart, shell: systemctl restart app } ] }",
    shape: Shape::Record(&[
        required("until", Shape::Step, "The probe: good is healthy."),
        required("try", Shape::Steps, "Remedies in order."),
        key("settle", Shape::Duration, "Pause after a remedy before the probe. 0 unless said."),
        key(
            "stable",
            Shape::Int(1, 1_000),
            "How many good probes in a row are healthy, also before the first remedy. 1 unless said.",
        ),
        key("every", Shape::Duration, "Pause between probes that have to be stable. 5s unless said."),
    ]),
    output: &[
        Field {
            name: "helped",
            ty: FieldType::Maybe(&FieldType::Text),
            doc: "The id of the remedy that helped; missing when none did or none was needed.",
        },
        Field { name: "tried", ty: FieldType::List(&FieldType::Text), doc: "The ids of the remedies tried, in order." },
    ],
    ..BODY
};

const WAIT: KindSpec = KindSpec {
    name: "wait",
    doc: "Waits for a length of time, until an instant, or until a probe is good.",
    example: "wait: 5m",
    shape: Shape::Record(&[
        key("for", Shape::Duration, "For this long. `wait: 5m` is short for this."),
        key(
            "until",
            Shape::Text(Landing::Plain),
            "Until this instant: `2026-12-31T09:00`, in the book's zone unless it has its own; `09:00` is the next nine o'clock.",
        ),
        key("probe", Shape::Step, "Until this step is good."),
        key("every", Shape::Duration, "Pause between two probes. 5s unless said."),
    ]),
    short: Some("for"),
    ..BODY
};

const RUNBOOK: KindSpec = KindSpec {
    name: "runbook",
    doc: "Runs another runbook: typed inputs and outputs; level and cancel pass through; it opens no incident of its own.",
    example: "runbook: { run: auto-recovery, inputs: { app_unit: livekit-agent } }",
    shape: Shape::Record(&[
        required("run", Shape::Name, "Its name. `runbook: NAME` is short for this."),
        key("inputs", Shape::Map(&Shape::Any(Landing::Plain)), "Its inputs."),
    ]),
    short: Some("run"),
    output: &[],
    ..BODY
};

const APPROVAL: KindSpec = KindSpec {
    name: "approval",
    doc: "Waits for the yes of people. Those who may give it are told over their channels; one no ends the run `cancelled`, and nobody is paged. What its concurrency group and mutexes hold stays held meanwhile; its place among `parallel` steps is given back.",
    example: "approval: { by: [on_call.owner], quorum: 1, deadline: 4h, lapse: reject, fields: { ticket: text } }",
    shape: Shape::Record(&[
        key("message", Shape::Text(Landing::Plain), "What is to be approved; the step's title unless said."),
        key(
            "by",
            Shape::Many(&Shape::Verbatim),
            "Who may approve or reject: contacts and rotations of escalation.yaml (`ivanova`, `on_call.owner`), as they are when they answer, or a role. The runbook's `allow.approve` unless said. `approval: [NAMES]` is short for this.",
        ),
        key("quorum", Shape::Int(1, 100), "How many different people have to say yes. 1 unless said. One no is a no."),
        key(
            "deadline",
            Shape::Duration,
            "How long it waits, counted from the question, restarts included. As long as it takes unless said, which a runbook with a `timeout` or a schedule may not.",
        ),
        key(
            "lapse",
            Shape::Choice(Lapse::WORDS),
            "What it comes to when the deadline passes: `reject` (unless said) ends the run cancelled, `approve` goes on at level notice, `fail` fails the step.",
        ),
        key(
            "fields",
            Shape::Map(&Shape::Either(&[Shape::Choice(InputType::WORDS), Shape::Record(INPUT)])),
            "What whoever approves fills in, written as inputs are, but for `secret`; one without a default has to be given. What one has given, those who approve after them approve with it.",
        ),
        key(
            "starter_may",
            Shape::Bool,
            "Whether whoever started the run may approve it themselves. false unless said.",
        ),
    ]),
    short: Some("by"),
    output: &[
        Field { name: "approved", ty: FieldType::Bool, doc: "Whether it was approved; `false` after `lapse: fail`." },
        Field { name: "lapsed", ty: FieldType::Bool, doc: "Whether its deadline decided." },
        Field { name: "overridden", ty: FieldType::Bool, doc: "Whether an admin decided past those who may." },
        Field { name: "by", ty: FieldType::List(&FieldType::Text), doc: "Who approved, in the order they did." },
        Field { name: "at", ty: FieldType::Text, doc: "When it was decided." },
        Field { name: "waited", ty: FieldType::Number, doc: "How long that took, in seconds." },
        Field { name: "notes", ty: FieldType::List(&FieldType::Text), doc: "What they wrote with it: `ivanova: go`." },
        Field { name: "fields", ty: FieldType::Map(&FieldType::Any), doc: "What was filled in, by name." },
    ],
    ..BODY
};

const RHAI: KindSpec = KindSpec {
    name: "rhai",
    doc: "Computes values: each name is an expression and becomes a field of the output.",
    example: "rhai: { total: steps.a.output.value + steps.b.output.value }",
    shape: Shape::Map(&Shape::Expr),
    ..BODY
};

const LOG: KindSpec = KindSpec {
    name: "log",
    doc: "A line in the run, at a level.",
    example: "log: \"{{ inputs.target }} looks fine\"",
    shape: Shape::Record(&[
        required("message", Shape::Text(Landing::Plain), "The line. `log: LINE` is short for this."),
        key("level", Shape::Choice(LEVELS), "The level the step gets. ok unless said."),
    ]),
    short: Some("message"),
    ..BODY
};

const FAIL: KindSpec = KindSpec {
    name: "fail",
    doc: "Ends failed, with this message.",
    example: "fail: the archive is {{ steps.archive.output.value }} bytes only",
    shape: Shape::Text(Landing::Plain),
    ..BODY
};

const PASS: KindSpec = KindSpec {
    name: "pass",
    doc: "Ends the list it is in, well, with this message.",
    example: "pass: nothing to do",
    shape: Shape::Text(Landing::Plain),
    ..BODY
};

/// The kinds that need no outside world of their own.
pub(crate) const FLOW: &[KindSpec] = &[STEPS, WATCH, REMEDY, WAIT, APPROVAL, RUNBOOK, RHAI, LOG, FAIL, PASS];

/// The row of a kind that the engine performs.
pub(crate) fn flow(name: &str) -> Option<&'static KindSpec> {
    FLOW.iter().find(|spec| spec.name == name)
}
