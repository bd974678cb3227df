//! The functions about text.

use crate::base::limits;
use crate::expr::convert::Pattern;
use crate::expr::functions::{needs, number_of, text_of};
use regex::{Regex, RegexBuilder};
use rhai::Dynamic;

/// The regular expression written as `pattern`.
///
/// # Errors
/// A sentence, when it is none.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(limits::MAX_PATTERN).dfa_size_limit(limits::MAX_PATTERN).build().map_err(
        |error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("`{pattern}` is no regular expression: {why}")
        },
    )
}

pub(super) fn is_match(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let text = text_of(&values[0])?;
    if let Some(pattern) = values[1].read_lock::<Pattern>() {
        return Ok(pattern.0.is_match(&text).into());
    }
    Ok(regex(&text_of(&values[1])?)?.is_match(&text).into())
}

pub(super) fn starts_with(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(&values[0])?.starts_with(text_of(&values[1])?.as_str()).into())
}

pub(super) fn ends_with(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(&values[0])?.ends_with(text_of(&values[1])?.as_str()).into())
}

pub(super) fn lower(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(&values[0])?.to_lowercase().into())
}

pub(super) fn upper(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(&values[0])?.to_uppercase().into())
}

pub(super) fn trim(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(&values[0])?.trim().into())
}

pub(super) fn replace(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let (text, from, to) = (text_of(&values[0])?, text_of(&values[1])?, text_of(&values[2])?);
    if from.is_empty() {
        return Err("nothing cannot be replaced".into());
    }
    let grown = text.len().saturating_add(text.matches(from.as_str()).count().saturating_mul(to.len()));
    if grown > limits::MAX_RENDERED {
        return Err("the text gets too long".into());
    }
    Ok(text.replace(from.as_str(), to.as_str()).into())
}

pub(super) fn split(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let (text, separator) = (text_of(&values[0])?, text_of(&values[1])?);
    if separator.is_empty() {
        return Err("the separator is empty".into());
    }
    Ok(Dynamic::from_array(text.split(separator.as_str()).map(|part| Dynamic::from(part.to_owned())).collect()))
}

pub(super) fn to_int(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let value = &values[0];
    if value.is_int() {
        return Ok(value.clone());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        let parsed = text.trim().parse::<i64>();
        return parsed.map(Dynamic::from).map_err(|_| format!("`{}` is not an integer", *text));
    }
    whole(value.as_float().map_err(|_| needs("text or a number", value))?.trunc())
}

pub(super) fn to_float(values: &mut [Dynamic]) -> Result<Dynamic, String> {
    let value = &values[0];
    if let Ok(text) = value.as_immutable_string_ref() {
        let parsed = text.trim().parse::<f64>().ok().filter(|float| float.is_finite());
        return parsed.map(Dynamic::from).ok_or_else(|| format!("`{}` is not a number", *text));
    }
    Ok(number_of(value).map_err(|_| needs("text or a number", value))?.into())
}

/// A number without a fraction as an integer.
///
/// # Errors
/// A sentence, when it is too large.
pub(super) fn whole(float: f64) -> Result<Dynamic, String> {
    // 2^63 is the first that does not fit; both bounds are exact as f64.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float) {
        return Err(format!("{float} is too large for an integer"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the bounds were just checked")]
    Ok((float as i64).into())
}
