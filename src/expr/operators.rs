//! What the operators do. Unlike rhai's own they refuse to compare what cannot be compared, and a
//! result that is no finite number is an error.

use crate::base::level::Level;
use crate::expr::convert::{LevelWord, kind_name};
use crate::expr::engine::Run;
use rhai::Dynamic;
use std::cmp::Ordering;

/// An operator as the runner knows it.
pub(super) struct Entry {
    /// The name it runs under; never a name that operators of machines can write.
    pub(super) name: &'static str,
    /// How many operands.
    pub(super) arity: usize,
    /// What it does.
    pub(super) run: Run,
}

/// Every operator.
pub(super) const TABLE: &[Entry] = &[
    Entry { name: "o_eq", arity: 2, run: |v| Ok(equal(&v[0], &v[1])?.into()) },
    Entry { name: "o_ne", arity: 2, run: |v| Ok((!equal(&v[0], &v[1])?).into()) },
    Entry { name: "o_lt", arity: 2, run: |v| Ok(order(&v[0], &v[1])?.is_lt().into()) },
    Entry { name: "o_le", arity: 2, run: |v| Ok(order(&v[0], &v[1])?.is_le().into()) },
    Entry { name: "o_gt", arity: 2, run: |v| Ok(order(&v[0], &v[1])?.is_gt().into()) },
    Entry { name: "o_ge", arity: 2, run: |v| Ok(order(&v[0], &v[1])?.is_ge().into()) },
    Entry { name: "o_add", arity: 2, run: add },
    Entry { name: "o_sub", arity: 2, run: |v| arithmetic(&v[0], &v[1], "-", i64::checked_sub, |a, b| a - b) },
    Entry { name: "o_mul", arity: 2, run: |v| arithmetic(&v[0], &v[1], "*", i64::checked_mul, |a, b| a * b) },
    Entry { name: "o_div", arity: 2, run: |v| divide(&v[0], &v[1], "/", i64::checked_div, |a, b| a / b) },
    Entry { name: "o_rem", arity: 2, run: |v| divide(&v[0], &v[1], "%", i64::checked_rem, |a, b| a % b) },
    Entry { name: "o_pow", arity: 2, run: |v| arithmetic(&v[0], &v[1], "**", power, f64::powf) },
    Entry { name: "o_neg", arity: 1, run: negate },
    Entry { name: "o_not", arity: 1, run: |v| Ok((!truth(&v[0])?).into()) },
    Entry { name: "o_bool", arity: 1, run: |v| Ok(truth(&v[0])?.into()) },
    Entry { name: "o_at", arity: 2, run: |v| at(&v[0], &v[1]) },
    Entry { name: "o_at_soft", arity: 2, run: at_soft },
    Entry { name: "o_map", arity: 1, run: map },
    Entry { name: "o_text", arity: 1, run: text },
];

/// The level a value is, when it is a level word of the expression or text that is one.
pub(super) fn level(value: &Dynamic) -> Option<Level> {
    if let Some(word) = value.read_lock::<LevelWord>() {
        return Some(word.0);
    }
    value.as_immutable_string_ref().ok().and_then(|text| Level::parse(&text))
}

fn number(value: &Dynamic) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "an integer beside a fraction counts as one, as in JSON")]
    value.as_int().map(|int| int as f64).or_else(|_| value.as_float()).ok()
}

fn cannot_compare(a: &Dynamic, b: &Dynamic) -> String {
    if a.is::<LevelWord>() != b.is::<LevelWord>() && (a.is_string() || b.is_string()) {
        let text = if a.is_string() { a } else { b };
        return format!("`{text}` is not a level: ok, notice, warning, critical");
    }
    format!("{} cannot be compared with {}", kind_name(a), kind_name(b))
}

/// Whether two values are equal.
///
/// # Errors
/// A sentence, when values of these two kinds are never equal, so that the question is a mistake.
pub(super) fn equal(a: &Dynamic, b: &Dynamic) -> Result<bool, String> {
    if a.is_unit() || b.is_unit() {
        return Ok(a.is_unit() && b.is_unit());
    }
    if a.is_array() && b.is_array() {
        return equal_lists(a, b);
    }
    if a.is_map() && b.is_map() {
        return equal_maps(a, b);
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a == b);
    }
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        return Ok(*a == *b);
    }
    Ok(order(a, b)?.is_eq())
}

fn equal_lists(a: &Dynamic, b: &Dynamic) -> Result<bool, String> {
    let (Ok(a), Ok(b)) = (a.as_array_ref(), b.as_array_ref()) else { return Ok(false) };
    if a.len() != b.len() {
        return Ok(false);
    }
    a.iter().zip(b.iter()).try_fold(true, |same, (a, b)| Ok(same && equal(a, b)?))
}

fn equal_maps(a: &Dynamic, b: &Dynamic) -> Result<bool, String> {
    let (Ok(a), Ok(b)) = (a.as_map_ref(), b.as_map_ref()) else { return Ok(false) };
    if !a.keys().eq(b.keys()) {
        return Ok(false);
    }
    a.values().zip(b.values()).try_fold(true, |same, (a, b)| Ok(same && equal(a, b)?))
}

