//! Whether a condition makes sense of the measures that are declared: names, labels, kinds, windows, units.
//!
//! What is compared is brought to one unit on the way, so that whoever evaluates it deals with bare numbers.

use super::function::Row;
use super::trouble::Trouble;
use super::{Condition, Function, Read, Sign, Value};
use crate::base::ids::StepId;
use crate::base::limits::RAW_DAYS;
use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::model::measure::{MetricType, Threshold, convert};
use std::collections::BTreeMap;

/// What a value is measured in.
#[derive(Debug, Clone, PartialEq)]
enum Unit {
    /// A number written without one: it is in the unit of what it stands beside.
    Any,
    /// Not known, which has been said, or not expressible.
    Unknown,
    /// The unit of a measure, or of a number; `None` for a measure that has none.
    Of(Option<String>),
}

struct Fit<'a> {
    measures: &'a BTreeMap<StepId, Threshold>,
    found: Vec<Trouble>,
}

/// What is wrong.
pub(super) fn fit(condition: &mut Condition, measures: &BTreeMap<StepId, Threshold>) -> Vec<Trouble> {
    let mut fit = Fit { measures, found: Vec::new() };
    fit.condition(condition);
    fit.found
}

impl Fit<'_> {
    fn condition(&mut self, condition: &mut Condition) {
        match condition {
            Condition::Compare { left, right, at, .. } => {
                let (a, b) = (self.value(left), self.value(right));
                let before = self.found.len();
                self.align(left, &a, right, &b);
                if (a == Unit::Any || matches!(left, Value::Number { .. }))
                    && is_number(right)
                    && self.found.len() == before
                {
                    let trouble = Trouble::new(Code::NeverTrue, *at, "two numbers are compared: this never changes");
                    self.found.push(trouble.help("name a measure: `cpu_used > 85`"));
                }
            }
            Condition::All(parts) | Condition::Either(parts) => parts.iter_mut().for_each(|part| self.condition(part)),
            Condition::Not(part) => self.condition(part),
            Condition::Absent(read) => {
                self.read(read);
            }
        }
    }

    fn value(&mut self, value: &mut Value) -> Unit {
        match value {
            Value::Number { unit: None, .. } => Unit::Any,
            Value::Number { unit, .. } => Unit::Of(unit.clone()),
            Value::Read(read) => self.read(read),
            Value::Negate(value, _) => self.value(value),
            Value::Reckon(sign, left, right, _) => {
                let (a, b) = (self.value(left), self.value(right));
                match (sign, a, b) {
                    (_, Unit::Unknown, _) | (_, _, Unit::Unknown) => Unit::Unknown,
                    (_, Unit::Any, Unit::Any) => Unit::Any,
                    (Sign::Plus | Sign::Minus, a, b) => {
                        self.align(left, &a, right, &b);
                        if a == Unit::Any { b } else { a }
                    }
                    (Sign::Times, Unit::Any, unit) | (Sign::Times | Sign::Over, unit, Unit::Any) => unit,
                    (Sign::Over, Unit::Of(a), Unit::Of(b)) if same(a.as_deref(), b.as_deref()) => {
                        self.align(left, &Unit::Of(a), right, &Unit::Of(b));
                        Unit::Of(Some("ratio".into()))
                    }
                    (Sign::Times | Sign::Over, Unit::Any | Unit::Of(_), Unit::Of(_)) => Unit::Of(None),
                }
            }
        }
    }

    /// Brings the right value to the unit of the left one, or the left one to that of the right where it is a number.
    fn align(&mut self, left: &mut Value, a: &Unit, right: &mut Value, b: &Unit) {
        let (Unit::Of(a), Unit::Of(b)) = (a, b) else { return };
        if a == b {
            return;
        }
        let (value, from, to) = if is_number(left) { (left, a, b) } else { (right, b, a) };
        let at = value.at();
        match (from, to) {
            (Some(from), Some(to)) => {
                if let Some(factor) = convert(from, to) {
                    scale(value, factor);
                } else {
                    let message = format!("`{from}` cannot be converted to `{to}`, in which the other side is");
                    self.found.push(Trouble::new(Code::BadUnit, at, message).help(format!("give it in `{to}`")));
                }
            }
            (Some(from), None) if is_number(value) => {
                let message = format!("the other side has no unit, so `{from}` cannot be converted");
                let help = "write the bare number, or declare the unit in thresholds.yaml";
                self.found.push(Trouble::new(Code::BadUnit, at, message).help(help));
            }
            // A measure without a unit beside one that has one is a number like any other.
            (Some(_) | None, None) | (None, Some(_)) => {}
        }
    }

    /// Checks one read; its unit.
    fn read(&mut self, read: &mut Read) -> Unit {
        self.window(read);
        let name = &read.of.measure;
        let Some(measure) = self.measures.get(name) else {
            let message = format!("`{name}` is not declared in thresholds.yaml");
            let trouble = Trouble::new(Code::UnknownThreshold, read.of.at, message);
            let near = crate::diagnostic::closest(name.as_str(), self.measures.keys().map(StepId::as_str));
            let meant = near.and_then(|near| self.measures.keys().find(|known| known.as_str() == near));
            self.found.push(match meant {
                Some(meant) => trouble.help(format!("did you mean `{meant}`?")).about(meant),
                None => trouble.help(format!("add it there: `{name}: {{}}` is enough, and measure it in a step")),
            });
            return Unit::Unknown;
        };
        read.buckets = measure.is_bucketed();
        self.labels(read, measure);
        self.kind(read, measure);
        match read.function {
            Some(Function::Count) => Unit::Of(None),
            Some(_) | None => Unit::Of(measure.unit.clone()),
        }
    }

    fn labels(&mut self, read: &Read, measure: &Threshold) {
        for (label, _, at) in &read.of.labels {
            if measure.labels.contains(label) {
                continue;
            }
            let known: Vec<&str> = measure.labels.iter().map(StepId::as_str).collect();
            let message = format!("`{}` is not declared with a label `{label}`", measure.name);
            let otherwise = match known.as_slice() {
                [] => format!("declare it in thresholds.yaml: `labels: [{label}]`"),
                known => format!("its labels are {}", known.join(", ")),
            };
            let trouble = Trouble::new(Code::UnknownName, *at, message).about(&measure.name);
            self.found.push(trouble.meant(label.as_str(), known, otherwise));
        }
    }

    /// Whether the function makes sense of that kind of measure.
    fn kind(&mut self, read: &Read, measure: &Threshold) {
        let name = &measure.name;
        let rows: Option<&Row> = read.function.map(Function::row);
        let fits = match rows {
            Some(row) if read.buckets => row.of_buckets(),
            Some(row) => row.takes.contains(&measure.metric),
            None => measure.metric == MetricType::Gauge,
        };
        if fits {
            return;
        }
        let (what, way) = match measure.metric {
            MetricType::Counter => (
                "a counter, which only rises",
                format!("how fast it rises is `rate({name}, 5m)`, by how much `increase({name}, 5m)`"),
            ),
            MetricType::Gauge => (
                "a gauge, which goes up and down",
                format!("write `avg({name}, 5m)`, or declare it `type: counter` in thresholds.yaml if it only rises"),
            ),
            MetricType::Histogram if read.buckets => (
                "a histogram of buckets",
                format!("write `p95({name}, 5m)`, or `avg({name}, 5m)` for the mean of what was observed"),
            ),
            MetricType::Histogram => (
                "a histogram, of which one sample says nothing",
                format!("write `p95({name}, 5m)` or `avg({name}, 5m)`"),
            ),
        };
        let message = match rows {
            Some(row) => format!("`{}` makes no sense of `{name}`: it is {what}", row.name),
            None => format!("`{name}` cannot stand alone: it is {what}"),
        };
        self.found.push(Trouble::new(Code::AlertMeasure, read.at, message).help(way).about(name));
    }

    fn window(&mut self, read: &Read) {
        if let Some(message) = read.window.and_then(|window| too_long("the window", window)) {
            let help = "take a shorter one; what is usual over weeks is for `baseline` in thresholds.yaml";
            self.found.push(Trouble::new(Code::AlertWindow, read.window_at, message).help(help));
        }
    }
}

/// Why a length of time is no window over samples, if it is none.
pub(super) fn too_long(what: &str, span: Span) -> Option<String> {
    let kept = Span::from_secs(RAW_DAYS as u64 * 86_400);
    (span > kept).then(|| format!("{what} of {span} is longer than samples are kept, which is {kept}"))
}

fn is_number(value: &Value) -> bool {
    match value {
        Value::Number { .. } => true,
        Value::Negate(value, _) => is_number(value),
        Value::Reckon(_, a, b, _) => is_number(a) && is_number(b),
        Value::Read(_) => false,
    }
}

/// Whether both are units of one thing.
fn same(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => convert(a, b).is_some(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The value times a factor.
fn scale(value: &mut Value, factor: f64) {
    let at = value.at();
    if let Value::Number { value, unit, .. } = value {
        *value *= factor;
        *unit = None;
        return;
    }
    let whole = std::mem::replace(value, Value::Number { value: factor, unit: None, at });
    let by = Box::new(Value::Number { value: factor, unit: None, at });
    *value = Value::Reckon(Sign::Times, Box::new(whole), by, at);
}
