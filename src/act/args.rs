//! The parameters of a request, filled and read by type.
//!
//! The checker has seen the text; a value that came from a template is only known now, so every
//! reader here says what it wanted in a sentence.

use crate::act::secret::Filled;
use crate::base::span::Span;
use crate::base::value::{Map, Value, plain, type_name};
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use std::time::Duration;

/// A map of parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Args(Map<String, Value>);

impl Args {
    /// The parameters of a request, secrets filled in.
    pub(super) fn of(kind: Kind, request: &Request, filled: &Filled) -> Result<Self, Failure> {
        let value = request.params.fill(&mut |secret| filled.value(secret))?;
        Ok(match (value, kind.spec().short) {
            (Value::Object(map), _) => Self(map),
            (Value::Null, _) => Self::default(),
            (short, Some(key)) => Self(Map::from_iter([(key.to_owned(), short)])),
            (_, None) => return Err(wrong("the parameters", "a map")),
        })
    }

    /// A map that stands in another one.
    pub(super) fn from_map(map: Map<String, Value>) -> Self {
        Self(map)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The value, where there is one that is not null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(plain)
    }

    pub(super) fn need(&self, key: &str) -> Result<String, Failure> {
        let missing = || Failure::lasting(FailureKind::Template, format!("`{key}` is missing"));
        self.text(key).filter(|text| !text.is_empty()).ok_or_else(missing)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Failure> {
        self.get(key).map(|value| number(value).ok_or_else(|| wrong_value(key, "a number", value))).transpose()
    }

    /// A whole number, never below 0.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, Failure> {
        let whole = |value: &Value| match value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_u64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        self.get(key).map(|value| whole(value).ok_or_else(|| wrong_value(key, "a whole number", value))).transpose()
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Failure> {
        let flag = |value: &Value| value.as_bool().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        self.get(key).map(|value| flag(value).ok_or_else(|| wrong_value(key, "true or false", value))).transpose()
    }

    /// A length of time: decoded to milliseconds, or text where it came from a template.
    pub(super) fn span(&self, key: &str) -> Result<Option<Duration>, Failure> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let span = match value {
            Value::String(text) => Span::parse(text).ok(),
            Value::Number(millis) => millis.as_u64().map(Span::from_millis),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        span.map(|span| Some(span.into())).ok_or_else(|| wrong_value(key, "a length of time", value))
    }

    /// One value or a list of them.
    pub(super) fn list(&self, key: &str) -> Vec<Value> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
        }
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).iter().map(plain).collect()
    }

    /// A map, empty where there is none.
    pub(super) fn map(&self, key: &str) -> Map<String, Value> {
        self.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// A map of texts.
    pub(super) fn pairs(&self, key: &str) -> Vec<(String, String)> {
        self.map(key).iter().map(|(name, value)| (name.clone(), plain(value))).collect()
    }

    /// The maps of a list, or the one map.
    pub(super) fn entries(&self, key: &str) -> Vec<Self> {
        self.list(key).into_iter().filter_map(|value| value.as_object().cloned()).map(Self).collect()
    }
}

/// The number a value is, or the number its text is.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn wrong(what: &str, want: &str) -> Failure {
    Failure::lasting(FailureKind::Template, format!("{what} must be {want}"))
}

fn wrong_value(key: &str, want: &str, value: &Value) -> Failure {
    wrong(&format!("`{key}`"), &format!("{want}, not {} (`{}`)", type_name(value), plain(value)))
}
