//! Measures, what their labels must be, and the functions over them.

use super::function::{self, FUNCTIONS, Row};
use super::parse::{Parsed, Parser, Part};
use super::scan::Token;
use super::selector::{Match, Selector};
use super::trouble::Trouble;
use super::{At, Condition, Function, Read, Value};
use crate::base::ids::StepId;
use crate::base::span::Span;
use crate::diagnostic::Code;

impl Parser<'_> {
    /// What stands behind `name(`.
    pub(super) fn call(&mut self, name: &str, at: At) -> Parsed<Part> {
        let row = known(name, at)?;
        let inner = self.at();
        let of = self.selector("a measure")?;
        if let Token::Sign("(") = self.peek() {
            return Err(Trouble::syntax(
                inner,
                format!("`{name}` takes a measure, not what `{}` makes of one", of.measure),
            )
            .help("each set of labels is judged by itself: sums over them are not needed"));
        }
        let (window, window_at) = self.window()?;
        self.expect(")", if window.is_some() { "`)`" } else { "a window or `)`" })?;
        let at = (at.0, self.before());
        if row.window && window.is_none() {
            return Err(Trouble::syntax(at, format!("`{name}` needs a window"))
                .help(format!("say over how long: `{name}({}, 5m)`", of.measure)));
        }
        let read = Read { function: Some(row.function), of, window, at, window_at, buckets: false };
        Ok(match row.function {
            Function::Absent => Part::Holds(Condition::Absent(read), at),
            Function::Rate
            | Function::Increase
            | Function::Avg
            | Function::Min
            | Function::Max
            | Function::Sum
            | Function::Count
            | Function::Median
            | Function::P95
            | Function::P99
            | Function::Last => Part::Number(Value::Read(read)),
        })
    }

    /// `, 5m`, or `[5m]` as Prometheus writes it.
    fn window(&mut self) -> Parsed<(Option<Span>, At)> {
        let closing = match self.sign(&[",", "["]) {
            Some("[") => true,
            Some(_) => false,
            None => return Ok((None, self.at())),
        };
        let at = self.at();
        let Token::Number(text) = self.peek().clone() else {
            return Err(self.unexpected("a length of time like `5m`"));
        };
        self.next += 1;
        let span = Span::parse(&text).map_err(|bad| Trouble::new(Code::BadDuration, at, bad.to_string()))?;
        if span == Span::ZERO {
            return Err(Trouble::new(Code::BadDuration, at, "a window without length holds no sample")
                .help("write it like `5m`"));
        }
        if closing {
            self.expect("]", "`]`")?;
        }
        Ok((Some(span), at))
    }

    /// A measure and what its labels must be.
    pub(super) fn selector(&mut self, wanted: &str) -> Parsed<Selector> {
        let at = self.at();
        let Token::Word(word) = self.peek().clone() else { return Err(self.unexpected(wanted)) };
        let measure = StepId::parse(&word).map_err(|_| {
            Trouble::syntax(at, format!("`{word}` is no name of a measure"))
                .help("measures are named in small letters, digits and `_`: `cpu_used`")
        })?;
        self.next += 1;
        let mut labels = Vec::new();
        if self.sign(&["{"]).is_some() {
            while self.sign(&["}"]).is_none() {
                labels.push(self.label()?);
                if self.sign(&[","]).is_none() && !matches!(self.peek(), Token::Sign("}")) {
                    return Err(self.unexpected("`,` or `}`"));
                }
            }
        }
        Ok(Selector { measure, at, labels })
    }

    fn label(&mut self) -> Parsed<(StepId, Match, At)> {
        let at = self.at();
        let name = match self.peek().clone() {
            Token::Word(word) => StepId::parse(&word).map_err(|_| self.unexpected("a label"))?,
            Token::Number(_) | Token::Text(_) | Token::Sign(_) | Token::End => return Err(self.unexpected("a label")),
        };
        self.next += 1;
        let sign = self.sign(&["=", "!=", "=~", "!~"]).ok_or_else(|| {
            Trouble::syntax(self.at(), "a label is compared with `=`, `!=`, `=~` or `!~`")
                .help("write it like `disk_used{mount=\"/\"}`")
        })?;
        let value_at = self.at();
        let Token::Text(text) = self.peek().clone() else { return Err(self.unexpected("a text in quotes")) };
        self.next += 1;
        let wanted = Match::new(sign, text).map_err(|bad| {
            let reason = bad.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            Trouble::new(Code::BadPattern, value_at, format!("the pattern does not parse: {reason}"))
        })?;
        Ok((name, wanted, at))
    }
}

/// The function of that name.
fn known(name: &str, at: At) -> Parsed<&'static Row> {
    if let Some(row) = function::named(name) {
        return Ok(row);
    }
    let trouble = Trouble::new(Code::ExprName, at, format!("unknown function `{name}`"));
    if let Some(ours) = function::theirs(name) {
        return Err(trouble.help(format!("here it is `{ours}(MEASURE, 5m)`")));
    }
    let names: Vec<&str> = FUNCTIONS.iter().map(|row| row.name).collect();
    let all = format!("the functions are {}", names.join(", "));
    Err(trouble.meant(name, names, all))
}
