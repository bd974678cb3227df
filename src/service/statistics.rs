//! What weeks held of incidents: read incident by incident, bounded, and counted.

use crate::base::ids::IncidentId;
use crate::base::limits::{MAX_COUNTED_INCIDENTS, MAX_COUNTED_WEEKS};
use crate::base::zone::zone;
use crate::escalation::event::Recorded;
use crate::escalation::state::Incident;
use crate::escalation::statistics::Statistics;
use crate::runtime::clock;
use crate::runtime::incidents::past;
use crate::service::{Service, Trouble};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What was counted, and what was not.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The figures.
    pub statistics: Statistics,
    /// Up to when.
    pub until: Timestamp,
    /// There are more incidents than are counted: those that were opened before are left out.
    pub only_since: Option<Timestamp>,
    /// Incidents that can't be read; `stepladder doctor` says more.
    pub unread: u64,
}

impl Service {
    /// The figures of the last so many weeks, by the clocks of the book; the last week is the one of now. At most
    /// [`MAX_COUNTED_WEEKS`] weeks and [`MAX_COUNTED_INCIDENTS`] incidents, the newest.
    ///
    /// # Errors
    /// [`Trouble`] when the book or the list of incidents can't be read.
    pub fn statistics(&self, weeks: u32) -> Result<Counted, Trouble> {
        let zone = zone(&self.current_book()?.settings.timezone).unwrap_or(TimeZone::UTC);
        self.count_incidents(zone, weeks, MAX_COUNTED_INCIDENTS)
    }

    fn count_incidents(&self, zone: TimeZone, weeks: u32, most: usize) -> Result<Counted, Trouble> {
        let until = clock::now();
        let weeks = weeks.clamp(1, u32::try_from(MAX_COUNTED_WEEKS).unwrap_or(u32::MAX));
        let mut statistics = Statistics::new(zone, weeks, until);
        let cannot = |error: String| Trouble::Store(format!("the incidents can't be read: {error}"));
        let journal = self.journal.as_ref();
        let mut ids = past::since(journal, statistics.since(), most + 1).map_err(|error| cannot(error.to_string()))?;
        let (mut unread, mut only_since) = (0, None);
        let more = ids.len() > most;
        ids.truncate(most);
        for id in ids {
            match self.counted(id) {
                Ok((events, incident)) => {
                    only_since = incident.opened.as_ref().map(|(at, _)| *at).filter(|_| more).or(only_since);
                    statistics.add(&incident, &events);
                }
                Err(why) => {
                    unread += 1;
                    tracing::error!(incident = %id, why, "an incident can't be read; it is not counted");
                }
            }
        }
        Ok(Counted { statistics, until, only_since, unread })
    }

    fn counted(&self, id: IncidentId) -> Result<(Vec<Recorded>, Incident), String> {
        let events = past::read_events(self.journal.as_ref(), id, 0)?;
        let events: Vec<Recorded> = events.into_iter().map(|(_, recorded)| recorded).collect();
        let incident = Incident::replay(&events).map_err(|illegal| illegal.to_string())?;
        Ok((events, incident))
    }
}
