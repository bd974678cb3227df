//! Typed inputs of a runbook and the one door through which values become them.

use crate::base::ids::StepId;
use crate::base::value::{Value, type_name};

/// One declared input.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: StepId,
    /// Its type with its bounds.
    pub ty: InputType,
    /// Used where nothing is given.
    pub default: Option<Value>,
    /// What to ask on a terminal.
    pub prompt: Option<String>,
    /// For help and forms.
    pub description: Option<String>,
}

/// The type of an input.
#[derive(Debug, Clone, PartialEq)]
pub enum InputType {
    /// Any text; `pattern` is a regular expression it must match whole.
    Text {
        /// The pattern, as written.
        pattern: Option<String>,
    },
    /// A whole number within bounds.
    Integer {
        /// Least.
        min: Option<i64>,
        /// Greatest.
        max: Option<i64>,
    },
    /// A number within bounds.
    Number {
        /// Least.
        min: Option<f64>,
        /// Greatest.
        max: Option<f64>,
    },
    /// true or false.
    Boolean,
    /// One of these.
    Choice(Vec<String>),
    /// An http or https URL.
    Url,
    /// A length of time; its value is seconds.
    Duration,
    /// A list of texts.
    List,
    /// Any JSON.
    Json,
    /// A secret, sealed at rest; expressions cannot read it.
    Secret,
}

impl InputType {
    /// The words of `type:`, for messages and completion.
    pub const WORDS: &'static [&'static str] =
        &["text", "integer", "number", "boolean", "choice", "url", "duration", "list", "json", "secret"];

    /// The word of `type:`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Choice(_) => "choice",
            Self::Url => "url",
            Self::Duration => "duration",
            Self::List => "list",
            Self::Json => "json",
            Self::Secret => "secret",
        }
    }

    /// The same with its article: `an integer`.
    #[must_use]
    pub fn as_a(&self) -> String {
        let word = self.word();
        let article = if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {word}")
    }

    /// The value as this type, or a sentence that says why it is none.
    ///
    /// # Errors
    /// The reason, without the input's name.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let wrong = |want: &str| Err(format!("must be {want}, not {}", type_name(value)));
        match (self, value) {
            (Self::Text { pattern }, Value::String(text)) => match pattern {
                Some(pattern) if !full_match(pattern, text) => Err(format!("`{text}` does not match `{pattern}`")),
                Some(_) | None => Ok(value.clone()),
            },
            (Self::Secret, Value::String(_)) => Ok(value.clone()),
            (Self::Text { .. } | Self::Secret, _) => wrong("text"),
            (Self::Integer { min, max }, Value::Number(number)) => match number.as_i64() {
                Some(n) if min.is_some_and(|min| n < min) || max.is_some_and(|max| n > max) => {
                    Err(format!("{n} is out of bounds: {}", bounds(min.as_ref(), max.as_ref())))
                }
                Some(_) => Ok(value.clone()),
                None => wrong("a whole number"),
            },
            (Self::Integer { .. }, _) => wrong("a whole number"),
            (Self::Number { min, max }, Value::Number(number)) => match number.as_f64() {
                Some(n) if min.is_some_and(|min| n < min) || max.is_some_and(|max| n > max) => {
                    Err(format!("{n} is out of bounds: {}", bounds(min.as_ref(), max.as_ref())))
                }
                Some(_) | None => Ok(value.clone()),
            },
            (Self::Number { .. }, _) => wrong("a number"),
            (Self::Boolean, Value::Bool(_)) | (Self::List, Value::Array(_)) | (Self::Json, _) => Ok(value.clone()),
            (Self::Boolean, _) => wrong("true or false"),
            (Self::List, _) => wrong("a list"),
            // One without options is a mistake of its own, and no value is to blame for it.
            (Self::Choice(options), Value::String(text)) if options.contains(text) || options.is_empty() => {
                Ok(value.clone())
            }
            (Self::Choice(options), _) => Err(format!("must be one of {}", options.join(", "))),
            (Self::Url, Value::String(text)) => is_url(text).map(|()| value.clone()),
            (Self::Url, _) => wrong("a URL"),
            (Self::Duration, Value::String(text)) => match crate::base::span::Span::parse(text) {
                Ok(span) => Ok(serde_json::json!(span.secs_f64())),
                Err(reason) => Err(reason.to_string()),
            },
            (Self::Duration, Value::Number(_)) => Ok(value.clone()),
            (Self::Duration, _) => wrong("a length of time like 30s"),
        }
    }

    /// The value that `text`, typed on a command line, means in this type.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn accept_text(&self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::Text { .. } | Self::Choice(_) | Self::Url | Self::Duration | Self::Secret => {
                Value::String(text.into())
            }
            Self::Integer { .. } => {
                text.trim().parse::<i64>().map_err(|_| format!("`{text}` is not a whole number"))?.into()
            }
            Self::Number { .. } => text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"))?.into(),
            Self::Boolean => match text.trim() {
                "true" | "yes" | "y" => Value::Bool(true),
                "false" | "no" | "n" => Value::Bool(false),
                _ => return Err(format!("`{text}` is neither true nor false")),
            },
            Self::List if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|reason| format!("not a JSON list: {reason}"))?
            }
            Self::List => Value::Array(text.split(',').map(|item| Value::String(item.trim().into())).collect()),
            Self::Json => serde_json::from_str(text).map_err(|reason| format!("not JSON: {reason}"))?,
        };
        self.accept(&value)
    }
}

fn bounds<T: std::fmt::Display>(min: Option<&T>, max: Option<&T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("{min} or more"),
        (None, Some(max)) => format!("{max} or less"),
        (None, None) => "any".into(),
    }
}

fn full_match(pattern: &str, text: &str) -> bool {
    regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

fn is_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with('/')
                && !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
        {
            Ok(())
        }
        Some(_) | None => Err(format!("`{text}` is not an http or https URL")),
    }
}
