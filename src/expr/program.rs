//! From [`Node`]s to what the runner runs: every path is one variable, every operator one of our functions.
//!
//! A call stands on a line of its own, so that the line of an error says which part it is about.

use crate::base::value::Value;
use crate::expr::convert::{LevelWord, Pattern, to_dynamic};
use crate::expr::engine::runner;
use crate::expr::functions;
use crate::expr::functions_text::regex;
use crate::expr::node::{Kind, Node, Presence, Segment};
use crate::expr::problem::{Problem, ProblemKind};
use rhai::{AST, Dynamic};
use std::fmt::Write;
use std::sync::Arc;

/// What the runner runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) ast: AST,
    /// The variables `p0`, `p1`, …: paths into the scope.
    pub(super) slots: Vec<(Vec<String>, Presence)>,
    /// The variables `c0`, `c1`, …: values written in the text.
    pub(super) constants: Vec<Dynamic>,
    /// The part of the text that each line is about, from the second line on.
    pub(super) lines: Vec<(usize, usize)>,
}

impl Program {
    /// The program of an expression.
    ///
    /// # Errors
    /// When it is nested past what the runner takes.
    pub(super) fn new(root: &Node) -> Result<Self, Problem> {
        let mut writer = Writer::default();
        writer.node(root);
        let ast = runner().compile_expression(&writer.text).map_err(|error| {
            Problem::new(ProblemKind::Limit, root.span, format!("the expression is too deep to run: {error}"))
        })?;
        Ok(Self { ast, slots: writer.slots, constants: writer.constants, lines: writer.lines })
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    slots: Vec<(Vec<String>, Presence)>,
    constants: Vec<Dynamic>,
    lines: Vec<(usize, usize)>,
}

impl Writer {
    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Literal(Value::Null) => self.text.push_str("()"),
            Kind::Literal(Value::Bool(flag)) => self.put(flag),
            Kind::Literal(value) => self.constant(to_dynamic(value)),
            Kind::Level(level) => self.constant(Dynamic::from(LevelWord(*level))),
            Kind::Path(segments, presence) => self.path(node.span, None, segments, *presence),
            Kind::Member(base, segments, presence) => self.path(node.span, Some(base), segments, *presence),
            Kind::Not(operand) => self.call(node.span, "o_not", &[operand]),
            Kind::Negate(operand) => self.call(node.span, "o_neg", &[operand]),
            Kind::Binary(operator, left, right) => self.call(node.span, operator.function(), &[left, right]),
            Kind::All(parts) => self.joined(parts, " && "),
            Kind::Either(parts) => self.joined(parts, " || "),
            Kind::Coalesce(parts) => {
                self.text.push('(');
                self.list(parts, " ?? ");
                self.text.push(')');
            }
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.text.push_str("(if ");
                self.condition(condition);
                self.text.push_str(" { ");
                self.node(then);
                self.text.push_str(" } else { ");
                self.node(otherwise);
                self.text.push_str(" })");
            }
            Kind::Call(function, args) if function.name == "is_match" => self.is_match(node.span, function.name, args),
            Kind::Call(function, args) => {
                let args: Vec<&Node> = args.iter().collect();
                self.call(node.span, &functions::emitted(function.name), &args);
            }
            Kind::List(items) => {
                self.text.push('[');
                self.list(items, ", ");
                self.text.push(']');
            }
            Kind::Text(parts) => {
                self.line(node.span, "o_text");
                self.text.push('[');
                self.list(parts, ", ");
                self.text.push_str("])");
            }
            Kind::Map(members) => {
                self.line(node.span, "o_map");
                self.text.push('[');
                for (key, value) in members {
                    self.constant(key.as_str().into());
                    self.text.push(',');
                    self.node(value);
                    self.text.push(',');
                }
                self.text.push_str("])");
            }
        }
    }

    fn put(&mut self, shown: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{shown}");
    }

    fn constant(&mut self, value: Dynamic) {
        self.put(format_args!("c{}", self.constants.len()));
        self.constants.push(value);
    }

    fn line(&mut self, span: (usize, usize), function: &str) {
        self.lines.push(span);
        self.put(format_args!("\n{function}("));
    }

    fn list(&mut self, parts: &[Node], between: &str) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.text.push_str(between);
            }
            self.node(part);
        }
    }

    fn call(&mut self, span: (usize, usize), function: &str, args: &[&Node]) {
        self.line(span, function);
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.node(arg);
        }
        self.text.push(')');
    }

    fn joined(&mut self, parts: &[Node], between: &str) {
        self.text.push('(');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.text.push_str(between);
            }
            self.condition(part);
        }
        self.text.push(')');
    }

    fn condition(&mut self, node: &Node) {
        let sure = match &node.kind {
            Kind::Not(_) | Kind::All(_) | Kind::Either(_) => true,
            Kind::Binary(operator, ..) => operator.compares(),
            Kind::Call(function, _) => function.out == functions::Out::Bool,
            Kind::Literal(_)
            | Kind::Level(_)
            | Kind::Path(..)
            | Kind::Member(..)
            | Kind::Negate(_)
            | Kind::Coalesce(_)
            | Kind::If(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Text(_) => false,
        };
        if sure { self.node(node) } else { self.call(node.span, "o_bool", &[node]) }
    }

    /// Static names from the root on are one variable; what comes behind a computed index is looked up step by step.
    fn path(&mut self, span: (usize, usize), base: Option<&Node>, segments: &[Segment], presence: Presence) {
        let names = match base {
            Some(_) => Vec::new(),
            None => segments.iter().map_while(Segment::name).map(str::to_owned).collect::<Vec<_>>(),
        };
        let (known, rest) = segments.split_at(names.len());
        let at = if presence == Presence::Optional { "o_at_soft" } else { "o_at" };
        for _ in rest {
            self.line(span, at);
        }
        match base {
            Some(base) => self.node(base),
            None => self.slot(known.iter().filter_map(Segment::name).map(str::to_owned).collect(), presence),
        }
        for segment in rest {
            self.text.push_str(", ");
            match segment {
                Segment::Name(name) => self.constant(name.as_str().into()),
                Segment::At(index) => self.node(index),
            }
            self.text.push(')');
        }
    }

    fn slot(&mut self, path: Vec<String>, presence: Presence) {
        let slot = (path, presence);
        let index = self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        self.put(format_args!("p{index}"));
    }

    fn is_match(&mut self, span: (usize, usize), name: &str, args: &[Node]) {
        let [text, pattern] = args else {
            return self.call(span, &functions::emitted(name), &args.iter().collect::<Vec<_>>());
        };
        let written =
            if let Kind::Literal(Value::String(written)) = &pattern.kind { regex(written).ok() } else { None };
        let Some(compiled) = written else { return self.call(span, &functions::emitted(name), &[text, pattern]) };
        self.line(span, &functions::emitted(name));
        self.node(text);
        self.text.push_str(", ");
        self.constant(Dynamic::from(Pattern(Arc::new(compiled))));
        self.text.push(')');
    }
}
