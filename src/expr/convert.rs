//! Values in and out: JSON as scopes hold it, `Dynamic` as rhai computes with it.

use crate::base::level::Level;
use crate::base::value::{Map, Value};
use regex::Regex;
use rhai::Dynamic;
use std::sync::Arc;

/// A level word written in an expression: compares by order with levels, which JSON holds as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LevelWord(pub(super) Level);

/// A regular expression written in an expression, compiled once.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Arc<Regex>);

/// The value as rhai computes with it.
pub(super) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => int.into(),
            (None, Some(float)) => float.into(),
            (None, None) => Dynamic::UNIT,
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(to_dynamic).collect()),
        Value::Object(members) => {
            Dynamic::from_map(members.iter().map(|(key, value)| (key.as_str().into(), to_dynamic(value))).collect())
        }
    }
}

/// The value as JSON; the members of a computed map come in the order of their keys.
///
/// # Errors
/// A sentence, when it is a number that JSON does not have.
pub(super) fn to_value(value: Dynamic) -> Result<Value, String> {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(int) = value.as_int() {
        return Ok(Value::from(int));
    }
    if let Ok(float) = value.as_float() {
        let number = serde_json::Number::from_f64(float);
        return number.map(Value::Number).ok_or_else(|| "the result is not a finite number".into());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::String(text.to_string()));
    }
    if let Some(word) = value.clone().try_cast::<LevelWord>() {
        return Ok(Value::String(word.0.as_str().into()));
    }
    match value.try_cast_result::<rhai::Array>() {
        Ok(items) => Ok(Value::Array(items.into_iter().map(to_value).collect::<Result<_, _>>()?)),
        Err(value) => match value.try_cast_result::<rhai::Map>() {
            Ok(members) => {
                let mut object = Map::new();
                for (key, value) in members {
                    object.insert(key.to_string(), to_value(value)?);
                }
                Ok(Value::Object(object))
            }
            Err(value) => Err(format!("the result is {}, which is no value", kind_name(&value))),
        },
    }
}

/// What kind of value this is, in the words of a message.
pub(super) fn kind_name(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "`()`"
    } else if value.is_bool() {
        "a boolean"
    } else if value.is_int() {
        "an integer"
    } else if value.is_float() {
        "a number"
    } else if value.is_string() {
        "text"
    } else if value.is_array() {
        "a list"
    } else if value.is_map() {
        "a map"
    } else if value.is::<LevelWord>() {
        "a level"
    } else if value.is::<Pattern>() {
        "a regular expression"
    } else {
        "something else"
    }
}
