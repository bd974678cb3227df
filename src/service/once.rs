//! What is asked for twice and done once: whoever asks sends a key, and what it means is written down before anything is
//! done. Kept for a day at least.
//!
//! A start reserves its run, so it happens exactly once. Anything else is noted before it is done and after: where the
//! second note is missing, nobody can say whether it was done, and that is the answer.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::limits::{MAX_IDEMPOTENCY_KEY, MAX_KEPT_ANSWER};
use crate::model::access::{KeptAnswer, KeyNote, KeyUse};
use crate::model::runbook::Runbook;
use crate::runtime::append::append;
use crate::runtime::clock;
use crate::runtime::index::run_stream;
use crate::service::{Service, StartRun, Trouble};
use crate::store::{Batch, Forget, Guard, Journal, StreamId, Version, codec};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Days whose keys are known: today's and yesterday's.
const DAYS: usize = 2;

/// Of each day how many events were read, and what is known of its keys.
type Days = BTreeMap<StreamId, (Version, BTreeMap<Digest, KeyNote>)>;

/// The keys that count, as they were read last.
#[derive(Debug, Default)]
pub struct Once(tokio::sync::Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    days: Days,
    /// Those whose requests are being answered.
    busy: BTreeSet<Digest>,
}

/// What came of a start with a key.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The run.
    pub run: RunId,
    /// Its runbook.
    pub runbook: Arc<Runbook>,
    /// Whether it had been started before, with this key.
    pub again: bool,
}

/// What a key means.
#[derive(Debug)]
pub enum Claim {
    /// Nothing yet: it is written down, and what is asked for may be done.
    Yours(Claimed),
    /// It was done before, and answered so.
    Done(KeptAnswer),
}

/// The right to do what is asked for with a key.
#[derive(Debug)]
pub struct Claimed {
    key: Digest,
    request: Digest,
}

fn stream(day: Timestamp) -> StreamId {
    StreamId::new("keys", &day.strftime("%Y-%m-%d").to_string())
}

/// The keys of one caller are no business of another.
fn key_of(actor: &Actor, key: &str) -> Result<Digest, Trouble> {
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY {
        return Err(Trouble::Input(format!("an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} characters")));
    }
    Ok(Digest::of_parts(&[actor.id.as_bytes(), actor.via.as_str().as_bytes(), key.as_bytes()]))
}

impl Known {
    /// What is known of a key.
    ///
    /// # Errors
    /// [`Trouble::Input`] where it was sent with something else.
    fn of(&self, key: Digest, request: Digest) -> Result<Option<&KeyUse>, Trouble> {
        match self.days.values().rev().find_map(|(_, keys)| keys.get(&key)) {
            Some(found) if found.request != request => {
                Err(Trouble::Input("this idempotency key was sent before, with another request".into()))
            }
            found => Ok(found.map(|found| &found.outcome)),
        }
    }

    /// Brings what is known up to date, and forgets days that do not count any more.
    fn read(&mut self, journal: &dyn Journal, now: Timestamp) -> Result<(), Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the idempotency keys can't be read: {why}"));
        let yesterday = now.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(now);
        let days = [stream(yesterday), stream(now)];
        self.days.retain(|day, _| days.contains(day));
        for day in days {
            let (read, keys) = self.days.entry(day.clone()).or_default();
            for bytes in journal.read(&day, *read).map_err(|error| cannot(error.to_string()))? {
                let note = codec::decode_key(&bytes).map_err(|error| cannot(error.to_string()))?;
                keys.insert(note.key, note);
                *read += 1;
            }
        }
        Ok(())
    }
}

