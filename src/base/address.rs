//! Where in a run something happens: the address of one execution of one step.
//!
//! A step of the text can be executed many times in a run: once for each item of a `foreach`, round
//! of a `watch`, pass of a retried group. A [`Place`] names one of them, from the outermost list
//! inwards: `fleet[1]/restart`, `check/recover/restart`, `heal/until:3/probe`, `finally/tidy`.

use crate::base::ids::StepId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Which list of its parent a step is executed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The steps of the runbook or of a group; the number counts passes (retries of the group), from 1.
    Body(u32),
    /// `recover:` of the parent step.
    Recover,
    /// `on_error:` of the parent step.
    OnError,
    /// `undo:` of the parent step.
    Undo,
    /// `on_failure:` of the runbook.
    OnFailure,
    /// `finally:` of the runbook.
    Finally,
    /// The probe of a `wait` or a `remedy`, numbered from 1.
    Until(u32),
    /// A remedy, numbered from 1 in the order written.
    Try(u32),
    /// A round of a `watch`, numbered from 1.
    Round(u32),
}

impl Lane {
    fn show(self) -> Option<String> {
        match self {
            Self::Body(1) => None,
            Self::Body(pass) => Some(format!("pass:{pass}")),
            Self::Recover => Some("recover".into()),
            Self::OnError => Some("on_error".into()),
            Self::Undo => Some("undo".into()),
            Self::OnFailure => Some("on_failure".into()),
            Self::Finally => Some("finally".into()),
            Self::Until(n) => Some(format!("until:{n}")),
            Self::Try(n) => Some(format!("try:{n}")),
            Self::Round(n) => Some(format!("round:{n}")),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (word, number) = match text.split_once(':') {
            Some((word, number)) => (word, number.parse::<u32>().ok()),
            None => (text, None),
        };
        match (word, number) {
            ("pass", Some(pass)) => Some(Self::Body(pass)),
            ("recover", None) => Some(Self::Recover),
            ("on_error", None) => Some(Self::OnError),
            ("undo", None) => Some(Self::Undo),
            ("on_failure", None) => Some(Self::OnFailure),
            ("finally", None) => Some(Self::Finally),
            ("until", Some(n)) => Some(Self::Until(n)),
            ("try", Some(n)) => Some(Self::Try(n)),
            ("round", Some(n)) => Some(Self::Round(n)),
            _ => None,
        }
    }
}

/// One step down: the list, the step, and the item when the step is a `foreach`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The list the step is executed in.
    pub lane: Lane,
    /// The step of the text.
    pub step: StepId,
    /// The item's number, from 0, for one item of a `foreach`.
    pub item: Option<u32>,
}

/// The address of one execution of one step. Never empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<Segment>);

impl Place {
    /// A step of one of the runbook's own lists.
    #[must_use]
    pub fn root(lane: Lane, step: StepId) -> Self {
        Self(vec![Segment { lane, step, item: None }])
    }

    /// A step executed inside this one.
    #[must_use]
    pub fn child(&self, lane: Lane, step: StepId) -> Self {
        let mut segments = self.0.clone();
        segments.push(Segment { lane, step, item: None });
        Self(segments)
    }

    /// A step in `lane` of `parent`, or of the runbook where there is none.
    #[must_use]
    pub fn within(parent: Option<&Self>, lane: Lane, step: StepId) -> Self {
        match parent {
            Some(parent) => parent.child(lane, step),
            None => Self::root(lane, step),
        }
    }

    /// One item of this `foreach` step.
    #[must_use]
    pub fn item(&self, item: u32) -> Self {
        let mut segments = self.0.clone();
        if let Some(last) = segments.last_mut() {
            last.item = Some(item);
        }
        Self(segments)
    }

