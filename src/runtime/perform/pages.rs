//! Pages of incidents on their way out: what is durable of the incident is asked right before each try.

use crate::act::Seal;
use crate::base::ids::IncidentId;
use crate::escalation::decide::Input;
use crate::escalation::event::{Page, PageFate};
use crate::escalation::fate::of_sent;
use crate::escalation::words::{Links, words};
use crate::model::book::Settings;
use crate::model::message::{Address, Sent, Verb};
use crate::runtime::incidents::board::Board;
use crate::runtime::incidents::ladder;
use crate::runtime::links;
use crate::runtime::pager::{AttemptNote, Job, Outcome, PageKey, Pager, urgency};
use crate::runtime::pump::{About, Message, Post};
use std::sync::Arc;

/// Hands pages to the outbox, and tells the pump what became of them.
#[derive(Clone)]
pub(super) struct Pages {
    pager: Pager,
    board: Arc<Board>,
    seal: Option<Seal>,
    public_url: Option<String>,
}

impl Pages {
    /// Pages that go out over that outbox.
    #[must_use]
    pub(super) fn new(pager: Pager, board: Arc<Board>, seal: Option<Seal>, settings: &Settings) -> Self {
        Self { pager, board, seal, public_url: settings.public_url() }
    }

    pub(super) fn pager(&self) -> Pager {
        self.pager.clone()
    }

    /// Sends a page, as soon as its channel lets it and as long as it is wanted.
    pub(super) fn send(&self, incident: IncidentId, page: &Page, severity: &str, again: bool) {
        let (pages, wanted) = (self.clone(), page.clone());
        let compose = move || {
            pages.board.begin(incident, &wanted, |shown| {
                let act = |verb, _version| pages.act(incident, verb, wanted.number);
                // There is no page of an incident yet; the links of its buttons show it.
                let links = Links { incident: None, act: &act };
                let mut message = words(ladder(&shown.book), &shown.state, &wanted, &links);
                message.perhaps_again = again;
                message
            })
        };
        self.pager.send(Job {
            key: key(incident, page.number),
            about: incident.to_string(),
            address: Address { channel: page.channel.clone(), to: page.address.clone() },
            urgency: urgency(severity),
            compose: Box::new(compose),
            told: None,
        });
    }

    /// Does not start sending a page any more.
    pub(super) fn withdraw(&self, incident: IncidentId, page: u32) {
        self.pager.withdraw(&key(incident, page));
    }

    /// What a button sends back, and the link that shows it.
    fn act(&self, incident: IncidentId, verb: Verb, page: u32) -> Option<(String, Option<String>)> {
        let token = links::write(self.seal.as_ref()?, links::Token { incident, verb, page });
        let token =
            token.inspect_err(|why| tracing::error!(%why, "pages have no buttons: nothing can be signed")).ok()?;
        let link = self.public_url.as_ref().map(|url| format!("{url}/act/{token}"));
        Some((token, link))
    }
}

fn key(incident: IncidentId, page: u32) -> PageKey {
    PageKey(format!("{incident}/{page}"))
}

/// What the outbox calls with what became of a page.
pub(super) fn told(key: &PageKey, outcome: &Outcome, notes: &[AttemptNote], sender: &Post) {
    let Some((incident, page)) = key.0.split_once('/') else { return };
    let (Ok(id), Ok(page)) = (IncidentId::parse(incident), page.parse()) else { return };
    let earlier = notes.iter().rev().skip(1).rev().filter_map(|note| match &note.sent {
        Sent::Later { reason, .. } | Sent::Refused { reason } => Some(reason.clone()),
        Sent::Accepted { .. } | Sent::Delivered { .. } => None,
    });
    let (fate, note) = match outcome {
        Outcome::Said(sent) => of_sent(sent, &earlier.collect::<Vec<_>>()),
        // Whoever waits for it is told by another way now.
        Outcome::NoTurn(why) => (PageFate::Failed, why.clone()),
    };
    let input = Input::Settled { page, fate, note };
    let _ = sender.send(Message::About(About::Incident { id, input, told: None }));
}
