//! From text to [`Node`]s: rhai parses, this walks its tree and refuses what the language leaves out.

#![expect(clippy::wildcard_enum_match_arm, reason = "the tree and the errors of rhai are open enums of another crate")]

use crate::base::level::Level;
use crate::base::limits;
use crate::base::value::Value;
use crate::expr::engine::reader;
use crate::expr::functions;
use crate::expr::node::{Kind, Node, Operator, Presence, Segment};
use crate::expr::offsets::Offsets;
use crate::expr::problem::{Problem, ProblemKind};
use crate::expr::syntax;
use rhai::{FnCallExpr, Position, Stmt, StmtBlock};

type Parsed = Result<Node, Problem>;

/// The expression written as `source`.
///
/// # Errors
/// The first thing wrong with it.
pub(super) fn parse(source: &str) -> Parsed {
    let whole = (0, source.len());
    if source.len() > limits::MAX_EXPR {
        let text = format!("the expression has {} bytes, at most {} are read", source.len(), limits::MAX_EXPR);
        return Err(Problem::new(ProblemKind::Limit, whole, text).help("compute parts of it in `vars:`"));
    }
    if source.trim().is_empty() {
        return Err(Problem::new(ProblemKind::Syntax, whole, "the expression is empty"));
    }
    // rhai ends a line with it in comments and nowhere else, so that no place behind it could be told.
    let lone = |at: &usize| !source[at + 1..].starts_with('\n');
    if let Some(at) = source.match_indices('\r').map(|(at, _)| at).find(lone) {
        let problem = Problem::new(ProblemKind::Syntax, (at, at + 1), "a carriage return does not belong here");
        return Err(problem.help("end the line as all others end; in a text it is written `\\r`"));
    }
    let offsets = Offsets::new(source);
    let tree = reader().compile_expression(source).map_err(|error| syntax::problem(&error, &offsets))?;
    let [Stmt::Expr(root)] = tree.statements() else {
        return Err(Problem::new(ProblemKind::Syntax, whole, "this is no expression"));
    };
    Parser { offsets: &offsets }.node(root, 0)
}

struct Parser<'a> {
    offsets: &'a Offsets<'a>,
}

