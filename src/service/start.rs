//! Starting a run, and starting it again from where it failed.

use crate::act::Seal;
use crate::base::actor::Actor;
use crate::base::ids::{Name, RunId};
use crate::base::level::{Level, Outcome};
use crate::base::limits::{self, MAX_SECRET};
use crate::base::value::{Map, Value};
use crate::diagnostic::{Severity, closest};
use crate::engine::event::{Event, Recorded};
use crate::engine::run::Run;
use crate::engine::start::{Ask, start, take_over};
use crate::lang::Loaded;
use crate::model::input::InputType;
use crate::model::runbook::{Runbook, walk};
use crate::model::step::StepKind;
use crate::runtime::clock;
use crate::runtime::index::run_stream;
use crate::runtime::pump::Message;
use crate::runtime::room::{Room, room};
use crate::runtime::shelf::{BUNDLE, PLAN};
use crate::service::plan::Plan;
use crate::service::select::select;
use crate::service::trouble::may;
use crate::service::{BookNow, Service, Trouble};
use crate::store::ReadError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Secret inputs, sealed, by name.
type Sealed = BTreeMap<String, String>;

/// A wish to run something.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// What.
    pub runbook: String,
    /// With what; secret inputs as they are, which is how far they get.
    pub inputs: Map<String, Value>,
    /// Only show what would be done.
    pub dry: bool,
    /// Begin at this step.
    pub from: Option<String>,
    /// Only these steps.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
    /// Touch only what this plan lists.
    pub plan: Option<Value>,
    /// Who.
    pub actor: Actor,
    /// The id it is to have, where that is known already.
    pub id: Option<RunId>,
}

impl Service {
    /// Starts a run; it is durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`], in a sentence for whoever asked.
    pub async fn start(&self, wish: StartRun) -> Result<(RunId, Arc<Runbook>), Trouble> {
        // Who asks has another name where it has become the owner itself: the id is what nobody else can guess.
        let is_it = |run: &Run| wish.plan.is_some() || run.started.runbook.as_str() == wish.runbook;
        if let Some(begun) = self.begun(wish.id, is_it)? {
            return Ok(begun);
        }
        let BookNow { texts, loaded } = (self.files)().map_err(Trouble::Book)?;
        let plan = wish.plan.as_ref().map(Plan::read).transpose()?;
        let wish = match &plan {
            Some(plan) => plan.wish(wish, &loaded, &texts)?,
            None => wish,
        };
        let runbook = find(&loaded, &wish.runbook)?;
        called(&loaded, &runbook)?;
        may(&wish.actor, runbook.allow.start, "start", runbook.name.as_str())?;
        self.has_space(loaded.book.settings.min_free)?;
        let selection = select(&runbook, &wish)?;
        if let (true, false, Some(pump)) = (runbook.starts_children, wish.dry, &self.pump) {
            let _ = pump.send(Message::ExpectChildren);
        }
        if !wish.dry {
            self.finds_secrets(&loaded, &runbook).await?;
        }
        let (inputs, sealed) = self.seal(&runbook, wish.inputs)?;
        let book = Arc::new(loaded.book.clone());
        let digest =
            self.shelf.pin(self.journal.as_ref(), &texts, &book).map_err(|error| Trouble::Store(error.to_string()))?;
        let mut pinned = BTreeMap::from([(BUNDLE.to_owned(), digest)]);
        if let Some(plan) = &plan {
            let kept = self.shelf.pin_plan(self.journal.as_ref(), &plan.allowed);
            pinned.insert(PLAN.to_owned(), kept.map_err(|error| Trouble::Store(error.to_string()))?);
        }
        let now = clock::now();
        let run = wish.id.unwrap_or_else(|| clock::new_run(now));
        let ask = Ask {
            run,
            texts: pinned,
            inputs,
            sealed,
            env: self.listed_env(&runbook),
            trigger: serde_json::json!({ "kind": "manual", "by": wish.actor.id }),
            actor: wish.actor,
            parent: None,
            depth: 0,
            node: self.node.clone(),
            dry: wish.dry,
            selection,
            repeats: None,
        };
        let first = start(&runbook, ask, now).map_err(|cannot| Trouble::Input(cannot.to_string()))?;
        self.send_start(&runbook, vec![first]).await?;
        Ok((run, runbook))
    }

