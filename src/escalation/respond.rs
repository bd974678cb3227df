//! Level 1: runbooks that gather evidence, and runbooks that try to mend. It is bounded by its limit.

use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::base::level::Outcome;
use crate::base::planted::{self, Bug};
use crate::escalation::decide::{Decider, Effect};
use crate::escalation::event::{Event, Part};
use crate::escalation::ladder::Ladder;
use crate::escalation::state::{IllegalEvent, Incident, Response, Told};
use crate::escalation::text::{between, first_line};
use jiff::{SignedDuration, Timestamp};

/// What has come of the responding level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not known yet.
    Open,
    /// It came to nothing, and why.
    Failed(String),
}

impl Ladder<'_> {
    /// Whether the responding level has come to nothing by now; `holder` says who holds what a run waits for.
    pub(super) fn verdict(self, now: Timestamp, holder: &dyn Fn(RunId) -> Option<String>) -> Verdict {
        let Some((_, limit)) = self.limit() else { return Verdict::Open };
        let tries = self.tries();
        let good = tries.iter().find_map(|name| began(self.incident, name, Part::Try).filter(|known| known.is_good()));
        if let Some(good) = good {
            let hand = self.incident.sources.iter().any(Told::is_by_hand);
            return match hand {
                true => Verdict::Failed(format!(
                    "{} ended well, but what a person told of only a person ends",
                    good.runbook
                )),
                false if now >= limit => {
                    Verdict::Failed(format!("{} ended well, but the trouble is not over", good.runbook))
                }
                false => Verdict::Open,
            };
        }
        let over = |name: &&Name| {
            was_passed(self.incident, name, Part::Try)
                || began(self.incident, name, Part::Try).is_some_and(|known| known.ended.is_some())
        };
        if now < limit && !tries.iter().all(over) {
            return Verdict::Open;
        }
        let said: Vec<String> = tries.iter().map(|name| self.said(name, holder)).collect();
        Verdict::Failed(if said.is_empty() {
            "there is nothing that could mend it".to_owned()
        } else {
            said.join("; ")
        })
    }

    /// How one try went, in a few words.
    fn said(self, name: &Name, holder: &dyn Fn(RunId) -> Option<String>) -> String {
        if let Some(passed) =
            self.incident.passed.iter().find(|known| known.runbook == *name && known.part == Part::Try)
        {
            return format!("{name} was left out: {}", passed.reason);
        }
        let Some(known) = began(self.incident, name, Part::Try) else {
            return format!("{name} had no time left");
        };
        let Some(ended) = &known.ended else {
            return match holder(known.run) {
                Some(who) => format!("{name} waits for what {who} holds"),
                None => format!("{name} is not done in time"),
            };
        };
        let how = ended.outcome.map_or("could not start", Outcome::as_str);
        match first_line(&ended.text) {
            "" => format!("{name} {how}"),
            text => format!("{name} {how}: {text}"),
        }
    }
}

impl Decider<'_> {
    /// Starts what is to respond next, and stops what has had its time.
    pub(super) fn respond(&mut self) -> Result<(), IllegalEvent> {
        let Some((half, limit)) = self.ladder().limit() else { return Ok(()) };
        if self.now >= limit {
            return self.stop_responses(&|_| true, "the time for an automated response is over");
        }
        if !self.is_open() || self.incident.mute.is_some() {
            return Ok(());
        }
        let gather: Vec<Name> = self.ladder().responder().map(|(_, level)| level.gather.clone()).unwrap_or_default();
        for name in &gather {
            if !self.is_known(name, Part::Gather) {
                self.start(name, Part::Gather)?;
            }
        }
        if self.ladder().gathers() && self.now < half {
            return Ok(());
        }
        let tries: Vec<Name> = self.ladder().tries().into_iter().cloned().collect();
        for name in &tries {
            if !self.is_known(name, Part::Try) {
                self.start(name, Part::Try)?;
            }
            if began(self.incident, name, Part::Try).is_some_and(|known| known.ended.is_none() || known.is_good()) {
                break;
            }
        }
        Ok(())
    }

    /// Cancels runs that are going on.
    pub(super) fn stop_responses(
        &mut self,
        which: &dyn Fn(&Response) -> bool,
        reason: &str,
    ) -> Result<(), IllegalEvent> {
        if planted::has(Bug::NeverStops) {
            return Ok(());
        }
        let going = self.incident.running().filter(|known| known.stopping.is_none() && which(known));
        let going: Vec<RunId> = going.map(|known| known.run).collect();
        for run in going {
            self.push(Event::Stopping { run, reason: reason.to_owned() })?;
            self.done.effects.push(Effect::Cancel { run, reason: reason.to_owned() });
        }
        Ok(())
    }

    fn is_known(&self, name: &Name, part: Part) -> bool {
        was_passed(self.incident, name, part) || began(self.incident, name, part).is_some()
    }

    /// Starts a runbook, or says why it is left out.
    fn start(&mut self, name: &Name, part: Part) -> Result<(), IllegalEvent> {
        let again = self.ladder().responder().and_then(|(_, level)| level.not_again_within);
        let recent = again.zip((self.known.ran)(name)).and_then(|(within, (run, at))| {
            let age = self.now.duration_since(at);
            (age < SignedDuration::from(within)).then(|| {
                format!("run {run} of it began {} ago, and it is not run again within {within}", between(at, self.now))
            })
        });
        if let Some(reason) = recent.or_else(|| (self.known.startable)(name).err()) {
            return self.push(Event::PassedOver { runbook: name.clone(), part, reason });
        }
        let Some(id) = self.incident.id() else { return Ok(()) };
        let key = Digest::of(format!("{id}/{}", self.incident.responses.len()).as_bytes());
        let millis = u64::try_from(self.now.as_millisecond()).unwrap_or_default();
        let run = RunId::new(millis, u128::from(key.seed()));
        self.push(Event::Responding { run, runbook: name.clone(), part })?;
        self.done.effects.push(Effect::Start { run, runbook: name.clone(), part });
        Ok(())
    }
}

fn began<'a>(incident: &'a Incident, name: &Name, part: Part) -> Option<&'a Response> {
    incident.responses.iter().find(|known| known.runbook == *name && known.part == part)
}

fn was_passed(incident: &Incident, name: &Name, part: Part) -> bool {
    incident.passed.iter().any(|known| known.runbook == *name && known.part == part)
}
