//! The desk's side for incidents and silences.

use crate::act::channel::{answer_telegram, listen_telegram};
use crate::api::desk::{Desk, told};
use crate::api::present;
use crate::api::wire::{
    ActRequest, Fault, IncidentDetail, IncidentReply, IncidentRow, IncidentStatistics, OpenRequest, Problem,
    ReportFormat, SilenceRequest, SilenceRow,
};
use crate::base::actor::Actor;
use crate::base::limits::MAX_ROWS;
use crate::base::value::Value;
use crate::runtime::incidents::Heard;
use crate::service::{Act, Offered, OpenIncident, Posted};

impl Desk {
    /// Incidents, newest first: those that are not resolved, or `all`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn incidents(&self, all: bool, limit: u32) -> Result<Vec<IncidentRow>, Problem> {
        let views = self.service.incidents(all, (limit as usize).clamp(1, MAX_ROWS)).map_err(told)?;
        Ok(views.iter().map(present::incident_row).collect())
    }

    /// One incident: by its id, its beginning or end, its key, or `last`.
    ///
    /// # Errors
    /// When there is none.
    pub fn incident(&self, text: &str) -> Result<IncidentDetail, Problem> {
        self.service.incident(text).map(|view| present::incident(&view)).map_err(told)
    }

    /// The report of one, written out.
    ///
    /// # Errors
    /// When there is none.
    pub fn report(&self, text: &str, format: ReportFormat) -> Result<String, Problem> {
        let view = self.service.incident(text).map_err(told)?;
        let report = self.service.report(&view).map_err(told)?;
        let detail = present::incident(&view);
        Ok(match format {
            ReportFormat::Markdown => present::markdown(&detail, &report),
            ReportFormat::Html => present::html(&detail, &report),
            ReportFormat::Json => {
                let report = serde_json::to_string(&present::told_report(detail, report));
                report.map_err(|error| Problem::new(Fault::Internal, error.to_string()))? + "\n"
            }
        })
    }

    /// What the last so many weeks held of them.
    ///
    /// # Errors
    /// When the book or the store can't be read.
    pub fn statistics(&self, weeks: u32) -> Result<IncidentStatistics, Problem> {
        self.service.statistics(weeks).map(present::statistics).map_err(told)
    }

    /// Opens one by hand.
    ///
    /// # Errors
    /// When the actor may not, or something in it is not right.
    pub async fn open_incident(&self, actor: Actor, asked: OpenRequest) -> Result<IncidentReply, Problem> {
        let OpenRequest { title, text, severity, key, kind, labels, owner } = asked;
        let wish = OpenIncident { title, text, severity, key, kind, labels, owner };
        self.service.open_incident(actor, wish).await.map(reply).map_err(told)
    }

    /// Does something about one: `verb` is the last part of its path.
    ///
    /// # Errors
    /// When the actor may not, there is no such incident or verb, or it can't be done to it.
    pub async fn act(&self, actor: Actor, text: &str, verb: &str, asked: ActRequest) -> Result<IncidentReply, Problem> {
        let as_of = asked.as_of;
        let act = act(verb, asked)?;
        self.service.act(actor, text, act, as_of).await.map(reply).map_err(told)
    }

    /// What the link of a page offers.
    ///
    /// # Errors
    /// When it is not one of ours.
    pub fn offer(&self, token: &str) -> Result<Offered, Problem> {
        self.service.offer(token).map_err(told)
    }

    /// Does what the link of a page offers, once.
    ///
    /// # Errors
    /// When it is not one of ours, was used, or can't be done any more.
    pub async fn take_offer(&self, token: &str) -> Result<String, Problem> {
        self.service.take_offer(token, None).await.map_err(told)
    }

    /// What a provider posts for somebody who answered a page; `url` of it is the path, to which the public address is added.
    ///
    /// # Errors
    /// When it does not prove itself, or the channel takes no answers.
    pub async fn posted(&self, channel: &str, posted: Posted) -> Result<String, Problem> {
        let public = self.service.world.settings.public_url().unwrap_or_default();
        let url = format!("{public}{}", posted.url);
        self.service.posted(channel, &Posted { url, ..posted }).await.map_err(told)
    }

    /// Listens at every channel whose answers are fetched, for ever: Telegram needs no public address.
    pub async fn listen_for_replies(&self) {
        let channels = self.service.world.settings.channels.iter();
        let listens = |(name, param): (&crate::base::ids::Name, &crate::model::param::Param)| {
            let telegram = param.get("telegram")?;
            let wanted = telegram.get("listen").and_then(|listen| listen.value()).and_then(Value::as_bool);
            (wanted == Some(true)).then(|| name.to_string())
        };
        let all: Vec<_> = channels.filter_map(listens).map(|name| listen_at(self.clone(), name)).collect();
        futures_util::future::join_all(all).await;
    }

    /// Silences that count now.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn silences(&self) -> Result<Vec<SilenceRow>, Problem> {
        Ok(self.service.silences().map_err(told)?.into_iter().map(present::silence).collect())
    }

    /// Mutes troubles with those labels.
    ///
    /// # Errors
    /// When the actor may not, or something in it is not right.
    pub fn add_silence(&self, actor: Actor, asked: SilenceRequest) -> Result<SilenceRow, Problem> {
        let SilenceRequest { matches, until, reason } = asked;
        self.service.add_silence(actor, matches, until, reason).map(present::silence).map_err(told)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// When the actor may not, or none of that id counts.
    pub fn end_silence(&self, actor: Actor, id: &str) -> Result<(), Problem> {
        self.service.end_silence(actor, id).map_err(told)
    }
}