    /// The run that was asked for, where an owner that did not live to say so has begun it.
    fn begun(&self, id: Option<RunId>, is_it: impl Fn(&Run) -> bool) -> Result<Option<(RunId, Arc<Runbook>)>, Trouble> {
        let store = |error: ReadError| Trouble::Store(error.to_string());
        let Some(id) = id else { return Ok(None) };
        if self.journal.version(&run_stream(id)).map_err(store)? == 0 {
            return Ok(None);
        }
        let run = self.run(id)?;
        if !is_it(&run) {
            return Err(Trouble::Input(format!("there is a run `{id}` already, and it is another one")));
        }
        Ok(Some((id, self.pinned(&run)?)))
    }

    /// Starts an ended run again: the same pinned text and inputs, good steps taken over as they ended. `new` is the id it
    /// is to have: where there is such a run already that repeats this one, it is the one.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn retry(&self, old: RunId, new: Option<RunId>, actor: Actor) -> Result<(RunId, Arc<Runbook>), Trouble> {
        if let Some(begun) = self.begun(new, |run| run.started.repeats == Some(old))? {
            return Ok(begun);
        }
        let old = self.run(old)?;
        let Some(ended) = old.ended() else {
            return Err(Trouble::Input(format!("run `{}` has not ended; cancel it first or wait", old.started.run)));
        };
        let ended_well = ended.outcome == Outcome::Succeeded && ended.level == Level::Ok;
        let runbook = self.pinned(&old)?;
        may(&actor, runbook.allow.start, "start", runbook.name.as_str())?;
        let now = (self.files)().map_err(Trouble::Book)?;
        self.has_space(now.loaded.book.settings.min_free)?;
        if ended_well {
            let runbook = &runbook.name;
            let why = format!(
                "nothing failed in run `{}`, so there is nothing to try again: `stepladder run {runbook}` starts a new one",
                old.started.run
            );
            return Err(Trouble::Input(why));
        }
        let now = clock::now();
        let run = new.unwrap_or_else(|| clock::new_run(now));
        let before = &old.started;
        let ask = Ask {
            run,
            texts: before.texts.clone(),
            inputs: before.inputs.clone(),
            sealed: before.sealed.clone(),
            env: before.env.clone(),
            trigger: serde_json::json!({ "kind": "retry", "by": actor.id, "run": before.run.to_string() }),
            actor,
            parent: None,
            depth: 0,
            node: self.node.clone(),
            dry: before.dry,
            selection: before.selection.clone(),
            repeats: Some(before.run),
        };
        let first = start(&runbook, ask, now).map_err(|cannot| Trouble::Input(cannot.to_string()))?;
        let mut events = vec![first];
        events.extend(take_over(&runbook, &old).into_iter().map(|event| Recorded { at: now, event }));
        self.send_start(&runbook, events).await?;
        Ok((run, runbook))
    }

    /// Secret inputs taken out of the others and sealed, before anything else sees them.
    fn seal(&self, runbook: &Runbook, mut inputs: Map<String, Value>) -> Result<(Map<String, Value>, Sealed), Trouble> {
        let mut sealed = Sealed::new();
        for input in runbook.inputs.iter().filter(|input| input.ty == InputType::Secret) {
            let name = input.name.as_str();
            let Some(value) = inputs.remove(name).filter(|value| !value.is_null()) else { continue };
            let wrong = |reason: &str| Trouble::Input(format!("input `{name}` {reason}"));
            let value = input.ty.accept(&value).map_err(|reason| wrong(&reason))?;
            let text = value.as_str().unwrap_or_default();
            if text.is_empty() {
                return Err(wrong("is empty"));
            }
            if text.len() > MAX_SECRET {
                return Err(wrong(&format!("has {} bytes, at most {MAX_SECRET} are taken", text.len())));
            }
            let text = Seal::of(&self.data).close(text).map_err(|why| wrong(&format!("can't be kept: {why}")))?;
            sealed.insert(name.to_owned(), text);
        }
        Ok((inputs, sealed))
    }

    async fn send_start(&self, runbook: &Arc<Runbook>, first: Vec<Recorded>) -> Result<(), Trouble> {
        let (told, answer) = oneshot::channel();
        debug_assert!(matches!(first.first().map(|first| &first.event), Some(Event::Started(_))));
        self.send(Message::Start { book: Arc::clone(runbook), first, told })?;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Trouble::Stopped(format!("the run could not be started: {reason}"))),
            Err(_) => Err(Trouble::Stopped("the owner stopped before the run was durable".into())),
        }
    }

    /// Whether every secret that the runbook and those it calls can't do without is there, before anything has been done.
    async fn finds_secrets(&self, loaded: &Loaded, runbook: &Arc<Runbook>) -> Result<(), Trouble> {
        let all = called(loaded, runbook)?;
        let names: BTreeSet<&str> = all.iter().flat_map(|runbook| runbook.needed_secrets()).collect();
        let mut missing = Vec::new();
        for name in names {
            if let Err(failure) = self.secrets.finds(name).await {
                missing.push(failure.message);
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Trouble::Input(format!("{}; nothing was started", missing.join("; "))))
        }
    }

    /// Tells who starts runs by the clock whether there is room for them.
    ///
    /// # Errors
    /// [`Trouble`] when the book can't be read.
    pub fn look_at_space(&self) -> Result<(), Trouble> {
        let least = self.current_book()?.settings.min_free;
        let tight = self.has_space(least).err().map(|trouble| trouble.to_string());
        if let Some(pump) = &self.pump {
            // Without a pump nothing is started anyhow.
            let _ = pump.send(Message::Space(tight));
        }
        Ok(())
    }

    pub(super) fn has_space(&self, least: u64) -> Result<(), Trouble> {
        let Some(Room { bytes, files }) = room(&self.data) else { return Ok(()) };
        let inodes = limits::MIN_INODES as u64;
        if bytes < least {
            return Err(Trouble::NoSpace { free: bytes, least });
        }
        match files.filter(|free| *free < inodes) {
            Some(free) => Err(Trouble::NoInodes { free, least: inodes }),
            None => Ok(()),
        }
    }

    fn listed_env(&self, runbook: &Runbook) -> BTreeMap<String, String> {
        let found = runbook.env.iter().filter_map(|name| Some((name.clone(), self.env.get(name)?.clone())));
        found.collect()
    }
}

