//! A schedule with everything that a run of it needs, from the book that is obeyed now.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value};
use crate::engine::event::{Recorded, Selection, Started};
use crate::engine::start::{Ask, start};
use crate::expr::Scope;
use crate::model::book::{Book, Settings};
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::model::trigger::Trigger;
use crate::runtime::shelf::BUNDLE;
use crate::schedule::call::Call;
use crate::schedule::event::Instant;
use crate::schedule::key::ScheduleId;
use crate::schedule::spec::{Spec, specs};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One trigger of one accepted text.
#[derive(Debug, Clone)]
pub struct Armed {
    /// What it asks for.
    pub spec: Spec,
    /// What it starts.
    pub book: Arc<Runbook>,
    /// The texts its runs are pinned to; the same for all of a runbook, and there may be a hundred thousand.
    pub texts: Arc<BTreeMap<String, Digest>>,
    /// The names of the environment that the runbook lists, as they are.
    pub env: Arc<BTreeMap<String, String>>,
    /// Whether its time is obeyed.
    pub standing: Standing,
}

/// Whether a trigger starts anything by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does: a daemon obeys it.
    Obeyed,
    /// Its runbook does not have it any more.
    Withdrawn,
    /// It does not: single instants of it are asked for, and nobody obeys its time.
    Asked,
}

impl Armed {
    /// Every schedule of a book whose texts are pinned under that hash.
    #[must_use]
    pub fn all(book: &Book, bundle: Digest, env: &BTreeMap<String, String>) -> Vec<Self> {
        book.runbooks.values().flat_map(|runbook| Self::of(runbook, &book.settings, bundle, env)).collect()
    }

    /// Those of one runbook.
    #[must_use]
    pub fn of(
        runbook: &Arc<Runbook>,
        settings: &Settings,
        bundle: Digest,
        env: &BTreeMap<String, String>,
    ) -> Vec<Self> {
        let listed = runbook.env.iter().filter_map(|name| Some((name.clone(), env.get(name)?.clone())));
        let env: Arc<BTreeMap<String, String>> = Arc::new(listed.collect());
        let texts = Arc::new(BTreeMap::from([(BUNDLE.to_owned(), bundle)]));
        let armed = |spec| Self {
            spec,
            book: Arc::clone(runbook),
            texts: Arc::clone(&texts),
            env: Arc::clone(&env),
            standing: Standing::Obeyed,
        };
        specs(runbook, settings).into_iter().map(armed).collect()
    }

    /// Its trigger, as the runbook has it.
    #[must_use]
    pub fn trigger(&self) -> Option<&Trigger> {
        self.book.triggers.get(self.spec.index)
    }

    /// The inputs of a run, mapped from what came in.
    ///
    /// # Errors
    /// A sentence about the first that can't be had of it.
    pub fn inputs(&self, came: &Scope) -> Result<Map<String, Value>, String> {
        let one = |(name, param): &(String, Param)| match param {
            Param::Expr(expr) => match expr.eval(came) {
                Ok(value) => Ok((name.clone(), value)),
                Err(error) => Err(format!("input `{name}` can't be had from `{}`: {error}", expr.source())),
            },
            Param::Value(_) | Param::Text(_) | Param::List(_) | Param::Map(_) => Ok((name.clone(), plain(param))),
        };
        self.trigger().map(|trigger| trigger.inputs.as_slice()).unwrap_or_default().iter().map(one).collect()
    }

    /// The first event of the run of an instant, or of a call.
    ///
    /// # Errors
    /// A sentence, when it has none: an input does not fit, a var can't be computed.
    pub fn first(&self, Start { run, due, call, by }: &Start, node: &str, now: Timestamp) -> Result<Recorded, String> {
        let call = call.as_ref();
        let inputs = match call {
            Some(call) => call.inputs.clone(),
            None => self.inputs(&Scope::default())?,
        };
        let mut trigger = Map::new();
        trigger.insert("kind".into(), self.spec.kind.into());
        trigger.insert("id".into(), self.spec.id.trigger.as_str().into());
        trigger.insert("due".into(), due.at.to_string().into());
        trigger.insert("nominal".into(), due.nominal.to_string().into());
        if let Some(call) = call {
            trigger.extend(call.subject.map(|subject| ("subject".to_owned(), subject.to_string().into())));
            trigger.extend(call.about.clone());
        }
        let ask = Ask {
            run: *run,
            texts: BTreeMap::clone(&self.texts),
            inputs,
            sealed: BTreeMap::new(),
            env: BTreeMap::clone(&self.env),
            actor: by.clone().unwrap_or_else(|| Actor::engine("schedule")),
            trigger: Value::Object(trigger),
            parent: None,
            depth: call.map_or(0, |call| call.depth),
            node: node.to_owned(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        };
        start(&self.book, ask, now).map_err(|cannot| cannot.to_string())
    }
}

/// A run that is to start for an instant.
#[derive(Debug, Clone)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// The instant.
    pub due: Instant,
    /// The call it is for.
    pub call: Option<Call>,
    /// Who starts it, where that is not the clock or a call.
    pub by: Option<Actor>,
}

/// The schedule that started a run, if one did. What somebody made up for is as a run by hand: it stands in no other's way.
#[must_use]
pub fn schedule_of(started: &Started) -> Option<ScheduleId> {
    let own = started.actor == Actor::engine("schedule") && started.parent.is_none();
    let trigger = started.trigger.get("id").and_then(Value::as_str).filter(|_| own)?;
    Some(ScheduleId { runbook: started.runbook.clone(), trigger: Name::parse(trigger).ok()? })
}

/// An input as it stands in the trigger; nothing in it is rendered.
fn plain(param: &Param) -> Value {
    match param {
        Param::Value(value) => value.clone(),
        Param::Text(template) => Value::String(template.source().to_owned()),
        Param::Expr(expr) => Value::String(expr.source().to_owned()),
        Param::List(list) => Value::Array(list.iter().map(plain).collect()),
        Param::Map(map) => Value::Object(map.iter().map(|(name, param)| (name.clone(), plain(param))).collect()),
    }
}
