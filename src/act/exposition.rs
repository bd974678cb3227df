//! The text format of Prometheus: `name{label="value"} 1 timestamp`, `# TYPE name histogram`.
//!
//! Our own reader: the one crate for it splits label values at commas and passes over lines it does
//! not understand (`docs/decisions/0013-libraries-for-kinds.md`).

use std::collections::{BTreeMap, BTreeSet};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) samples: Vec<Sample>,
    /// Types by metric, in their own words.
    pub(super) types: BTreeMap<String, String>,
}

impl Page {
    /// The page written as `text`.
    ///
    /// # Errors
    /// The number and the text of the first line that is no part of one.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut page = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                let mut words = comment.split_whitespace();
                if let (Some("TYPE"), Some(name), Some(ty)) = (words.next(), words.next(), words.next()) {
                    page.types.insert(name.into(), ty.into());
                }
            } else if !line.is_empty() {
                page.samples.push(sample(line).ok_or_else(|| (index + 1, line.to_owned()))?);
            }
        }
        Ok(page)
    }

    /// The samples of a metric that have these labels.
    pub(super) fn of<'a>(&'a self, name: &'a str, labels: &'a [(String, String)]) -> impl Iterator<Item = &'a Sample> {
        let fits = move |sample: &&Sample| labels.iter().all(|(key, value)| sample.labels.get(key) == Some(value));
        self.samples.iter().filter(move |sample| sample.name == name).filter(fits)
    }

    /// Every metric's name; the parts of a histogram are one.
    pub(super) fn metrics(&self) -> BTreeSet<&str> {
        self.samples.iter().map(|sample| self.family(&sample.name)).collect()
    }

    fn family<'a>(&self, name: &'a str) -> &'a str {
        let parts = ["_bucket", "_sum", "_count", "_total", "_created"];
        let family =
            parts.iter().find_map(|part| name.strip_suffix(part)).filter(|family| self.types.contains_key(*family));
        family.unwrap_or(name)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at(end);
    let word = |text: &str| {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '.')
    };
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            inner = inner.trim_start_matches([' ', ',', '\t']);
            if let Some(tail) = inner.strip_prefix('}') {
                rest = tail;
                break;
            }
            let (key, tail) = inner.split_once('=')?;
            let (value, tail) = quoted(tail.trim_start())?;
            labels.insert(key.trim().to_owned(), value);
            inner = tail;
        }
    }
    let value = match rest.split_whitespace().next()? {
        "+Inf" | "Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().ok()?,
    };
    (word(name) && labels.keys().all(|key| word(key))).then(|| Sample { name: name.into(), labels, value })
}

/// A quoted text with its escapes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Some((value, &inner[index + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::buckets::{OrderedBound, histogram_quantile};

    #[test]
    fn labels_may_hold_anything() {
        let page = Page::parse(
            "# TYPE a counter\na{p=\"x,y=z\",q=\"say \\\"hi\\\"\\n\"} 3 1700000000\nb +Inf\n\nc{} 1e3 # {t=\"1\"} 2\n",
        );
        let page = page.expect("page");
        let first = &page.samples[0];
        assert_eq!(first.labels.get("p").map(String::as_str), Some("x,y=z"));
        assert_eq!(first.labels.get("q").map(String::as_str), Some("say \"hi\"\n"));
        let values: Vec<f64> = page.samples.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [3.0, f64::INFINITY, 1000.0]);
    }

    #[test]
    fn what_is_no_metric_is_said_with_its_line() {
        for (text, line) in
            [("a 1\n<html>", 2), ("a", 1), ("a{b=c} 1", 1), ("a{b=\"c} 1", 1), ("1a 1", 1), ("a one", 1)]
        {
            assert_eq!(Page::parse(text).map(|_| ()).map_err(|(at, _)| at), Err(line), "{text}");
        }
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let buckets = |list: &[(f64, f64)]| list.iter().map(|(bound, count)| (OrderedBound(*bound), *count)).collect();
        let inf = f64::INFINITY;
        let some = buckets(&[(0.1, 50.0), (0.5, 90.0), (1.0, 100.0), (inf, 100.0)]);
        for (quantile, want) in [(0.5, 0.1), (0.95, 0.75), (0.25, 0.05), (1.0, 1.0)] {
            let found = histogram_quantile(quantile, &some).expect("found");
            assert!((found - want).abs() < 1e-9, "{quantile}: {found}");
        }
        let over = buckets(&[(0.1, 1.0), (inf, 10.0)]);
        assert_eq!(histogram_quantile(0.9, &over), Some(0.1), "past the last bound its bound is all that is known");
        assert_eq!(histogram_quantile(0.9, &buckets(&[(inf, 0.0)])), None);
    }
}
