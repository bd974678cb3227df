//! Scalars by their shape: words, numbers, lengths of time, names, expressions, templates.

use crate::base::arg::Landing;
use crate::base::ids::{BadName, Name, StepId};
use crate::base::span::{Span, parse_size};
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::decode::{Ctx, wanted};
use crate::lang::keys::syntax;
use crate::lang::yaml::{Core, Node, Scalar};
use crate::model::param::Param;
use crate::model::shape::{Shape, Syntax};
use crate::template::Template;

/// So many keys of a map are named.
const SHOWN_KEYS: usize = 6;

impl Ctx {
    pub(super) fn scalar(&mut self, node: &Node, scalar: &Scalar, shape: &Shape) -> Option<Param> {
        let core = scalar.core();
        if core == Core::Null {
            return self.nothing(node, shape);
        }
        let whole_template = scalar.text.starts_with("{{") && scalar.text.ends_with("}}");
        match shape {
            Shape::Text(landing) => self.landing(node, scalar, *landing).map(Param::Text),
            Shape::Any(_) | Shape::Literal | Shape::Prose => Some(text(scalar)),
            Shape::Expr => self.expr(node, scalar).map(Param::Expr),
            Shape::Int(..) | Shape::Number | Shape::Bool if whole_template && self.templated => {
                self.template(node, scalar, Landing::Plain).map(Param::Text)
            }
            Shape::Int(low, high) => self.int(node, scalar, *low, *high),
            Shape::Number => match core {
                Core::Int(_) | Core::Float(_) => Some(Param::Value(scalar.value())),
                Core::Null | Core::Bool(_) | Core::Text => self.mistyped(node, scalar, shape),
            },
            Shape::Bool => self.boolean(node, scalar),
            Shape::Steps | Shape::Step | Shape::List(_) | Shape::Map(_) | Shape::Record(_) => {
                self.mistyped(node, scalar, shape)
            }
            Shape::Many(inner) => Some(Param::List(vec![self.decode(node, inner)?])),
            Shape::Either(_) => self.mistyped(node, scalar, shape),
            Shape::Verbatim
            | Shape::Id
            | Shape::Name
            | Shape::Duration
            | Shape::Size
            | Shape::Choice(_)
            | Shape::Regex
            | Shape::Syntax(_) => self.verbatim(node, scalar, shape),
        }
    }

    /// A template; of a URL what is written of it has to be the beginning of one. What kinds of steps call is looked at
    /// where their steps are known.
    fn landing(&mut self, node: &Node, scalar: &Scalar, landing: Landing) -> Option<Template> {
        let template = self.template(node, scalar, landing)?;
        if landing == Landing::Url
            && !self.templated
            && let Err(bad) = syntax::begins_url(&template)
        {
            let message = format!("{bad} (at `{}`)", self.here());
            self.error(Code::BadUrl, node.spot, message);
            return None;
        }
        Some(template)
    }

