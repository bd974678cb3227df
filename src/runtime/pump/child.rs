//! Child runs: started as their caller's text says, or found as they were left.

use super::Pump;
use crate::base::address::Place;
use crate::base::ids::{Name, RunId};
use crate::base::planted::{self, Bug};
use crate::base::value::json;
use crate::engine::call::Given;
use crate::engine::decide::Input;
use crate::engine::event::{Parent, Recorded, Selection, Started};
use crate::engine::start::{Ask, start};
use crate::model::perform::{Failure, Reply};
use crate::model::policy::FailureKind;
use crate::model::runbook::Runbook;
use crate::runtime::driver::{Order, child_ended};
use crate::runtime::recover;
use crate::runtime::shelf::BUNDLE;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Pump {
    /// Starts a child run, or takes note of one that was started before a crash.
    pub(super) fn start_child(&mut self, parent: &Parent, child: RunId, name: &Name, inputs: Given) -> Vec<Order> {
        let now = self.looked;
        if self.driver.run(child).is_some() {
            return Vec::new();
        }
        match recover::read_run(self.journal.as_ref(), child) {
            Ok(Some(run)) => {
                let ended = run.ended().cloned();
                return ended
                    .map_or_else(Vec::new, |ended| self.driver.input(parent.run, child_ended(parent, &ended), now));
            }
            Ok(None) => {}
            Err(error) => return self.child_failed(parent, &error),
        }
        let Some(caller) = self.driver.run(parent.run).map(|run| run.started.clone()) else { return Vec::new() };
        match self.first_of_child(&caller, parent, child, name, inputs, now) {
            Ok((book, first)) => self.driver.start(book, vec![first], now),
            Err(reason) => self.child_failed(parent, &reason),
        }
    }

    fn first_of_child(
        &self,
        caller: &Started,
        parent: &Parent,
        child: RunId,
        name: &Name,
        inputs: Given,
        now: Timestamp,
    ) -> Result<(Arc<Runbook>, Recorded), String> {
        let digest = caller.texts.get(BUNDLE).ok_or("the caller is pinned to no texts")?;
        let book = self.shelf.book(self.journal.as_ref(), digest).map_err(|error| error.to_string())?;
        let runbook = book.runbooks.get(name).ok_or_else(|| format!("there is no runbook `{name}`"))?;
        let ask = Ask {
            run: child,
            texts: caller.texts.clone(),
            inputs: inputs.plain,
            sealed: inputs.sealed,
            env: self.env_of_child(caller, runbook),
            actor: caller.actor.clone(),
            trigger: json!({ "kind": "runbook", "run": caller.run.to_string(), "runbook": caller.runbook.as_str() }),
            parent: Some(parent.clone()),
            depth: if planted::has(Bug::NoDepth) { caller.depth } else { caller.depth + 1 },
            node: self.node.clone(),
            dry: caller.dry,
            selection: Selection::default(),
            repeats: None,
        };
        let first = start(runbook, ask, now).map_err(|error| error.to_string())?;
        Ok((Arc::clone(runbook), first))
    }

    /// What a called runbook lists of the environment: as its caller found it, else as it is here.
    fn env_of_child(&self, caller: &Started, runbook: &Runbook) -> BTreeMap<String, String> {
        let value = |name: &String| caller.env.get(name).or_else(|| self.env.get(name)).cloned();
        runbook.env.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }

    fn child_failed(&mut self, parent: &Parent, reason: &str) -> Vec<Order> {
        let failure = Failure { lasting: true, ..Failure::new(FailureKind::Start, reason) };
        self.replied(parent.run, parent.place.clone(), parent.attempt, failure)
    }

    /// An attempt came to nothing before anything was done.
    pub(super) fn replied(&mut self, run: RunId, place: Place, attempt: u32, failure: Failure) -> Vec<Order> {
        let now = self.looked;
        self.driver.input(run, Input::Replied { place, attempt, reply: Reply::Failed(failure), usage: None }, now)
    }
}
