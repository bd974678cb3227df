//! An expression as this door sees it: rhai's tree with every name, place and operator made plain.

use crate::base::level::Level;
use crate::base::value::Value;
use crate::expr::functions::Function;

/// A part of an expression and where it stands in the text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// First byte and the byte behind the last.
    pub(super) span: (usize, usize),
}

/// What a part is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// null, a boolean, a number or text.
    Literal(Value),
    /// A bare level word.
    Level(Level),
    /// A name of the scope and what is read below it; the first segment is a name.
    Path(Vec<Segment>, Presence),
    /// What is read below a computed value.
    Member(Box<Node>, Vec<Segment>, Presence),
    /// `!x`
    Not(Box<Node>),
    /// `-x`
    Negate(Box<Node>),
    /// Two operands.
    Binary(Operator, Box<Node>, Box<Node>),
    /// `a && b && c`
    All(Vec<Node>),
    /// `a || b || c`
    Either(Vec<Node>),
    /// `a ?? b ?? c`
    Coalesce(Vec<Node>),
    /// `if a { b } else { c }`
    If(Box<[Node; 3]>),
    /// `f(a, b)` or `a.f(b)`
    Call(&'static Function, Vec<Node>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `#{ k: v }`
    Map(Vec<(String, Node)>),
    /// `` `a ${b}` ``
    Text(Vec<Node>),
}

/// Whether a path may lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// It must be there.
    Required,
    /// Missing is `()`: under `?.`, left of `??`, compared with `()`.
    Optional,
}

/// One step down a path.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    /// A name, or an index written in the text.
    Name(String),
    /// A computed index.
    At(Box<Node>),
}

impl Segment {
    /// The name, where it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::At(_) => None,
        }
    }

    /// As [`crate::expr::Read`] writes it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::At(_) => "*".into(),
        }
    }
}

/// The operators with two operands that are not about presence or short cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

impl Operator {
    pub(super) const ALL: [Self; 12] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::AtMost,
        Self::Greater,
        Self::AtLeast,
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Remainder,
        Self::Power,
    ];

    /// As written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "**",
        }
    }

    /// The name it runs under.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Equal => "o_eq",
            Self::NotEqual => "o_ne",
            Self::Less => "o_lt",
            Self::AtMost => "o_le",
            Self::Greater => "o_gt",
            Self::AtLeast => "o_ge",
            Self::Add => "o_add",
            Self::Subtract => "o_sub",
            Self::Multiply => "o_mul",
            Self::Divide => "o_div",
            Self::Remainder => "o_rem",
            Self::Power => "o_pow",
        }
    }

    /// Whether it compares, so that its result is a boolean.
    pub(super) fn compares(self) -> bool {
        match self {
            Self::Equal | Self::NotEqual | Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => true,
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Remainder | Self::Power => false,
        }
    }

    /// Whether it asks for equality only, which every two values of one type have.
    pub(super) fn equates(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Node {
    /// The parts directly below, computed indexes included.
    pub(super) fn children(&self) -> Vec<&Node> {
        fn inside(segments: &[Segment]) -> impl Iterator<Item = &Node> {
            segments.iter().filter_map(|segment| match segment {
                Segment::At(node) => Some(&**node),
                Segment::Name(_) => None,
            })
        }
        match &self.kind {
            Kind::Literal(_) | Kind::Level(_) => Vec::new(),
            Kind::Path(segments, _) => inside(segments).collect(),
            Kind::Member(base, segments, _) => std::iter::once(&**base).chain(inside(segments)).collect(),
            Kind::Not(node) | Kind::Negate(node) => vec![node],
            Kind::Binary(_, a, b) => vec![a, b],
            Kind::All(nodes)
            | Kind::Either(nodes)
            | Kind::Coalesce(nodes)
            | Kind::Call(_, nodes)
            | Kind::List(nodes)
            | Kind::Text(nodes) => nodes.iter().collect(),
            Kind::If(nodes) => nodes.iter().collect(),
            Kind::Map(members) => members.iter().map(|(_, node)| node).collect(),
        }
    }

    /// The names of a path that must be there and computes nothing, if this is one.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let Kind::Path(segments, Presence::Required) = &self.kind else { return None };
        segments.iter().map(|segment| segment.name().map(str::to_owned)).collect()
    }

    /// Lets the path here lead nowhere, if this is one.
    pub(super) fn soften(&mut self) {
        if let Kind::Path(_, presence) | Kind::Member(_, _, presence) = &mut self.kind {
            *presence = Presence::Optional;
        }
    }
}
