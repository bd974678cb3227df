//! What people answer to a page without logging in: a link, a button, a text message. A link shows first and acts once.

use crate::act::Seal;
use crate::act::channel::{Reply, Said, answer_slack, own_setting, slack_inbound, twilio_inbound};
use crate::base::actor::{Actor, Role, Via};
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name};
use crate::escalation::decide::Input;
use crate::escalation::drill::Way;
use crate::escalation::event::Page;
use crate::escalation::fate::of_sent;
use crate::model::channel::Provider;
use crate::model::message::Verb;
use crate::runtime::append::append;
use crate::runtime::clock;
use crate::runtime::index::{USED, used_stream};
use crate::runtime::links::{self, GOOD_FOR, Token};
use crate::runtime::pump::{About, Message};
use crate::service::incidents::heard_sentence;
use crate::service::trouble::apart;
use crate::service::{Act, DrillOffer, IncidentView, Service, Trouble};
use crate::store::{AppendError, Batch, Guard, Row, codec};
use std::sync::Arc;

/// What a link offers.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The incident.
    pub view: IncidentView,
    /// What is to be done.
    pub verb: Verb,
    /// The page the link stood in.
    pub page: Page,
    /// Why it can't be done any more; `None` = it can.
    pub closed: Option<String>,
}

/// What a link is about.
#[derive(Debug, Clone)]
pub enum Offered {
    /// An incident.
    Incident(Box<Offer>),
    /// A page of a drill.
    Drill(Box<DrillOffer>),
}

/// What a provider posts, as far as it proves itself by it.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    /// The whole public address it was posted to.
    pub url: String,
    /// `X-Slack-Request-Timestamp`.
    pub timestamp: String,
    /// `X-Slack-Signature` or `X-Twilio-Signature`.
    pub signature: String,
    /// The body, as it came.
    pub body: Vec<u8>,
}

impl Service {
    /// What the link of that token offers. Changes nothing, so that whoever only looks acts on nothing.
    ///
    /// # Errors
    /// [`Trouble::Unproved`] where the token is not ours.
    pub fn offer(&self, text: &str) -> Result<Offered, Trouble> {
        if let Some(offer) = self.drill_offer(text)? {
            return Ok(Offered::Drill(Box::new(offer)));
        }
        self.incident_offer(text).map(|offer| Offered::Incident(Box::new(offer)))
    }

    fn incident_offer(&self, text: &str) -> Result<Offer, Trouble> {
        let Token { incident, verb, page } = links::read(&Seal::of(&self.data), text)
            .ok_or_else(|| Trouble::Unproved("this link is not one of ours, or was cut off".into()))?;
        let view = self.incident(&incident.to_string())?;
        let ordered = view.state.pages.get(&page).cloned();
        let ordered = ordered.ok_or_else(|| Trouble::Unproved("this link belongs to no page".into()))?;
        let closed = if view.state.ending.is_some() {
            Some("the incident is over: there is nothing to do any more".to_owned())
        } else if clock::now().duration_since(ordered.at) > GOOD_FOR {
            Some("this link is older than a week".to_owned())
        } else if self.was_used(text)? {
            Some("this link was used before".to_owned())
        } else {
            None
        };
        Ok(Offer { view, verb, page: ordered.page, closed })
    }

    /// Does what a link offers, once. `by` = who pressed it, where the provider says so.
    ///
    /// # Errors
    /// [`Trouble::Input`] with a sentence for whoever pressed it.
    pub async fn take_offer(&self, text: &str, by: Option<&str>) -> Result<String, Trouble> {
        let offer = match self.offer(text)? {
            Offered::Drill(offer) => return self.confirm_drill(&offer, by).await,
            Offered::Incident(offer) => *offer,
        };
        if let Some(why) = offer.closed {
            return Err(Trouble::Input(why));
        }
        let id = offer.view.opening.id;
        let as_of = offer.view.state.pages.get(&offer.page.number).map(|ordered| ordered.version);
        self.use_up(text)?;
        let who = offer.page.who.as_ref().map(ToString::to_string);
        let address = || format!("{}:{}", offer.page.channel, offer.page.address);
        let person = by.map(str::to_owned).or_else(|| who.clone()).unwrap_or_else(address);
        self.press(id, offer.verb, person, who, as_of).await
    }

