//! `sql`: one statement on SQLite or PostgreSQL, and what is expected of its rows.

mod pg_type;
mod postgres;
mod sqlite;

use crate::act::args::{Args, number};
use crate::act::millis;
use crate::act::subset::differences;
use crate::act::verdict::{Done, Verdict, bounds, latency};
use crate::act::world::World;
use crate::base::limits::{MAX_OUTPUT_VALUE, MAX_SQL_ROWS};
use crate::base::value::{Map, Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;

/// One statement.
#[derive(Debug, Clone)]
struct Statement {
    text: String,
    params: Value,
    /// Whether it is held to reading.
    reads: bool,
}

/// What a statement gave: every row counted, the first ones kept.
#[derive(Debug, Default)]
struct Rows {
    kept: Vec<Map<String, Value>>,
    first: Option<Value>,
    count: u64,
    changed: u64,
    bytes: usize,
}

impl Rows {
    /// Takes a row in: names and values of its columns, in order. The second column of one name is `name_2`.
    fn push(&mut self, columns: Vec<(&str, Value)>) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(columns.first().map(|(_, value)| value.clone()).unwrap_or_default());
        }
        let mut row = Map::new();
        for (name, value) in columns {
            row.insert(free_name(&row, name), value);
        }
        let size: usize = row.iter().map(|(name, value)| name.len() + size_of_value(value)).sum();
        if self.kept.len() < MAX_SQL_ROWS && self.bytes + size <= MAX_OUTPUT_VALUE {
            self.bytes += size;
            self.kept.push(row);
        }
    }
}

/// The name itself, or with the first number from 2 on that no other column has.
fn free_name(row: &Map<String, Value>, name: &str) -> String {
    if !row.contains_key(name) {
        return name.to_owned();
    }
    let mut numbered = (2_u32..).map(|number| format!("{name}_{number}"));
    numbered.find(|name| !row.contains_key(name)).unwrap_or_default()
}

fn size_of_value(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().len(), str::len)
}

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let statement = statement(args)?;
    let start = (world.ticks)();
    let (subject, rows) = match args.text("sqlite") {
        Some(file) => (format!("SQLite {file}"), sqlite::run(world.path(&file), statement).await?),
        None => postgres::run(args, world, &statement).await?,
    };
    let took = world.since(start);
    #[expect(clippy::cast_precision_loss, reason = "a count of rows for a comparison")]
    let count = rows.count as f64;
    let value = rows.first.unwrap_or_default();
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, took)?.into_iter().collect();
        problems.extend(entry.get("rows").and_then(|want| bounds(want, count, "the number of rows")));
        problems.extend(entry.get("value").map_or_else(Vec::new, |want| value_problems(want, &value)));
        Ok(problems)
    })?;
    let output = json!({
        "value": value,
        "rows": rows.kept,
        "count": rows.count,
        "changed": rows.changed,
        "latency_ms": millis(took),
    });
    verdict.end(&subject, output)
}

fn statement(args: &Args) -> Result<Statement, Failure> {
    let params = args.get("params").cloned().unwrap_or_else(|| json!([]));
    match (args.text("query"), args.text("execute")) {
        (Some(_), Some(_)) => {
            Err(Failure::lasting(FailureKind::Template, "write either `query` or `execute`, not both"))
        }
        (Some(text), None) => Ok(Statement { text, params, reads: true }),
        (None, Some(text)) => Ok(Statement { text, params, reads: false }),
        (None, None) => Ok(Statement { text: "select 1 as ok".into(), params: json!([]), reads: true }),
    }
}

fn value_problems(want: &Value, value: &Value) -> Vec<String> {
    let is_bounds = want
        .as_object()
        .is_some_and(|map| !map.is_empty() && map.keys().all(|key| ["at_least", "at_most"].contains(&key.as_str())));
    match (is_bounds, number(value)) {
        (true, Some(actual)) => bounds(want, actual, "the value").into_iter().collect(),
        (true, None) => vec![format!("the value is `{value}`, expected a number")],
        (false, _) => differences(want, value).into_iter().map(|text| text.replace(" at `the top`", "")).collect(),
    }
}

/// The parameters as a list, in the order of their numbers.
fn positional(params: &Value) -> Option<Vec<Value>> {
    params.as_array().cloned()
}
