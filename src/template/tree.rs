//! A template as this door sees it: text, placeholders and blocks, every path resolved.

use crate::base::arg::Landing;
use crate::base::value::Value;

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// Text as it is.
    Lit(String),
    /// A placeholder.
    Put(Put),
    /// A block.
    Block(Box<Block>),
}

/// A placeholder.
#[derive(Debug, Clone)]
pub(super) struct Put {
    /// What is put there.
    pub(super) input: Input,
    /// The braces.
    pub(super) span: (usize, usize),
    /// Written with three braces.
    pub(super) raw: bool,
    /// Where it lands.
    pub(super) spot: Spot,
}

/// Where a placeholder lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// The landing, by its own surroundings.
    pub(super) landing: Landing,
    /// Nothing stands before it in its word, element or path, so that a leading dash is an option.
    pub(super) first: bool,
    /// Something follows it in its word or URL.
    pub(super) tail: bool,
    /// Not escaped at all: three braces, where they are allowed.
    pub(super) raw: bool,
}

/// A block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) sort: BlockSort,
    pub(super) input: Input,
    /// The names after `as`.
    pub(super) params: Vec<String>,
    pub(super) body: Vec<Item>,
    pub(super) otherwise: Vec<Item>,
    pub(super) span: (usize, usize),
}

/// The blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockSort {
    If,
    Unless,
    Each,
    With,
}

impl BlockSort {
    pub(super) const ALL: [Self; 4] = [Self::If, Self::Unless, Self::Each, Self::With];

    /// As written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Unless => "unless",
            Self::Each => "each",
            Self::With => "with",
        }
    }
}

/// A value inside a tag.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// A name.
    Path(PathRef),
    /// Written in the text.
    Literal(Value),
    /// `helper a b`
    Call(Helper, Vec<Input>, (usize, usize)),
}

/// A name in a tag.
#[derive(Debug, Clone)]
pub(super) struct PathRef {
    /// As written.
    pub(super) raw: String,
    /// From the root; none for `@index` and the like.
    pub(super) path: Option<Vec<String>>,
    pub(super) span: (usize, usize),
    /// Whether something asks first if it is there.
    pub(super) guarded: bool,
}

/// The helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Helper {
    Default,
    Json,
    Date,
    Round,
    Duration,
    Bytes,
    Join,
    Table,
    Eq,
    Ne,
    Lt,
    Gt,
    And,
    Or,
    Not,
}

impl Helper {
    pub(super) const ALL: [Self; 15] = [
        Self::Default,
        Self::Json,
        Self::Date,
        Self::Round,
        Self::Duration,
        Self::Bytes,
        Self::Join,
        Self::Table,
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Gt,
        Self::And,
        Self::Or,
        Self::Not,
    ];

    /// As written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Json => "json",
            Self::Date => "date",
            Self::Round => "round",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Join => "join",
            Self::Table => "table",
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Gt => "gt",
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
        }
    }

    /// The fewest and the most values it takes.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Default | Self::Eq | Self::Ne | Self::Lt | Self::Gt => (2, 2),
            Self::Json | Self::Duration | Self::Bytes | Self::Not => (1, 1),
            Self::Date | Self::Round | Self::Join | Self::Table => (1, 2),
            Self::And | Self::Or => (2, 8),
        }
    }

    /// Whether what it gives is true or false.
    pub(super) fn asks(self) -> bool {
        match self {
            Self::Eq | Self::Ne | Self::Lt | Self::Gt | Self::And | Self::Or | Self::Not => true,
            Self::Default
            | Self::Json
            | Self::Date
            | Self::Round
            | Self::Duration
            | Self::Bytes
            | Self::Join
            | Self::Table => false,
        }
    }
}

impl Put {
    /// The path, where the placeholder is one name from the root.
    pub(super) fn path(&self) -> Option<&[String]> {
        match &self.input {
            Input::Path(found) => found.path.as_deref(),
            Input::Literal(_) | Input::Call(..) => None,
        }
    }

    /// The secret it names, if it is one.
    pub(super) fn secret(&self) -> Option<&str> {
        match self.path() {
            Some([root, name]) if root == "secrets" => Some(name),
            Some(_) | None => None,
        }
    }
}

/// Calls `found` with every placeholder, in the order of the text.
pub(super) fn each_put<'a>(items: &'a [Item], found: &mut dyn FnMut(&'a Put)) {
    for item in items {
        match item {
            Item::Lit(_) => {}
            Item::Put(put) => found(put),
            Item::Block(block) => {
                each_put(&block.body, found);
                each_put(&block.otherwise, found);
            }
        }
    }
}

/// Calls `found` with every name in tags, in the order of the text.
pub(super) fn each_path<'a>(items: &'a [Item], found: &mut dyn FnMut(&'a PathRef)) {
    for item in items {
        match item {
            Item::Lit(_) => {}
            Item::Put(put) => each_input(&put.input, found),
            Item::Block(block) => {
                each_input(&block.input, found);
                each_path(&block.body, found);
                each_path(&block.otherwise, found);
            }
        }
    }
}

fn each_input<'a>(input: &'a Input, found: &mut dyn FnMut(&'a PathRef)) {
    match input {
        Input::Path(path) => found(path),
        Input::Literal(_) => {}
        Input::Call(_, args, _) => args.iter().for_each(|arg| each_input(arg, found)),
    }
}
