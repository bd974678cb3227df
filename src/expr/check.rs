//! Whether an expression makes sense where the names have these types.

use crate::base::level::Level;
use crate::base::value::Value;
use crate::expr::functions::{Function, Out, Param};
use crate::expr::kind::{Type, Types, below, reach};
use crate::expr::node::{Kind, Node, Operator, Presence, Segment};
use crate::expr::problem::{Problem, ProblemKind};
use crate::expr::reads::{is_asked, questions};

/// What is wrong with the expression and the type it has.
pub(super) fn check(root: &Node, source: &str, types: &Types) -> (Type, Vec<Problem>) {
    let mut checker = Checker { source, types, asked: Vec::new(), problems: Vec::new() };
    let kind = checker.node(root);
    (kind, checker.problems)
}

/// The problem of an expression whose type is not the one its place asks for.
pub(super) fn unfit(root: &Node, source: &str, have: &Type, want: &Type) -> Option<Problem> {
    if is_null(root) || have.fits(want) || (*want == Type::Level && level_text(root).is_some()) {
        return None;
    }
    let part = source.get(root.span.0..root.span.1).unwrap_or(source).trim();
    let condition = *want.present() == Type::Bool;
    let text = if condition {
        format!("`{part}` is {have}, a condition must be true or false")
    } else {
        format!("`{part}` is {have}, here {want} is needed")
    };
    let problem = Problem::new(ProblemKind::Type, root.span, text);
    let help =
        if condition { "compare it with something: `… == 0`, `… != \"\"`" } else { "write a value of that kind" };
    Some(problem.help(help))
}