/// One step of a chain `a.b[c].d()`.
enum Link<'t> {
    Field(&'t str, Position),
    At(&'t rhai::Expr),
    Call(&'t FnCallExpr, Position),
}

impl Parser<'_> {
    fn node(&self, tree: &rhai::Expr, depth: usize) -> Parsed {
        let start = self.offsets.at(tree.start_position());
        if depth > limits::MAX_EXPR_NESTING {
            return Err(syntax::too_deep((start, self.offsets.end_of_token(start))));
        }
        let token = (start, self.offsets.end_of_token(start));
        let literal = |value: Value| Ok(Node { kind: Kind::Literal(value), span: token });
        match tree {
            rhai::Expr::BoolConstant(flag, _) => literal(Value::Bool(*flag)),
            rhai::Expr::IntegerConstant(int, _) => literal(Value::from(*int)),
            rhai::Expr::FloatConstant(float, _) => match serde_json::Number::from_f64(**float) {
                Some(number) => literal(Value::Number(number)),
                None => Err(syntax::left_out(token, "a number that is not finite", None)),
            },
            rhai::Expr::CharConstant(character, _) => literal(Value::String(character.to_string())),
            rhai::Expr::StringConstant(text, _) => literal(Value::String(text.to_string())),
            rhai::Expr::Unit(_) => {
                Ok(Node { kind: Kind::Literal(Value::Null), span: (start, self.offsets.end_after(start, ')')) })
            }
            rhai::Expr::Variable(name, ..) => Self::variable(name, token),
            rhai::Expr::Dot(..) | rhai::Expr::Index(..) => self.chain(tree, depth),
            rhai::Expr::FnCall(call, position) => self.call(call, *position, Vec::new(), depth),
            rhai::Expr::And(parts, _) => Ok(spanned(self.nodes(&parts[..], depth)?, Kind::All)),
            rhai::Expr::Or(parts, _) => Ok(spanned(self.nodes(&parts[..], depth)?, Kind::Either)),
            rhai::Expr::Coalesce(parts, _) => self.coalesce(&parts[..], depth),
            rhai::Expr::InterpolatedString(parts, _) => {
                let parts = self.nodes(parts, depth)?;
                let end = parts.last().map_or(start, |last| last.span.1);
                Ok(Node { kind: Kind::Text(parts), span: (start, self.offsets.end_after(end, '`')) })
            }
            rhai::Expr::Array(items, _) => {
                let items = self.nodes(items, depth)?;
                let end = items.last().map_or(start, |last| last.span.1);
                Ok(Node { kind: Kind::List(items), span: (start, self.offsets.end_after(end, ']')) })
            }
            rhai::Expr::Map(members, _) => {
                let named =
                    members.0.iter().map(|(key, value)| Ok((key.name.to_string(), self.node(value, depth + 1)?)));
                let members = named.collect::<Result<Vec<_>, Problem>>()?;
                let end = members.last().map_or(start, |(_, last)| last.span.1);
                Ok(Node { kind: Kind::Map(members), span: (start, self.offsets.end_after(end, '}')) })
            }
            rhai::Expr::Stmt(block) => self.block(block, start, depth),
            _ => Err(syntax::left_out(token, "this", None)),
        }
    }

    fn nodes<'t>(&self, trees: impl IntoIterator<Item = &'t rhai::Expr>, depth: usize) -> Result<Vec<Node>, Problem> {
        trees.into_iter().map(|tree| self.node(tree, depth + 1)).collect()
    }

    fn variable(name: &VariableName, span: (usize, usize)) -> Parsed {
        if !name.2.is_empty() {
            return Err(syntax::left_out(span, "`::`", Some("fields are read with `.`")));
        }
        let word = name.1.as_str();
        let kind = match (Level::parse(word), word) {
            (Some(level), _) => Kind::Level(level),
            (None, "null") => Kind::Literal(Value::Null),
            (None, _) => Kind::Path(vec![Segment::Name(word.into())], Presence::Required),
        };
        Ok(Node { kind, span })
    }

    fn chain(&self, tree: &rhai::Expr, depth: usize) -> Parsed {
        let mut links = Vec::new();
        let mut presence = Presence::Required;
        let base = unroll(tree, &mut links, &mut presence);
        let mut node = self.node(base, depth + 1)?;
        for link in links {
            node = match link {
                Link::Field(name, position) => {
                    let end = self.offsets.end_of_token(self.offsets.at(position));
                    below(node, Segment::Name(name.into()), end, presence)
                }
                Link::At(index) => {
                    let index = self.node(index, depth + 1)?;
                    let end = self.offsets.end_after(index.span.1, ']');
                    let segment = match index.kind {
                        Kind::Literal(Value::String(name)) => Segment::Name(name),
                        Kind::Literal(Value::Number(number)) if number.is_i64() => Segment::Name(number.to_string()),
                        _ => Segment::At(Box::new(index)),
                    };
                    below(node, segment, end, presence)
                }
                Link::Call(call, position) => self.call(call, position, vec![node], depth)?,
            };
        }
        Ok(node)
    }

    fn coalesce(&self, trees: &[rhai::Expr], depth: usize) -> Parsed {
        let mut parts = self.nodes(trees, depth)?;
        let last = parts.len().saturating_sub(1);
        parts[..last].iter_mut().for_each(Node::soften);
        Ok(spanned(parts, Kind::Coalesce))
    }

    fn call(&self, call: &FnCallExpr, position: Position, receiver: Vec<Node>, depth: usize) -> Parsed {
        let at = self.offsets.at(position);
        let mut args = receiver;
        args.extend(self.nodes(&call.args[..], depth)?);
        let name = call.name.as_str();
        if call.op_token.is_some() {
            return Self::operator(name, at, args);
        }
        let word = self.offsets.source().get(at..).unwrap_or_default();
        // rhai has already turned `x in y` into `contains(y, x)`.
        let infix = name == "contains" && !word.starts_with("contains");
        let first = args.iter().map(|arg| arg.span.0).min().unwrap_or(at).min(at);
        let last = args.iter().map(|arg| arg.span.1).max().unwrap_or(at);
        let end = if infix { last } else { self.offsets.end_after(last.max(self.offsets.end_of_token(at)), ')') };
        let span = (first, end);
        let place = (at, self.offsets.end_of_token(at));
        if call.capture_parent_scope || call.is_qualified() {
            return Err(syntax::left_out(place, "a call of this form", None));
        }
        let Some(function) = functions::find(name) else {
            return Err(syntax::unknown_function(name, place));
        };
        if !(function.least..=function.params.len()).contains(&args.len()) {
            return Err(syntax::wrong_count(function, args.len(), span));
        }
        if function.name == "is_match" {
            check_pattern(&args[1])?;
        }
        Ok(Node { kind: Kind::Call(function, args), span })
    }

    fn operator(sign: &str, at: usize, mut args: Vec<Node>) -> Parsed {
        let place = (at, at + sign.len());
        if args.len() == 1 {
            let Some(operand) = args.pop() else { return Err(syntax::left_out(place, sign, None)) };
            let span = (at.min(operand.span.0), operand.span.1);
            return match sign {
                "!" => Ok(Node { kind: Kind::Not(Box::new(operand)), span }),
                "-" => Ok(Node { kind: Kind::Negate(Box::new(operand)), span }),
                "+" => Ok(operand),
                _ => Err(syntax::left_out(place, &format!("`{sign}`"), None)),
            };
        }
        let (Some(mut right), Some(mut left)) = (args.pop(), args.pop()) else {
            return Err(syntax::left_out(place, &format!("`{sign}`"), None));
        };
        let Some(operator) = Operator::ALL.into_iter().find(|operator| operator.as_str() == sign) else {
            return Err(syntax::unknown_operator(sign, place));
        };
        if operator.equates() {
            // `x == ()` asks whether x is there, so x may be missing.
            let asks = |node: &Node| matches!(node.kind, Kind::Literal(Value::Null));
            let (left_asks, right_asks) = (asks(&left), asks(&right));
            if right_asks {
                left.soften();
            }
            if left_asks {
                right.soften();
            }
        }
        let span = (left.span.0, right.span.1);
        Ok(Node { kind: Kind::Binary(operator, Box::new(left), Box::new(right)), span })
    }

    fn block(&self, block: &StmtBlock, start: usize, depth: usize) -> Parsed {
        let span = (start, self.offsets.end_of_token(start));
        match block.statements() {
            [Stmt::Expr(inner)] => self.node(inner, depth + 1),
            [Stmt::FnCall(call, position)] => self.call(call, *position, Vec::new(), depth + 1),
            [Stmt::If(parts, position)] => {
                let at = self.offsets.at(*position);
                if parts.branch.is_empty() {
                    return Err(syntax::no_else((at, at + 2)));
                }
                let condition = self.node(&parts.expr, depth + 1)?;
                let then = self.block(&parts.body, condition.span.1, depth + 1)?;
                let otherwise = self.block(&parts.branch, then.span.1, depth + 1)?;
                let end = self.offsets.end_after(otherwise.span.1, '}').max(otherwise.span.1);
                Ok(Node { kind: Kind::If(Box::new([condition, then, otherwise])), span: (at, end) })
            }
            [] => Err(syntax::left_out(span, "an empty block", None)),
            _ => Err(syntax::left_out(span, "a statement", Some("an expression has one value and no statements"))),
        }
    }
}

