//! Calls from outside: webhooks and heartbeats. Who sends is answered once what it asked for is durable.
//!
//! What is the sender's fault is said to the sender and leaves no row; what is ours asks it to come again.

use crate::act::Incoming;
use crate::base::actor::{Actor, Role};
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::limits::{MAX_CALL, MAX_HOOK_BODY};
use crate::base::value::{Map, Value};
use crate::expr::Scope;
use crate::model::called::Webhook;
use crate::model::trigger::Trigger;
use crate::runtime::clock;
use crate::runtime::pump::Message;
use crate::runtime::schedules::{Armed, Heard, Start};
use crate::runtime::telemetry;
use crate::schedule::call::{Answer, Call};
use crate::schedule::decide::{Input, Obstacle};
use crate::schedule::event::Instant;
use crate::schedule::key::ScheduleId;
use crate::schedule::nominal::Nominal;
use crate::service::trouble::may;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Headers that expressions see, as `headers.user_agent`: none that proves anything.
const HEADERS: &[&str] = &[
    "content-type",
    "user-agent",
    "x-github-event",
    "x-github-delivery",
    "x-gitlab-event",
    "x-gitea-event",
    "x-event-key",
    "x-request-id",
    "x-slack-retry-num",
    "webhook-id",
    "webhook-timestamp",
];

/// What came of a call from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The trigger.
    pub id: ScheduleId,
    /// What came of it.
    pub answer: Answer,
}

impl Service {
    /// A call of the webhook of that path. Durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`]: there is none, the caller is not who it must be, what it says does not fit; or there is no space.
    pub async fn hook(&self, path: &str, came: &Incoming) -> Result<Delivered, Trouble> {
        let done = self.answer_hook(path, came).await;
        if let Err(trouble) = &done {
            self.tally.turned_away(reason(trouble));
            tracing::warn!(hook = path, why = %trouble, "a call of a webhook was turned away");
        }
        done
    }

    async fn answer_hook(&self, path: &str, came: &Incoming) -> Result<Delivered, Trouble> {
        let now = clock::now();
        let (armed, hook) = self.hook_of(path)?;
        if came.body.len() > MAX_HOOK_BODY {
            return Err(Trouble::TooLarge(MAX_HOOK_BODY));
        }
        self.is_proved(&hook, came, now).await?;
        let body = came.read().map_err(Trouble::Unreadable)?;
        let scope = Scope::of(Map::from_iter([("body".to_owned(), body), ("headers".to_owned(), headers(came))]));
        let inputs = armed.inputs(&scope).map_err(Trouble::Input)?;
        let delivery = came.delivery(hook.verify.as_ref().map(|(scheme, _)| *scheme));
        let chance = || clock::unguessable().map(|bytes| Digest::of(&bytes).to_string());
        let known = delivery.clone().or_else(chance);
        let known = known.ok_or_else(|| Trouble::Store("this machine has no source of chance".into()))?;
        let mut about = Map::new();
        about.insert("path".into(), path.into());
        about.extend(delivery.map(|delivery| ("delivery".to_owned(), cut(&delivery).into())));
        // Of a caller who proved who it is: its trace goes on with the run.
        let parent = came.headers.get("traceparent").filter(|text| telemetry::parent_of(text).is_some());
        about.extend(parent.map(|parent| ("traceparent".to_owned(), parent.trim().into())));
        let key = Digest::of_parts(&[b"hook", known.as_bytes()]);
        let call = Call { key, subject: None, inputs, about, at: None, depth: 0, file: None };
        self.call(&armed, call, now).await
    }

    /// A call of a trigger, checked before it is accepted. Durable when this returns.
    pub(super) async fn call(&self, armed: &Armed, call: Call, now: Timestamp) -> Result<Delivered, Trouble> {
        let size = Value::Object(call.inputs.clone()).to_string().len();
        if size > MAX_CALL {
            return Err(Trouble::Input(format!(
                "the inputs of its run have {size} bytes, at most {MAX_CALL} are taken"
            )));
        }
        let probe = Instant { nominal: Nominal::Utc(now), at: now };
        let start = Start { run: RunId::new(0, 0), due: probe, call: Some(call.clone()), by: None };
        armed.first(&start, &self.node, now).map_err(Trouble::Input)?;
        let least = self.book.as_ref().map(|book| book.stand()).and_then(|stand| stand.digest);
        let book = least.and_then(|digest| self.shelf.book(self.journal.as_ref(), &digest).ok());
        if let Some(book) = book {
            self.has_space(book.settings.min_free)?;
        }
        let answer = self.send_call(&armed.spec.id, call)?;
        self.tally.called(armed.spec.kind);
        let answer = heard(answer).await?;
        Ok(Delivered { id: armed.spec.id.clone(), answer })
    }

