//! What becomes of damage that a person has looked at: lost frames are taken note of, and streams that can be done
//! without begin anew, so that what they are about goes on.
//!
//! Only under `doctor --repair`, behind the saving of all that can be read. Runs and incidents never begin anew: what
//! they have done can't be told from what is left.

use crate::base::ids::{Name, StepId};
use crate::engine::group::{GroupEvent, Holder};
use crate::engine::run::{Run, RunPhase};
use crate::runtime::index::group_stream;
use crate::service::{Service, Trouble};
use crate::store::{Batch, Forget, StreamId, codec};

impl Service {
    /// Takes note that frames are lost: streams that may have had events in them are trusted again as they stand.
    pub(super) fn note_loss(&self, first: u64, last: u64) -> Result<(), Trouble> {
        self.append(Batch { forgets: vec![Forget::Loss(first, last)], ..Batch::default() })
    }

    /// Lets a damaged stream begin anew, if its kind can; what follows from that, as a sentence.
    pub(super) fn begin_anew(&self, stream: &StreamId) -> Result<Option<String>, Trouble> {
        let (kind, name) = stream.as_str().split_once('/').unwrap_or((stream.as_str(), ""));
        let follows = match (kind, name) {
            ("run" | "incident", _) => return Ok(None),
            ("group", _) => {
                let Ok(group) = Name::parse(name) else { return Ok(None) };
                return self.group_anew(stream, &group).map(Some);
            }
            ("schedule", _) => {
                "it begins anew with the next daemon: nothing is started for instants before that, and `why` knows none of them"
            }
            ("book", "files") => "the next daemon goes by the files as they are then",
            ("book", "tokens") => "no token is known any more: `stepladder token create` makes new ones",
            _ => "it begins anew",
        };
        self.forget_damaged(stream)?;
        Ok(Some(follows.to_owned()))
    }

    fn forget_damaged(&self, stream: &StreamId) -> Result<(), Trouble> {
        self.append(Batch { forgets: vec![Forget::Damaged(stream.clone())], ..Batch::default() })
    }

    /// A group is held from now on by the unfinished runs that hold it as far as they know themselves.
    fn group_anew(&self, stream: &StreamId, group: &Name) -> Result<String, Trouble> {
        let holders = self.holders_of(group)?;
        self.forget_damaged(stream)?;
        if !holders.is_empty() {
            let granted = holders.iter().map(|holder| codec::encode_group(&GroupEvent::Granted(holder.clone())));
            let granted = granted.collect::<Result<Vec<_>, _>>().map_err(|error| Trouble::Store(error.to_string()))?;
            self.append(Batch { appends: vec![(group_stream(group.as_str()), granted)], ..Batch::default() })?;
        }
        let held: Vec<String> = holders.iter().map(Holder::to_string).collect();
        if held.is_empty() {
            return Ok("it begins anew, and nobody holds it: no unfinished run that can be read says it does".into());
        }
        Ok(format!("it begins anew, held by {}: unfinished and holding it as far as they know", held.join(", ")))
    }

    fn holders_of(&self, group: &Name) -> Result<Vec<Holder>, Trouble> {
        let mut holders = Vec::new();
        for (_, id) in self.all_runs()? {
            let Ok((book, run)) = self.unfinished(id) else { continue };
            let in_group = book.concurrency.as_ref().is_some_and(|concurrency| concurrency.group == *group);
            let asked = run.asked && matches!(run.phase, RunPhase::At(_));
            if in_group && asked && !self.is_shared(&run, group) {
                holders.push(Holder { run: id, place: None });
            }
            let held = run.steps.iter().filter(|(_, step)| step.holds).map(|(place, _)| place);
            let of_group = |step: &StepId| book.step(step).and_then(|step| step.mutex.as_ref()) == Some(group);
            holders.extend(
                held.filter(|place| of_group(place.step())).map(|place| Holder { run: id, place: Some(place.clone()) }),
            );
        }
        Ok(holders)
    }

    /// Whether a run that called this one is in the same group: then it shares what that holds.
    fn is_shared(&self, run: &Run, group: &Name) -> bool {
        let mut caller = run.started.parent.as_ref().map(|parent| parent.run);
        while let Some((book, above)) = caller.and_then(|caller| self.unfinished(caller).ok()) {
            let whole = book.concurrency.as_ref().is_some_and(|concurrency| concurrency.group == *group);
            let step = above.steps.iter().any(|(place, step)| {
                step.holds && book.step(place.step()).and_then(|step| step.mutex.as_ref()) == Some(group)
            });
            if whole || step {
                return true;
            }
            caller = above.started.parent.as_ref().map(|parent| parent.run);
        }
        false
    }
}
