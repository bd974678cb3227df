//! What the helpers compute; handlebars only calls them.

use crate::base::span::{Span, show_size};
use crate::base::value::{Value, type_name};
use crate::template::tree::Helper;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The value of a helper; `zone` is the book's.
///
/// # Errors
/// A sentence, when a value does not fit.
pub(super) fn call(helper: Helper, args: &[Option<Value>], zone: &str) -> Result<Value, String> {
    if helper == Helper::Default {
        let empty = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
        let given = args.first().cloned().flatten().filter(|value| !empty(value));
        return Ok(given.or_else(|| args.get(1).cloned().flatten()).unwrap_or(Value::Null));
    }
    if helper.asks() {
        return ask(helper, args).map(Value::Bool);
    }
    let Some(Some(value)) = args.first() else { return Err("it is missing".into()) };
    let second = args.get(1).and_then(Option::as_ref);
    match helper {
        Helper::Json => Ok(Value::String(value.to_string())),
        Helper::Date => date(value, second, zone).map(Value::String),
        Helper::Round => round(value, second),
        Helper::Duration => duration(value).map(Value::String),
        Helper::Bytes => bytes(value).map(Value::String),
        Helper::Join => join(value, second).map(Value::String),
        Helper::Table => table(value, second).map(Value::String),
        Helper::Default
        | Helper::Eq
        | Helper::Ne
        | Helper::Lt
        | Helper::Gt
        | Helper::And
        | Helper::Or
        | Helper::Not => Ok(Value::Null),
    }
}

/// Whether a value counts as true in a condition: missing, null, false, 0 and what is empty do not.
pub(super) fn truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

fn ask(helper: Helper, args: &[Option<Value>]) -> Result<bool, String> {
    let mut flags = args.iter().map(|arg| truthy(arg.as_ref()));
    if helper == Helper::And {
        return Ok(flags.all(|flag| flag));
    } else if helper == Helper::Or {
        return Ok(flags.any(|flag| flag));
    } else if helper == Helper::Not {
        return Ok(!flags.all(|flag| flag));
    }
    let [Some(a), Some(b)] = args else {
        // What is missing equals nothing and is neither less nor greater.
        return Ok(helper == Helper::Ne);
    };
    let equates = matches!(helper, Helper::Eq | Helper::Ne);
    if equates && (a.is_null() || b.is_null()) {
        return Ok((a == b) == (helper == Helper::Eq));
    }
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(order_texts(a, b)),
        (Value::Bool(a), Value::Bool(b)) if equates => Some(a.cmp(b)),
        _ => None,
    };
    let Some(order) = order else {
        return Err(format!("{} cannot be compared with {}", type_name(a), type_name(b)));
    };
    Ok((helper == Helper::Eq && order.is_eq())
        || (helper == Helper::Ne && order.is_ne())
        || (helper == Helper::Lt && order.is_lt())
        || (helper == Helper::Gt && order.is_gt()))
}

/// Two level words are compared as levels, as in expressions.
fn order_texts(a: &str, b: &str) -> std::cmp::Ordering {
    use crate::base::level::Level;
    match (Level::parse(a), Level::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, _) | (_, None) => a.cmp(b),
    }
}

fn number(value: &Value) -> Result<f64, String> {
    let parsed = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    parsed.ok_or_else(|| match value.as_str() {
        Some(text) => format!("`{text}` is no number"),
        None => format!("a number is needed, not {}", type_name(value)),
    })
}