    /// Hands a call over; what is received hears what came of it.
    pub(super) fn send_call(
        &self,
        id: &ScheduleId,
        call: Call,
    ) -> Result<oneshot::Receiver<Result<Answer, Obstacle>>, Trouble> {
        let (told, answer) = oneshot::channel();
        let input = Input::Called(Box::new(call));
        self.send(Message::Schedule { id: id.clone(), input, told: Heard::Call(told) })?;
        Ok(answer)
    }

    /// The call that must come, of that path: whose heartbeats they are. Durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`] when nobody waits for it, the actor may not, or it can't be kept.
    pub async fn heartbeat(&self, actor: &Actor, path: &str) -> Result<Vec<ScheduleId>, Trouble> {
        may(actor, Role::Operator, "call", path)?;
        let all = self.callable()?;
        let waits =
            |armed: &&Armed| armed.trigger().and_then(Trigger::heartbeat).is_some_and(|one| one.path.as_str() == path);
        let ids: Vec<ScheduleId> = all.iter().filter(waits).map(|armed| armed.spec.id.clone()).collect();
        if ids.is_empty() {
            return Err(Trouble::NoHook(format!("no runbook has `heartbeat: {{ path: {path} }}`")));
        }
        for id in &ids {
            let (told, answer) = oneshot::channel();
            self.send(Message::Schedule { id: id.clone(), input: Input::Beat, told: Heard::Done(told) })?;
            match answer.await {
                Ok(Ok(())) => self.tally.called("heartbeat"),
                Ok(Err(why)) => return Err(Trouble::Full(why)),
                Err(_) => return Err(stopped()),
            }
        }
        Ok(ids)
    }

    /// Every trigger of the book that can be called, as the clock has them.
    pub(super) fn callable(&self) -> Result<Arc<Vec<Armed>>, Trouble> {
        let armed = self.duty.as_ref().and_then(|duty| duty.callable());
        armed.ok_or_else(|| Trouble::Full("the triggers of the book are not obeyed here, or not yet".into()))
    }

    fn hook_of(&self, path: &str) -> Result<(Armed, Webhook), Trouble> {
        let all = self.callable()?;
        let of = |armed: &Armed| armed.trigger().and_then(Trigger::webhook);
        let found =
            all.iter().find_map(|armed| Some((armed.clone(), of(armed).filter(|hook| hook.path.as_str() == path)?)));
        found.ok_or_else(|| Trouble::NoHook(format!("no runbook has `webhook: {{ path: {path} }}`")))
    }

    async fn is_proved(&self, hook: &Webhook, came: &Incoming, now: Timestamp) -> Result<(), Trouble> {
        let Some((scheme, secret)) = &hook.verify else { return Ok(()) };
        match self.secrets.proves(secret, *scheme, came, now).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Trouble::Unproved(why)),
            Err(failure) => Err(Trouble::Full(failure.message)),
        }
    }
}

/// What came of a call, once that is durable.
pub(super) async fn heard(answer: oneshot::Receiver<Result<Answer, Obstacle>>) -> Result<Answer, Trouble> {
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Obstacle::NoSpace(why) | Obstacle::Failed(why))) => Err(Trouble::Full(why)),
        Err(_) => Err(stopped()),
    }
}

fn stopped() -> Trouble {
    Trouble::Stopped("the owner stopped before it was durable".into())
}

fn headers(came: &Incoming) -> Value {
    let seen =
        HEADERS.iter().filter_map(|name| Some((name.replace('-', "_"), came.headers.get(*name)?.clone().into())));
    Value::Object(seen.collect())
}

/// What a sender calls its delivery, as far as a row shows it.
fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// Why a call was turned away, in a word for who counts.
fn reason(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::NoHook(_) => "unknown",
        Trouble::Unproved(_) | Trouble::MayNot(_) | Trouble::Forbidden { .. } => "unproved",
        Trouble::Unreadable(_) => "unreadable",
        Trouble::TooLarge(_) => "too-large",
        Trouble::Input(_) => "inputs",
        Trouble::NoSpace { .. } | Trouble::NoInodes { .. } | Trouble::Full(_) => "no-space",
        Trouble::NoRunbook { .. }
        | Trouble::BadRunbook { .. }
        | Trouble::Book(_)
        | Trouble::NoRun(_)
        | Trouble::NoIncident(_)
        | Trouble::NoMeasure { .. }
        | Trouble::NoSilence(_)
        | Trouble::NoToken(_)
        | Trouble::Quarantined { .. }
        | Trouble::Ended { .. }
        | Trouble::NoOwner
        | Trouble::Serving { .. }
        | Trouble::NoDaemon
        | Trouble::NoClock
        | Trouble::InDoubt(_)
        | Trouble::Stopped(_)
        | Trouble::Store(_) => "not-served",
    }
}
