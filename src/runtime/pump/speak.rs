//! Steps that speak to incidents: `escalate`, `resolve`, `silence`. They are done here, because here is who knows the
//! incidents, and answered once what they said is durable.

use super::owed::labels;
use super::{About, Message, Pump};
use crate::base::arg::Arg;
use crate::base::ids::RunId;
use crate::base::level::Level;
use crate::base::value::{Value, json};
use crate::engine::decide::Input;
use crate::engine::event::Started;
use crate::engine::tells;
use crate::escalation::decide::Input as IncidentInput;
use crate::escalation::event::Ending;
use crate::model::kind::Kind;
use crate::model::perform::{Finding, Reply, Request};
use crate::model::runbook::Runbook;
use crate::model::silence::{Silence, SilenceEvent};
use crate::model::trouble::{Source, Trouble};
use crate::runtime::incidents::live::Live;
use crate::runtime::incidents::silences::{fresh_id, silences_stream};
use crate::runtime::incidents::{Heard, Told};
use crate::runtime::shelf::BUNDLE;
use crate::store::{Batch, codec};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Pump {
    pub(super) fn speak(&mut self, run: RunId, kind: Kind, request: &Request) {
        let now = self.looked;
        let Some(known) = self.driver.run(run).zip(self.driver.book(run)) else { return };
        let (started, runbook) = (known.0.started.clone(), Arc::clone(known.1));
        let own_key = tells::key(&runbook, known.0);
        let about = tells::responds_to(&started.trigger).filter(|id| self.incidents.has(*id));
        let said = Said { run, request: request.clone(), sender: self.sender.clone() };
        if kind == Kind::Silence {
            self.silence_by_step(said, &started, now);
        } else if kind == Kind::Escalate {
            let told = said.escalated();
            let trouble = trouble(&runbook, &started, request, own_key);
            if let Some(id) = about {
                self.ask_incident(id, IncidentInput::Told(Box::new(trouble)), Some(told), now);
            } else {
                let by = self.pinned(&started);
                self.trouble(trouble, by, Some(told), now);
            }
        } else {
            let id = match text(request, "key") {
                Some(key) => self.incidents.of_key(&key),
                None => about.or_else(|| self.incidents.of_key(&own_key)),
            };
            match id {
                Some(id) => {
                    let reason = text(request, "reason").unwrap_or_default();
                    let input = IncidentInput::Resolve { actor: started.actor.clone(), how: Ending::Step, reason };
                    self.ask_incident(id, input, Some(said.resolved()), now);
                }
                None => said.done(json!({ "resolved": false, "incident": "" }), None),
            }
        }
    }

    fn silence_by_step(&mut self, said: Said, started: &Started, now: Timestamp) {
        let request = &said.request;
        let actor = started.actor.clone();
        let reason = text(request, "reason").unwrap_or_default();
        let millis = request.params.get("for").and_then(number).unwrap_or_default();
        let until = now.checked_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX);
        let id = fresh_id(&actor, now, &format!("{reason}{}", said.run));
        let silence = Silence { id, matches: pairs(request, "match"), from: now, until, actor, reason };
        let (event, output) =
            (SilenceEvent::Added(silence.clone()), json!({ "silence": silence.id, "until": until.to_string() }));
        let sender = self.sender.clone();
        let answer = move |result: Result<_, crate::store::AppendError>| match result {
            Ok(_) => {
                let _ = sender.send(Message::About(About::Silence(SilenceEvent::Added(silence))));
                said.done(output, None);
            }
            Err(error) => said.done(output, Some(format!("it could not be written down: {error}"))),
        };
        match codec::encode_silence(&event) {
            Ok(bytes) => {
                let batch = Batch { appends: vec![(silences_stream(), vec![bytes])], ..Batch::default() };
                self.outbox.push((batch, Box::new(answer)));
            }
            Err(error) => answer(Err(crate::store::AppendError::Refused(error.to_string()))),
        }
    }

    fn pinned(&self, started: &Started) -> Option<Live> {
        let digest = *started.texts.get(BUNDLE)?;
        let book = self.shelf.book(self.journal.as_ref(), &digest).ok()?;
        Some(Live { book, digest })
    }
}

/// A step that has spoken, and is to be answered.
struct Said {
    run: RunId,
    request: Request,
    sender: super::Post,
}

impl Said {
    fn escalated(self) -> Told {
        Box::new(move |heard| match heard {
            Ok(Heard { incident, opened }) => {
                self.done(json!({ "opened": opened, "incident": incident.to_string() }), None);
            }
            Err(why) => self.done(json!({ "opened": false, "incident": "" }), Some(format!("nobody is told: {why}"))),
        })
    }

    fn resolved(self) -> Told {
        Box::new(move |heard: Result<Heard, String>| {
            let id = heard.as_ref().ok().map(|heard| heard.incident);
            let output =
                json!({ "resolved": id.is_some(), "incident": id.map(|id| id.to_string()).unwrap_or_default() });
            self.done(output, heard.err());
        })
    }

    fn done(self, output: Value, problem: Option<String>) {
        let level = Level::Warning.as_str().to_owned();
        let findings = problem.into_iter().map(|message| Finding { level: level.clone(), message }).collect();
        let (place, attempt) = (self.request.place.clone(), self.request.attempt);
        let reply = Reply::Done { output, findings };
        let input = Input::Replied { place, attempt, reply, usage: None };
        let _ = self.sender.send(Message::Input { run: self.run, input });
    }
}

fn trouble(runbook: &Runbook, started: &Started, request: &Request, own_key: String) -> Trouble {
    let message = text(request, "message").unwrap_or_default();
    let (first, rest) = message.split_once('\n').unwrap_or((message.as_str(), ""));
    let mut labels = labels(runbook);
    labels.extend(pairs(request, "labels"));
    let title = text(request, "title").filter(|title| !title.is_empty());
    let (title, more) = match title {
        Some(title) => (title, message.clone()),
        None => (format!("{}: {first}", runbook.shown()), rest.to_owned()),
    };
    Trouble {
        key: text(request, "key").filter(|key| !key.is_empty()).unwrap_or(own_key),
        title,
        text: more,
        severity: text(request, "severity").filter(|severity| !severity.is_empty()),
        kind: text(request, "type").or_else(|| runbook.incident.kind.clone()),
        labels,
        owner: runbook.owner.clone(),
        source: Source::Step {
            runbook: runbook.name.clone(),
            run: started.run,
            step: format!("{}#{}", request.place, request.attempt),
        },
        link: None,
    }
}

fn text(request: &Request, key: &str) -> Option<String> {
    request.params.get(key).map(plain)
}

fn plain(arg: &Arg) -> String {
    match arg {
        Arg::Value(Value::String(text)) => text.clone(),
        Arg::Value(value) => value.to_string(),
        Arg::Text(text) => text.to_string(),
        Arg::List(_) | Arg::Map(_) => String::new(),
    }
}

fn number(arg: &Arg) -> Option<i64> {
    match arg {
        Arg::Value(value) => value.as_i64(),
        Arg::Text(_) | Arg::List(_) | Arg::Map(_) => None,
    }
}

fn pairs(request: &Request, key: &str) -> BTreeMap<String, String> {
    match request.params.get(key) {
        Some(Arg::Map(map)) => map.iter().map(|(name, arg)| (name.clone(), plain(arg))).collect(),
        Some(Arg::Value(Value::Object(map))) => {
            map.iter().map(|(name, value)| (name.clone(), plain(&Arg::Value(value.clone())))).collect()
        }
        _ => BTreeMap::new(),
    }
}