    /// Texts that are taken as they stand: none may hold a template.
    fn verbatim(&mut self, node: &Node, scalar: &Scalar, shape: &Shape) -> Option<Param> {
        // Braces may stand in a pattern; where it then is none, a template was meant.
        let pattern = matches!(shape, Shape::Regex) && regex::Regex::new(&scalar.text).is_ok();
        if scalar.text.contains("{{") && !pattern {
            let message = format!("`{}` is not templated: it takes {} as it stands", self.here(), wanted(shape));
            let help = match self.path.split(['.', '[']).next().unwrap_or_default() {
                "sql" => "put the value into `params: [\"{{ … }}\"]` and write `?1` (PostgreSQL: `$1`) in its place",
                "script" => {
                    "put the value into `params: { name: \"{{ … }}\" }`; the script finds it in $PARAMS as JSON"
                }
                _ => "write the value itself",
            };
            self.error_help(Code::NotTemplated, node.spot, message, help);
            return None;
        }
        if matches!((shape, scalar.core()), (Shape::Name, Core::Bool(_))) {
            let message = format!("`{}` must be {}, not true or false", self.here(), wanted(shape));
            let help = format!("write the name; where `{0}` is one, quote it: `\"{0}\"`", scalar.text);
            self.error_help(Code::WrongType, node.spot, message, help);
            return None;
        }
        let failed = match shape {
            Shape::Id => StepId::parse(&scalar.text).err().map(|bad| name_trouble(&scalar.text, &bad)),
            Shape::Name => Name::parse(&scalar.text).err().map(|bad| name_trouble(&scalar.text, &bad)),
            Shape::Duration => match Span::parse(&scalar.text) {
                Ok(span) => return Some(Param::Value(span.millis().into())),
                Err(bad) => Some((Code::BadDuration, bad.to_string())),
            },
            Shape::Size => match parse_size(&scalar.text) {
                Ok(size) => return Some(Param::Value(size.into())),
                Err(bad) => Some((Code::BadSize, bad)),
            },
            Shape::Regex => regex::Regex::new(&scalar.text).err().map(|bad| (Code::BadPattern, regex_trouble(&bad))),
            Shape::Choice(words) => return self.choice(node, scalar, words),
            Shape::Syntax(Syntax { code, test, .. }) => test(&scalar.text).err().map(|bad| (*code, bad)),
            Shape::Verbatim
            | Shape::Text(_)
            | Shape::Prose
            | Shape::Int(..)
            | Shape::Number
            | Shape::Bool
            | Shape::Expr
            | Shape::List(_)
            | Shape::Many(_)
            | Shape::Map(_)
            | Shape::Record(_)
            | Shape::Either(_)
            | Shape::Any(_)
            | Shape::Literal
            | Shape::Steps
            | Shape::Step => None,
        };
        match failed {
            None => Some(text(scalar)),
            Some((code, message)) => {
                let message = format!("{message} (at `{}`)", self.here());
                // What is wrong with a regular expression is no help with names of files.
                let names = if let Shape::Syntax(syntax) = shape { Some(syntax) } else { None };
                match names.filter(|_| matches!(code, Code::BadPattern | Code::BadUrl | Code::BadAddress)) {
                    Some(names) => {
                        let help = format!("write {} like `{}`", names.name, names.example);
                        self.error_help(code, node.spot, message, help);
                    }
                    None => self.error(code, node.spot, message),
                }
                None
            }
        }
    }

    fn choice(&mut self, node: &Node, scalar: &Scalar, words: &'static [&'static str]) -> Option<Param> {
        if words.contains(&&*scalar.text) {
            return Some(text(scalar));
        }
        let message = format!("`{}` is none of the words for `{}`: {}", scalar.text, self.here(), words.join(", "));
        let finding = Diagnostic::error(Code::UnknownChoice, node.spot, message);
        self.findings.push(finding.help("write one of them").did_you_mean(&scalar.text, words.iter().copied()));
        None
    }

    fn int(&mut self, node: &Node, scalar: &Scalar, low: i64, high: i64) -> Option<Param> {
        match scalar.core() {
            Core::Int(int) if (low..=high).contains(&int) => Some(Param::Value(int.into())),
            Core::Int(_) => {
                let message =
                    format!("`{}` must be {}, not {}", self.here(), wanted(&Shape::Int(low, high)), scalar.text);
                self.error(Code::BadNumber, node.spot, message);
                None
            }
            Core::Null | Core::Bool(_) | Core::Float(_) | Core::Text => {
                self.mistyped(node, scalar, &Shape::Int(low, high))
            }
        }
    }

    fn boolean(&mut self, node: &Node, scalar: &Scalar) -> Option<Param> {
        match (scalar.core(), scalar.is_old_boolean()) {
            (Core::Bool(word), _) => Some(Param::Value(Value::Bool(word))),
            (_, Some(word)) => {
                let message = format!("`{}` is text, not a boolean, in YAML 1.2", scalar.text);
                self.error_help(Code::Yaml11Boolean, node.spot, message, format!("write `{word}`"));
                None
            }
            (Core::Null | Core::Int(_) | Core::Float(_) | Core::Text, None) => {
                self.mistyped(node, scalar, &Shape::Bool)
            }
        }
    }

    fn mistyped(&mut self, node: &Node, scalar: &Scalar, shape: &Shape) -> Option<Param> {
        let quoted = matches!(scalar.core(), Core::Text) && !scalar.text.contains('\n');
        let shown = if quoted { format!("the text `{}`", scalar.text) } else { node.is_a().into() };
        let finding = Diagnostic::error(
            Code::WrongType,
            node.spot,
            format!("`{}` must be {}, not {shown}", self.here(), wanted(shape)),
        );
        let number = matches!(shape, Shape::Int(..) | Shape::Number);
        let unquoted = quoted && number && scalar.text.trim().parse::<f64>().is_ok();
        self.findings.push(finding.help(if unquoted { "take the quotes away".into() } else { shown_as(shape) }));
        None
    }

    /// A key with nothing behind it: fine where nothing is a value, else its own message.
    fn nothing(&mut self, node: &Node, shape: &Shape) -> Option<Param> {
        if matches!(shape, Shape::Any(_) | Shape::Literal) {
            return Some(Param::Value(Value::Null));
        }
        if matches!(shape, Shape::Record(keys) if keys.iter().all(|key| !key.required)) {
            return Some(Param::Map(Vec::new()));
        }
        let message = format!("`{}` is empty: it must be {}", self.here(), wanted(shape));
        self.error_help(Code::WrongType, node.spot, message, format!("{}, or take the key out", shown_as(shape)));
        None
    }
}

