//! Takes secrets out of a stream of bytes, across the borders of its chunks, in bounded memory.
//!
//! Holds back only bytes that may be the beginning of a secret, so never more than the longest one
//! less a byte; everything else comes out at once, for people who watch.

use crate::base::planted::{self, Bug};
use aho_corasick::AhoCorasick;

/// What stands where a secret was.
pub const MASK: &[u8] = b"***";

/// The matcher of one stream.
#[derive(Debug)]
pub struct Masker {
    /// `None` = nothing to mask.
    search: Option<Search>,
    /// Bytes not yet let out.
    held: Vec<u8>,
    /// How many of them, from the front, belong to a secret whose mask is already out.
    covered: usize,
}

#[derive(Debug)]
struct Search {
    automaton: AhoCorasick,
    /// Sorted, for finding those that begin with something.
    patterns: Vec<Vec<u8>>,
    longest: usize,
}

impl Masker {
    /// A matcher for those texts; empty ones are passed over.
    ///
    /// # Errors
    /// When they are more than a matcher can hold.
    pub fn new(texts: &[String]) -> Result<Self, String> {
        let mut patterns: Vec<Vec<u8>> =
            texts.iter().filter(|text| !text.is_empty()).map(|text| text.as_bytes().to_vec()).collect();
        patterns.sort();
        patterns.dedup();
        let search = match patterns.iter().map(Vec::len).max() {
            None => None,
            Some(longest) => {
                let automaton =
                    AhoCorasick::new(&patterns).map_err(|error| format!("too many secrets to mask: {error}"))?;
                Some(Search { automaton, patterns, longest })
            }
        };
        Ok(Self { search, held: Vec::new(), covered: 0 })
    }

    /// Takes the next bytes in and gives what may be seen to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut dyn FnMut(&[u8])) {
        let Some(search) = &self.search else { return out(chunk) };
        self.held.extend_from_slice(chunk);
        let keep = if planted::has(Bug::ChunkMask) { 0 } else { search.unfinished(&self.held) };
        self.release(self.held.len() - keep, out);
    }

    /// Gives what is still held back: the stream has ended.
    pub fn finish(&mut self, out: &mut dyn FnMut(&[u8])) {
        self.release(self.held.len(), out);
    }

    /// The bytes of a whole text, masked.
    #[must_use]
    pub fn mask(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(bytes.len());
        self.push(bytes, &mut |part| masked.extend_from_slice(part));
        self.finish(&mut |part| masked.extend_from_slice(part));
        masked
    }

    /// Lets the first `limit` held bytes out. No secret that begins before `limit` is unfinished.
    fn release(&mut self, limit: usize, out: &mut dyn FnMut(&[u8])) {
        let Some(search) = &self.search else { return };
        let mut at = self.covered;
        for (start, end) in search.spans(&self.held, limit) {
            if start >= at {
                out(&self.held[at..start]);
                out(MASK);
            }
            at = at.max(end);
        }
        if at < limit {
            out(&self.held[at..limit]);
        }
        self.covered = at.saturating_sub(limit);
        self.held.drain(..limit);
    }
}

impl Search {
    /// Every occurrence that begins before `limit`, by where it begins, the longest first.
    fn spans(&self, bytes: &[u8], limit: usize) -> Vec<(usize, usize)> {
        let found = self.automaton.find_overlapping_iter(bytes).map(|found| (found.start(), found.end()));
        let mut spans: Vec<_> = found.filter(|(start, _)| *start < limit).collect();
        spans.sort_by_key(|(start, end)| (*start, usize::MAX - end));
        spans
    }

    /// How many of the last bytes are the beginning of a secret that is not all there yet.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(self.longest - 1);
        (1..=most).rev().find(|length| self.begins(&bytes[bytes.len() - length..])).unwrap_or(0)
    }

    fn begins(&self, prefix: &[u8]) -> bool {
        let from = self.patterns.partition_point(|pattern| pattern.as_slice() <= prefix);
        self.patterns.get(from).is_some_and(|pattern| pattern.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], chunks: &[&str]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).into()).collect();
        let mut masker = Masker::new(&secrets).expect("few enough");
        let mut text = Vec::new();
        for chunk in chunks {
            masker.push(chunk.as_bytes(), &mut |part| text.extend_from_slice(part));
        }
        masker.finish(&mut |part| text.extend_from_slice(part));
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn secrets_are_taken_out_wherever_the_chunks_are_cut() {
        for (secrets, text, want) in [
            (&["s3cret"][..], "a s3cret b", "a *** b"),
            (&["s3cret"], "s3cres3cret", "s3cre***"),
            (&["s3cret"], "s3crets3cret", "******"),
            (&["s3cret", "s3cret-long"], "is s3cret-long, s3cret-lo", "is ***, ***-lo"),
            (&["abcd", "cdef"], "xabcdefx", "x***x"),
            (&["aaaa"], "baaaaaaab", "b***b"),
            (&["abcdefgh", "cde"], "abcdefgx", "ab***fgx"),
            (&["line one", "line two"], "line one\nline two\n", "***\n***\n"),
            (&[], "all of it", "all of it"),
        ] {
            assert_eq!(masked(secrets, &[text]), want, "whole");
            for cut in 0..=text.len() {
                assert_eq!(masked(secrets, &[&text[..cut], &text[cut..]]), want, "cut at {cut}");
            }
            let bytes: Vec<&str> = (0..text.len()).map(|at| &text[at..=at]).collect();
            assert_eq!(masked(secrets, &bytes), want, "byte by byte");
        }
    }

    #[test]
    fn only_what_may_be_a_secret_waits() {
        let mut masker = Masker::new(&["s3cret".into()]).expect("few enough");
        let mut seen = Vec::new();
        masker.push(b"password? s3", &mut |part| seen.extend_from_slice(part));
        assert_eq!(seen, b"password? ", "what can be no secret comes out at once");
        masker.push(&vec![b's'; 100_000], &mut |_| {});
        assert!(masker.held.len() < "s3cret".len(), "never more than the longest less one");
    }
}
