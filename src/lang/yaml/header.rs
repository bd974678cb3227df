//! Where a block scalar really begins.

use crate::diagnostic::Spot;

/// The parser gives the lines of a block scalar; its place begins at the `|` or `>` above them and ends with its last text.
pub(super) fn with_header(spot: Spot, text: &str) -> Spot {
    let source = text.get(spot.start..spot.end).unwrap_or("");
    let end = spot.start + source.trim_end().len();
    let above = text.get(..spot.start).unwrap_or("").trim_end();
    let line = above.rfind('\n').map_or(0, |line| line + 1);
    let is_header = |at: usize| {
        let rest = above[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        let before = above[..at].ends_with([' ', '\t', '\n']) || at == 0;
        before && (rest.trim().is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#')))
    };
    let header = above[line..].match_indices(['|', '>']).map(|(at, _)| line + at).find(|at| is_header(*at));
    Spot { start: header.unwrap_or(spot.start), end: end.max(spot.start), ..spot }
}
