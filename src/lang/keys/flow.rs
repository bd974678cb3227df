//! The kinds of step that the engine itself performs: groups, waits, watches, remedies, calls.

use crate::base::arg::Landing;
use crate::lang::keys::LEVELS;
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
        key("at_least", Shape::Int(0, 100_000), "How many rounds must have had data. 1 unless said."),
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
pub(crate) const FLOW: &[KindSpec] = &[STEPS, WATCH, REMEDY, WAIT, RUNBOOK, RHAI, LOG, FAIL, PASS];

/// The row of a kind that the engine performs.
pub(crate) fn flow(name: &str) -> Option<&'static KindSpec> {
    FLOW.iter().find(|spec| spec.name == name)
}