    async fn press(
        &self,
        id: IncidentId,
        verb: Verb,
        person: String,
        who: Option<String>,
        as_of: Option<u64>,
    ) -> Result<String, Trouble> {
        let actor = Actor { id: person.clone(), via: Via::Link, role: Role::Operator };
        let act = match verb {
            Verb::Acknowledge => Act::Acknowledge { who, note: String::new() },
            Verb::Escalate => Act::Escalate { reason: format!("{person} wants the next level") },
            Verb::Resolve => Act::Resolve { reason: format!("{person} says that it is over") },
        };
        self.act(actor, &id.to_string(), act, as_of).await?;
        Ok(heard_sentence(verb, &person))
    }

    fn was_used(&self, text: &str) -> Result<bool, Trouble> {
        let row = self.journal.get(&used_row(text)).map_err(|error| Trouble::Store(error.to_string()))?;
        Ok(row.is_some())
    }

    /// From here on the link is used, whatever comes of it.
    fn use_up(&self, text: &str) -> Result<(), Trouble> {
        let now = clock::now();
        let bytes = codec::encode_used(now, &Digest::of(text.trim().as_bytes()));
        let bytes = bytes.map_err(|error| Trouble::Store(error.to_string()))?;
        let guards = vec![Guard::Lease(self.journal.epoch()), Guard::Absent(used_row(text))];
        let batch = Batch { appends: vec![(used_stream(now), vec![bytes])], guards, ..Batch::default() };
        append(self.journal.as_ref(), batch).map_err(|error| {
            let used = matches!(error, AppendError::Conflict(_));
            if used { Trouble::Input("this link was used before".into()) } else { Trouble::Store(error.to_string()) }
        })
    }

    /// What a provider posts for somebody who answered a page, over that channel: verified, then done. The sentence is for
    /// whoever answered.
    ///
    /// # Errors
    /// [`Trouble::Unproved`] where it is not from the provider; [`Trouble::NoHook`] where the channel takes no answers.
    pub async fn posted(&self, channel: &str, posted: &Posted) -> Result<String, Trouble> {
        let world = self.world.as_ref();
        let unproved = |why: String| Trouble::Unproved(why);
        let setting = async |key: &str| own_setting(channel, key, world).await.ok().flatten();
        let reply = match crate::act::channel::provider(channel, world) {
            Some(Provider::Slack) => {
                let secret = setting("signing_secret").await;
                let secret = secret.ok_or_else(|| Trouble::NoHook(format!("replies/{channel}")))?;
                let Posted { timestamp, signature, body, .. } = posted;
                slack_inbound::verify(&secret, timestamp, signature, body, clock::now()).map_err(unproved)?;
                slack_inbound::interaction(body).map_err(Trouble::Unreadable)?
            }
            Some(provider @ (Provider::Twilio | Provider::Voice)) => {
                let token = setting("token").await;
                let token = token.ok_or_else(|| Trouble::NoHook(format!("replies/{channel}")))?;
                twilio_inbound::verify(&token, &posted.url, &posted.body, &posted.signature).map_err(unproved)?;
                if twilio_inbound::is_status(&posted.body) {
                    return self.heard_fate(channel, &posted.body).await;
                }
                let read = if provider == Provider::Voice {
                    twilio_inbound::key(&posted.url, &posted.body)
                } else {
                    twilio_inbound::text(&posted.body)
                };
                read.map_err(Trouble::Unreadable)?
            }
            Some(_) | None => return Err(Trouble::NoHook(format!("replies/{channel}"))),
        };
        let heard = self.hear_reply(channel, &reply).await;
        if let Some(url) = reply.answer {
            // Slack waits three seconds for an answer, and shows nobody what it says.
            let (channel, world) = (channel.to_owned(), Arc::clone(&self.world));
            let said = heard.as_ref().map_or_else(ToString::to_string, Clone::clone);
            tokio::spawn(async move {
                if let Err(sent) = answer_slack(&channel, &url, &said, &world).await {
                    tracing::warn!(channel, ?sent, "whoever answered could not be told what came of it");
                }
            });
        }
        heard
    }

