//! The functions about numbers, lists and maps.

use crate::expr::functions::{needs, number_of, text_of};
use crate::expr::functions_text::whole;
use crate::expr::operators::{count, equal, level, order, piece};
use rhai::Dynamic;
use std::cmp::Ordering;

fn list_of(value: &Dynamic) -> Result<Vec<Dynamic>, String> {
    value.as_array_ref().map(|items| items.clone()).map_err(|_| needs("a list", value))
}

/// How many characters, items or members.
pub(super) fn length(value: &Dynamic) -> Result<usize, String> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.chars().count());
    }
    if let Ok(items) = value.as_array_ref() {
        return Ok(items.len());
    }
    value.as_map_ref().map(|members| members.len()).map_err(|_| needs("text, a list or a map", value))
}

pub(super) fn contains(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let (holder, wanted) = (&values[0], &values[1]);
    if let Ok(text) = holder.as_immutable_string_ref() {
        return Ok(text.contains(text_of(wanted)?.as_str()).into());
    }
    if let Ok(items) = holder.as_array_ref() {
        for item in items.iter() {
            if equal(item, wanted)? {
                return Ok(true.into());
            }
        }
        return Ok(false.into());
    }
    let members = holder.as_map_ref().map_err(|_| needs("text, a list or a map", holder))?;
    Ok(members.contains_key(piece(wanted)?.as_str()).into())
}

/// The maps of a list whose field has a value; a map without the field does not.
fn matching(values: &[Dynamic]) -> Result<(usize, usize), String> {
    let items = list_of(&values[0])?;
    let field = text_of(&values[1])?;
    let mut found = 0;
    for item in &items {
        let member = member(item, &field)?;
        if let Some(member) = member
            && equal(&member, &values[2])?
        {
            found += 1;
        }
    }
    Ok((found, items.len()))
}

fn member(item: &Dynamic, field: &str) -> Result<Option<Dynamic>, String> {
    let members = item.as_map_ref().map_err(|_| needs("a list of maps", item))?;
    Ok(members.get(field).cloned())
}

pub(super) fn any(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok((matching(values)?.0 > 0).into())
}

pub(super) fn all(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let (found, of) = matching(values)?;
    Ok((found == of).into())
}

pub(super) fn count_where(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    match values.len() {
        1 => Ok(count(list_of(&values[0])?.len())),
        3 => Ok(count(matching(values)?.0)),
        _ => Err("`count` takes a list, or a list, a field and a value".into()),
    }
}

pub(super) fn pluck(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let field = text_of(&values[1])?;
    let items = list_of(&values[0])?;
    let fields = items.iter().map(|item| Ok(member(item, &field)?.unwrap_or(Dynamic::UNIT)));
    Ok(Dynamic::from_array(fields.collect::<Result<_, String>>()?))
}

pub(super) fn first(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    list_of(&values[0])?.first().cloned().ok_or_else(|| "the list is empty".into())
}

pub(super) fn last(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    list_of(&values[0])?.last().cloned().ok_or_else(|| "the list is empty".into())
}

pub(super) fn keys(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let members = values[0].as_map_ref().map_err(|_| needs("a map", &values[0]))?;
    Ok(Dynamic::from_array(members.keys().map(|key| Dynamic::from(key.as_str().to_owned())).collect()))
}

pub(super) fn values(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let members = values[0].as_map_ref().map_err(|_| needs("a map", &values[0]))?;
    Ok(Dynamic::from_array(members.values().cloned().collect()))
}

pub(super) fn join(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let pieces = list_of(&values[0])?.iter().map(piece).collect::<Result<Vec<_>, _>>()?;
    Ok(pieces.join(text_of(&values[1])?.as_str()).into())
}

fn extreme(values: &mut [Dynamic], keep: Ordering) -> Result<Dynamic, String> {
    let candidates = if values.len() == 1 { list_of(&values[0])? } else { values.to_vec() };
    let mut candidates = candidates.into_iter();
    let mut best = candidates.next().ok_or("the list is empty")?;
    for candidate in candidates {
        if order(&candidate, &best)? == keep {
            best = candidate;
        }
    }
    Ok(best)
}

pub(super) fn max(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    extreme(values, Ordering::Greater)
}

pub(super) fn min(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    extreme(values, Ordering::Less)
}

/// One rule of order for the whole list: `sort_by` may panic over an order that contradicts itself.
pub(super) fn sort(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let mut items = list_of(&values[0])?;
    if items.iter().all(|item| level(item).is_some()) {
        items.sort_by_key(level);
    } else if items.iter().all(Dynamic::is_int) {
        items.sort_by_key(|item| item.as_int().unwrap_or_default());
    } else if items.iter().all(|item| number_of(item).is_ok()) {
        let number = |item: &Dynamic| number_of(item).unwrap_or_default();
        items.sort_by(|a, b| number(a).total_cmp(&number(b)));
    } else if items.iter().all(Dynamic::is_string) {
        items.sort_by_cached_key(ToString::to_string);
    } else {
        return Err("a list of numbers, of texts or of levels is needed, not a mixed one".into());
    }
    Ok(Dynamic::from_array(items))
}

pub(super) fn reverse(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let mut items = list_of(&values[0])?;
    items.reverse();
    Ok(Dynamic::from_array(items))
}

pub(super) fn sum(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let items = list_of(&values[0])?;
    if items.iter().all(Dynamic::is_int) {
        let whole = items.iter().try_fold(0_i64, |sum, item| sum.checked_add(item.as_int().ok()?));
        return whole.map(Dynamic::from).ok_or_else(|| "the sum is too large for an integer".into());
    }
    let total = items.iter().map(number_of).sum::<Result<f64, _>>()?;
    if total.is_finite() { Ok(total.into()) } else { Err("the sum is not a finite number".into()) }
}

pub(super) fn abs(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    if let Ok(int) = values[0].as_int() {
        return int.checked_abs().map(Dynamic::from).ok_or_else(|| "the number is too large".into());
    }
    Ok(number_of(&values[0])?.abs().into())
}

pub(super) fn floor(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    if values[0].is_int() { Ok(values[0].clone()) } else { whole(number_of(&values[0])?.floor()) }
}

pub(super) fn ceil(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    if values[0].is_int() { Ok(values[0].clone()) } else { whole(number_of(&values[0])?.ceil()) }
}

/// Without decimals the result is an integer.
pub(super) fn round(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let number = number_of(&values[0])?;
    let Some(decimals) = values.get(1) else {
        return if values[0].is_int() { Ok(values[0].clone()) } else { whole(number.round()) };
    };
    let decimals = decimals.as_int().ok().and_then(|places| i32::try_from(places).ok());
    let Some(places) = decimals.filter(|places| (0..=15).contains(places)) else {
        return Err("the number of decimals must be 0 to 15".into());
    };
    let scale = 10_f64.powi(places);
    let rounded = (number * scale).round() / scale;
    Ok(if rounded.is_finite() { rounded.into() } else { number.into() })
}