impl Service {
    /// Starts a run, or finds the one that was started with this key. `request` is what is asked for, as sent.
    ///
    /// # Errors
    /// [`Trouble`]; [`Trouble::Input`] for a key that was used for something else.
    pub async fn start_once(&self, wish: StartRun, key: &str, request: &[u8]) -> Result<Keyed, Trouble> {
        let key = key_of(&wish.actor, key)?;
        let request = Digest::of(request);
        // One at a time: the second of two equal ones finds what the first has begun.
        let mut known = self.once.0.lock().await;
        let now = clock::now();
        known.read(self.journal.as_ref(), now)?;
        let run = match known.of(key, request)? {
            Some(KeyUse::Run(run)) => *run,
            // Of the same bytes and another path: none of ours says so.
            Some(KeyUse::Begun | KeyUse::Done(_) | KeyUse::Refused) | None => {
                let run = clock::new_run(now);
                self.note(&KeyNote { at: now, key, request, outcome: KeyUse::Run(run) })?;
                run
            }
        };
        if self.journal.version(&run_stream(run)).map_err(|error| Trouble::Store(error.to_string()))? > 0 {
            let runbook = self.pinned(&self.run(run)?)?;
            return Ok(Keyed { run, runbook, again: true });
        }
        let (run, runbook) = self.start(StartRun { id: Some(run), ..wish }).await?;
        Ok(Keyed { run, runbook, again: false })
    }

    /// Claims a key for a request that starts no run, before anything is done. `request` is all that makes it this one:
    /// method, path, query and body. [`Service::settle_key`] must follow, whatever becomes of it.
    ///
    /// # Errors
    /// [`Trouble::Input`] for a key that was used for something else; [`Trouble::InDoubt`] where the same request is
    /// being answered, or nobody can say whether it was done.
    pub async fn claim_key(&self, actor: &Actor, key: &str, request: &[&[u8]]) -> Result<Claim, Trouble> {
        let key = key_of(actor, key)?;
        let request = Digest::of_parts(request);
        let mut known = self.once.0.lock().await;
        let at = clock::now();
        known.read(self.journal.as_ref(), at)?;
        match known.of(key, request)? {
            Some(KeyUse::Done(answer)) => return Ok(Claim::Done(answer.clone())),
            Some(KeyUse::Begun) if known.busy.contains(&key) => {
                return Err(Trouble::InDoubt(
                    "the same request, with this key, is being answered: ask again in a moment",
                ));
            }
            Some(KeyUse::Begun) => {
                return Err(Trouble::InDoubt(
                    "a request with this key was begun and never answered: look whether it was done, and send what is still to be done with a new key",
                ));
            }
            Some(KeyUse::Run(_)) => {
                return Err(Trouble::Input("this idempotency key was sent before, with another request".into()));
            }
            Some(KeyUse::Refused) | None => {}
        }
        self.note(&KeyNote { at, key, request, outcome: KeyUse::Begun })?;
        known.busy.insert(key);
        Ok(Claim::Yours(Claimed { key, request }))
    }

    /// Writes down what came of a request with a key: what was answered; `None` where it was refused and nothing was done.
    ///
    /// # Errors
    /// [`Trouble::Store`] when it can't be kept: it stays in doubt.
    pub async fn settle_key(&self, claimed: Claimed, answer: Option<KeptAnswer>) -> Result<(), Trouble> {
        let Claimed { key, request } = claimed;
        let mut known = self.once.0.lock().await;
        known.busy.remove(&key);
        let kept = |KeptAnswer { status, body }| {
            KeyUse::Done(KeptAnswer { status, body: body.filter(|body| body.len() <= MAX_KEPT_ANSWER) })
        };
        let outcome = answer.map_or(KeyUse::Refused, kept);
        self.note(&KeyNote { at: clock::now(), key, request, outcome })
    }

    /// Says that nobody knows what came of a request with a key.
    pub async fn lose_key(&self, claimed: Claimed) {
        self.once.0.lock().await.busy.remove(&claimed.key);
    }

    fn note(&self, note: &KeyNote) -> Result<(), Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the idempotency key can't be kept: {why}"));
        let bytes = codec::encode_key(note).map_err(|error| cannot(error.to_string()))?;
        let day = stream(note.at);
        let known = self.journal.streams("keys/").unwrap_or_default();
        let old = if known.iter().any(|(stream, _)| *stream == day) { DAYS } else { DAYS - 1 };
        let old = known.len().saturating_sub(old);
        let forgets = known.into_iter().take(old).map(|(stream, _)| Forget::Whole(stream)).collect();
        let guards = vec![Guard::Lease(self.journal.epoch())];
        let batch = Batch { guards, appends: vec![(day, vec![bytes])], forgets };
        append(self.journal.as_ref(), batch).map_err(|error| cannot(error.to_string()))
    }
}
