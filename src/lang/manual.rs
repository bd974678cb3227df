//! `docs/language.md`: every key with its type and its sentence, made from the tables.

use crate::lang::decode::wanted;
use crate::lang::keys::FILES;
use crate::lang::keys::escalation::CONTACTS_FILE;
use crate::lang::keys::flow::FLOW;
use crate::lang::keys::step::STEP;
use crate::model::alert::FUNCTIONS;
use crate::model::kind::Kind;
use crate::model::shape::{Field, FieldType, Key, KindSpec, Shape};
use std::fmt::Write;

const HEAD: &str = "# Reference of the language

Every key that may be written in a book, what may stand there and what it does. Made from the same tables that the checker, the
JSON Schemas in `schemas/` and the hover texts of editors read; do not edit (`UPDATE=1 cargo test` writes it).

- A key in **bold** must be there. `a.b` is the key `b` inside the map of `a`; `a[].b` inside each item; `a.NAME.b` inside each value.
- Texts may hold templates (`{{ inputs.url }}`) where the type says *templated text*; expressions are rhai.
- Lengths of time are written `250ms`, `30s`, `5m`, `1h30m`, `7d`, `2w`, `1y`; amounts of bytes `512`, `64MiB`, `1.5GB`.
- Booleans are `true` and `false` (which YAML lets you write `True` and `TRUE`, `False` and `FALSE`), nothing else. A number with a leading zero (`012`) is text.
- `defaults` of a runbook or group is given to every step in it that touches the outside world, at any depth and in its handlers; the step's
  own key wins, then the innermost `defaults`; `env` is merged name by name. Its `timeout` is given to a called runbook and to a `wait`
  for a probe as well, which may never end by themselves; a `wait` for a length of time or until an instant is as long as it says.
- The names of the runbook's `env` reach every child process as they were when the run started, under the `env` of steps. A called runbook sees those that it
  lists itself. A name that is read (`env.SITE`) and not set is said before the run starts, unless something stands in for it: `env.SITE ?? \"…\"`,
  `{{ default env.SITE \"…\" }}`.
- `env` and `workdir` of a step made of steps (a group, `foreach`, `watch`, `remedy`, `wait`) hold for every step in it, its handlers too.
  `env` is merged name by name, the innermost wins; of `workdir` the nearest counts.
- In `on_error`, `undo`, `on_failure` and `finally` a step without `needs` and `after` comes after every step above it, however those ended (behind an `approval` only with its yes):
  one that fails does not keep the others from their work. What needs another there says so (`needs`), or reads its output.
- A step inside one that holds a mutex, or in a run called from there, shares it; among themselves such steps exclude one another.
- `stepladder retry` takes over what was good, and does again what was undone and what needed that.
- The step behind `until`, `probe` and `check` needs no `id`: it is then named after the step around it (`heal_probe`, `deploy_check`).
- `inputs` beside `cron`, `every` and `at` are values as they stand; `inputs` inside `webhook`, `alert`, `run_ended` and `file` are expressions over
  what came in.
- In a dry run a step that would change something ends `skipped` and says what it would do. What is asked about it (`.ok`, `.outcome`, `.output`, a bare
  `level` or `failed` that ranges over it) is unknown, also behind a `default`: such a step is shown and listed with the reason, on both sides of a condition,
  and what has steps of its own is gone into as if its condition were true. A condition that does not depend on it (`inputs.x && steps.a.ok` with a false `x`)
  is decided. A probe that is bad before anything else would have been done fails the dry run as it would the run; behind a step that was not done, under a
  `wait`, a `remedy` or with a `recover` it is unknown how it would end, and everything that would mend it is listed. `check` and `confirm` of a group, or of a
  `foreach`, stand for the whole.
- A round of a `watch` had data when a step in it came to a result of its own, good or bad. A probe that fails is a bad round with data; a round whose steps
  were all skipped, or that only wrote a `log`, looked at nothing: `at_least` is for a watch that would otherwise be green because it was blind.
- A `notify` or `escalate` whose own words could not be written sends built-in ones with the error. It succeeds, at level warning.
- `trigger` has the fields of what may start the runbook, `incident` those of an incident ([triggers](triggers.md)). Every run may be started by hand: all
  but `trigger.kind` may be missing and is guarded, as `trigger.due ?? \"\"` or `{{ default trigger.due \"by hand\" }}`.
- `retry: 3` is short for `retry: { attempts: 3 }`; `concurrency: NAME` for `{ group: NAME }`; `inputs: { url: url }` for `{ url: { type: url } }`.
";

const JUDGING: &str = "
### How a sample is judged

A sample is stored with the step that took it, in a *series*: the measure with its labels. In a `foreach` each item is measured by
itself, and the item is a label. Every attempt that does what it says stores its samples, whoever started the run: rounds of a `watch`,
steps of a called runbook, runs by hand. A failed attempt has no reading and stores nothing; its level is that of its failure. Dry runs
store nothing.