/// Text of RFC 3339, or seconds since 1970; shown in the zone, to the second, or as the pattern says.
fn date(value: &Value, pattern: Option<&Value>, zone: &str) -> Result<String, String> {
    let instant = if let Value::String(text) = value {
        text.parse::<Timestamp>()
            .map_err(|_| format!("`{text}` is no date and time with a zone, as in 2026-11-23T09:00:00Z"))?
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "too large saturates, which the timestamp then refuses")]
        let millis = (number(value)? * 1000.0).round() as i64;
        Timestamp::from_millisecond(millis).map_err(|_| format!("`{value}` is out of the range of dates"))?
    };
    let zone = TimeZone::get(zone).map_err(|_| format!("`{zone}` is no time zone"))?;
    let zoned = instant.to_zoned(zone);
    let pattern = match pattern {
        None => "%Y-%m-%dT%H:%M:%S%:z",
        Some(Value::String(pattern)) if pattern.is_empty() => {
            return Err("a date by an empty pattern is no text".into());
        }
        Some(Value::String(pattern)) => pattern,
        Some(_) => return Err("the pattern of a date is text, as in \"%Y-%m-%d\"".into()),
    };
    // A flag before a percent sign is what is left of a field whose letter was lost.
    let lost = pattern.split("%%").any(|part| part.split('%').skip(1).any(|field| !has_letter(field)));
    let shown = jiff::fmt::strtime::format(pattern, &zoned).ok().filter(|_| !lost);
    shown.ok_or_else(|| format!("`{pattern}` is no pattern for dates"))
}

/// Whether what follows a percent sign is a field: flags, a width, a letter.
fn has_letter(field: &str) -> bool {
    let rest =
        field.trim_start_matches(['-', '_', '^', '#', ':', '.']).trim_start_matches(|c: char| c.is_ascii_digit());
    rest.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn round(value: &Value, places: Option<&Value>) -> Result<Value, String> {
    let places = match places {
        None => 0,
        Some(places) => {
            places.as_u64().filter(|places| *places <= 15).ok_or("the number of decimals must be 0 to 15")?
        }
    };
    let precision = usize::try_from(places).unwrap_or(0);
    Ok(Value::String(format!("{:.precision$}", number(value)?)))
}

/// A number counts seconds; text is a length of time as everywhere in the language.
fn duration(value: &Value) -> Result<String, String> {
    if let Value::String(text) = value
        && let Ok(span) = Span::parse(text)
    {
        return Ok(span.to_string());
    }
    let seconds = number(value)?;
    if !(0.0..=1e11).contains(&seconds) {
        return Err(format!("`{seconds}` seconds are no length of time"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds were just checked")]
    Ok(Span::from_millis((seconds * 1000.0).round() as u64).to_string())
}

fn bytes(value: &Value) -> Result<String, String> {
    let bytes = number(value)?;
    if !(0.0..=1e19).contains(&bytes) {
        return Err(format!("`{bytes}` is no amount of bytes"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds were just checked")]
    Ok(show_size(bytes as u64))
}

/// A value as text, when it has one.
///
/// # Errors
/// A sentence that names the way out.
pub(super) fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Err("it is null: `{{ default x \"…\" }}` gives another text".into()),
        Value::Array(_) => Err("it is a list: use `join`, `json` or `#each`".into()),
        Value::Object(_) => Err("it is a map: name one of its fields, or use `json`".into()),
    }
}

fn join(value: &Value, between: Option<&Value>) -> Result<String, String> {
    let Value::Array(items) = value else { return Err(format!("`join` takes a list, not {}", type_name(value))) };
    let between = between.map_or(Ok(", ".to_owned()), scalar)?;
    Ok(items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?.join(&between))
}

/// A list of maps as lines with aligned columns; the columns are the keys, or those named.
fn table(value: &Value, columns: Option<&Value>) -> Result<String, String> {
    let Value::Array(rows) = value else {
        return Err(format!("`table` takes a list of maps, not {}", type_name(value)));
    };
    let mut keys: Vec<String> = match columns {
        Some(Value::String(names)) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(_) => return Err("the columns of a table are text, as in \"name,size\"".into()),
        None => Vec::new(),
    };
    for row in rows {
        let Value::Object(members) = row else {
            return Err(format!("`table` takes a list of maps, not of {}", type_name(row)));
        };
        if columns.is_none() {
            for key in members.keys().filter(|key| !keys.contains(key)).cloned().collect::<Vec<_>>() {
                keys.push(key);
            }
        }
    }
    let cell = |row: &Value, key: &str| match &row[key] {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\n', '\r', '\t'], " "),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => row[key].to_string(),
    };
    let mut lines = vec![keys.clone()];
    lines.extend(rows.iter().map(|row| keys.iter().map(|key| cell(row, key)).collect()));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..keys.len()).map(width).collect();
    let shown = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    Ok(shown.collect::<Vec<_>>().join("\n"))
}
