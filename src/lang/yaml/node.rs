//! A node of the tree and what its plain words mean in YAML 1.2's core schema.

use crate::base::value::{Map, Value};
use crate::diagnostic::Spot;
use std::sync::Arc;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// From its first to behind its last character.
    pub(crate) spot: Spot,
    /// What it is.
    pub(crate) kind: NodeKind,
    /// `&name` in front of it.
    pub(crate) anchor: Option<Arc<str>>,
    /// It stands here as `*name`; the rest is a copy of what that names.
    pub(crate) alias: Option<Arc<str>>,
}

/// The three kinds of node.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// Text of some style.
    Scalar(Scalar),
    /// A list; `true` where it is written in brackets.
    Seq(Vec<Node>, bool),
    /// A map in the order written, each key once; `true` where it is written in braces.
    Map(Vec<(Node, Node)>, bool),
}

/// A scalar: its text with quotes, escapes and folds resolved.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// The text.
    pub(crate) text: Arc<str>,
    /// How it is written.
    pub(crate) style: Style,
    /// Tagged `!!str`: never a number or a boolean.
    pub(crate) as_text: bool,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Bare.
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Core {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Anything else.
    Text,
}

impl Scalar {
    /// What the scalar means. Numbers with a leading zero stay text: nobody agrees on what `012` is.
    pub(crate) fn core(&self) -> Core {
        if self.style != Style::Plain || self.as_text {
            return Core::Text;
        }
        match &*self.text {
            "" | "~" | "null" | "Null" | "NULL" => Core::Null,
            "true" | "True" | "TRUE" => Core::Bool(true),
            "false" | "False" | "FALSE" => Core::Bool(false),
            text => number(text),
        }
    }

    /// Whether older YAML would have read this word as a boolean.
    pub(crate) fn is_old_boolean(&self) -> Option<bool> {
        if self.style != Style::Plain {
            return None;
        }
        match self.text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some(true),
            "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }
}

fn number(text: &str) -> Core {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Core::Text;
    }
    let zero_led = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    if zero_led || digits.contains(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '-' | '+')) {
        return Core::Text;
    }
    match text.parse::<i64>() {
        Ok(int) => Core::Int(int),
        Err(_) => match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Core::Float(float),
            Ok(_) | Err(_) => Core::Text,
        },
    }
}

impl Node {
    /// The scalar, where it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            NodeKind::Seq(..) | NodeKind::Map(..) => None,
        }
    }

    /// Whether nothing is written here.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.core() == Core::Null)
    }

    /// The pairs of a map.
    pub(crate) fn pairs(&self) -> Option<&[(Self, Self)]> {
        match &self.kind {
            NodeKind::Map(pairs, _) => Some(pairs),
            NodeKind::Scalar(_) | NodeKind::Seq(..) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::Seq(items, _) => Some(items),
            NodeKind::Scalar(_) | NodeKind::Map(..) => None,
        }
    }

    /// The key and the value of that name in a map.
    pub(crate) fn entry(&self, name: &str) -> Option<(&Self, &Self)> {
        let pairs = self.pairs()?;
        pairs.iter().find(|(key, _)| key.name() == Some(name)).map(|(key, value)| (key, value))
    }

    /// The value of that name in a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The text of a scalar.
    pub(crate) fn name(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    /// What is here, in the words of a message.
    pub(crate) fn is_a(&self) -> &'static str {
        match &self.kind {
            NodeKind::Seq(..) => "a list",
            NodeKind::Map(..) => "a map",
            NodeKind::Scalar(scalar) => match scalar.core() {
                Core::Null => "nothing",
                Core::Bool(_) => "true or false",
                Core::Int(_) => "a whole number",
                Core::Float(_) => "a number",
                Core::Text => "text",
            },
        }
    }

    /// The node as plain data.
    pub(crate) fn value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.value(),
            NodeKind::Seq(items, _) => Value::Array(items.iter().map(Self::value).collect()),
            NodeKind::Map(pairs, _) => {
                let pair = |(key, value): &(Self, Self)| (key.name().unwrap_or_default().to_owned(), value.value());
                Value::Object(pairs.iter().map(pair).collect::<Map<_, _>>())
            }
        }
    }
}

impl Scalar {
    /// The scalar as plain data.
    pub(crate) fn value(&self) -> Value {
        match self.core() {
            Core::Null => Value::Null,
            Core::Bool(word) => Value::Bool(word),
            Core::Int(int) => int.into(),
            Core::Float(float) => float.into(),
            Core::Text => Value::String(self.text.to_string()),
        }
    }
}
