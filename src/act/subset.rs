//! Whether a JSON document holds what is expected of it, and where it does not.

use crate::base::value::{Value, type_name};
use std::fmt::Write as _;

/// Differences told in one message; more help nobody.
const TOLD: usize = 5;

/// Where `actual` does not hold what `want` says: maps may have more keys, all else must be equal.
pub(super) fn differences(want: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(want, actual, &mut String::new(), &mut found);
    if found.len() > TOLD {
        let more = found.len() - TOLD;
        found.truncate(TOLD);
        found.push(format!("and {more} more differences"));
    }
    found
}

fn compare(want: &Value, actual: &Value, path: &mut String, found: &mut Vec<String>) {
    match (want, actual) {
        (Value::Object(want), Value::Object(actual)) => {
            for (key, want) in want {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                match actual.get(key) {
                    Some(actual) => compare(want, actual, path, found),
                    None => found.push(format!("expected {} at `{path}`, which is missing", show(want))),
                }
                path.truncate(length);
            }
        }
        (Value::Array(want), Value::Array(actual)) if want.len() == actual.len() => {
            for (index, (want, actual)) in want.iter().zip(actual).enumerate() {
                let length = path.len();
                let _ = write!(path, "[{index}]");
                compare(want, actual, path, found);
                path.truncate(length);
            }
        }
        (Value::Array(want), Value::Array(actual)) => {
            found.push(format!("expected a list of {} at `{}`, got one of {}", want.len(), place(path), actual.len()));
        }
        _ if same(want, actual) => {}
        (Value::String(_), Value::Number(_)) | (Value::Number(_), Value::String(_)) => {
            found.push(format!(
                "expected {} {} at `{}`, got {} {}",
                type_name(want),
                show(want),
                place(path),
                type_name(actual),
                show(actual)
            ));
        }
        _ => found.push(format!("expected {} at `{}`, got {}", show(want), place(path), show(actual))),
    }
}

fn same(want: &Value, actual: &Value) -> bool {
    match (want, actual) {
        (Value::Number(want), Value::Number(actual)) => want == actual || want.as_f64() == actual.as_f64(),
        _ => want == actual,
    }
}

fn place(path: &str) -> &str {
    if path.is_empty() { "the top" } else { path }
}

fn show(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) | Value::Null => type_name(value).into(),
        Value::String(text) => format!("`{}`", crate::act::verdict::beginning(text)),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;

    #[test]
    fn says_where_and_what() {
        for (want, actual, says) in [
            (json!({"status": "healthy"}), json!({"status": "healthy", "more": 1}), ""),
            (
                json!({"status": "healthy"}),
                json!({"status": "degraded"}),
                "expected `healthy` at `status`, got `degraded`",
            ),
            (json!({"a": {"b": 1}}), json!({"a": {}}), "expected `1` at `a.b`, which is missing"),
            (json!({"n": 1}), json!({"n": 1.0}), ""),
            (json!({"n": 1}), json!({"n": "1"}), "expected an integer `1` at `n`, got text `1`"),
            (json!([1, 2]), json!([1]), "expected a list of 2 at `the top`, got one of 1"),
            (json!([{"a": 1}]), json!([{"a": 2}]), "expected `1` at `[0].a`, got `2`"),
            (json!({"a": 1}), json!(null), "expected a map at `the top`, got null"),
        ] {
            assert_eq!(differences(&want, &actual).join("; "), says, "{want} in {actual}");
        }
    }
}