struct Checker<'a> {
    source: &'a str,
    types: &'a Types,
    asked: Vec<Vec<String>>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Type {
        match &node.kind {
            Kind::Literal(Value::Null | Value::Array(_) | Value::Object(_)) => Type::Any,
            Kind::Literal(Value::Bool(_)) => Type::Bool,
            Kind::Literal(Value::Number(number)) if number.is_f64() => Type::Number,
            Kind::Literal(Value::Number(_)) => Type::Int,
            Kind::Literal(Value::String(_)) | Kind::Text(_) => {
                self.all(node.children());
                Type::Text
            }
            Kind::Level(_) => Type::Level,
            Kind::Path(segments, presence) => self.path(node, segments, *presence),
            Kind::Member(base, segments, _) => self.member(node, base, segments),
            Kind::Not(operand) => {
                self.condition(operand);
                Type::Bool
            }
            Kind::Negate(operand) => self.number(operand, "-"),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::All(parts) | Kind::Either(parts) => {
                let before = self.asked.len();
                for part in parts {
                    self.condition(part);
                    questions(part, &mut self.asked);
                }
                self.asked.truncate(before);
                Type::Bool
            }
            Kind::Coalesce(parts) => {
                let kinds: Vec<Type> = parts.iter().map(|part| self.node(part)).collect();
                kinds.into_iter().reduce(|all, kind| all.join(&kind)).unwrap_or(Type::Any)
            }
            Kind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let before = self.asked.len();
                self.condition(condition);
                questions(condition, &mut self.asked);
                let kind = self.node(then).join(&self.node(otherwise));
                self.asked.truncate(before);
                kind
            }
            Kind::Call(function, args) => self.call(function, args),
            Kind::List(items) => {
                let kinds: Vec<Type> = items.iter().map(|item| self.node(item)).collect();
                let of = kinds.into_iter().reduce(|all, kind| all.join(&kind)).unwrap_or(Type::Any);
                Type::List(Box::new(of))
            }
            Kind::Map(members) => Type::record(members.iter().map(|(key, value)| (key.clone(), self.node(value)))),
        }
    }

    fn all(&mut self, nodes: Vec<&Node>) {
        for node in nodes {
            self.node(node);
        }
    }

    fn problem(&mut self, kind: ProblemKind, node: &Node, text: String) -> &mut Problem {
        self.problems.push(Problem::new(kind, node.span, text));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn shown(&self, node: &Node) -> String {
        self.source.get(node.span.0..node.span.1).unwrap_or_default().trim().to_owned()
    }

    fn path(&mut self, node: &Node, segments: &[Segment], presence: Presence) -> Type {
        self.all(node.children());
        let path: Vec<String> = segments.iter().map(Segment::shown).collect();
        match reach(self.types, &path, node.span) {
            Ok(reached) => {
                let guarded = presence == Presence::Optional || is_asked(&self.asked, &path);
                if let (Some(why), false) = (reached.maybe, guarded) {
                    let shown = self.shown(node);
                    let problem =
                        self.problem(ProblemKind::Unguarded, node, format!("`{shown}` may be missing: {why}"));
                    problem.help = Some(guard(&path, &shown));
                }
                reached.kind
            }
            Err(problem) => {
                self.problems.push(problem);
                Type::Any
            }
        }
    }

    fn member(&mut self, node: &Node, base: &Node, segments: &[Segment]) -> Type {
        let kind = self.node(base);
        self.all(node.children().into_iter().skip(1).collect());
        let path: Vec<String> = segments.iter().map(Segment::shown).collect();
        match below(kind.present(), &path) {
            Ok(reached) => reached.kind,
            Err((at, lacking)) => {
                let text = format!("`{}` is {lacking} and has no `{}`", self.shown(base), path[at]);
                self.problem(ProblemKind::Field, node, text);
                Type::Any
            }
        }
    }

    fn condition(&mut self, node: &Node) {
        let kind = self.node(node);
        if let Some(problem) = unfit(node, self.source, &kind, &Type::Bool) {
            self.problems.push(problem);
        }
    }

    fn number(&mut self, node: &Node, sign: &str) -> Type {
        let kind = self.node(node);
        self.numeric(node, kind, sign)
    }

    /// A node whose type is known must be a number. No node is looked at twice: a chain of them would double the work.
    fn numeric(&mut self, node: &Node, kind: Type, sign: &str) -> Type {
        if kind.fits(&Type::Number) && !is_null(node) {
            return kind;
        }
        let text = format!("`{sign}` needs numbers, `{}` is {}", self.shown(node), said(node, &kind));
        let problem = self.problem(ProblemKind::Type, node, text);
        problem.help = (kind == Type::Text).then(|| "`to_int(…)` or `to_float(…)` makes a number of text".into());
        Type::Any
    }

    fn binary(&mut self, node: &Node, operator: Operator, left: &Node, right: &Node) -> Type {
        if operator.compares() {
            let (a, b) = (self.node(left), self.node(right));
            self.comparison(node, operator, (left, &a), (right, &b));
            return Type::Bool;
        }
        let sign = operator.as_str();
        let (a, b) = (self.node(left), self.node(right));
        if operator == Operator::Add {
            match (a.present(), b.present()) {
                (Type::Text, _) | (_, Type::Text) => return Type::Text,
                (Type::List(_), Type::List(_)) => return a.join(&b),
                (Type::Any, _) | (_, Type::Any) => return Type::Any,
                _ => {}
            }
        }
        let (a, b) = (self.numeric(left, a, sign), self.numeric(right, b, sign));
        a.join(&b)
    }

    fn comparison(&mut self, node: &Node, operator: Operator, left: (&Node, &Type), right: (&Node, &Type)) {
        for (side, other) in [(left, right), (right, left)] {
            if let (Type::Level, Some(word)) = (side.1.present(), written_text(other.0))
                && Level::parse(word).is_none()
            {
                let text = format!("`\"{word}\"` is not a level");
                let known = Level::ALL.map(Level::as_str);
                let problem = Problem::new(ProblemKind::Type, other.0.span, text).did_you_mean(word, known);
                self.problems.push(
                    problem
                        .clone()
                        .help(problem.help.unwrap_or_else(|| "the levels are ok, notice, warning, critical".into())),
                );
                return;
            }
        }
        let (a, b) = (left.1.present(), right.1.present());
        let fits = match (a, b) {
            (Type::Any, _) | (_, Type::Any) => is_orderable(operator, left) && is_orderable(operator, right),
            (Type::Level | Type::Text, Type::Text | Type::Level)
            | (Type::Int | Type::Number, Type::Int | Type::Number) => true,
            (a, b) => operator.equates() && (a.fits(b) || b.fits(a)),
        };
        if fits {
            return;
        }
        let text = format!(
            "`{}` is {} and `{}` is {}: `{}` cannot compare them",
            self.shown(left.0),
            said(left.0, a),
            self.shown(right.0),
            said(right.0, b),
            operator.as_str(),
        );
        let mixed = matches!((a, b), (Type::Text, Type::Int | Type::Number) | (Type::Int | Type::Number, Type::Text));
        let problem = self.problem(ProblemKind::Type, node, text);
        problem.help = mixed.then(|| "`to_int(…)` or `to_float(…)` makes a number of text".into());
    }

    fn call(&mut self, function: &Function, args: &[Node]) -> Type {
        let kinds: Vec<Type> = args.iter().map(|arg| self.node(arg)).collect();
        for ((arg, kind), param) in args.iter().zip(&kinds).zip(function.params) {
            if !takes(*param, kind) || (is_null(arg) && *param != Param::Any) {
                let text = format!(
                    "`{}` takes {} here, `{}` is {}",
                    function.name,
                    wanted(*param),
                    self.shown(arg),
                    said(arg, kind)
                );
                self.problem(ProblemKind::Type, arg, text).help =
                    Some(format!("`{}`: {}", function.name, function.about));
            }
        }
        let first = kinds.first().cloned().unwrap_or(Type::Any);
        match function.out {
            Out::Bool => Type::Bool,
            Out::Int => Type::Int,
            Out::Number if function.name == "round" && args.len() == 1 => Type::Int,
            Out::Number => match (function.name, first.present()) {
                ("sum", Type::List(of)) if **of == Type::Int => Type::Int,
                _ => Type::Number,
            },
            Out::Text => Type::Text,
            Out::Texts => Type::List(Box::new(Type::Text)),
            Out::List => Type::List(Box::new(Type::Any)),
            Out::Same => first,
            Out::Item => match (first.present(), kinds.get(1)) {
                (Type::List(of), None) => (**of).clone(),
                (one, Some(other)) => one.join(other),
                (_, None) => Type::Any,
            },
        }
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.kind, Kind::Literal(Value::Null))
}