    /// What became of a message, as its provider says of its own accord.
    async fn heard_fate(&self, channel: &str, body: &[u8]) -> Result<String, Trouble> {
        let (id, sent) = twilio_inbound::status(body).map_err(Trouble::Unreadable)?;
        let Some(sent) = sent else { return Ok(String::new()) };
        let shown = self.paging.as_ref().map(|paging| paging.board.all()).unwrap_or_default();
        let page = shown.iter().find_map(|shown| {
            let (_, opened) = shown.state.opened.as_ref()?;
            let found = shown.state.pages.values().find(|ordered| {
                let note = ordered.fate.as_ref().map(|(_, note, _)| note.as_str());
                ordered.page.channel.as_str() == channel
                    && note.is_some_and(|note| note.split(' ').next() == Some(id.as_str()))
            })?;
            Some((opened.id, found.page.number))
        });
        if let Some((incident, page)) = page {
            let (fate, note) = of_sent(&sent, &[]);
            let input = Input::Settled { page, fate, note };
            self.send(Message::About(About::Incident { id: incident, input, told: None }))?;
        } else {
            // Of no drill either: it was a `notify`, or is over for long.
            let (service, channel) = (self.clone(), channel.to_owned());
            apart(move || service.drill_fate(&channel, &id, &sent)).await?;
        }
        Ok(String::new())
    }

    /// Does what somebody answered over that channel. The sentence is for them.
    ///
    /// # Errors
    /// [`Trouble`], with a sentence for them.
    pub async fn hear_reply(&self, channel: &str, reply: &Reply) -> Result<String, Trouble> {
        match &reply.said {
            Said::Token(token) => self.take_offer(token, Some(&reply.who)).await,
            Said::Text(text) => self.hear_text(channel, &reply.who, text).await,
        }
    }

    /// `ack`, `escalate` or `resolve`, alone for the newest incident that this address was paged about over that channel, or
    /// with its id.
    async fn hear_text(&self, channel: &str, from: &str, text: &str) -> Result<String, Trouble> {
        let mut words = text.split_whitespace();
        let verb = match words.next().map(str::to_lowercase).as_deref() {
            Some("ack" | "a" | "4" | "ok" | "yes") => Verb::Acknowledge,
            Some("escalate" | "e" | "5") => Verb::Escalate,
            Some("resolve" | "resolved" | "r" | "6") => Verb::Resolve,
            Some(_) | None => return Err(Trouble::Input("write ack, escalate or resolve".into())),
        };
        // Whoever answers has seen the newest that was sent to them, and nothing after it.
        let mine = |view: &IncidentView| {
            let mut pages = view.state.pages.values().rev();
            let ordered = pages.find(|ordered| was_sent_to(&ordered.page, channel, from))?;
            Some((view.opening.id, ordered.page.who.as_ref().map(ToString::to_string), ordered.version))
        };
        let found = match words.next() {
            Some(id) => mine(&self.incident(id)?),
            None => self.incidents(false, usize::MAX)?.iter().find_map(mine),
        };
        if found.is_none() && verb == Verb::Acknowledge {
            let theirs = |way: &Way| is_theirs((&way.channel, &way.address), channel, from);
            if let Some(offer) = self.drill_page_of(theirs)? {
                return self.confirm_drill(&offer, None).await;
            }
        }
        let none = || Trouble::Input("no open incident was sent to this number".into());
        let (id, who, seen) = found.ok_or_else(none)?;
        let person = who.clone().unwrap_or_else(|| from.to_owned());
        self.press(id, verb, person, who, Some(seen)).await
    }
}

/// Whether a page went to whoever answers from that number over that channel.
fn was_sent_to(page: &Page, channel: &str, from: &str) -> bool {
    is_theirs((&page.channel, &page.address), channel, from)
}

fn is_theirs((over, address): (&Name, &str), channel: &str, from: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = digits(from);
    over.as_str() == channel && !number.is_empty() && digits(address) == number
}

fn used_row(text: &str) -> Row {
    Row { tree: USED, key: Digest::of(text.trim().as_bytes()).to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalation::event::What;

    #[test]
    fn only_whom_a_page_was_sent_to_answers_it_by_text() {
        let page = |address: &str| Page {
            number: 1,
            level: 2,
            who: None,
            channel: Name::parse("sms").expect("a name"),
            address: address.into(),
            what: What::Call,
            round: 1,
        };
        for (address, channel, from, theirs) in [
            ("+1-555-0123", "sms", "+15550123", true),
            ("+1-555-0123", "sms", "+15550124", false),
            ("+1-555-0123", "chat", "+15550123", false),
            ("#incidents", "sms", "somebody", false),
            ("#incidents", "sms", "", false),
        ] {
            assert_eq!(was_sent_to(&page(address), channel, from), theirs, "{address} {channel} {from}");
        }
    }
}
