//! Who an incident told, read from its events: the messages of one instant to one person together. Plain values.

use crate::base::ids::Name;
use crate::escalation::event::{Event, PageFate, Recorded, What};
use crate::escalation::state::{IllegalEvent, Incident};
use crate::escalation::words::{Links, words};
use crate::model::escalation::Escalation;
use crate::model::message::{Address, Message};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What one person was told at one instant, over one or several channels; or what went to one address of a broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// When.
    pub at: Timestamp,
    /// For which level; 0 = a broadcast.
    pub level: u32,
    /// The person; `None` = an address alone.
    pub who: Option<Name>,
    /// Where, and what became of it.
    pub ways: Vec<(Address, Option<PageFate>)>,
    /// What for.
    pub what: What,
    /// The severity by then.
    pub severity: String,
    /// The words.
    pub message: Message,
    /// How the incident had got that far by then: levels entered, acknowledgements that lapsed. The same person told twice
    /// with the same number was told again of the same.
    pub stage: u32,
}

impl Call {
    /// Whether somebody has to answer, and is not only told.
    #[must_use]
    pub fn is_a_page(&self) -> bool {
        match self.what {
            What::Call | What::Reminder | What::CatchAll => true,
            What::Opening | What::Climb | What::Taken | What::End => false,
        }
    }
}

/// Everybody who was told, in order.
///
/// # Errors
/// [`IllegalEvent`] where the events do not add up.
pub fn calls(policy: &Escalation, events: &[Recorded]) -> Result<Vec<Call>, IllegalEvent> {
    let (mut incident, mut calls, mut stage) = (Incident::default(), Vec::<Call>::new(), 0);
    let mut ways: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for recorded in events {
        incident.evolve(recorded)?;
        match &recorded.event {
            Event::Climbed { .. } | Event::Lapsed | Event::Woke | Event::Unacknowledged { .. } => stage += 1,
            Event::Paged(page) => {
                let address = Address { channel: page.channel.clone(), to: page.address.clone() };
                let same = |call: &Call| {
                    call.at == recorded.at && call.who.is_some() && call.who == page.who && call.level == page.level
                };
                let index = calls.iter().rposition(same).unwrap_or_else(|| {
                    let links = Links { incident: None, act: &|_, _| None };
                    calls.push(Call {
                        at: recorded.at,
                        level: page.level,
                        who: page.who.clone(),
                        ways: Vec::new(),
                        what: page.what,
                        severity: incident.severity.clone(),
                        message: words(policy, &incident, page, &links),
                        stage,
                    });
                    calls.len() - 1
                });
                calls[index].ways.push((address, None));
                ways.insert(page.number, (index, calls[index].ways.len() - 1));
            }
            Event::Settled { page, fate, .. } => {
                if let Some((index, way)) = ways.get(page) {
                    calls[*index].ways[*way].1 = Some(*fate);
                }
            }
            Event::Opened(_)
            | Event::Again { .. }
            | Event::Cleared { .. }
            | Event::Responding { .. }
            | Event::PassedOver { .. }
            | Event::Stopping { .. }
            | Event::Responded { .. }
            | Event::LevelEmpty { .. }
            | Event::Round { .. }
            | Event::Unreached { .. }
            | Event::Undeliverable { .. }
            | Event::Exhausted { .. }
            | Event::Breached { .. }
            | Event::Acknowledged { .. }
            | Event::Snoozed { .. }
            | Event::Assigned { .. }
            | Event::SeverityChanged { .. }
            | Event::Classified { .. }
            | Event::Noted { .. }
            | Event::Duty { .. }
            | Event::Muted { .. }
            | Event::Unmuted { .. }
            | Event::Resolved { .. } => {}
        }
    }
    Ok(calls)
}

/// The same without repeats: whoever is told again of the same appears once, with every way they were told by.
#[must_use]
pub fn folded(calls: &[Call]) -> Vec<Call> {
    let mut folded: Vec<Call> = Vec::new();
    for call in calls {
        let same = |known: &Call| {
            known.stage == call.stage
                && known.who == call.who
                && known.who.is_some()
                && known.is_a_page() == call.is_a_page()
        };
        match folded.iter_mut().find(|known| same(known)) {
            Some(known) => {
                let new = call.ways.iter().filter(|(way, _)| !known.ways.iter().any(|(other, _)| other == way));
                let new: Vec<_> = new.cloned().collect();
                known.ways.extend(new);
            }
            None => folded.push(call.clone()),
        }
    }
    folded
}
