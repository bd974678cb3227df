//! Following a path through the values of a scope.

use crate::base::value::{Map, Value, type_name};
use crate::expr::problem::closest;
use std::borrow::Cow;

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    /// The sentence.
    pub(crate) message: String,
    /// Whether the value is merely not there (null counts), rather than of a kind that cannot have it.
    pub(crate) missing: bool,
}

/// The value at the end of a path.
///
/// # Errors
/// Where it leads nowhere, and why.
pub(crate) fn follow<'a>(scope: &'a Map<String, Value>, path: &[String]) -> Result<Cow<'a, Value>, Absent> {
    let Some((root, rest)) = path.split_first() else { return Err(absent(path, 0, "an empty path".into(), true)) };
    let Some(mut value) = scope.get(root) else {
        return Err(absent(path, 0, format!("`{root}` is no name here"), true));
    };
    for (step, name) in rest.iter().enumerate() {
        value = match value {
            Value::Object(members) => match members.get(name) {
                Some(member) => member,
                None => return Err(no_member(path, step + 1, members.keys())),
            },
            Value::Array(items) => {
                let found = name.parse().ok().and_then(|at| item(items.len(), at));
                match found.and_then(|at| items.get(at)) {
                    Some(member) => member,
                    None if name == "len" && step + 1 == rest.len() => {
                        return Ok(Cow::Owned(Value::from(items.len())));
                    }
                    None => return Err(no_item(path, step + 1, items.len())),
                }
            }
            Value::String(text) if name == "len" && step + 1 == rest.len() => {
                return Ok(Cow::Owned(Value::from(text.chars().count())));
            }
            Value::Null => return Err(absent(path, step + 1, format!("`{}` is null", join(path, step + 1)), true)),
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let message = format!("`{}` is {} and has no `{name}`", join(path, step + 1), type_name(other));
                return Err(absent(path, step + 1, message, false));
            }
        };
    }
    Ok(Cow::Borrowed(value))
}

/// The place in a list of that length; negative counts from the end.
pub(crate) fn item(len: usize, at: i64) -> Option<usize> {
    let place = if at < 0 { i64::try_from(len).ok()?.checked_add(at)? } else { at };
    usize::try_from(place).ok().filter(|place| *place < len)
}

fn no_member<'a>(path: &[String], step: usize, known: impl Iterator<Item = &'a String>) -> Absent {
    let name = &path[step];
    let near = closest(name, known.map(String::as_str)).map(|near| format!(", did you mean `{near}`?"));
    absent(path, step, format!("`{}` has no `{name}`{}", join(path, step), near.unwrap_or_default()), true)
}

fn no_item(path: &[String], step: usize, len: usize) -> Absent {
    let name = &path[step];
    let whole = name.parse::<i64>().is_ok();
    let message = if whole {
        format!("`{}` has {len} items and no `{name}`", join(path, step))
    } else {
        format!("`{}` is a list and has no `{name}`", join(path, step))
    };
    absent(path, step, message, whole)
}

fn absent(path: &[String], step: usize, why: String, missing: bool) -> Absent {
    let message = if step + 1 < path.len() { format!("`{}`: {why}", join(path, path.len())) } else { why };
    Absent { message, missing }
}

/// The first `count` segments as written.
pub(crate) fn join(path: &[String], count: usize) -> String {
    path[..count.min(path.len())].join(".")
}
