//! `shell`, `exec`, `script`: child processes under the keeper.

use crate::base::arg::Landing;
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key, required};

/// A file that was kept.
const ARTIFACT: &[Field] = &[
    Field {
        name: "name",
        ty: FieldType::Text,
        doc: "Its path below the working directory; below `RUN_DIR/` what was in the run's own.",
    },
    Field { name: "bytes", ty: FieldType::Int, doc: "The size of the copy." },
    Field { name: "masked", ty: FieldType::Bool, doc: "Whether a secret was taken out of it." },
    Field { name: "path", ty: FieldType::Text, doc: "Where the copy is, below the data directory." },
];

/// What every child process puts out.
const OUTPUT: &[Field] = &[
    Field {
        name: "exit_code",
        ty: FieldType::Int,
        doc: "The exit status; 127 is a command that was not found, 128 + n a signal.",
    },
    Field {
        name: "stdout",
        ty: FieldType::Text,
        doc: "What it printed, the last 64 KiB; on disk is all of it, up to `output_limit` (`stepladder logs`).",
    },
    Field { name: "stderr", ty: FieldType::Text, doc: "What it printed as errors, the last 64 KiB." },
    Field {
        name: "value",
        ty: FieldType::Any,
        doc: "stdout as the step's `output:` says: the text by default, else all of it parsed, at most 4 MiB.",
    },
    Field { name: "duration_ms", ty: FieldType::Int, doc: "How long the child ran." },
    Field {
        name: "artifacts",
        ty: FieldType::Maybe(&FieldType::List(&FieldType::Record(ARTIFACT))),
        doc: "The files that were kept, as `artifacts:` of the step says; only there where it says so.",
    },
    Field {
        name: "not_kept",
        ty: FieldType::Maybe(&FieldType::List(&FieldType::Text)),
        doc: "What was not kept of them, and why.",
    },
];

/// `shell: df -h`, `shell: { bash: 'set -x; …' }`.
pub(super) const SHELL: KindSpec = KindSpec {
    name: "shell",
    doc: "A shell line, run as `sh -eu -c` (or `bash -euo pipefail -c`) in a clean environment.",
    example: "shell: df -h /",
    shape: Shape::Record(&[
        key("sh", Shape::Text(Landing::ShellWord), "The line, for `sh -eu -c`. `shell: LINE` is short for this."),
        key("bash", Shape::Text(Landing::ShellWord), "The line, for `bash -euo pipefail -c`."),
        key("exit", Shape::Many(&Shape::Int(0, 255)), "Exit codes that are good; 0 alone by default."),
    ]),
    short: Some("sh"),
    output: OUTPUT,
    effects: Effects::Changes,
};

/// `exec: [redis-cli, ping]`.
pub(super) const EXEC: KindSpec = KindSpec {
    name: "exec",
    doc: "A command and its arguments, without a shell: nothing is split, expanded or interpreted.",
    example: "exec: [systemctl, status, nginx]",
    shape: Shape::Record(&[
        required(
            "argv",
            Shape::List(&Shape::Text(Landing::Argv)),
            "The command and its arguments. `exec: [a, b]` is short for this.",
        ),
        key("stdin", Shape::Text(Landing::Plain), "Text given to the command on standard input."),
        key("exit", Shape::Many(&Shape::Int(0, 255)), "Exit codes that are good; 0 alone by default."),
    ]),
    short: Some("argv"),
    output: OUTPUT,
    effects: Effects::Changes,
};

/// `script: { run: python3, body: … }`.
pub(super) const SCRIPT: KindSpec = KindSpec {
    name: "script",
    doc: "A script for a named interpreter. The body is never templated: values go by `params` (JSON in $PARAMS) or `env`.",
    example: "script: { run: python3, body: 'import os, json; print(json.loads(os.environ[\"PARAMS\"])[\"n\"])', params: { n: 3 } }",
    shape: Shape::Record(&[
        required(
            "run",
            Shape::Either(&[Shape::Verbatim, Shape::List(&Shape::Verbatim)]),
            "The interpreter, with arguments if a list: `python3`, `[perl, -w]`.",
        ),
        required("body", Shape::Prose, "The script, as it is."),
        key(
            "params",
            Shape::Map(&Shape::Any(Landing::Json)),
            "Values for the script: a JSON object in the environment variable PARAMS.",
        ),
        key("exit", Shape::Many(&Shape::Int(0, 255)), "Exit codes that are good; 0 alone by default."),
    ]),
    short: None,
    output: OUTPUT,
    effects: Effects::Changes,
};