pub(super) fn find(loaded: &Loaded, wanted: &str) -> Result<Arc<Runbook>, Trouble> {
    let known = || loaded.book.runbooks.keys().map(Name::as_str);
    if let Some((_, runbook)) = loaded.book.runbooks.iter().find(|(name, _)| name.as_str() == wanted) {
        return Ok(Arc::clone(runbook));
    }
    let file = loaded.sources.iter().find(|(_, source)| {
        source.name.strip_suffix(".yaml").is_some_and(|name| name.ends_with(&format!("/{wanted}")))
    });
    if let Some((id, source)) = file {
        let errors = loaded.findings.sorted().into_iter().filter(|finding| finding.severity == Severity::Error);
        let own: Vec<_> = errors.filter(|finding| finding.spot.file == id).collect();
        let lines = own.iter().take(5).map(|finding| {
            let (line, column) = loaded.sources.line_column(finding.spot);
            format!("  {}:{line}:{column}: {} {}", source.name, finding.code.as_str(), finding.message)
        });
        let findings = lines.collect::<Vec<_>>().join("\n");
        return Err(Trouble::BadRunbook { name: wanted.into(), findings });
    }
    let hint = match closest(wanted, known()) {
        Some(near) => format!(": did you mean `{near}`?"),
        None if loaded.book.runbooks.is_empty() => ": it has no runbook yet; `stepladder new NAME` starts one".into(),
        None => ": `stepladder list` shows those there are".into(),
    };
    Err(Trouble::NoRunbook { name: wanted.into(), hint })
}

/// A runbook, those that it calls, and those that they call. All must pass their checks: no run begins that cannot end.
fn called(loaded: &Loaded, runbook: &Arc<Runbook>) -> Result<Vec<Arc<Runbook>>, Trouble> {
    let mut seen = BTreeSet::from([runbook.name.clone()]);
    let mut waiting = vec![Arc::clone(runbook)];
    let mut all = Vec::new();
    while let Some(next) = waiting.pop() {
        all.push(Arc::clone(&next));
        let mut called = Vec::new();
        for list in [&next.steps, &next.on_failure, &next.finally] {
            walk(list, &mut |step| {
                if let StepKind::Call(call) = &step.kind {
                    called.push(call.runbook.clone());
                }
            });
        }
        for name in called {
            if seen.insert(name.clone()) {
                waiting.push(find(loaded, name.as_str())?);
            }
        }
    }
    Ok(all)
}
