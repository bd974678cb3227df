//! Values of `PostgreSQL` in their binary form, to and from JSON.

use crate::base::value::{Value, json, plain};
use bytes::{BufMut, BytesMut};
use std::error::Error;
use std::fmt::Write as _;
use std::net::IpAddr;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

type Anything = Box<dyn Error + Sync + Send>;

/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A column's value as JSON; a type without one is shown as what it is.
#[derive(Debug)]
pub(super) struct Raw(pub(super) Value);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Anything> {
        let text = || String::from_utf8_lossy(raw).into_owned();
        Ok(Self(match *ty {
            Type::BOOL => json!(bool::from_sql(ty, raw)?),
            Type::INT2 => json!(i16::from_sql(ty, raw)?),
            Type::INT4 => json!(i32::from_sql(ty, raw)?),
            Type::INT8 => json!(i64::from_sql(ty, raw)?),
            Type::OID => json!(u32::from_sql(ty, raw)?),
            Type::FLOAT4 => json!(f32::from_sql(ty, raw)?),
            Type::FLOAT8 => json!(f64::from_sql(ty, raw)?),
            Type::NUMERIC => numeric(raw).ok_or("a numeric value that is cut short")?,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML => json!(text()),
            Type::JSON => serde_json::from_slice(raw)?,
            // The first byte is the version of the format.
            Type::JSONB => serde_json::from_slice(raw.get(1..).unwrap_or_default())?,
            Type::TIMESTAMPTZ => json!(instant(raw)?.to_string()),
            Type::TIMESTAMP => json!(instant(raw)?.to_string().trim_end_matches('Z').replace('T', " ")),
            Type::DATE => {
                let days = i64::from(i32::from_sql(&Type::INT4, raw)?);
                let midnight = jiff::Timestamp::from_microsecond(days * 86_400_000_000 + EPOCH_MICROS)?;
                json!(midnight.to_string()[..10])
            }
            Type::UUID => json!(uuid(raw)),
            Type::BYTEA => json!(raw.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))),
            Type::INET | Type::CIDR => json!(address(ty, raw).ok_or("an address that is cut short")?),
            Type::INTERVAL => json!(interval(raw).ok_or("an interval that is cut short")?),
            Type::TIME => json!(of_day(i64::from_sql(&Type::INT8, raw)?)),
            _ if ty.name() == "void" => Value::Null,
            _ => match ty.kind() {
                Kind::Array(of) => array(of, raw)?,
                Kind::Domain(of) => Self::from_sql(of, raw)?.0,
                Kind::Enum(_) => json!(text()),
                Kind::Simple | Kind::Pseudo | Kind::Range(_) | Kind::Multirange(_) | Kind::Composite(_) | _ => {
                    json!(format!("({} of {} bytes: cast it to text in the statement)", ty.name(), raw.len()))
                }
            },
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Anything> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// An array: the number of its dimensions, whether it has NULLs, the type, and of each dimension its length and first index;
/// then all values with their lengths. Several dimensions are lists of lists.
fn array(of: &Type, raw: &[u8]) -> Result<Value, Anything> {
    let mut rest = raw;
    let mut word = || -> Result<i32, Anything> {
        let (bytes, left) = rest.split_at_checked(4).ok_or("an array that is cut short")?;
        rest = left;
        Ok(i32::from_be_bytes(bytes.try_into()?))
    };
    let dimensions = word()?;
    let (_nulls, _of) = (word()?, word()?);
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(word()?)?);
        let _first = word()?;
    }
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (bytes, left) = rest.split_at_checked(4).ok_or("an array that is cut short")?;
        rest = left;
        let Ok(length) = usize::try_from(i32::from_be_bytes(bytes.try_into()?)) else {
            values.push(Value::Null);
            continue;
        };
        let (value, left) = rest.split_at_checked(length).ok_or("an array that is cut short")?;
        rest = left;
        values.push(Raw::from_sql(of, value)?.0);
    }
    for length in lengths.iter().skip(1).rev().filter(|length| **length > 0) {
        values = values.chunks(*length).map(|part| Value::from(part.to_vec())).collect();
    }
    Ok(Value::from(values))
}

/// Family, bits of the network, whether it is one, bytes of the address.
fn address(ty: &Type, raw: &[u8]) -> Option<String> {
    let (bits, bytes) = (*raw.get(1)?, raw.get(4..)?);
    let address: IpAddr = match <[u8; 4]>::try_from(bytes) {
        Ok(four) => four.into(),
        Err(_) => <[u8; 16]>::try_from(bytes).ok()?.into(),
    };
    let one = if address.is_ipv4() { 32 } else { 128 };
    Some(if bits == one && *ty == Type::INET { address.to_string() } else { format!("{address}/{bits}") })
}

