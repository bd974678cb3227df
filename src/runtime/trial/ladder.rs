//! A test of the ladder, played: the incident machine in the world that the test writes down.

use super::{Halt, Spoken, Trials};
use crate::base::ids::Name;
use crate::base::span::Span;
use crate::escalation::calls::{Call, calls, folded};
use crate::escalation::rehearsal::{Act, LONGEST, Rehearsed, Scene, between, rehearse};
use crate::model::escalation::Escalation;
use crate::model::rehearsal::{Acknowledged, Mending};
use crate::model::test::{Incident, Test, Written};
use crate::model::trouble::{Source, Trouble};
use crate::runtime::pager;
use jiff::Timestamp;

/// What came of a test of the ladder.
pub struct Climbed {
    /// When its incident opened, by the virtual clock.
    pub began: Timestamp,
    /// The incident and everything that happened to it.
    pub rehearsed: Rehearsed,
    /// Everybody who was told.
    pub calls: Vec<Call>,
}

impl Climbed {
    /// What was said to people who have to answer, or only for information; repeats folded or not.
    #[must_use]
    pub fn spoken(&self, pages: bool, fold: bool) -> Vec<Spoken> {
        let folded = if fold { folded(&self.calls) } else { self.calls.clone() };
        let wanted = folded.iter().filter(|call| call.is_a_page() == pages);
        wanted.map(|call| spoken(call, self.began)).collect()
    }
}

impl Trials {
    /// Plays a test of the ladder.
    ///
    /// # Errors
    /// [`Halt`] where it lacks what the ladder asks for, or the machine gave up.
    pub fn climb(&self, test: &Test, incident: &Incident) -> Result<Climbed, Halt> {
        let none = Escalation::default();
        let ladder = self.book.escalation.as_ref().unwrap_or(&none);
        let began = incident.at.unwrap_or_else(|| self.began(test));
        let given = &test.given.incident;
        let name = |by: &Option<Written<String>>| by.as_ref().and_then(|by| Name::parse(&by.value).ok());
        let mut acts = Vec::new();
        let mut works = true;
        if let Some(Acknowledged::After { after, by, idle }) = &given.acknowledged {
            acts.push((*after, Act::Acknowledge(name(by))));
            works = !idle;
        }
        acts.extend(given.resolved.as_ref().map(|ended| (ended.after, Act::Resolve(name(&ended.by)))));
        acts.extend(given.cleared.map(|after| (after, Act::Clear)));
        let down = given.channels.iter().filter(|(_, works)| !works);
        let level_1 = match given.level_1 {
            Some(level_1) => level_1,
            None if responds(ladder) => return Err(Halt::NoLevel1),
            None => Mending::Hangs,
        };
        let scene = Scene {
            ladder,
            at: began,
            trouble: trouble(incident),
            level_1,
            acts,
            works,
            down: down.filter_map(|(channel, _)| Name::parse(&channel.value).ok()).collect(),
            patience: &patience,
            away: given.away,
            most: LONGEST,
        };
        let broken = |error: crate::escalation::state::IllegalEvent| Halt::Broken(error.to_string());
        let rehearsed = rehearse(&scene).map_err(broken)?;
        let calls = calls(ladder, &rehearsed.events).map_err(broken)?;
        Ok(Climbed { began, rehearsed, calls })
    }
}

/// Whether a level of the ladder runs something, of which a test has to say what it comes to.
fn responds(ladder: &Escalation) -> bool {
    ladder.levels.values().any(|level| !level.tries.is_empty())
        || ladder.routes.iter().any(|route| route.first_response.is_some())
}

/// How long a page of that severity is tried on a channel that delivers nothing.
#[must_use]
pub fn patience(severity: &str) -> Span {
    let patience = pager::patience(pager::urgency(severity));
    Span::from_millis(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX))
}

fn trouble(incident: &Incident) -> Trouble {
    let key = incident.key.clone().unwrap_or_else(|| "test".to_owned());
    Trouble {
        title: incident.message.clone().unwrap_or_else(|| key.clone()),
        text: String::new(),
        severity: incident.severity.as_ref().map(|severity| severity.value.clone()),
        kind: incident.kind.clone(),
        labels: incident.labels.clone(),
        owner: None,
        source: Source::Alert { name: key.clone() },
        link: None,
        key,
    }
}

fn spoken(call: &Call, began: Timestamp) -> Spoken {
    let way = |(address, _): &(crate::model::message::Address, _)| {
        if address.to.is_empty() { address.channel.to_string() } else { format!("{}:{}", address.channel, address.to) }
    };
    Spoken {
        at: between(began, call.at),
        step: None,
        pages: call.is_a_page(),
        channels: call.ways.iter().map(way).collect(),
        contacts: call.who.iter().map(ToString::to_string).collect(),
        severity: Some(call.severity.clone()),
        key: None,
        title: Some(call.message.title.clone()),
        message: call.message.text.clone(),
    }
}
