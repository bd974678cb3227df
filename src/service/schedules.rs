//! Schedules as they stand: what is due next, what is paused, and by whom.

use crate::base::actor::Actor;
use crate::base::ids::Name;
use crate::diagnostic::closest;
use crate::model::book::Book;
use crate::model::runbook::Runbook;
use crate::runtime::clock;
use crate::runtime::pump::Message;
use crate::runtime::schedules::Heard;
use crate::runtime::schedules::ledger::{self, LedgerRow};
use crate::schedule::decide::Input;
use crate::schedule::key::ScheduleId;
use crate::schedule::spec::{Spec, specs};
use crate::schedule::state::Schedule;
use crate::schedule::timetable::Verdict;
use crate::service::trouble::may;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Instants that may be left out in a row before none is looked for any more.
const LEFT_OUT: usize = 10_000;

/// One schedule of the book.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRow {
    /// Which.
    pub id: ScheduleId,
    /// What its time is made of.
    pub time: String,
    /// Its zone.
    pub zone: String,
    /// When it starts something next, its jitter included; `None` = never again.
    pub next: Option<Timestamp>,
    /// Who paused it, since when, why.
    pub paused: Option<(Actor, Timestamp, String)>,
    /// Due instants that wait for the run before them.
    pub waiting: usize,
    /// What became of the last instants.
    pub last: Option<LedgerRow>,
    /// Why it is set aside: it starts nothing.
    pub aside: Option<String>,
}

impl Service {
    /// Every schedule of the book, by name.
    ///
    /// # Errors
    /// [`Trouble`] when the book or the store can't be read.
    pub fn schedules(&self) -> Result<Vec<ScheduleRow>, Trouble> {
        let book = self.current_book()?;
        let (journal, now) = (self.journal.as_ref(), clock::now());
        let all: Vec<Spec> = book.runbooks.values().flat_map(|runbook| specs(runbook, &book.settings)).collect();
        let row = |spec: &Spec| {
            // One that can't be read takes none of the others with it.
            let (state, aside) = match ledger::read_schedule(journal, &spec.id) {
                Ok(state) => (state, None),
                Err(why) => (Schedule::default(), Some(why)),
            };
            let last = ledger::rows(journal, &spec.id).map_err(|error| Trouble::Store(error.to_string()))?.pop();
            let mut coming = spec.table.after(now).take(LEFT_OUT);
            let next = coming
                .find(|due| aside.is_none() && due.verdict == Verdict::Fires)
                .map(|due| spec.starts(due.at, due.nominal));
            let zone = spec.table.zone.iana_name().unwrap_or("UTC").to_owned();
            let paused = state.life.and_then(|life| life.paused);
            let (id, time) = (spec.id.clone(), spec.shown.clone());
            Ok(ScheduleRow { id, time, zone, next, paused, waiting: state.waiting.len(), last, aside })
        };
        all.iter().map(row).collect()
    }

    /// Starts nothing by these schedules from now on; durable when this returns. `trigger` = only that one of the runbook's.
    ///
    /// # Errors
    /// [`Trouble`] when there is none, no daemon serves the book, or the actor may not.
    pub async fn pause(
        &self,
        actor: &Actor,
        runbook: &str,
        trigger: Option<&str>,
        reason: &str,
    ) -> Result<Vec<ScheduleId>, Trouble> {
        let input = || Input::Pause { actor: actor.clone(), reason: reason.to_owned() };
        self.ask_schedules(actor, runbook, trigger, "pause", &input).await
    }

    /// Goes on with them.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn resume(
        &self,
        actor: &Actor,
        runbook: &str,
        trigger: Option<&str>,
    ) -> Result<Vec<ScheduleId>, Trouble> {
        let input = || Input::Resume { actor: actor.clone() };
        self.ask_schedules(actor, runbook, trigger, "resume", &input).await
    }

    async fn ask_schedules(
        &self,
        actor: &Actor,
        runbook: &str,
        trigger: Option<&str>,
        verb: &'static str,
        input: &(dyn Fn() -> Input + Sync),
    ) -> Result<Vec<ScheduleId>, Trouble> {
        let book = self.current_book()?;
        let found = known(&book, runbook)?;
        may(actor, found.allow.start, verb, runbook)?;
        let known: Vec<ScheduleId> = specs(&found, &book.settings).into_iter().map(|spec| spec.id).collect();
        let ids: Vec<ScheduleId> =
            known.iter().filter(|id| trigger.is_none_or(|trigger| id.trigger.as_str() == trigger)).cloned().collect();
        if ids.is_empty() {
            return Err(Trouble::Input(match (trigger, known.as_slice()) {
                (Some(trigger), [_, ..]) => {
                    let known: Vec<&str> = known.iter().map(|id| id.trigger.as_str()).collect();
                    format!("`{runbook}` has no schedule `{trigger}`: it has {}", known.join(", "))
                }
                (_, _) => format!("nothing starts `{runbook}` by itself: it has no trigger"),
            }));
        }
        if self.book.is_none() {
            return Err(Trouble::NoClock);
        }
        self.arm().await?;
        for id in &ids {
            let (told, answer) = oneshot::channel();
            self.send(Message::Schedule { id: id.clone(), input: input(), told: Heard::Done(told) })?;
            match answer.await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(Trouble::Input(why)),
                Err(_) => return Err(Trouble::Stopped("the owner stopped before it was durable".into())),
            }
        }
        Ok(ids)
    }
}

/// A runbook that is asked for by its schedules.
pub(super) fn known(book: &Book, runbook: &str) -> Result<Arc<Runbook>, Trouble> {
    let name = Name::parse(runbook).ok();
    name.and_then(|name| book.runbooks.get(&name)).cloned().ok_or_else(|| {
        let hint = match closest(runbook, book.runbooks.keys().map(Name::as_str)) {
            Some(near) => format!(": did you mean `{near}`?"),
            None => ": `stepladder schedule list` shows those with schedules".into(),
        };
        Trouble::NoRunbook { name: runbook.into(), hint }
    })
}
