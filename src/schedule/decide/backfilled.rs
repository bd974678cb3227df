//! Instants that somebody makes up for: started by hand, with the name and the row that the clock would have given them.

use super::{Effect, Obstacle, Turn};
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::limits::MAX_SHARED;
use crate::schedule::backfill::{Backfill, HadFate, Left, due, left};
use crate::schedule::call::Answer;
use crate::schedule::event::{Event, Fate, Instant};
use crate::schedule::state::IllegalEvent;

impl Turn<'_> {
    /// Starts it, unless it has run. Neither `overlap` nor a pause is in its way: a person wants this very run.
    pub(super) fn backfill(&mut self, fill: Backfill) -> Result<(), IllegalEvent> {
        let nominal = fill.due.nominal;
        let had = match self.missing(fill.due) {
            Ok(Missing::Ran(run)) => {
                self.done.answer = Some(Ok(Answer { nominal, fate: None, run, why: None }));
                return Ok(());
            }
            Ok(Missing::Nothing(had)) => had,
            Err(obstacle) => {
                self.done.answer = Some(Err(obstacle));
                return Ok(());
            }
        };
        let run = self.run_id(nominal);
        self.push(Event::Backfilled { due: fill.due, run, actor: fill.actor.clone(), had })?;
        self.done.effects.push(Effect::Start(run, fill.due));
        self.done.by = Some(fill.actor);
        self.done.answer = Some(Ok(Answer { nominal, fate: Some(Fate::Ran.word()), run: Some(run), why: None }));
        Ok(())
    }

    /// The run that is started now for the instant of that name.
    pub(super) fn run_id(&self, nominal: crate::schedule::nominal::Nominal) -> RunId {
        let key = Digest::of(&self.spec.id.row(nominal));
        let millis = u64::try_from(self.now.as_millisecond()).unwrap_or_default();
        RunId::new(millis, u128::from(key.seed()))
    }

    /// What the ledger has of it; an error = it can't be started.
    fn missing(&self, asked: Instant) -> Result<Missing, Obstacle> {
        let had = (self.known.row)(asked).map_err(Obstacle::Failed)?;
        if let Some(HadFate::Ran(run)) = had.as_ref().map(|had| &had.fate) {
            return Ok(Missing::Ran(*run));
        }
        due(self.spec, asked, self.now).map_err(Obstacle::Failed)?;
        let had = match had {
            Some(had) => match &had.fate {
                HadFate::Nothing { fate, why } => {
                    let parts = left(self.spec, &had, asked, MAX_SHARED).map_err(Obstacle::Failed)?;
                    Some(Left { fate: fate.clone(), why: why.clone(), parts })
                }
                HadFate::Waits | HadFate::Ran(_) => {
                    return Err(Obstacle::Failed(format!(
                        "{} waits for the run before it, and will run",
                        asked.nominal
                    )));
                }
            },
            None => None,
        };
        (self.known.ready)(None)?;
        Ok(Missing::Nothing(had))
    }
}

/// What the ledger has of an instant.
enum Missing {
    /// It ran.
    Ran(Option<RunId>),
    /// Nothing came of it, or there is no row.
    Nothing(Option<Left>),
}
