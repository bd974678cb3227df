//! The component of a URL in which each placeholder stands.

use crate::base::arg::Landing;
use crate::template::tree::Spot;

/// Where the reading of a URL stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    read: String,
    /// A value that is the whole beginning has been put.
    base: bool,
}

impl Url {
    pub(super) fn new() -> Self {
        Self { read: String::new(), base: false }
    }

    /// Whether two branches end in the same component.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.part() == other.part() && self.base == other.base
    }

    pub(super) fn text(&mut self, text: &str) {
        self.read.push_str(text);
    }

    /// Where a placeholder lands that `after` follows.
    pub(super) fn put(&mut self, after: &str) -> Result<Spot, String> {
        let spot = |landing, tail| Ok(Spot { landing, first: false, tail, raw: false });
        let put = match self.part() {
            Part::Start => {
                if !after.is_empty() && !after.starts_with(['/', '?', '#']) {
                    return Err("a value cannot be a part of the scheme or the beginning of a host".into());
                }
                self.base = true;
                return spot(Landing::Url, !after.is_empty());
            }
            Part::Scheme => return Err("a value cannot be a part of the scheme".into()),
            Part::Authority => {
                let rest = after.split(['/', '?', '#']).next().unwrap_or_default();
                if rest.contains('@') { spot(Landing::UrlPart, true) } else { spot(Landing::Host, !rest.is_empty()) }
            }
            Part::Rest => spot(Landing::UrlPart, !after.is_empty()),
        };
        self.read.push('\u{fffc}');
        put
    }

    fn part(&self) -> Part {
        if self.base {
            return Part::Rest;
        }
        match self.read.split_once("://") {
            Some((_, rest)) if rest.contains(['/', '?', '#']) => Part::Rest,
            Some(_) => Part::Authority,
            None if self.read.is_empty() => Part::Start,
            None if self.read.starts_with(['/', '?', '#', '.']) => Part::Rest,
            None => Part::Scheme,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Start,
    Scheme,
    Authority,
    Rest,
}