/// The order of two numbers, texts or levels. Two texts that are both level words are levels.
///
/// # Errors
/// A sentence, when there is none.
pub(super) fn order(a: &Dynamic, b: &Dynamic) -> Result<Ordering, String> {
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.partial_cmp(&b).ok_or_else(|| "a number that is not one cannot be compared".into());
    }
    if let (Some(a), Some(b)) = (level(a), level(b)) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        return Ok(a.as_str().cmp(b.as_str()));
    }
    Err(cannot_compare(a, b))
}

/// The truth of a condition.
///
/// # Errors
/// A sentence, when it is no boolean: nothing else counts as true or false.
pub(super) fn truth(value: &Dynamic) -> Result<bool, String> {
    value.as_bool().map_err(|_| format!("{} is no condition: true or false is needed", kind_name(value)))
}

fn finite(float: f64) -> Result<Dynamic, String> {
    if float.is_finite() { Ok(float.into()) } else { Err("the result is not a finite number".into()) }
}

fn arithmetic(
    a: &Dynamic,
    b: &Dynamic,
    sign: &str,
    whole: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Result<Dynamic, String> {
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return whole(a, b).map(Dynamic::from).ok_or_else(|| format!("`{a} {sign} {b}` is too large for an integer"));
    }
    match (number(a), number(b)) {
        (Some(a), Some(b)) => finite(real(a, b)),
        (None, _) | (_, None) => Err(format!("`{sign}` needs numbers, not {} and {}", kind_name(a), kind_name(b))),
    }
}

fn divide(
    a: &Dynamic,
    b: &Dynamic,
    sign: &str,
    whole: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Result<Dynamic, String> {
    if number(b) == Some(0.0) && number(a).is_some() {
        return Err("division by zero".into());
    }
    arithmetic(a, b, sign, whole, real)
}

fn power(base: i64, exponent: i64) -> Option<i64> {
    u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent))
}

fn add(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let (a, b) = (&values[0], &values[1]);
    if a.is_string() || b.is_string() {
        return Ok(format!("{}{}", piece(a)?, piece(b)?).into());
    }
    if a.is_array() && b.is_array() {
        let mut joined = values[0].take().into_array().map_err(String::from)?;
        joined.append(&mut values[1].take().into_array().map_err(String::from)?);
        return Ok(Dynamic::from_array(joined));
    }
    arithmetic(a, b, "+", i64::checked_add, |a, b| a + b)
}

fn negate(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let zero: Dynamic = 0_i64.into();
    if values[0].is_float() {
        return finite(-values[0].as_float().map_err(String::from)?);
    }
    arithmetic(&zero, &values[0], "-", i64::checked_sub, |a, b| a - b)
}

/// A value inside a text that is put together.
///
/// # Errors
/// A sentence, when it has no plain text.
pub(super) fn piece(value: &Dynamic) -> Result<String, String> {
    if let Some(word) = value.read_lock::<LevelWord>() {
        return Ok(word.0.as_str().into());
    }
    if value.is_string() || value.is_int() || value.is_bool() || value.is_float() {
        return Ok(value.to_string());
    }
    Err(format!("{} cannot be put into text", kind_name(value)))
}

fn at(base: &Dynamic, index: &Dynamic) -> Result<Dynamic, String> {
    found(base, index)?.ok_or_else(|| {
        let shown = piece(index).unwrap_or_default();
        if base.is_map() { format!("there is no `{shown}` here") } else { format!("the list has no item {shown}") }
    })
}

fn at_soft(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    if values[0].is_unit() {
        return Ok(Dynamic::UNIT);
    }
    Ok(found(&values[0], &values[1])?.unwrap_or(Dynamic::UNIT))
}

fn found(base: &Dynamic, index: &Dynamic) -> Result<Option<Dynamic>, String> {
    if let Ok(map) = base.as_map_ref() {
        return Ok(map.get(piece(index)?.as_str()).cloned());
    }
    let is_len = index.as_immutable_string_ref().is_ok_and(|name| name.as_str() == "len");
    if let Ok(text) = base.as_immutable_string_ref()
        && is_len
    {
        return Ok(Some(count(text.chars().count())));
    }
    if let Ok(items) = base.as_array_ref() {
        if is_len {
            return Ok(Some(count(items.len())));
        }
        let whole = index.as_int().ok().or_else(|| index.as_immutable_string_ref().ok()?.parse().ok());
        let Some(at) = whole else {
            return Err(format!("a list is indexed by an integer, not by {}", kind_name(index)));
        };
        return Ok(crate::expr::lookup::item(items.len(), at).and_then(|at| items.get(at)).cloned());
    }
    Err(format!("{} has no `{}`", kind_name(base), piece(index).unwrap_or_else(|_| kind_name(index).into())))
}

/// A length as a value.
pub(super) fn count(len: usize) -> Dynamic {
    i64::try_from(len).unwrap_or(i64::MAX).into()
}

fn map(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let mut pairs = values[0].take().into_array().map_err(String::from)?.into_iter();
    let mut members = rhai::Map::new();
    while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
        members.insert(piece(&key)?.into(), value);
    }
    Ok(Dynamic::from_map(members))
}

fn text(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let pieces = values[0].take().into_array().map_err(String::from)?;
    Ok(pieces.iter().map(piece).collect::<Result<String, _>>()?.into())
}
