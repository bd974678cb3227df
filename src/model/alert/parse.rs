//! From tokens to a [`Condition`]: what holds and what is a number are told apart here.

use super::scan::{Token, scan};
use super::trouble::Trouble;
use super::{At, Condition, Read, Sign, Value};
use crate::base::limits;
use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::model::measure::Op;

/// A condition or a number.
pub(super) enum Part {
    Holds(Condition, At),
    Number(Value),
}

pub(super) type Parsed<T> = Result<T, Trouble>;

/// The condition written as `text`.
pub(super) fn parse(text: &str) -> Parsed<Condition> {
    if text.len() > limits::MAX_EXPR {
        let message = format!("the condition has {} bytes, at most {} are read", text.len(), limits::MAX_EXPR);
        return Err(Trouble::new(Code::TooLarge, (0, text.len()), message).help("make several alerts of it"));
    }
    let mut parser = Parser { text, tokens: scan(text)?, next: 0, depth: 0, signs: 0 };
    if matches!(parser.peek(), Token::End) {
        return Err(Trouble::syntax((0, text.len()), "the condition is empty").help("write it like `cpu_used > 85`"));
    }
    let part = parser.either()?;
    match parser.peek() {
        Token::End => parser.condition(part),
        Token::Number(_) | Token::Word(_) | Token::Text(_) | Token::Sign(_) => Err(parser.unexpected("nothing more")),
    }
}

pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, At)>,
    pub(super) next: usize,
    /// Parentheses that are open.
    depth: usize,
    /// Arithmetic so far.
    signs: usize,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    /// Where the next token stands; at the end, the end.
    pub(super) fn at(&self) -> At {
        self.tokens.get(self.next).or(self.tokens.last()).map_or((0, 0), |(_, at)| *at)
    }

    pub(super) fn before(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |(_, at)| at.1)
    }

    /// Takes the first of these signs, if it is next.
    pub(super) fn sign(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        let Token::Sign(found) = self.peek() else { return None };
        let found = signs.iter().find(|sign| *sign == found).copied()?;
        self.next += 1;
        Some(found)
    }

    fn word(&mut self, words: &[&str]) -> bool {
        let found =
            matches!(self.peek(), Token::Word(word) if words.iter().any(|known| word.eq_ignore_ascii_case(known)));
        self.next += usize::from(found);
        found
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Trouble {
        let (from, to) = self.at();
        let shown = self.text.get(from..to).unwrap_or_default();
        let message = match self.peek() {
            Token::End => format!("the condition ends where {wanted} is expected"),
            Token::Sign("=") => "`=` compares nothing".to_owned(),
            Token::Number(_) | Token::Word(_) | Token::Text(_) | Token::Sign(_) => {
                format!("`{shown}` stands where {wanted} is expected")
            }
        };
        let trouble = Trouble::syntax((from, to), message);
        match self.peek() {
            Token::Sign("=") => trouble.help("equal is `==`"),
            Token::Sign("[") => trouble.help("a window stands inside a function: `avg(cpu_used, 5m)`"),
            Token::Word(word) if word == "unless" => trouble.help("write `and not (…)`"),
            Token::Word(word)
                if ["by", "without", "on", "ignoring", "group_left", "group_right"].contains(&word.as_str()) =>
            {
                trouble.help("each set of labels is judged by itself: nothing has to be said about them")
            }
            Token::Word(word) if word == "offset" => {
                trouble.help("samples are always the newest ones: there is no `offset`")
            }
            Token::Word(_) | Token::Number(_) | Token::Text(_) | Token::Sign(_) | Token::End => {
                trouble.help("write it like `cpu_used > 85` or `rate(errors_total, 5m) > 0.05`")
            }
        }
    }

    pub(super) fn expect(&mut self, sign: &'static str, wanted: &str) -> Parsed<()> {
        self.sign(&[sign]).map(|_| ()).ok_or_else(|| self.unexpected(wanted))
    }

    fn condition(&self, part: Part) -> Parsed<Condition> {
        match part {
            Part::Holds(condition, _) => Ok(condition),
            Part::Number(value) => {
                let (from, to) = value.at();
                let shown = self.text.get(from..to).unwrap_or_default();
                Err(Trouble::new(
                    Code::ExprType,
                    (from, to),
                    format!("`{shown}` is a number, a condition is needed here"),
                )
                .help(format!("compare it: `{shown} > 0`")))
            }
        }
    }

    fn number(&self, part: Part, beside: &str) -> Parsed<Value> {
        match part {
            Part::Number(value) => Ok(value),
            Part::Holds(_, (from, to)) => {
                let shown = self.text.get(from..to).unwrap_or_default();
                let message = format!("`{shown}` is a condition, `{beside}` needs a number");
                Err(Trouble::new(Code::ExprType, (from, to), message).help("join conditions with `and` and `or`"))
            }
        }
    }

    fn either(&mut self) -> Parsed<Part> {
        self.depth += 1;
        if self.depth > limits::MAX_ALERT_NESTING {
            let message = format!("parentheses go deeper than {}", limits::MAX_ALERT_NESTING);
            return Err(Trouble::new(Code::TooLarge, self.at(), message).help("make several alerts of it"));
        }
        let from = self.at().0;
        let first = self.all()?;
        let part = match self.peek() {
            Token::Sign("||") => true,
            Token::Word(word) => word.eq_ignore_ascii_case("or"),
            Token::Number(_) | Token::Text(_) | Token::Sign(_) | Token::End => false,
        };
        let part = if part {
            let mut parts = vec![self.condition(first)?];
            while self.word(&["or"]) || self.sign(&["||"]).is_some() {
                let next = self.all()?;
                parts.push(self.condition(next)?);
            }
            Part::Holds(Condition::Either(parts), (from, self.before()))
        } else {
            first
        };
        self.depth -= 1;
        Ok(part)
    }

    fn all(&mut self) -> Parsed<Part> {
        let from = self.at().0;
        let first = self.not()?;
        let joined = match self.peek() {
            Token::Sign("&&") => true,
            Token::Word(word) => word.eq_ignore_ascii_case("and"),
            Token::Number(_) | Token::Text(_) | Token::Sign(_) | Token::End => false,
        };
        if !joined {
            return Ok(first);
        }
        let mut parts = vec![self.condition(first)?];
        while self.word(&["and"]) || self.sign(&["&&"]).is_some() {
            let next = self.not()?;
            parts.push(self.condition(next)?);
        }
        Ok(Part::Holds(Condition::All(parts), (from, self.before())))
    }

    fn not(&mut self) -> Parsed<Part> {
        let from = self.at().0;
        let mut odd = false;
        let mut any = false;
        while self.word(&["not"]) || self.sign(&["!"]).is_some() {
            odd = !odd;
            any = true;
        }
        let part = self.comparison()?;
        if !any {
            return Ok(part);
        }
        let condition = self.condition(part)?;
        let condition = if odd { Condition::Not(Box::new(condition)) } else { condition };
        Ok(Part::Holds(condition, (from, self.before())))
    }

    fn comparison(&mut self) -> Parsed<Part> {
        const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];
        let from = self.at().0;
        let left = self.sum()?;
        let Some(sign) = self.sign(SIGNS) else { return Ok(left) };
        let left = self.number(left, sign)?;
        let right = self.sum()?;
        let right = self.number(right, sign)?;
        if let (Token::Sign(again), at) = (self.peek().clone(), self.at())
            && SIGNS.contains(&again)
        {
            return Err(Trouble::syntax(at, "a second comparison in a row").help("write `1 < x and x < 2`"));
        }
        let op = match sign {
            "==" => Op::Equal,
            "!=" => Op::NotEqual,
            "<=" => Op::AtMost,
            ">=" => Op::AtLeast,
            "<" => Op::Less,
            _ => Op::More,
        };
        let at = (from, self.before());
        Ok(Part::Holds(Condition::Compare { left, op, right, at }, at))
    }

    fn sum(&mut self) -> Parsed<Part> {
        self.reckoned(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Parsed<Part> {
        self.reckoned(&["*", "/"], Self::single)
    }

    fn reckoned(&mut self, signs: &[&'static str], part: fn(&mut Self) -> Parsed<Part>) -> Parsed<Part> {
        let from = self.at().0;
        let mut left = part(self)?;
        while let Some(sign) = self.sign(signs) {
            let a = self.number(left, sign)?;
            let right = part(self)?;
            let b = self.number(right, sign)?;
            self.signs += 1;
            if self.signs > limits::MAX_ALERT_SIGNS {
                let message = format!("more than {} signs of arithmetic in one condition", limits::MAX_ALERT_SIGNS);
                return Err(Trouble::new(Code::TooLarge, self.at(), message).help("measure the sum in a step"));
            }
            let sign = match sign {
                "+" => Sign::Plus,
                "-" => Sign::Minus,
                "*" => Sign::Times,
                _ => Sign::Over,
            };
            left = Part::Number(Value::Reckon(sign, Box::new(a), Box::new(b), (from, self.before())));
        }
        Ok(left)
    }

    fn single(&mut self) -> Parsed<Part> {
        let from = self.at().0;
        let mut minus = false;
        let mut signs = 0;
        while self.sign(&["-"]).is_some() {
            minus = !minus;
            signs += 1;
        }
        let part = self.plain()?;
        if signs == 0 {
            return Ok(part);
        }
        let value = self.number(part, "-")?;
        Ok(Part::Number(if minus { Value::Negate(Box::new(value), (from, self.before())) } else { value }))
    }

    fn plain(&mut self) -> Parsed<Part> {
        let at = self.at();
        match self.peek().clone() {
            Token::Number(text) => {
                self.next += 1;
                number(&text, at).map(Part::Number)
            }
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.either()?;
                self.expect(")", "`)`")?;
                let at = (at.0, self.before());
                Ok(match inner {
                    Part::Holds(condition, _) => Part::Holds(condition, at),
                    Part::Number(Value::Reckon(sign, a, b, _)) => Part::Number(Value::Reckon(sign, a, b, at)),
                    Part::Number(value) => Part::Number(value),
                })
            }
            Token::Word(word) => {
                self.next += 1;
                if self.sign(&["("]).is_some() {
                    return self.call(&word, at);
                }
                self.next -= 1;
                let of = self.selector("a measure")?;
                if matches!(self.peek(), Token::Sign("[")) {
                    return Err(self.unexpected("a comparison"));
                }
                let at = (at.0, self.before());
                Ok(Part::Number(Value::Read(Read {
                    function: None,
                    of,
                    window: None,
                    at,
                    window_at: at,
                    buckets: false,
                })))
            }
            Token::Text(_) | Token::Sign(_) | Token::End => Err(self.unexpected("a measure or a number")),
        }
    }
}

/// A number with the unit behind it: `85`, `90%`, `500ms`, `1h30m`.
fn number(text: &str, at: At) -> Parsed<Value> {
    let numeric = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    if let Some(value) = numeric(text) {
        return Ok(Value::Number { value, unit: None, at });
    }
    let letters = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (digits, unit) = text.split_at(letters);
    if let Some(value) = numeric(digits).filter(|_| !unit.contains(|c: char| c.is_ascii_digit())) {
        return Ok(Value::Number { value, unit: Some(unit.into()), at });
    }
    if let Ok(span) = Span::parse(text) {
        return Ok(Value::Number { value: span.secs_f64(), unit: Some("s".into()), at });
    }
    Err(Trouble::syntax(at, format!("`{text}` is no number")).help("write it like `85`, `0.05`, `90%` or `500ms`"))
}