1. *Bands* judge the value, `critical` first. A band relative to the baseline holds nothing while there is none.
2. `clear` holds a level: when the last sample of the series was worse, that level stays until its `clear` band holds, then the next
   milder one that has a `clear`, down to what the bands say.
3. *No reading* (the expression gives `null`, or the list of `each` is empty, which is one missing reading without those labels): where
   `stale_after` is written, the last sample stands in until it is older than that; then, or at once, `missing` says what it means.
   `missing: 0` stores that number; a level stores a gap. `missing: keep` lets the last sample stand in for ever, or until `stale_after`,
   then it is `ok` with a note. Without `missing` nothing is stored and nothing said.
4. A sample older than `stale_after` holds no level by `clear`.

The *baseline* is made of earlier days in the book's `timezone`, today never among them. With `same: hour` each earlier day gives the
samples of the hour that it is now, with `same: day` all of its samples; `by` makes them one number, and `by` again one of all days. So a
day counts once however often it was measured, and `at_least: 7` is a week. An hour that a clock change skips is none of that day; one
that it repeats is one hour. At most 10,000 samples are read; of more, the newest of each hour count. Too few: `no baseline yet (3 of 7)`,
and nothing is compared. The note of a value says what it was compared with: `under 50% of the baseline 80, the median of 9 hours`.

What was judged is in the journal: a later change of `thresholds.yaml` judges no sample again. Samples in a unit that no longer converts
to the declared one are left out. Of a sample whose run is gone there is
left: for 7 days the sample, for 90 days the mean of its five minutes, for two years that of its hour.
";

/// The text of `docs/language.md`.
#[must_use]
pub fn manual() -> String {
    let mut text = String::from(HEAD);
    for file in FILES {
        let _ = write!(text, "\n## {}\n\n{}\n", file.files, file.doc);
        table(&mut text, &file.shape);
        if file.name == "runbook" {
            text.push_str("\n## Every step\n\nWhat may stand beside the one key that says what the step does.\n");
            rows(&mut text, STEP);
            kinds(&mut text);
        }
        if file.name == "alerts" {
            alerts(&mut text);
        }
        if file.name == "thresholds" {
            text.push_str(JUDGING);
        }
        if file.name == "escalation" {
            text.push_str(
                "\n### incident_contacts.yaml\n\nAnother spelling of the ladder, loaded where there is no escalation.yaml: `docs/escalation.md` \
                 says what it means.\n",
            );
            rows(&mut text, CONTACTS_FILE);
        }
    }
    text
}

const CONDITIONS: &str = "
### Conditions of alerts

`cpu_used > 85`, `rate(connection_errors_total, 5m) / rate(connections_total, 5m) > 0.05`, `disk_used{mount=\"/\"} > 90%`: near to what
Prometheus reads, over the samples that steps `measure`. A daemon judges them every 15 seconds
(`docs/alerts.md`).

- A measure alone is its newest sample, if that is not older than its `stale_after` (five minutes unless said).
- `{label=\"text\"}` chooses among the label sets of a measure; `!=`, `=~` and `!~` are there too, a pattern matches the whole value. Each set of
  labels is judged by itself, so there is no `sum by (…)`.
- A function takes a measure and a window: `avg(cpu_used, 5m)`; Prometheus' `avg(cpu_used[5m])` is read too. Windows reach back at most seven days,
  for which single samples are kept. `rate` and `increase` are for counters, which cannot stand alone.
- Numbers may carry a unit (`500ms`, `90%`, `2GiB`, `1h30m`) and are converted to that of the measure; a bare number is in the measure's own
  unit. One unit over another of its kind is a ratio: `5%` beside it is 0.05.
- Then `* /`, `+ -`, one comparison (`< <= > >= == !=`), `not`, `and`, `or` (`!`, `&&` and `||` too), in that order; parentheses.
- A text with a comma or a quote needs quotes of its own inside `{ }`.

| function | takes | |
|---|---|---|
";

/// How the condition of an alert is written.
fn alerts(text: &mut String) {
    text.push_str(CONDITIONS);
    for row in FUNCTIONS {
        let window = if row.window { ", WINDOW" } else { "[, WINDOW]" };
        let takes: Vec<&str> = row.takes.iter().map(|metric| metric.as_str()).collect();
        let _ = writeln!(text, "| `{}(MEASURE{window})` | {} | {} |", row.name, takes.join(", "), cell(row.doc));
    }
}

fn kinds(text: &mut String) {
    text.push_str("\n## Kinds of step\n");
    for spec in Kind::ALL.iter().map(|kind| kind.spec()).chain(FLOW) {
        let _ = write!(text, "\n### `{}`\n\n{}\n\n```yaml\n{}\n```\n", spec.name, spec.doc, spec.example);
        if let Shape::Record(keys) = spec.shape {
            rows(text, keys);
        } else {
            let _ = writeln!(text, "\nTakes {}.", kind_of(&spec.shape));
        }
        outputs(text, spec);
    }
}

