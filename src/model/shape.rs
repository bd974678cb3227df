//! The one table of language keys: what may be written where, and what comes out.
//!
//! Every map that operators write is a list of [`Key`]s. The decoder, the JSON Schemas, the hover
//! texts of editors, `did you mean` and the manual all read these tables; none has a list of its own.

use crate::base::arg::Landing;
use crate::base::value::{Map, Value};
use crate::diagnostic::Code;

/// One key of a map that operators write.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
    /// One or two sentences for hover text and manual; what counts where it is not written is said by [`Key::about`].
    pub doc: &'static str,
    /// What counts where it is not written, as it would be written.
    pub default: Option<&'static str>,
    /// Variables of the environment that count where it is not written, the first one first; before any default.
    pub variables: &'static [&'static str],
    /// Whether what is written there may be a secret, and is not shown.
    pub hidden: bool,
    /// Whether a daemon obeys a change of it at once; else after a restart. Only of settings.
    pub live: bool,
    /// It means something only beside this key.
    pub beside: Option<&'static str>,
}

/// A key that may be left out.
#[must_use]
pub const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, doc, default: None, variables: &[], hidden: false, live: false, beside: None }
}

/// A key that must be there.
#[must_use]
pub const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { required: true, ..key(name, shape, doc) }
}

impl Key {
    /// With what counts where it is not written.
    #[must_use]
    pub const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    /// With the variables of the environment that count where it is not written.
    #[must_use]
    pub const fn variables(self, names: &'static [&'static str]) -> Self {
        Self { variables: names, ..self }
    }

    /// What is written there may be a secret.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// A daemon obeys a change of it at once.
    #[must_use]
    pub const fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// It means something only beside that key.
    #[must_use]
    pub const fn beside(self, key: &'static str) -> Self {
        Self { beside: Some(key), ..self }
    }

    /// Its sentences for hover text and manual, with what counts where it is not written.
    #[must_use]
    pub fn about(&self) -> String {
        let variables = self.variables.iter().map(|name| format!("`${name}`"));
        let others: Vec<String> = variables.chain(self.default.map(|text| format!("`{text}`"))).collect();
        if others.is_empty() {
            self.doc.to_owned()
        } else {
            format!("{} {} unless said.", self.doc, others.join(", else "))
        }
    }
}

/// What may stand as a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Templated text, escaped for its landing.
    Text(Landing),
    /// Text that is not templated: a `{{` in it is an error that says so.
    Verbatim,
    /// Text that is neither templated nor looked at (descriptions, Markdown).
    Prose,
    /// A step id, input name or other word of the expression language.
    Id,
    /// A name that may have dashes.
    Name,
    /// A whole number in these bounds (or a template that is one whole `{{ … }}`, where `true`).
    Int(i64, i64),
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `30s`, `1h30m`.
    Duration,
    /// `64MiB`.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A regular expression; never templated.
    Regex,
    /// A rhai expression.
    Expr,
    /// A list of one shape; a single value is not a list.
    List(&'static Shape),
    /// One value or a list of them; decoded as a list.
    Many(&'static Shape),
    /// A map with free keys and values of one shape.
    Map(&'static Shape),
    /// A map with these keys.
    Record(&'static [Key]),
    /// The first of these whose YAML node kind (scalar, list, map) fits. At most one per node kind,
    /// but for `Bool`, `Int` and `Number` beside one text shape.
    Either(&'static [Shape]),
    /// Any YAML, whose strings are templates landing there.
    Any(Landing),
    /// Any YAML, taken as it is.
    Literal,
    /// A list of steps.
    Steps,
    /// One step.
    Step,
    /// Text with a syntax of its own, never templated.
    Syntax(&'static Syntax),
}

/// Text with a syntax of its own: a cron expression, a time zone, a band.
#[derive(Debug, Clone, Copy)]
pub struct Syntax {
    /// With its article, as a message names it: `a time zone`.
    pub name: &'static str,
    /// One that is good.
    pub example: &'static str,
    /// What is reported when the test fails.
    pub code: Code,
    /// Why a text is none.
    pub test: fn(&str) -> Result<(), String>,
}

/// A field of what a kind puts out, with its type for the checker.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name after `output.`.
    pub name: &'static str,
    /// Its type.
    pub ty: FieldType,
    /// One sentence for the manual.
    pub doc: &'static str,
}

/// The type of an output field.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// JSON from outside.
    Any,
    /// true or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Text.
    Text,
    /// Sealed text: only a template may name it, where a secret may stand.
    Secret,
    /// A list.
    List(&'static FieldType),
    /// A map with free keys.
    Map(&'static FieldType),
    /// A map with these.
    Record(&'static [Field]),
    /// May be missing (the checker then asks for a guard).
    Maybe(&'static FieldType),
}

impl FieldType {
    /// A value of this type that says nothing: 0, no text, an empty list; none for what may be missing.
    #[must_use]
    pub fn blank(&self) -> Option<Value> {
        match self {
            Self::Any => Some(Value::Null),
            Self::Bool => Some(Value::Bool(false)),
            Self::Int | Self::Number => Some(Value::from(0)),
            Self::Text | Self::Secret => Some(Value::from("")),
            Self::List(_) => Some(Value::Array(Vec::new())),
            Self::Map(_) => Some(Value::Object(Map::new())),
            Self::Record(fields) => {
                let blanks = fields.iter().filter_map(|field| Some((field.name.to_owned(), field.ty.blank()?)));
                Some(Value::Object(blanks.collect()))
            }
            Self::Maybe(_) => None,
        }
    }
}

/// What a kind does to the world, which decides dry runs, interruption and where it is performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// Reads: may be repeated, runs in a dry run.
    Reads,
    /// Changes something: never repeated unasked, only printed in a dry run.
    Changes,
    /// Only its parameters tell (`http`: GET reads, POST changes).
    Depends,
}

/// One kind of step: its row in the table.
#[derive(Debug, Clone, Copy)]
pub struct KindSpec {
    /// The key that chooses it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// An example for the manual and the snippet of editors: the YAML under the step's `- id:`.
    pub example: &'static str,
    /// What may stand behind the key.
    pub shape: Shape,
    /// The key a bare scalar or list stands for (`tcp: "host:22"` is `tcp: { connect: "host:22" }`).
    pub short: Option<&'static str>,
    /// What it puts out.
    pub output: &'static [Field],
    /// What it does to the world.
    pub effects: Effects,
}

impl KindSpec {
    /// The names of the outputs that are sealed.
    pub fn secrets(&self) -> impl Iterator<Item = &'static str> {
        self.output.iter().filter(|field| matches!(field.ty, FieldType::Secret)).map(|field| field.name)
    }
}