/// Microseconds, days and months, as ISO 8601 has them.
fn interval(raw: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(*raw.first_chunk()?);
    let days = i32::from_be_bytes(*raw.get(8..)?.first_chunk()?);
    let months = i32::from_be_bytes(*raw.get(12..)?.first_chunk()?);
    let span = jiff::Span::new().try_months(months).ok()?.try_days(days).ok()?;
    // All parts of a span have one sign here; those of PostgreSQL may differ.
    let parts = [(months, i64::from(days)), (0, micros)];
    let mixed = (months < 0 || days < 0 || micros < 0) && (months > 0 || days > 0 || micros > 0);
    if mixed {
        let [(months, days), (_, micros)] = parts;
        return Some(format!("{months} months {days} days {micros} microseconds"));
    }
    let seconds = jiff::SignedDuration::from_micros(micros);
    let (hours, rest) = (seconds.as_secs() / 3600, seconds.as_secs() % 3600);
    let span = span.try_hours(hours).ok()?.try_minutes(rest / 60).ok()?.try_seconds(rest % 60).ok()?;
    Some(span.try_microseconds(micros % 1_000_000).ok()?.to_string())
}

/// Microseconds since midnight as a time of day.
fn of_day(micros: i64) -> String {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:06}").trim_end_matches('0').to_owned() };
    format!("{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn instant(raw: &[u8]) -> Result<jiff::Timestamp, Anything> {
    Ok(jiff::Timestamp::from_microsecond(i64::from_sql(&Type::INT8, raw)?.saturating_add(EPOCH_MICROS))?)
}

fn uuid(raw: &[u8]) -> String {
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Digits of base 10000, a weight, a sign and a scale: a number, to the precision of JSON.
fn numeric(raw: &[u8]) -> Option<Value> {
    let word = |index: usize| Some(i16::from_be_bytes([*raw.get(index * 2)?, *raw.get(index * 2 + 1)?]));
    let (count, weight, sign, scale) = (word(0)?, word(1)?, word(2)?, word(3)?);
    if sign.cast_unsigned() >= 0xC000 {
        return Some(Value::Null);
    }
    let mut digits = String::new();
    let count = usize::try_from(count).ok()?;
    for index in 0..count {
        let _ = write!(digits, "{:04}", word(4 + index)?);
    }
    let point = (i32::from(weight) + 1) * 4;
    let width = usize::try_from(point.max(0)).ok()?;
    let digits = format!("{}{digits:0<width$}", "0".repeat(usize::try_from((-point).max(0)).ok()?));
    let (whole, fraction) = digits.split_at(width);
    let scale = usize::try_from(scale).ok()?;
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
    let sign = if sign == 0 { "" } else { "-" };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let text = if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    serde_json::from_str(&text).ok()
}

/// A parameter from JSON, in the type the statement asks for.
#[derive(Debug)]
pub(super) struct Bind(pub(super) Value);

impl ToSql for Bind {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Anything> {
        if self.0.is_null() {
            return Ok(IsNull::Yes);
        }
        let text = plain(&self.0);
        let wrong = || format!("`{text}` is no value for a parameter of type {}", ty.name());
        let whole = || text.parse::<i64>().map_err(|_| wrong());
        match *ty {
            Type::BOOL => text.parse::<bool>().map_err(|_| wrong())?.to_sql(ty, out),
            Type::INT2 => i16::try_from(whole()?).map_err(|_| wrong())?.to_sql(ty, out),
            Type::INT4 => i32::try_from(whole()?).map_err(|_| wrong())?.to_sql(ty, out),
            Type::INT8 => whole()?.to_sql(ty, out),
            Type::FLOAT4 => text.parse::<f32>().map_err(|_| wrong())?.to_sql(ty, out),
            Type::FLOAT8 => text.parse::<f64>().map_err(|_| wrong())?.to_sql(ty, out),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => text.to_sql(&Type::TEXT, out),
            Type::JSON | Type::JSONB => {
                if *ty == Type::JSONB {
                    out.put_u8(1);
                }
                out.put_slice(self.0.to_string().as_bytes());
                Ok(IsNull::No)
            }
            Type::TIMESTAMPTZ => {
                let instant: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
                (instant.as_microsecond() - EPOCH_MICROS).to_sql(&Type::INT8, out)
            }
            _ => {
                Err(format!("a parameter of type {} can't be passed: cast it in the statement (`$1::text`)", ty.name())
                    .into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_reads_as_people_write_it() {
        let raw = |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        for (words, shown) in [
            (&[1, 0, 0, 0, 42][..], "42"),
            (&[2, 0, 0, 2, 12, 3400], "12.34"),
            (&[2, 1, 0, 0, 1, 2345], "12345"),
            (&[1, 1, 0, 0, 3], "30000"),
            (&[1, -1, 0, 4, 5], "0.0005"),
            (&[1, -2, 0, 6, 100], "1e-6"),
            (&[1, 0, 0x4000, 1, 7], "-7.0"),
            (&[0, 0, 0, 0], "0"),
        ] {
            assert_eq!(numeric(&raw(words)).map(|value| value.to_string()).as_deref(), Some(shown), "{words:?}");
        }
        assert_eq!(numeric(&[0, 1]), None);
    }
}