fn outputs(text: &mut String, spec: &KindSpec) {
    if spec.output.is_empty() {
        return;
    }
    text.push_str("\nPuts out:\n\n| field | type | |\n|---|---|---|\n");
    let mut found = Vec::new();
    fields(&mut found, "", spec.output);
    for (path, ty, doc) in found {
        let _ = writeln!(text, "| `{path}` | {ty} | {} |", cell(doc));
    }
}

fn fields(found: &mut Vec<(String, &'static str, &'static str)>, prefix: &str, list: &'static [Field]) {
    for field in list {
        let path = format!("{prefix}{}", field.name);
        found.push((path.clone(), type_word(&field.ty), field.doc));
        inner_fields(found, &path, &field.ty);
    }
}

fn inner_fields(found: &mut Vec<(String, &'static str, &'static str)>, path: &str, ty: &FieldType) {
    match ty {
        FieldType::Record(list) => fields(found, &format!("{path}."), list),
        FieldType::List(inner) => inner_fields(found, &format!("{path}[]"), inner),
        FieldType::Map(inner) => inner_fields(found, &format!("{path}.NAME"), inner),
        FieldType::Maybe(inner) => inner_fields(found, path, inner),
        FieldType::Any | FieldType::Bool | FieldType::Int | FieldType::Number | FieldType::Text | FieldType::Secret => {
        }
    }
}

fn type_word(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Any => "anything",
        FieldType::Bool => "true or false",
        FieldType::Int => "whole number",
        FieldType::Number => "number",
        FieldType::Text => "text",
        FieldType::Secret => "secret",
        FieldType::List(_) => "list",
        FieldType::Map(_) | FieldType::Record(_) => "map",
        FieldType::Maybe(_) => "may be missing",
    }
}

fn table(text: &mut String, shape: &Shape) {
    if let Shape::Record(keys) = shape {
        rows(text, keys);
    } else if let Shape::Map(Shape::Record(keys)) = shape {
        text.push_str("\nA map: each key is a name, each value a map with these keys.\n");
        rows(text, keys);
    }
}

fn rows(text: &mut String, keys: &[Key]) {
    text.push_str("\n| key | takes | |\n|---|---|---|\n");
    nested(text, "", keys);
}

fn nested(text: &mut String, prefix: &str, keys: &[Key]) {
    for key in keys {
        let path = format!("{prefix}{}", key.name);
        let name = if key.required { format!("**`{path}`**") } else { format!("`{path}`") };
        let _ = writeln!(text, "| {name} | {} | {} |", cell(&kind_of(&key.shape)), cell(&key.about()));
        inside(text, &path, &key.shape);
    }
}

/// The keys of maps inside a shape. `defaults` repeats keys of steps and is not unfolded.
fn inside(text: &mut String, path: &str, shape: &Shape) {
    match shape {
        Shape::Record(_) if path.ends_with("defaults") => {}
        Shape::Record(keys) => nested(text, &format!("{path}."), keys),
        Shape::List(inner) => inside(text, &format!("{path}[]"), inner),
        Shape::Many(inner) => inside(text, path, inner),
        Shape::Map(inner) => inside(text, &format!("{path}.NAME"), inner),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| inside(text, path, shape)),
        Shape::Text(_)
        | Shape::Verbatim
        | Shape::Prose
        | Shape::Id
        | Shape::Name
        | Shape::Int(..)
        | Shape::Number
        | Shape::Bool
        | Shape::Duration
        | Shape::Size
        | Shape::Choice(_)
        | Shape::Regex
        | Shape::Expr
        | Shape::Any(_)
        | Shape::Literal
        | Shape::Steps
        | Shape::Step
        | Shape::Syntax(_) => {}
    }
}

fn kind_of(shape: &Shape) -> String {
    match shape {
        Shape::Text(_) => "templated text".into(),
        Shape::Map(inner) => format!("a map of {}", kind_of(inner)),
        Shape::List(inner) => format!("a list of {}", kind_of(inner)),
        Shape::Many(inner) => format!("{}, or a list", kind_of(inner)),
        Shape::Either(shapes) => shapes.iter().map(kind_of).collect::<Vec<_>>().join(" or "),
        Shape::Any(_) => "any value, its texts templated".into(),
        Shape::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Verbatim
        | Shape::Prose
        | Shape::Id
        | Shape::Name
        | Shape::Int(..)
        | Shape::Number
        | Shape::Bool
        | Shape::Duration
        | Shape::Size
        | Shape::Regex
        | Shape::Expr
        | Shape::Record(_)
        | Shape::Literal
        | Shape::Steps
        | Shape::Step
        | Shape::Syntax(_) => wanted(shape),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
