//! From a YAML node to a [`Param`], by its row in the tables of keys, saying everything that is wrong on the way.
//!
//! Knows shapes and nothing of what a runbook means: that is `lower`.

mod record;
mod scalar;
mod words;

use crate::base::arg::Landing;
use crate::base::ids::{BadName, Name, StepId};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::expr::Expr;
use crate::lang::mention::{Formula, Mention, TextSpot, finding};
use crate::lang::yaml::{Core, Node, NodeKind, Scalar, Style};
use crate::model::param::Param;
use crate::model::shape::Shape;
use crate::template::{Manner, Template};
pub(crate) use record::Fields;
use std::sync::Arc;
pub(crate) use words::wanted;

/// What was found while decoding, and where the decoder stands.
pub(crate) struct Ctx {
    /// The file.
    pub(crate) file: FileId,
    /// Its text.
    pub(crate) text: Arc<str>,
    /// What is wrong.
    pub(crate) findings: Diagnostics,
    /// Where expressions and templates stand.
    pub(crate) mentions: Vec<Mention>,
    /// The runbook being read.
    pub(crate) runbook: Option<Name>,
    /// The step being read.
    pub(crate) step: Option<StepId>,
    /// The key of the step or runbook being read.
    pub(crate) key: &'static str,
    /// The keys from there on.
    path: String,
    /// Whether numbers and booleans may be templates here (they may in what a kind does).
    pub(crate) templated: bool,
    /// Whether the step says `unsafe_raw: true`.
    pub(crate) raw: bool,
    /// Whether an element before this one of an argument vector is `--`.
    after_dashes: bool,
    /// Inputs of the runbook being read that are secrets.
    pub(crate) sealed: Vec<String>,
}

impl Ctx {
    /// Nothing found yet in this file.
    pub(crate) fn new(file: FileId, text: Arc<str>) -> Self {
        Self {
            file,
            text,
            findings: Diagnostics::default(),
            mentions: Vec::new(),
            runbook: None,
            step: None,
            key: "",
            path: String::new(),
            templated: false,
            raw: false,
            after_dashes: false,
            sealed: Vec::new(),
        }
    }

