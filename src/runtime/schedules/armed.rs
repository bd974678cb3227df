//! A schedule with everything that a run of it needs, from the book that is obeyed now.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::value::{Map, Value, json};
use crate::engine::event::{Recorded, Selection, Started};
use crate::engine::start::{Ask, start};
use crate::model::book::Book;
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::runtime::shelf::BUNDLE;
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
    /// The texts its runs are pinned to.
    pub texts: BTreeMap<String, Digest>,
    /// The names of the environment that the runbook lists, as they are.
    pub env: BTreeMap<String, String>,
    /// Whether its runbook does not have it any more.
    pub withdrawn: bool,
}

impl Armed {
    /// Every schedule of a book whose texts are pinned under that hash.
    #[must_use]
    pub fn all(book: &Book, bundle: Digest, env: &BTreeMap<String, String>) -> Vec<Self> {
        let of = |runbook: &Arc<Runbook>| {
            let listed = runbook.env.iter().filter_map(|name| Some((name.clone(), env.get(name)?.clone())));
            let env: BTreeMap<String, String> = listed.collect();
            let texts = BTreeMap::from([(BUNDLE.to_owned(), bundle)]);
            let armed = |spec| Self {
                spec,
                book: Arc::clone(runbook),
                texts: texts.clone(),
                env: env.clone(),
                withdrawn: false,
            };
            specs(runbook, &book.settings).into_iter().map(armed).collect::<Vec<_>>()
        };
        book.runbooks.values().flat_map(of).collect()
    }

    /// The first event of the run of an instant.
    ///
    /// # Errors
    /// A sentence, when it has none: an input does not fit, a var can't be computed.
    pub fn first(&self, run: RunId, due: Instant, node: &str, now: Timestamp) -> Result<Recorded, String> {
        let given = self.book.triggers.get(self.spec.index).map(|trigger| trigger.inputs.as_slice());
        let inputs: Map<String, Value> =
            given.unwrap_or_default().iter().map(|(name, param)| (name.clone(), plain(param))).collect();
        let ask = Ask {
            run,
            texts: self.texts.clone(),
            inputs,
            sealed: BTreeMap::new(),
            env: self.env.clone(),
            actor: Actor::engine("schedule"),
            trigger: json!({
                "kind": self.spec.kind,
                "id": self.spec.id.trigger.as_str(),
                "due": due.at.to_string(),
                "nominal": due.nominal.to_string(),
            }),
            parent: None,
            depth: 0,
            node: node.to_owned(),
            dry: false,
            selection: Selection::default(),
            repeats: None,
        };
        start(&self.book, ask, now).map_err(|cannot| cannot.to_string())
    }
}

/// The schedule that started a run, if one did.
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
