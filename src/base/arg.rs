//! Rendered arguments whose secrets are still holes (invariant 11).
//!
//! A template renders to a [`Text`]: pieces of literal text and [`SecretRef`]s. Only `act` (and the
//! keeper's masks) ever see the values that fill them, so nothing on floors 0-3 and nothing in the
//! journal can leak one.

use crate::base::value::{Map, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a value lands, which decides how it is escaped (invariant 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Landing {
    /// Shown to people or passed on as it is; control characters are made visible.
    Plain,
    /// A bare word of a shell line: quoted by us.
    ShellWord,
    /// Inside single quotes of a shell line.
    ShellSingle,
    /// Inside double quotes of a shell line.
    ShellDouble,
    /// One element of an argument vector.
    Argv,
    /// The value of an environment variable.
    Env,
    /// A whole URL, when the template is nothing else; its scheme is checked.
    Url,
    /// One component of a URL (path segment, query value): percent-encoded.
    UrlPart,
    /// A string of a JSON document that we serialise.
    Json,
    /// Text of an HTML page.
    Html,
    /// Text of a Markdown page.
    Markdown,
    /// Chat markup.
    Chat,
    /// One field of a header or a mail subject: no line breaks.
    Header,
    /// One component of a path; never `..`, never absolute.
    PathPart,
    /// A whole path as the author wrote it.
    Path,
    /// A host, a host and port, or an address.
    Host,
}

/// What the name of a sealed input's hole begins with: no other secret's name has a dot.
pub const SEALED_INPUT: &str = "inputs.";

/// What the name of a sealed output's hole begins with: `steps.mint.output.token`.
pub const SEALED_OUTPUT: &str = "steps.";

/// A hole that only `act` fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The secret's name, as in `secrets.NAME`; of a sealed input `inputs.NAME`, of a sealed output its whole path.
    pub name: String,
    /// Where the value will land.
    pub landing: Landing,
}

impl SecretRef {
    /// As the author wrote it: `secrets.NAME`, `inputs.NAME`.
    #[must_use]
    pub fn written(&self) -> String {
        let own = [SEALED_INPUT, SEALED_OUTPUT].iter().any(|root| self.name.starts_with(root));
        if own { self.name.clone() } else { format!("secrets.{}", self.name) }
    }

    /// The name of the sealed input that it stands for, if it is one's.
    #[must_use]
    pub fn input(&self) -> Option<&str> {
        self.name.strip_prefix(SEALED_INPUT)
    }
}

/// A piece of a rendered text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Text, already escaped for its landing place.
    Lit(String),
    /// A secret, not here.
    Secret(SecretRef),
}

/// A rendered text, holes and all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text(pub Vec<Piece>);

impl Text {
    /// A text without holes.
    #[must_use]
    pub fn lit(text: impl Into<String>) -> Self {
        Self(vec![Piece::Lit(text.into())])
    }

    /// The text if it has no hole.
    #[must_use]
    pub fn whole(&self) -> Option<String> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Lit(text) => Some(text.as_str()),
                Piece::Secret(_) => None,
            })
            .collect()
    }

    /// The holes, in order.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Lit(_) => None,
            Piece::Secret(secret) => Some(secret),
        })
    }

    /// The text with every hole filled by `value`, which returns the secret escaped for its landing.
    ///
    /// # Errors
    /// The first error of `value`.
    pub fn fill<E>(&self, value: &mut dyn FnMut(&SecretRef) -> Result<String, E>) -> Result<String, E> {
        self.0.iter().try_fold(String::new(), |mut text, piece| {
            match piece {
                Piece::Lit(lit) => text.push_str(lit),
                Piece::Secret(secret) => text.push_str(&value(secret)?),
            }
            Ok(text)
        })
    }
}

impl fmt::Display for Text {
    /// For people: holes are shown by their names in angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Lit(text) => f.write_str(text),
            Piece::Secret(secret) => write!(f, "<{}>", secret.written()),
        })
    }
}

/// A rendered argument: JSON whose strings may have holes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Arg {
    /// A value without holes.
    Value(Value),
    /// Text, perhaps with holes.
    Text(Text),
    /// A list.
    List(Vec<Arg>),
    /// A map, in the order written.
    Map(Vec<(String, Arg)>),
}

impl Arg {
    /// The argument as a plain value, every hole filled by `value`.
    ///
    /// # Errors
    /// The first error of `value`.
    pub fn fill<E>(&self, value: &mut dyn FnMut(&SecretRef) -> Result<String, E>) -> Result<Value, E> {
        Ok(match self {
            Self::Value(plain) => plain.clone(),
            Self::Text(text) => Value::String(text.fill(value)?),
            Self::List(list) => Value::Array(list.iter().map(|arg| arg.fill(value)).collect::<Result<_, E>>()?),
            Self::Map(map) => {
                let mut object = Map::new();
                for (key, arg) in map {
                    object.insert(key.clone(), arg.fill(value)?);
                }
                Value::Object(object)
            }
        })
    }

    /// The argument for people: holes shown as in [`Text`]'s `Display`.
    #[must_use]
    pub fn shown(&self) -> Value {
        let shown = self.fill::<std::convert::Infallible>(&mut |secret| Ok(format!("<{}>", secret.written())));
        shown.unwrap_or_default()
    }

    /// The member of a map, if this is one and has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.iter().find(|(name, _)| name == key).map(|(_, arg)| arg),
            Self::Value(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Calls `found` with every hole.
    pub fn each_secret<'a>(&'a self, found: &mut dyn FnMut(&'a SecretRef)) {
        match self {
            Self::Value(_) => {}
            Self::Text(text) => text.secrets().for_each(found),
            Self::List(list) => list.iter().for_each(|arg| arg.each_secret(found)),
            Self::Map(map) => map.iter().for_each(|(_, arg)| arg.each_secret(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_only_where_they_are() {
        let hole = SecretRef { name: "TOKEN".into(), landing: Landing::Header };
        let arg = Arg::Map(vec![
            ("auth".into(), Arg::Text(Text(vec![Piece::Lit("Bearer ".into()), Piece::Secret(hole)]))),
            ("body".into(), Arg::Value(serde_json::json!({"Secret": {"name": "TOKEN"}}))),
        ]);
        let filled = arg.fill::<()>(&mut |secret| Ok(format!("value of {}", secret.name)));
        let want = serde_json::json!({"auth": "Bearer value of TOKEN", "body": {"Secret": {"name": "TOKEN"}}});
        assert_eq!(filled, Ok(want), "a value that merely looks like a hole is none");
        assert_eq!(arg.shown()["auth"], "Bearer <secrets.TOKEN>");
    }
}
