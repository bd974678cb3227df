//! Every place where a mutex or a group is waited for while others are held.

use crate::base::ids::{Name, StepId};
use crate::base::limits::MAX_CALL_DEPTH;
use crate::diagnostic::Spot;
use crate::lang::Loaded;
use crate::lang::check::outline::{Lane, Outline};
use crate::lang::check::place;
use crate::model::policy::Full;
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;

/// So many are looked at; a book with more is none that a person wrote.
const MOST: usize = 20_000;

/// A mutex or group that is held.
#[derive(Debug, Clone)]
pub(super) struct Hold<'a> {
    /// Its name.
    pub(super) name: &'a Name,
    /// The step of the runbook it is held by; `None` = a run, or a step of a called one.
    pub(super) step: Option<&'a StepId>,
    /// Who that is, for a message.
    pub(super) who: String,
    /// Where that is written.
    pub(super) spot: Spot,
    /// Whether nobody else holds it then.
    pub(super) alone: bool,
}

/// One wait.
#[derive(Debug, Clone)]
pub(super) struct Take<'a> {
    /// The runbook whose run waits.
    pub(super) runbook: &'a Name,
    /// What is waited for.
    pub(super) wants: &'a Name,
    /// The step of the runbook that waits, or that called who does.
    pub(super) step: &'a StepId,
    /// Where that is written.
    pub(super) spot: Spot,
    /// What is held meanwhile, outermost first; never nothing.
    pub(super) chain: Vec<Hold<'a>>,
    /// Whether it is in a runbook that this one calls.
    pub(super) called: bool,
}

/// Every wait of a book.
pub(super) fn all(loaded: &Loaded) -> Vec<Take<'_>> {
    let mut takes = Vec::new();
    for (name, runbook) in &loaded.book.runbooks {
        let mut collector = Collector { loaded, root: name, takes: &mut takes };
        let group = group(loaded, runbook);
        // Who holds nothing waits for nobody who waits for them; what it calls is looked at by itself.
        if group.is_some() || runbook.index.values().any(|step| step.mutex.is_some()) {
            let held: Vec<Hold<'_>> = group.map(|(hold, _)| hold).into_iter().collect();
            collector.runbook(runbook, &held, None, &mut Vec::new());
        }
    }
    takes
}

/// What a run holds from start to end, and whether it waits for it.
fn group<'a>(loaded: &'a Loaded, runbook: &'a Runbook) -> Option<(Hold<'a>, bool)> {
    let concurrency = runbook.concurrency.as_ref()?;
    let outline = Outline::new(runbook);
    let spot = place(loaded, &outline, None, "concurrency.group");
    let who = format!("the run of {}", runbook.name);
    let hold = Hold { name: &concurrency.group, step: None, who, spot, alone: concurrency.limit == 1 };
    Some((hold, concurrency.full == Full::Queue))
}

struct Collector<'a, 't> {
    loaded: &'a Loaded,
    root: &'a Name,
    takes: &'t mut Vec<Take<'a>>,
}

impl<'a> Collector<'a, '_> {
    /// The waits of one runbook, run while that is held; `caller` is the step of the root that called it.
    fn runbook(
        &mut self,
        runbook: &'a Runbook,
        held: &[Hold<'a>],
        caller: Option<&'a StepId>,
        calls: &mut Vec<&'a Name>,
    ) {
        let outline = Outline::new(runbook);
        for standing in outline.iter() {
            let upwards = outline.upwards(&standing.step.id);
            if self.takes.len() >= MOST || upwards.iter().any(|at| at.lane == Lane::Check) {
                continue;
            }
            let mut around: Vec<Hold<'a>> = Vec::new();
            for pair in upwards.windows(2) {
                // An `undo` runs when everything has ended that was around it.
                if pair[0].lane == Lane::Undo {
                    break;
                }
                around.extend(self.held_by(&outline, pair[1].step, caller));
            }
            let mut chain = held.to_vec();
            chain.extend(around.into_iter().rev());
            let own = self.held_by(&outline, standing.step, caller);
            let step: &'a StepId = caller.unwrap_or(&standing.step.id);
            if let (Some(own), false) = (&own, chain.is_empty()) {
                self.takes.push(Take {
                    runbook: self.root,
                    wants: own.name,
                    step,
                    spot: own.spot,
                    chain: chain.clone(),
                    called: caller.is_some(),
                });
            }
            chain.extend(own);
            if let StepKind::Call(call) = &standing.step.kind {
                self.call(&call.runbook, chain, step, calls);
            }
        }
    }

    /// The waits of a runbook that is called while something is held.
    fn call(&mut self, name: &'a Name, mut chain: Vec<Hold<'a>>, step: &'a StepId, calls: &mut Vec<&'a Name>) {
        let Some(called) = self.loaded.book.runbooks.get(name) else { return };
        if chain.is_empty() || calls.len() >= MAX_CALL_DEPTH || calls.contains(&name) {
            return;
        }
        // A run that was called shares what its caller holds.
        let shared = |hold: &Hold<'_>| chain.iter().any(|known| known.name == hold.name);
        if let Some((hold, waits)) = group(self.loaded, called).filter(|(hold, _)| !shared(hold)) {
            if waits {
                let (wants, spot, chain) = (hold.name, hold.spot, chain.clone());
                self.takes.push(Take { runbook: self.root, wants, step, spot, chain, called: true });
            }
            chain.push(hold);
        }
        calls.push(name);
        self.runbook(called, &chain, Some(step), calls);
        calls.pop();
    }

    fn held_by(
        &self,
        outline: &Outline<'a>,
        step: &'a crate::model::step::Step,
        caller: Option<&'a StepId>,
    ) -> Option<Hold<'a>> {
        let name = step.mutex.as_ref()?;
        let spot = place(self.loaded, outline, Some(&step.id), "mutex");
        let own = caller.is_none().then_some(&step.id);
        Some(Hold { name, step: own, who: step.id.to_string(), spot, alone: true })
    }
}