    /// The execution this one is inside of: the `foreach` of an item, else the composite step.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let mut segments = self.0.clone();
        match segments.last_mut() {
            Some(last) if last.item.is_some() => last.item = None,
            Some(_) | None => drop(segments.pop()),
        }
        (!segments.is_empty()).then_some(Self(segments))
    }

    /// The `foreach` this is one item of.
    #[must_use]
    pub fn item_of(&self) -> Option<Self> {
        self.last().item.and_then(|_| self.parent())
    }

    /// The items that this is one of, or inside of, outermost first: each `foreach` and the item's number.
    pub fn items(&self) -> impl Iterator<Item = (Self, u32)> + '_ {
        let item = |(depth, segment): (usize, &Segment)| {
            let number = segment.item?;
            let mut foreach = self.0[..=depth].to_vec();
            foreach.last_mut()?.item = None;
            Some((Self(foreach), number))
        };
        self.0.iter().enumerate().filter_map(item)
    }

    /// Outermost first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The same place in the first pass of every group around it.
    #[must_use]
    pub fn of_first_pass(&self) -> Self {
        let first = |segment: &Segment| match segment.lane {
            Lane::Body(_) => Segment { lane: Lane::Body(1), ..segment.clone() },
            Lane::Recover
            | Lane::OnError
            | Lane::Undo
            | Lane::OnFailure
            | Lane::Finally
            | Lane::Until(_)
            | Lane::Try(_)
            | Lane::Round(_) => segment.clone(),
        };
        Self(self.0.iter().map(first).collect())
    }

    /// The innermost segment.
    #[must_use]
    pub fn last(&self) -> &Segment {
        &self.0[self.0.len() - 1]
    }

    /// The step of the text that is executed here.
    #[must_use]
    pub fn step(&self) -> &StepId {
        &self.last().step
    }

    /// How deep: 1 for the runbook's own steps.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// This place with the numbers of rounds, probes and remedies left out: what they have in common.
    #[must_use]
    pub fn of_any_round(&self) -> Self {
        let any = |segment: &Segment| {
            let lane = match segment.lane {
                Lane::Until(_) => Lane::Until(0),
                Lane::Try(_) => Lane::Try(0),
                Lane::Round(_) => Lane::Round(0),
                lane @ (Lane::Body(_)
                | Lane::Recover
                | Lane::OnError
                | Lane::Undo
                | Lane::OnFailure
                | Lane::Finally) => lane,
            };
            Segment { lane, ..segment.clone() }
        };
        Self(self.0.iter().map(any).collect())
    }

    /// Whether `other` is this place or inside it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let n = self.0.len();
        if other.0.len() < n || self.0[..n - 1] != other.0[..n - 1] {
            return false;
        }
        let (mine, theirs) = (&self.0[n - 1], &other.0[n - 1]);
        mine.lane == theirs.lane && mine.step == theirs.step && (mine.item.is_none() || mine.item == theirs.item)
    }

    /// The place written as `text`.
    ///
    /// # Errors
    /// The text, when it is no address.
    pub fn parse(text: &str) -> Result<Self, BadPlace> {
        let bad = || BadPlace(text.into());
        let mut segments = Vec::new();
        let mut lane = None;
        let parts: Vec<&str> = text.split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            // A lane is never last, nor behind another: the word is then the id of a step.
            match Lane::parse(part) {
                Some(found) if index + 1 < parts.len() && lane.is_none() => {
                    lane = Some(found);
                }
                _ => {
                    let (id, item) = match part.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
                        Some((id, item)) => (id, Some(item.parse().map_err(|_| bad())?)),
                        None => (*part, None),
                    };
                    let step = StepId::parse(id).map_err(|_| bad())?;
                    segments.push(Segment { lane: lane.take().unwrap_or(Lane::Body(1)), step, item });
                }
            }
        }
        if segments.is_empty() { Err(bad()) } else { Ok(Self(segments)) }
    }
}

/// A text that is no address of a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a step")]
pub struct BadPlace(pub String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            // A step whose id is the word of a lane is told from that lane by the lane before it.
            let lane_word = segment.item.is_none() && Lane::parse(segment.step.as_str()).is_some();
            match segment.lane.show() {
                Some(lane) => write!(f, "{lane}/")?,
                None if lane_word && index + 1 < self.0.len() => f.write_str("pass:1/")?,
                None => {}
            }
            write!(f, "{}", segment.step)?;
            if let Some(item) = segment.item {
                write!(f, "[{item}]")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StepId {
        StepId::parse(text).expect(text)
    }

    #[test]
    fn addresses_read_back() {
        let check = Place::root(Lane::Body(1), id("check"));
        let fleet = Place::root(Lane::Body(1), id("fleet")).item(1);
        for (place, text) in [
            (check.clone(), "check"),
            (check.child(Lane::Recover, id("restart")), "check/recover/restart"),
            (fleet.child(Lane::Body(1), id("restart")), "fleet[1]/restart"),
            (fleet.child(Lane::Body(2), id("restart")), "fleet[1]/pass:2/restart"),
            (Place::root(Lane::Finally, id("tidy")), "finally/tidy"),
            (check.child(Lane::Until(3), id("probe")).child(Lane::Undo, id("x")), "check/until:3/probe/undo/x"),
            (Place::root(Lane::Body(1), id("recover")), "recover"),
            (check.child(Lane::Recover, id("recover")), "check/recover/recover"),
            (check.child(Lane::Body(1), id("undo")), "check/undo"),
            (check.child(Lane::Body(1), id("undo")).child(Lane::Undo, id("x")), "check/pass:1/undo/undo/x"),
            (
                Place::root(Lane::Body(1), id("recover")).child(Lane::Until(1), id("probe")),
                "pass:1/recover/until:1/probe",
            ),
            (Place::root(Lane::Body(1), id("undo")).item(2).child(Lane::Body(1), id("x")), "undo[2]/x"),
            (Place::root(Lane::Finally, id("finally")).child(Lane::Body(1), id("x")), "finally/finally/x"),
        ] {
            assert_eq!(place.to_string(), text);
            assert_eq!(Place::parse(text), Ok(place));
        }
        assert!(Place::parse("").is_err() && Place::parse("a/B").is_err() && Place::parse("a[x]").is_err());
    }

    #[test]
    fn parents_and_holding() {
        let fleet = Place::root(Lane::Body(1), id("fleet"));
        let restart = fleet.item(1).child(Lane::Body(1), id("restart"));
        assert_eq!(restart.parent(), Some(fleet.item(1)));
        assert_eq!(fleet.item(1).parent(), Some(fleet.clone()));
        assert_eq!(fleet.parent(), None);
        assert!(fleet.holds(&restart) && fleet.item(1).holds(&restart) && !fleet.item(2).holds(&restart));
    }
}