/// The verbs there are, as the last part of a path.
pub(in crate::api) const VERBS: &[&str] =
    &["ack", "unack", "snooze", "assign", "severity", "classify", "escalate", "note", "duty", "resolve"];

fn act(verb: &str, asked: ActRequest) -> Result<Act, Problem> {
    let ActRequest { reason, who, until, to, level, number, undone, as_of: _ } = asked;
    let missing = |field: &str| Problem::new(Fault::MissingField, format!("`{field}` is needed"));
    let to = || to.clone().filter(|to| !to.is_empty()).ok_or_else(|| missing("to"));
    Ok(match verb {
        "ack" => Act::Acknowledge { who, note: reason },
        "unack" => Act::Unacknowledge { reason },
        "snooze" => Act::Snooze { until: until.ok_or_else(|| missing("until"))?, reason },
        "assign" => Act::Assign { to: to()? },
        "severity" => Act::Severity { to: to()?, reason },
        "classify" => Act::Classify { kind: to()? },
        "escalate" => Act::Escalate { reason },
        "note" if reason.trim().is_empty() => return Err(missing("text")),
        "note" => Act::Note { text: reason },
        "duty" => Act::Duty {
            level: level.ok_or_else(|| missing("level"))?,
            number: number.ok_or_else(|| missing("number"))?,
            done: !undone,
        },
        "resolve" => Act::Resolve { reason },
        other => {
            let detail = format!("`{other}` is not done to incidents: {} are", VERBS.join(", "));
            return Err(Problem::new(Fault::NoAct, detail));
        }
    })
}

fn reply(heard: Heard) -> IncidentReply {
    IncidentReply { incident: heard.incident.to_string(), opened: heard.opened }
}

/// Listens at one channel for ever, and answers whoever pressed something.
async fn listen_at(desk: Desk, channel: String) {
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (name, world) = (channel.clone(), std::sync::Arc::clone(&desk.service.world));
    let listening = async {
        let mut hear = |reply| drop(sender.send(reply));
        listen_telegram(&name, 0, &world, &mut hear).await;
    };
    let answering = async {
        while let Some(reply) = heard.recv().await {
            let reply = match reply {
                Ok(reply) => reply,
                Err(sent) => {
                    tracing::warn!(channel, ?sent, "answers can't be fetched; it is tried again");
                    continue;
                }
            };
            let said = match desk.service.hear_reply(&channel, &reply).await {
                Ok(said) => said,
                Err(trouble) => trouble.to_string(),
            };
            tracing::info!(channel, who = reply.who, said, "somebody answered a page");
            if let Some(query) = &reply.answer
                && let Err(sent) = answer_telegram(&channel, query, &said, &desk.service.world).await
            {
                tracing::warn!(channel, ?sent, "whoever answered could not be told what came of it");
            }
        }
    };
    futures_util::future::join(listening, answering).await;
}
