//! A start that is asked for twice and done once: whoever asks sends a key, and the run it means is written down
//! before anything is started. Kept for a day at least.

use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::base::limits::MAX_IDEMPOTENCY_KEY;
use crate::model::access::Reserved;
use crate::model::runbook::Runbook;
use crate::runtime::append::append;
use crate::runtime::clock;
use crate::runtime::index::run_stream;
use crate::service::{Service, StartRun, Trouble};
use crate::store::{Batch, Forget, Guard, StreamId, Version, codec};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days whose keys are known: today's and yesterday's.
const DAYS: usize = 2;

/// Of each day how many events were read, and the runs that keys mean.
type Days = BTreeMap<StreamId, (Version, BTreeMap<Digest, Reserved>)>;

/// The keys of the days that count, as they were read last.
#[derive(Debug, Default)]
pub struct Once(tokio::sync::Mutex<Days>);

/// What came of asking with a key.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The run.
    pub run: RunId,
    /// Its runbook.
    pub runbook: Arc<Runbook>,
    /// Whether it had been started before, with this key.
    pub again: bool,
}

fn stream(day: Timestamp) -> StreamId {
    StreamId::new("keys", &day.strftime("%Y-%m-%d").to_string())
}

impl Service {
    /// Starts a run, or finds the one that was started with this key. `request` is what is asked for, as sent.
    ///
    /// # Errors
    /// [`Trouble`]; [`Trouble::Input`] for a key that was used for something else.
    pub async fn start_once(&self, wish: StartRun, key: &str, request: &[u8]) -> Result<Keyed, Trouble> {
        if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY {
            return Err(Trouble::Input(format!("an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} characters")));
        }
        // The keys of one caller are no business of another.
        let key = Digest::of_parts(&[wish.actor.id.as_bytes(), wish.actor.via.as_str().as_bytes(), key.as_bytes()]);
        let request = Digest::of(request);
        // One at a time: the second of two equal ones finds what the first has begun.
        let mut known = self.once.0.lock().await;
        let now = clock::now();
        self.read_keys(&mut known, now)?;
        let run = match known.values().find_map(|(_, keys)| keys.get(&key)) {
            Some(found) if found.request != request => {
                return Err(Trouble::Input("this idempotency key was sent before, with another request".into()));
            }
            Some(found) => found.run,
            None => {
                let reserved = Reserved { at: now, key, request, run: clock::new_run(now) };
                self.reserve(&reserved)?;
                reserved.run
            }
        };
        if self.journal.version(&run_stream(run)).map_err(|error| Trouble::Store(error.to_string()))? > 0 {
            let runbook = self.pinned(&self.run(run)?)?;
            return Ok(Keyed { run, runbook, again: true });
        }
        let (run, runbook) = self.start(StartRun { id: Some(run), ..wish }).await?;
        Ok(Keyed { run, runbook, again: false })
    }

    /// Brings what is known up to date, and forgets days that do not count any more.
    fn read_keys(&self, known: &mut Days, now: Timestamp) -> Result<(), Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the idempotency keys can't be read: {why}"));
        let yesterday = now.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(now);
        let days = [stream(yesterday), stream(now)];
        known.retain(|day, _| days.contains(day));
        for day in days {
            let (read, keys) = known.entry(day.clone()).or_default();
            for bytes in self.journal.read(&day, *read).map_err(|error| cannot(error.to_string()))? {
                let reserved = codec::decode_reserved(&bytes).map_err(|error| cannot(error.to_string()))?;
                keys.insert(reserved.key, reserved);
                *read += 1;
            }
        }
        Ok(())
    }

    fn reserve(&self, reserved: &Reserved) -> Result<(), Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the idempotency key can't be kept: {why}"));
        let bytes = codec::encode_reserved(reserved).map_err(|error| cannot(error.to_string()))?;
        let day = stream(reserved.at);
        let known = self.journal.streams("keys/").unwrap_or_default();
        let old = if known.iter().any(|(stream, _)| *stream == day) { DAYS } else { DAYS - 1 };
        let old = known.len().saturating_sub(old);
        let forgets = known.into_iter().take(old).map(|(stream, _)| Forget::Whole(stream)).collect();
        let guards = vec![Guard::Lease(self.journal.epoch())];
        let batch = Batch { guards, appends: vec![(day, vec![bytes])], forgets };
        append(self.journal.as_ref(), batch).map_err(|error| cannot(error.to_string()))
    }
}
