//! Ids of traces and spans, made from the ids of runs: whoever makes them, and however often, they are the same.

use crate::base::address::Place;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::value::Value;

/// The id of a trace.
pub(super) type TraceId = [u8; 16];
/// The id of a span.
pub(super) type SpanId = [u8; 8];

/// The trace of a run that begins one.
#[must_use]
pub fn trace_of(run: RunId) -> TraceId {
    let digest = Digest::of_parts(&[b"trace", run.to_string().as_bytes()]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest.bytes()[..16]);
    id
}

/// The span of a run.
pub(super) fn span_of(run: RunId) -> SpanId {
    first(&Digest::of_parts(&[b"span", run.to_string().as_bytes()]))
}

/// The span of an attempt of a step.
pub(super) fn span_of_attempt(run: RunId, place: &Place, number: u32) -> SpanId {
    let (run, place) = (run.to_string(), place.to_string());
    first(&Digest::of_parts(&[b"attempt", run.as_bytes(), place.as_bytes(), &number.to_le_bytes()]))
}

fn first(digest: &Digest) -> SpanId {
    digest.seed().to_be_bytes()
}

/// The trace and the span that a `traceparent` names (W3C Trace Context); `None` = it is none.
#[must_use]
pub fn parent_of(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Of later versions more may follow; of this one nothing.
    if version.len() != 2 || flags.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let (trace, span) = (unhex::<16>(trace)?, unhex::<8>(span)?);
    unhex::<1>(version).and(unhex::<1>(flags))?;
    (trace != [0; 16] && span != [0; 8]).then_some((trace, span))
}

/// The same of what called for a run.
pub(super) fn parent_in(trigger: &Value) -> Option<(TraceId, SpanId)> {
    parent_of(trigger["traceparent"].as_str()?)
}

/// Bytes in lower-case hex, exactly so many.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let good = text.len() == N * 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut out = [0; N];
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2).filter(|_| good)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_or_is_none() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (trace, span) = parent_of(good).expect("it is the example of the standard");
        assert_eq!((trace[0], trace[15], span), (0x4b, 0x36, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
        assert_eq!(parent_of(&good.replacen("00-", "cc-", 1).replace("-01", "-01-more")), Some((trace, span)));
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        ] {
            assert_eq!(parent_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_are_the_same_whoever_makes_them_and_told_apart() {
        let (one, two) = (RunId::new(1, 1), RunId::new(1, 2));
        assert_eq!(trace_of(one), trace_of(one));
        assert_ne!(trace_of(one), trace_of(two));
        let place = Place::parse("a").expect("a place");
        assert_ne!(span_of_attempt(one, &place, 1), span_of_attempt(one, &place, 2));
        assert_ne!(span_of(one), span_of_attempt(one, &place, 1));
    }
}