    /// Adds an error whose way out is the same wherever its code stands.
    pub(crate) fn error(&mut self, code: Code, spot: Spot, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, spot, message).help(words::way_out(code)));
    }

    /// Adds what is wrong with a name.
    pub(crate) fn bad_name(&mut self, spot: Spot, text: &str, bad: &BadName) {
        let (code, message) = scalar::name_trouble(text, bad);
        self.error(code, spot, message);
    }

    /// Adds an error with a way out.
    pub(crate) fn error_help(&mut self, code: Code, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, spot, message).help(help));
    }

    /// What `work` does, with the path one key longer; at the top the key is also the mention's key.
    pub(crate) fn under<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !key.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(key);
        let result = work(self);
        self.path.truncate(length);
        result
    }

    /// What `work` does, at a key of a step or of a runbook.
    pub(crate) fn at_key<T>(&mut self, key: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.key, key);
        let path = std::mem::take(&mut self.path);
        let result = self.under(key, work);
        self.key = outer;
        self.path = path;
        result
    }

    /// The keys that lead here, for a message: `retry.attempts`.
    pub(crate) fn here(&self) -> &str {
        if self.path.is_empty() { "this" } else { &self.path }
    }

    /// The decoded text's way back to the file.
    pub(crate) fn text_spot(&self, node: &Node, scalar: &Scalar) -> TextSpot {
        let begin = match scalar.style {
            Style::Plain => node.spot.start,
            Style::Single | Style::Double => node.spot.start + 1,
            Style::Literal | Style::Folded => {
                let rest = self.text.get(node.spot.start..).unwrap_or("");
                let header = rest.starts_with(['|', '>']);
                node.spot.start + if header { rest.find('\n').map_or(rest.len(), |line| line + 1) } else { 0 }
            }
        };
        TextSpot {
            whole: node.spot,
            file: Arc::clone(&self.text),
            decoded: Arc::clone(&scalar.text),
            begin,
            double: scalar.style == Style::Double,
        }
    }

    /// Compiles a template and notes where it stands.
    pub(crate) fn template(&mut self, node: &Node, scalar: &Scalar, landing: Landing) -> Option<Template> {
        let text = self.text_spot(node, scalar);
        let manner = Manner {
            landing,
            after_dashes: landing == Landing::Argv && !self.raw && self.after_dashes,
            raw_allowed: self.raw,
            sealed: &self.sealed,
        };
        match Template::compile_as(&scalar.text, &manner) {
            Ok(template) => {
                if scalar.text.contains("{{") {
                    self.mention(Formula::Template(template.clone()), text);
                }
                Some(template)
            }
            Err(problems) => {
                for problem in &problems {
                    self.findings.push(finding(problem, &text, true));
                }
                None
            }
        }
    }

    /// Compiles an expression and notes where it stands.
    pub(crate) fn expr(&mut self, node: &Node, scalar: &Scalar) -> Option<Expr> {
        let text = self.text_spot(node, scalar);
        match Expr::compile(&scalar.text) {
            Ok(expr) => {
                self.mention(Formula::Expr(expr.clone()), text);
                Some(expr)
            }
            Err(problems) => {
                for problem in &problems {
                    self.findings.push(finding(problem, &text, false));
                }
                None
            }
        }
    }

    fn mention(&mut self, what: Formula, text: TextSpot) {
        let (runbook, step) = (self.runbook.clone(), self.step.clone());
        self.mentions.push(Mention { runbook, step, key: self.key, path: self.path.clone(), what, text });
    }

    /// The node decoded by its shape; `None` when it is wrong, which has been said.
    pub(crate) fn decode(&mut self, node: &Node, shape: &Shape) -> Option<Param> {
        match (shape, &node.kind) {
            (Shape::Any(landing), _) => self.any(node, *landing),
            (Shape::Literal, _) => Some(Param::Value(node.value())),
            (Shape::Either(shapes), _) => self.either(node, shapes),
            (Shape::Many(shape), NodeKind::Seq(items, _)) => self.list(items, shape),
            (Shape::Many(shape), NodeKind::Scalar(_) | NodeKind::Map(..)) if !node.is_null() => {
                Some(Param::List(vec![self.decode(node, shape)?]))
            }
            (Shape::List(shape), NodeKind::Seq(items, _)) => self.list(items, shape),
            (Shape::Map(shape), NodeKind::Map(pairs, _)) => self.map(pairs, shape),
            (Shape::Record(keys), NodeKind::Map(..)) => self.record(node, keys, None).map(Fields::into_param),
            // Lists of steps and single steps are read by `lower`, which knows where their keys are.
            (Shape::Steps | Shape::Step, _) => Some(Param::Value(crate::base::value::Value::Null)),
            (_, NodeKind::Scalar(scalar)) => self.scalar(node, scalar, shape),
            (_, NodeKind::Seq(..) | NodeKind::Map(..)) => self.wrong_type(node, shape),
        }
    }

    fn list(&mut self, items: &[Node], shape: &Shape) -> Option<Param> {
        let mut good = true;
        let outer = std::mem::replace(&mut self.after_dashes, false);
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match self.under(&format!("[{index}]"), |ctx| ctx.decode(item, shape)) {
                Some(param) => list.push(param),
                None => good = false,
            }
            self.after_dashes |= item.name() == Some("--");
        }
        self.after_dashes = outer;
        good.then_some(Param::List(list))
    }

    fn map(&mut self, pairs: &[(Node, Node)], shape: &Shape) -> Option<Param> {
        let mut good = true;
        let mut map = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let name = key.name().unwrap_or_default();
            match self.under(name, |ctx| ctx.decode(value, shape)) {
                Some(param) => map.push((name.to_owned(), param)),
                None => good = false,
            }
        }
        good.then_some(Param::Map(map))
    }

    /// Any YAML whose texts are templates.
    fn any(&mut self, node: &Node, landing: Landing) -> Option<Param> {
        match &node.kind {
            NodeKind::Seq(items, _) => self.list(items, &Shape::Any(landing)),
            NodeKind::Map(pairs, _) => self.map(pairs, &Shape::Any(landing)),
            NodeKind::Scalar(scalar) if scalar.text.contains("{{") => {
                self.template(node, scalar, landing).map(Param::Text)
            }
            NodeKind::Scalar(scalar) => Some(Param::Value(scalar.value())),
        }
    }

    /// The first shape that fits the node's kind; among scalars, the one whose form it has.
    fn either(&mut self, node: &Node, shapes: &'static [Shape]) -> Option<Param> {
        let fitting: Vec<&Shape> = shapes.iter().filter(|shape| words::fits(shape, node)).collect();
        let exact = node.scalar().and_then(|scalar| {
            let core = scalar.core();
            let by_form = fitting.iter().find(|shape| {
                (matches!(shape, Shape::Bool) && (matches!(core, Core::Bool(_)) || scalar.is_old_boolean().is_some()))
                    || (matches!(shape, Shape::Int(..)) && matches!(core, Core::Int(_)))
                    || (matches!(shape, Shape::Number) && matches!(core, Core::Int(_) | Core::Float(_)))
            });
            let texts = || fitting.iter().find(|shape| !matches!(shape, Shape::Bool | Shape::Int(..) | Shape::Number));
            by_form.or_else(texts)
        });
        match exact.or(fitting.first()) {
            Some(shape) => self.decode(node, shape),
            None => self.wrong_type(node, &Shape::Either(shapes)),
        }
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape) -> Option<Param> {
        let message = format!("`{}` must be {}, not {}", self.here(), wanted(shape), node.is_a());
        let help = match (self.path.as_str(), &node.kind) {
            ("wait.until", NodeKind::Map(..)) => {
                "`until` is an instant; until a step is good is `probe`: `wait: { probe: { shell: … } }`".to_owned()
            }
            _ => scalar::shown_as(shape),
        };
        self.error_help(Code::WrongType, node.spot, message, help);
        None
    }
}