/// How a value of that shape is written.
pub(super) fn shown_as(shape: &Shape) -> String {
    match shape {
        Shape::List(_) => "write a list: `[one, two]`, or a line `- one` for each".into(),
        Shape::Steps => "write a list of steps, each behind a `-`".into(),
        Shape::Int(..) | Shape::Number => "write the digits alone, as in `3`".into(),
        Shape::Bool => "write `true` or `false`".into(),
        Shape::Map(each) => format!("write a map: `{{ NAME: … }}`, {} for each name", wanted(each)),
        Shape::Step => "write a step: `{ id: NAME, shell: LINE }`".into(),
        Shape::Text(_) | Shape::Verbatim | Shape::Prose => {
            "write it as one text; quotes make a text of anything".into()
        }
        Shape::Many(each) => format!("write {}, or a list of them: `[one, two]`", wanted(each)),
        Shape::Record(keys) => {
            let required = keys.iter().filter(|key| key.required);
            let named: Vec<&str> =
                required.chain(keys.iter().filter(|key| !key.required)).map(|key| key.name).collect();
            let more = if named.len() > SHOWN_KEYS { " …" } else { "" };
            let keys = named.iter().take(SHOWN_KEYS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("write a map: `{{ {}: … }}`; its keys are {keys}{more}", named.first().unwrap_or(&"key"))
        }
        Shape::Id
        | Shape::Name
        | Shape::Duration
        | Shape::Size
        | Shape::Choice(_)
        | Shape::Regex
        | Shape::Expr
        | Shape::Either(_)
        | Shape::Any(_)
        | Shape::Literal
        | Shape::Syntax(_) => format!("write {}", wanted(shape)),
    }
}

fn text(scalar: &Scalar) -> Param {
    Param::Value(Value::String(scalar.text.to_string()))
}

pub(super) fn name_trouble(text: &str, bad: &BadName) -> (Code, String) {
    match bad {
        BadName::Keyword(_) => (Code::KeptWord, bad.to_string()),
        BadName::Empty => (Code::BadName, bad.to_string()),
        BadName::TooLong | BadName::Start(_) | BadName::Char(..) => {
            (Code::BadName, format!("`{text}` is not a name here: {bad}"))
        }
    }
}

/// The last line of the message: the first ones draw the pattern.
fn regex_trouble(error: &regex::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or("").trim().trim_start_matches("error: ");
    format!("the pattern does not parse: {reason}")
}
