//! Expectations: what does not hold fails the step, or lifts its level where the entry says so.

use crate::act::args::{Args, number};
use crate::base::level::Level;
use crate::base::span::Span;
use crate::base::value::{Value, plain};
use crate::model::perform::{Failure, Finding};
use crate::model::policy::FailureKind;
use std::time::Duration;

/// A good end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Done {
    pub(super) output: Value,
    pub(super) findings: Vec<Finding>,
}

impl Done {
    pub(super) fn new(output: Value) -> Self {
        Self { output, findings: Vec::new() }
    }
}

/// What did not hold so far.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    unmet: Vec<String>,
    findings: Vec<(Level, String)>,
}

impl Verdict {
    /// Judges every entry of `expect:`; `problems` says what of an entry does not hold.
    pub(super) fn of(
        args: &Args,
        mut problems: impl FnMut(&Args) -> Result<Vec<String>, Failure>,
    ) -> Result<Self, Failure> {
        let mut verdict = Self::default();
        for entry in args.entries("expect") {
            let level = entry.text("level").and_then(|word| Level::parse(&word));
            for problem in problems(&entry)? {
                match level {
                    Some(level) => verdict.findings.push((level, problem)),
                    None => verdict.unmet.push(problem),
                }
            }
        }
        Ok(verdict)
    }

    /// Something that does not hold whatever the author wrote.
    pub(super) fn unmet(&mut self, problem: impl Into<String>) {
        self.unmet.push(problem.into());
    }

    /// Something that lifts the level.
    pub(super) fn lift(&mut self, level: Level, message: impl Into<String>) {
        self.findings.push((level, message.into()));
    }

    /// The end: `subject` begins the message of a failure.
    pub(super) fn end(mut self, subject: &str, output: Value) -> Result<Done, Failure> {
        if self.unmet.is_empty() {
            self.findings.sort_by_key(|(level, _)| *level);
            let finding = |(level, message): (Level, String)| Finding { level: level.as_str().into(), message };
            return Ok(Done { output, findings: self.findings.into_iter().map(finding).collect() });
        }
        let message = format!("{subject}: {}", self.unmet.join("; "));
        Err(Failure { output, ..Failure::new(FailureKind::Expect, message) })
    }
}

/// `latency:` of an entry.
pub(super) fn latency(entry: &Args, took: Duration) -> Result<Option<String>, Failure> {
    let slow = |limit: &Duration| took > *limit;
    Ok(entry.span("latency")?.filter(slow).map(|limit| {
        let (took, limit) = (Span::from(took.max(Duration::from_millis(1))), Span::from(limit));
        format!("it took {took}, expected at most {limit}")
    }))
}

/// `3` or `{ at_least, at_most }` against a number called `what`.
pub(super) fn bounds(bounds: &Value, actual: f64, what: &str) -> Option<String> {
    let shown = if actual.is_nan() { "no number".into() } else { plain(&tidy(actual)) };
    let Some(map) = bounds.as_object() else {
        let want = number(bounds)?;
        #[expect(clippy::float_cmp, reason = "an exact number was asked for")]
        return (actual != want).then(|| format!("{what} is {shown}, expected {}", plain(bounds)));
    };
    let at_least = map.get("at_least").and_then(number).filter(|least| actual.is_nan() || actual < *least);
    let at_most = map.get("at_most").and_then(number).filter(|most| actual.is_nan() || actual > *most);
    match (at_least, at_most) {
        (Some(least), _) => Some(format!("{what} is {shown}, expected at least {}", plain(&tidy(least)))),
        (None, Some(most)) => Some(format!("{what} is {shown}, expected at most {}", plain(&tidy(most)))),
        (None, None) => None,
    }
}

/// A number as an integer where it is one.
pub(super) fn tidy(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    if number.fract() == 0.0 && number.abs() < 9e15 { Value::from(number as i64) } else { Value::from(number) }
}

/// The beginning of a text, for a message: one line, at most 120 characters.
pub(super) fn beginning(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;

    #[test]
    fn bounds_say_which_end_was_passed() {
        let say = |want: Value, actual: f64| bounds(&want, actual, "rows").unwrap_or_default();
        assert_eq!(say(json!(3), 2.0), "rows is 2, expected 3");
        assert_eq!(say(json!({"at_least": 1}), 0.0), "rows is 0, expected at least 1");
        assert_eq!(say(json!({"at_most": 1.5}), 2.25), "rows is 2.25, expected at most 1.5");
        assert_eq!(say(json!({"at_least": 1, "at_most": 3}), 3.0), "");
        assert_eq!(
            say(json!({"at_least": 0}), f64::NAN),
            "rows is no number, expected at least 0",
            "no number holds no bound"
        );
    }

    #[test]
    fn a_level_lifts_and_no_level_fails() {
        let args = |expect: Value| Args::from_map(serde_json::Map::from_iter([("expect".to_owned(), expect)]));
        let both = args(json!([{"level": "critical"}, {"level": "notice"}]));
        let done = Verdict::of(&both, |_| Ok(vec!["it is late".into()])).and_then(|all| all.end("x", json!(1)));
        let levels: Vec<_> = done.expect("done").findings.into_iter().map(|finding| finding.level).collect();
        assert_eq!(levels, ["notice", "critical"], "worst last");
        let hard =
            Verdict::of(&args(json!({})), |_| Ok(vec!["it is late".into()])).and_then(|all| all.end("x", json!(1)));
        assert_eq!(hard.expect_err("fails").message, "x: it is late");
    }
}