fn said(node: &Node, kind: &Type) -> String {
    if is_null(node) { "`()`".into() } else { kind.to_string() }
}

fn written_text(node: &Node) -> Option<&str> {
    if let Kind::Literal(Value::String(text)) = &node.kind { Some(text) } else { None }
}

fn level_text(node: &Node) -> Option<Level> {
    written_text(node).and_then(Level::parse)
}

fn is_orderable(operator: Operator, (node, kind): (&Node, &Type)) -> bool {
    operator.equates() || (!is_null(node) && kind.is_scalar() && *kind.present() != Type::Bool)
}

fn takes(param: Param, kind: &Type) -> bool {
    let kind = kind.present();
    match param {
        Param::Any => true,
        Param::Text => kind.fits(&Type::Text),
        Param::Number => kind.fits(&Type::Number),
        Param::Int => kind.fits(&Type::Int),
        Param::List => matches!(kind, Type::Any | Type::List(_)),
        Param::Map => matches!(kind, Type::Any | Type::Map(_) | Type::Record(_)),
        Param::Holder => {
            matches!(kind, Type::Any | Type::Text | Type::Level | Type::List(_) | Type::Map(_) | Type::Record(_))
        }
    }
}

fn wanted(param: Param) -> &'static str {
    match param {
        Param::Any => "anything",
        Param::Text => "text",
        Param::Number => "a number",
        Param::Int => "an integer",
        Param::List => "a list",
        Param::Map => "a map",
        Param::Holder => "text, a list or a map",
    }
}

fn guard(path: &[String], shown: &str) -> String {
    match path {
        [steps, step, error, ..] if steps == "steps" && error == "error" => {
            format!("write `steps.{step}.failed && …` before it, or `{shown} ?? …`")
        }
        [steps, step, ..] if steps == "steps" => format!("write `steps.{step}.ok && …` before it, or `{shown} ?? …`"),
        _ => format!("write `{shown} ?? …`, or `{shown} != () && …`"),
    }
}
