//! Silences as use cases: troubles with those labels tell nobody for a time.

use crate::base::actor::{Actor, Role};
use crate::model::silence::{Silence, SilenceEvent};
use crate::runtime::append::append;
use crate::runtime::clock;
use crate::runtime::incidents::silences::{Silences, fresh_id, silences_stream};
use crate::runtime::pump::{About, Message};
use crate::service::trouble::may;
use crate::service::{Service, Trouble};
use crate::store::{Batch, Guard, codec};
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Service {
    /// Silences that count now, those that end first first.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub fn silences(&self) -> Result<Vec<Silence>, Trouble> {
        let all = Silences::read(self.journal.as_ref()).map_err(Trouble::Store)?;
        let mut current: Vec<Silence> = all.current(clock::now()).cloned().collect();
        current.sort_by_key(|silence| silence.until);
        Ok(current)
    }

    /// Mutes troubles with those labels until then. Durable when this returns.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, or something in it is not right.
    pub fn add_silence(
        &self,
        actor: Actor,
        matches: BTreeMap<String, String>,
        until: Timestamp,
        reason: String,
    ) -> Result<Silence, Trouble> {
        may(&actor, Role::Operator, "silence", "incidents")?;
        let now = clock::now();
        if matches.is_empty() {
            return Err(Trouble::Input(
                "a silence that matches everything would mute everything: say which labels".into(),
            ));
        }
        if until <= now {
            return Err(Trouble::Input(format!("`{until}` has passed: a silence ends at a time to come")));
        }
        if reason.trim().is_empty() {
            return Err(Trouble::Input("a silence says why it is there".into()));
        }
        let id = fresh_id(&actor, now, &reason);
        let silence = Silence { id, matches, from: now, until, actor, reason };
        self.silence_event(SilenceEvent::Added(silence.clone()))?;
        Ok(silence)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, or none of that id counts.
    pub fn end_silence(&self, actor: Actor, id: &str) -> Result<(), Trouble> {
        may(&actor, Role::Operator, "silence", "incidents")?;
        let now = clock::now();
        let all = Silences::read(self.journal.as_ref()).map_err(Trouble::Store)?;
        if !all.has(id, now) {
            return Err(Trouble::NoSilence(id.to_owned()));
        }
        self.silence_event(SilenceEvent::Ended { id: id.to_owned(), at: now, actor })
    }

    fn silence_event(&self, event: SilenceEvent) -> Result<(), Trouble> {
        if self.pump.is_none() {
            return Err(Trouble::NoOwner);
        }
        let bytes = codec::encode_silence(&event).map_err(|error| Trouble::Store(error.to_string()))?;
        let guards = vec![Guard::Lease(self.journal.epoch())];
        let batch = Batch { appends: vec![(silences_stream(), vec![bytes])], guards, ..Batch::default() };
        append(self.journal.as_ref(), batch).map_err(|error| Trouble::Store(error.to_string()))?;
        self.send(Message::About(About::Silence(event)))
    }
}