/// What rhai keeps for a variable: an index, the name, its namespace and a hash.
type VariableName = (Option<std::num::NonZeroUsize>, rhai::ImmutableString, rhai::Namespace, u64);

fn spanned(parts: Vec<Node>, kind: fn(Vec<Node>) -> Kind) -> Node {
    let start = parts.first().map_or(0, |first| first.span.0);
    let end = parts.last().map_or(start, |last| last.span.1);
    Node { kind: kind(parts), span: (start, end) }
}

/// One step below a node: longer, if it is a path already.
fn below(mut node: Node, segment: Segment, end: usize, presence: Presence) -> Node {
    let span = (node.span.0, end);
    match &mut node.kind {
        Kind::Path(segments, soft) | Kind::Member(_, segments, soft) => {
            segments.push(segment);
            *soft = presence.max(*soft);
            node.span = span;
            node
        }
        _ => Node { kind: Kind::Member(Box::new(node), vec![segment], presence), span },
    }
}

/// The start of a chain; its links go to `links`, outermost last. rhai nests them to the right.
fn unroll<'t>(tree: &'t rhai::Expr, links: &mut Vec<Link<'t>>, presence: &mut Presence) -> &'t rhai::Expr {
    match tree {
        rhai::Expr::Dot(pair, flags, _) => {
            note(*flags, presence);
            let base = unroll(&pair.lhs, links, presence);
            follow(&pair.rhs, links, presence);
            base
        }
        rhai::Expr::Index(pair, flags, _) => {
            note(*flags, presence);
            let base = unroll(&pair.lhs, links, presence);
            index(&pair.rhs, *flags, links, presence);
            base
        }
        base => base,
    }
}

