//! What version 1 of an incident's event looks like in JSON, and the way there and back.

use super::deed::Deed;
use super::{
    CodecError, Digest, IncidentId, Name, Opened, Page, Role, Span, Trouble, Turn, Via, WHATS, incident_id, malformed,
    name, read, run_id, what_word, word,
};
use crate::base::actor::Actor;
use crate::model::trouble::Source;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Shape {
    Opened(Box<Opened1>),
    Again {
        source: Source1,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        count: u64,
    },
    Cleared {
        source: Source1,
        reason: String,
    },
    Responding {
        run: String,
        runbook: String,
        part: String,
    },
    PassedOver {
        runbook: String,
        part: String,
        reason: String,
    },
    Stopping {
        run: String,
        reason: String,
    },
    Responded {
        run: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
        level: String,
        text: String,
    },
    Climbed {
        level: u32,
        why: String,
        reason: String,
    },
    LevelEmpty {
        level: u32,
        reason: String,
    },
    Round {
        level: u32,
        number: u32,
        turns: Vec<Turn1>,
    },
    Paged(Box<Page1>),
    Settled {
        page: u32,
        fate: String,
        note: String,
    },
    Unreached {
        level: u32,
        who: String,
        reason: String,
    },
    Undeliverable {
        level: u32,
        reason: String,
    },
    Exhausted {
        reason: String,
    },
    Breached {
        clock: String,
        by: String,
    },
    Lapsed,
    Woke,
    Muted {
        silence: String,
        until: String,
    },
    Unmuted {
        reason: String,
    },
    /// What somebody did.
    Said {
        actor: Actor1,
        deed: Deed,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened1 {
    id: String,
    trouble: Trouble1,
    severity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_response: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    texts: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recurs: Option<(String, u32)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trouble1 {
    key: String,
    title: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    source: Source1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Source1 {
    Run { runbook: String, run: String },
    Step { runbook: String, run: String, step: String },
    Alert { name: String },
    Inbound { intake: String, fingerprint: String },
    Deadline { runbook: String, trigger: String, due: String },
    Heartbeat { path: String },
    Person(Actor1),
    Engine { part: String },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actor1 {
    id: String,
    via: String,
    role: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    /// Milliseconds; 0 where it is not there.
    #[serde(default, skip_serializing_if = "is_zero")]
    after: u64,
    channel: String,
    address: String,
    what: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(millis: &u64) -> bool {
    *millis == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page1 {
    number: u32,
    level: u32,
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    channel: String,
    address: String,
    what: String,
}

pub(super) fn text(name: Option<&Name>) -> Option<String> {
    name.map(ToString::to_string)
}

pub(super) fn some(text: Option<String>) -> Result<Option<Name>, CodecError> {
    text.map(|text| name(&text)).transpose()
}

impl Opened1 {
    pub(super) fn of(opened: &Opened) -> Self {
        Self {
            id: opened.id.to_string(),
            trouble: Trouble1::of(&opened.trouble),
            severity: opened.severity.clone(),
            owner: text(opened.owner.as_ref()),
            first_response: text(opened.first_response.as_ref()),
            texts: opened.texts.iter().map(|(file, digest)| (file.clone(), digest.to_string())).collect(),
            recurs: opened.recurs.map(|(before, number)| (before.to_string(), number)),
        }
    }

    pub(super) fn opened(self) -> Result<Opened, CodecError> {
        let digest = |text: String| Digest::parse(&text).ok_or_else(|| malformed(&text));
        let text = |(file, text): (String, String)| digest(text).map(|digest| (file, digest));
        let texts = self.texts.into_iter().map(text).collect::<Result<_, _>>()?;
        let recurs = |(before, number): (String, u32)| incident_id(&before).map(|before: IncidentId| (before, number));
        Ok(Opened {
            id: incident_id(&self.id)?,
            trouble: self.trouble.trouble()?,
            severity: self.severity,
            owner: some(self.owner)?,
            first_response: some(self.first_response)?,
            texts,
            recurs: self.recurs.map(recurs).transpose()?,
        })
    }
}

impl Trouble1 {
    fn of(trouble: &Trouble) -> Self {
        Self {
            key: trouble.key.clone(),
            title: trouble.title.clone(),
            text: trouble.text.clone(),
            severity: trouble.severity.clone(),
            kind: trouble.kind.clone(),
            labels: trouble.labels.clone(),
            owner: text(trouble.owner.as_ref()),
            source: Source1::of(&trouble.source),
            link: trouble.link.clone(),
        }
    }

    fn trouble(self) -> Result<Trouble, CodecError> {
        Ok(Trouble {
            key: self.key,
            title: self.title,
            text: self.text,
            severity: self.severity,
            kind: self.kind,
            labels: self.labels,
            owner: some(self.owner)?,
            source: self.source.source()?,
            link: self.link,
        })
    }
}

impl Source1 {
    pub(super) fn of(source: &Source) -> Self {
        match source {
            Source::Run { runbook, run } => Self::Run { runbook: runbook.to_string(), run: run.to_string() },
            Source::Step { runbook, run, step } => {
                Self::Step { runbook: runbook.to_string(), run: run.to_string(), step: step.clone() }
            }
            Source::Alert { name } => Self::Alert { name: name.clone() },
            Source::Inbound { intake, fingerprint } => {
                Self::Inbound { intake: intake.clone(), fingerprint: fingerprint.clone() }
            }
            Source::Deadline { runbook, trigger, due } => {
                Self::Deadline { runbook: runbook.to_string(), trigger: trigger.clone(), due: due.to_string() }
            }
            Source::Heartbeat { path } => Self::Heartbeat { path: path.clone() },
            Source::Person(actor) => Self::Person(Actor1::of(actor)),
            Source::Engine { part } => Self::Engine { part: part.clone() },
        }
    }

    pub(super) fn source(self) -> Result<Source, CodecError> {
        Ok(match self {
            Self::Run { runbook, run } => Source::Run { runbook: name(&runbook)?, run: run_id(&run)? },
            Self::Step { runbook, run, step } => Source::Step { runbook: name(&runbook)?, run: run_id(&run)?, step },
            Self::Alert { name } => Source::Alert { name },
            Self::Inbound { intake, fingerprint } => Source::Inbound { intake, fingerprint },
            Self::Deadline { runbook, trigger, due } => {
                Source::Deadline { runbook: name(&runbook)?, trigger, due: read(&due)? }
            }
            Self::Heartbeat { path } => Source::Heartbeat { path },
            Self::Person(actor) => Source::Person(actor.actor()?),
            Self::Engine { part } => Source::Engine { part },
        })
    }
}

impl Actor1 {
    pub(super) fn of(actor: &Actor) -> Self {
        Self { id: actor.id.clone(), via: actor.via.as_str().into(), role: actor.role.as_str().into() }
    }

    pub(super) fn actor(self) -> Result<Actor, CodecError> {
        let via = Via::parse(&self.via).ok_or_else(|| malformed(&self.via))?;
        let role = Role::parse(&self.role).ok_or_else(|| malformed(&self.role))?;
        Ok(Actor { id: self.id, via, role })
    }
}

impl Turn1 {
    pub(super) fn of(turn: &Turn) -> Self {
        Self {
            who: text(turn.who.as_ref()),
            after: turn.after.millis(),
            channel: turn.address.channel.to_string(),
            address: turn.address.to.clone(),
            what: what_word(turn.what).into(),
        }
    }

    pub(super) fn turn(self) -> Result<Turn, CodecError> {
        let address = super::Address { channel: name(&self.channel)?, to: self.address };
        let what = word(&WHATS, what_word, &self.what)?;
        Ok(Turn { who: some(self.who)?, after: Span::from_millis(self.after), address, what })
    }
}

impl Page1 {
    pub(super) fn of(page: &Page) -> Self {
        Self {
            number: page.number,
            level: page.level,
            round: page.round,
            who: text(page.who.as_ref()),
            channel: page.channel.to_string(),
            address: page.address.clone(),
            what: what_word(page.what).into(),
        }
    }

    pub(super) fn page(self) -> Result<Page, CodecError> {
        Ok(Page {
            number: self.number,
            level: self.level,
            who: some(self.who)?,
            channel: name(&self.channel)?,
            address: self.address,
            what: word(&WHATS, what_word, &self.what)?,
            round: self.round,
        })
    }
}