fn note(flags: rhai::ASTFlags, presence: &mut Presence) {
    if flags.contains(rhai::ASTFlags::NEGATED) {
        *presence = Presence::Optional;
    }
}

fn follow<'t>(tree: &'t rhai::Expr, links: &mut Vec<Link<'t>>, presence: &mut Presence) {
    match tree {
        rhai::Expr::Property(names, position) => links.push(Link::Field(names.2.as_str(), *position)),
        rhai::Expr::MethodCall(call, position) => links.push(Link::Call(call, *position)),
        rhai::Expr::Dot(pair, flags, _) => {
            note(*flags, presence);
            follow(&pair.lhs, links, presence);
            follow(&pair.rhs, links, presence);
        }
        rhai::Expr::Index(pair, flags, _) => {
            note(*flags, presence);
            follow(&pair.lhs, links, presence);
            index(&pair.rhs, *flags, links, presence);
        }
        other => links.push(Link::At(other)),
    }
}

/// The part right of `[`: the index alone where the chain ends, else the index and what follows it.
fn index<'t>(tree: &'t rhai::Expr, flags: rhai::ASTFlags, links: &mut Vec<Link<'t>>, presence: &mut Presence) {
    match tree {
        rhai::Expr::Dot(pair, flags_below, _) if !flags.contains(rhai::ASTFlags::BREAK) => {
            note(*flags_below, presence);
            links.push(Link::At(&pair.lhs));
            follow(&pair.rhs, links, presence);
        }
        rhai::Expr::Index(pair, flags_below, _) if !flags.contains(rhai::ASTFlags::BREAK) => {
            note(*flags_below, presence);
            links.push(Link::At(&pair.lhs));
            index(&pair.rhs, *flags_below, links, presence);
        }
        alone => links.push(Link::At(alone)),
    }
}

fn check_pattern(pattern: &Node) -> Result<(), Problem> {
    match &pattern.kind {
        Kind::Literal(Value::String(text)) => crate::expr::functions_text::regex(text)
            .map(|_| ())
            .map_err(|why| Problem::new(ProblemKind::Syntax, pattern.span, why)),
        _ => Ok(()),
    }
}
