//! Composites that go in rounds: `watch`, `remedy`, `wait`.

use crate::base::address::{Lane, Place};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::value::json;
use crate::engine::composite::Pass;
use crate::engine::event::{StepEnded, StepEvent};
use crate::engine::evolve::IllegalEvent;
use crate::engine::rehearse::UNKNOWN;
use crate::engine::run::Open;
use crate::engine::scope;
use crate::engine::turn::{Halt, Sum, Turn};
use crate::engine::unknown;
use crate::expr::EvalError;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::step::{Remedy, Step, StepKind, Wait, Watch};
use jiff::Timestamp;

impl Turn<'_> {
    /// When a composite that ends by the clock will: a `wait` for a time, a `watch`.
    pub(super) fn opening(&self, place: &Place, step: &Step) -> Result<Option<Timestamp>, Failure> {
        match &step.kind {
            StepKind::Wait(Wait::Span(span)) => Ok(Some(self.after(*span))),
            StepKind::Wait(Wait::Until(template)) => {
                let wrong = |message: String| Failure { lasting: true, ..Failure::new(FailureKind::Template, message) };
                let scope = scope::Builder::new(self.book, self.run, place).build(template.reads());
                let text = template.render(&scope).map_err(|error| wrong(format!("wait: {error}")))?.to_string();
                instant(&text, &self.book.timezone).map(Some).map_err(|reason| wrong(format!("wait: {reason}")))
            }
            StepKind::Watch(watch) => Ok(Some(self.after(watch.length))),
            StepKind::Wait(Wait::Probe { .. })
            | StepKind::Remedy(_)
            | StepKind::Steps(_)
            | StepKind::Act(_)
            | StepKind::Call(_)
            | StepKind::Compute(_)
            | StepKind::Log { .. }
            | StepKind::Fail(_)
            | StepKind::Pass(_)
            | StepKind::Approval(_) => Ok(None),
        }
    }

    fn after(&self, span: Span) -> Timestamp {
        self.now.checked_add(jiff::SignedDuration::from(span)).unwrap_or(Timestamp::MAX)
    }

    /// A `wait`: for an instant, or until a probe is good.
    pub(super) fn wait_on(
        &mut self,
        place: &Place,
        wait: &Wait,
        open: &Open,
        halt: Option<&Halt>,
    ) -> Result<Option<Pass>, IllegalEvent> {
        let through = |cancelled| Some(Pass { cancelled, ..Pass::good(json!({})) });
        match wait {
            Wait::Span(_) | Wait::Until(_) => Ok(match halt {
                Some(_) => through(true),
                None if self.waits_on(wait, open) && !self.run.started.dry => None,
                None => through(false),
            }),
            Wait::Probe { every, probe, .. } => {
                let Some(sum) = self.lane(place, open, Lane::Until, halt)? else { return Ok(None) };
                let good = sum.satisfied && sum.failed.is_none() && self.unknown_probe(place, probe).is_none();
                Ok(match (good, halt) {
                    (true, _) => through(false),
                    (false, Some(_)) => through(true),
                    (false, None) if self.run.started.dry => {
                        let why = format!("what it waits for {}", self.now_is(place, probe));
                        Some(Pass { unknown: Some(why), ..Pass::good(json!({})) })
                    }
                    (false, None) => {
                        self.next_lane(place, open, Lane::Until, *every)?;
                        None
                    }
                })
            }
        }
    }

    /// Whether a `wait` by the clock is not over: for a length of time by the run's own clock, for an instant by the wall clock.
    fn waits_on(&self, wait: &Wait, open: &Open) -> bool {
        match wait {
            Wait::Until(_) => open.until.is_some_and(|until| until > self.now),
            Wait::Span(_) | Wait::Probe { .. } => open.lasts.is_some_and(|end| end > self.own_now()),
        }
    }

    /// One list of a composite in rounds: waits for the pause before it, walks it, and says what it came to.
    fn lane(
        &mut self,
        place: &Place,
        open: &Open,
        lane: fn(u32) -> Lane,
        halt: Option<&Halt>,
    ) -> Result<Option<Sum>, IllegalEvent> {
        let at = match open.lane {
            Some(at @ (Lane::Until(_) | Lane::Try(_) | Lane::Round(_))) => at,
            _ if halt.is_some() => return Ok(Some(Sum { done: true, cancelled: true, ..Sum::default() })),
            _ => {
                self.emit_step(place, StepEvent::Lane(lane(1)))?;
                lane(1)
            }
        };
        if open.rest.is_some_and(|rest| rest > self.own_now()) {
            return Ok(halt.map(|_| Sum { done: true, cancelled: true, ..Sum::default() }));
        }
        if open.rest.is_some() {
            // The pause is over: the lane named before it is taken up.
            self.emit_step(place, StepEvent::Lane(at))?;
        }
        let sum = self.walk(Some(place), at, halt)?;
        Ok(sum.done.then_some(sum))
    }

    /// The next round, `every` after the start of this one and never at once.
    fn next_lane(
        &mut self,
        place: &Place,
        open: &Open,
        lane: fn(u32) -> Lane,
        every: Span,
    ) -> Result<(), IllegalEvent> {
        let next = match open.lane {
            Some(Lane::Until(n) | Lane::Round(n) | Lane::Try(n)) => n + 1,
            _ => 2,
        };
        self.emit_step(place, StepEvent::Lane(lane(next)))?;
        self.emit_step(place, StepEvent::Rest { until: self.after(every) })
    }

    /// A `watch`: rounds until its time is up, or more are bad than it bears.
    pub(super) fn watch_round(
        &mut self,
        place: &Place,
        watch: &Watch,
        open: &Open,
        halt: Option<&Halt>,
    ) -> Result<Option<Pass>, IllegalEvent> {
        let over = open.lasts.is_some_and(|end| end <= self.own_now());
        if over && open.rest.is_some() && halt.is_none() {
            return Ok(Some(self.watched(watch, open.tally, Level::Ok)));
        }
        let Some(sum) = self.lane(place, open, Lane::Round, halt)? else { return Ok(None) };
        if halt.is_some() {
            return Ok(Some(Pass { cancelled: true, level: sum.level, ..Pass::good(json!({})) }));
        }
        let at = self.lane_of(place).unwrap_or(Lane::Round(1));
        let bad = match self.is_bad_round(place, at, watch, &sum) {
            Ok(bad) => bad || sum.failed.is_some(),
            Err(error) if self.run.started.dry => {
                let why = format!("`{}` ({error})", watch.bad.source());
                return Ok(Some(Pass { unknown: Some(why), ..Pass::good(json!({})) }));
            }
            Err(_) => true,
        };
        self.emit_step(place, StepEvent::Judged { good: !bad, data: self.has_data(place, at) })?;
        let Some(tally) = self.tally(place) else { return Ok(None) };
        let dry = self.run.started.dry;
        if tally.bad > watch.tolerate || over || dry {
            return Ok(Some(self.watched(watch, tally, sum.level)));
        }
        self.rest_for_next_round(place, watch, open, at)?;
        Ok(None)
    }

    /// The next round starts on the beat set when the watch was opened, so that slow rounds do not add up.
    fn rest_for_next_round(&mut self, place: &Place, watch: &Watch, open: &Open, at: Lane) -> Result<(), IllegalEvent> {
        let Lane::Round(n) = at else { return Ok(()) };
        let every = watch.every.millis().max(1);
        let passed = self.own_now().after(open.since).millis();
        let beat = open.since.later(Span::from_millis((passed / every + 1).saturating_mul(every)));
        let until = self.run.wall(beat);
        self.emit_step(place, StepEvent::Lane(Lane::Round(n + 1)))?;
        self.emit_step(place, StepEvent::Rest { until })
    }

    fn is_bad_round(&self, place: &Place, at: Lane, watch: &Watch, sum: &Sum) -> Result<bool, EvalError> {
        let inside = place.child(at, place.step().clone());
        let steps = watch.steps.steps.iter();
        let why = steps.map(|step| place.child(at, step.id.clone())).find_map(|at| unknown::of_step(self.run, &at));
        let scope = scope::Builder::new(self.book, self.run, &inside)
            .level(sum.level, sum.failed.is_some(), why.as_deref())
            .build(watch.bad.reads());
        watch.bad.eval_bool(&scope)
    }

    /// Whether a round saw anything: a step in it came to a result of its own, be it a bad one. Where all were skipped, or
    /// the only one that ran said something itself, nobody looked.
    fn has_data(&self, place: &Place, at: Lane) -> bool {
        let round = |inner: &Place| inner.segments().get(place.depth()).is_some_and(|segment| segment.lane == at);
        let results = self.run.inside(place).filter(|(inner, run)| {
            let ended = matches!(
                run.verdict(),
                Some((Outcome::Succeeded | Outcome::Recovered | Outcome::Failed | Outcome::Interrupted, _))
            );
            ended && round(inner) && self.book.step(inner.step()).is_some_and(|step| looks(&step.kind))
        });
        results.count() > 0
    }

    fn lane_of(&self, place: &Place) -> Option<Lane> {
        self.open_of(place).and_then(|open| open.lane)
    }

    fn tally(&self, place: &Place) -> Option<crate::engine::run::Tally> {
        self.open_of(place).map(|open| open.tally)
    }

    fn open_of(&self, place: &Place) -> Option<&Open> {
        match self.run.phase(place) {
            Some(crate::engine::run::StepPhase::Open(open)) => Some(open),
            _ => None,
        }
    }

    fn watched(&self, watch: &Watch, tally: crate::engine::run::Tally, level: Level) -> Pass {
        let output = json!({ "rounds": tally.rounds, "bad": tally.bad, "with_data": tally.data });
        let failure = if tally.bad > watch.tolerate {
            let message =
                format!("{} of {} rounds were bad, {} are tolerated", tally.bad, tally.rounds, watch.tolerate);
            Some(Failure::new(FailureKind::Expect, message))
        } else if tally.data < watch.at_least && !self.run.started.dry {
            let message =
                format!("only {} of {} rounds had data, {} are needed", tally.data, tally.rounds, watch.at_least);
            Some(Failure::new(FailureKind::Expect, message))
        } else {
            None
        };
        let level = if failure.is_some() { level } else { level.min(Level::Notice) };
        Pass { failure, level, ..Pass::good(output) }
    }

    /// A `remedy`: probe; while it is bad, the next remedy, a pause, and the probe again.
    pub(super) fn remedy_round(
        &mut self,
        place: &Place,
        remedy: &Remedy,
        open: &Open,
        halt: Option<&Halt>,
    ) -> Result<Option<Pass>, IllegalEvent> {
        let Some(sum) = self.lane(place, open, Lane::Until, halt)? else { return Ok(None) };
        if halt.is_some() {
            let output = self.tried(place, remedy, None);
            return Ok(Some(Pass { cancelled: true, level: sum.level, ..Pass::good(output) }));
        }
        match self.lane_of(place) {
            Some(Lane::Try(_)) if self.run.started.dry => self.rehearse_remedy(place, remedy),
            Some(Lane::Try(_)) => {
                // The remedy ran; well or not, the probe says whether it helped.
                let probe = self.open_of(place).map_or(1, |open| open.tally.rounds + 1);
                self.emit_step(place, StepEvent::Lane(Lane::Until(probe)))?;
                let until = self.after(remedy.settle);
                self.emit_step(place, StepEvent::Rest { until })?;
                if remedy.settle == Span::ZERO { self.again(place, remedy) } else { Ok(None) }
            }
            _ => self.probed(place, remedy, &sum),
        }
    }

    /// The probe has ended: healthy, not yet healthy for long enough, or the next remedy.
    fn probed(&mut self, place: &Place, remedy: &Remedy, sum: &Sum) -> Result<Option<Pass>, IllegalEvent> {
        let good = sum.satisfied && sum.failed.is_none() && self.unknown_probe(place, &remedy.until).is_none();
        self.emit_step(place, StepEvent::Judged { good, data: true })?;
        if !good && self.run.started.dry {
            return self.rehearse_remedy(place, remedy);
        }
        let tally = self.tally(place).unwrap_or_default();
        let tried = self.count_tried(place, remedy);
        if good && tally.row >= remedy.stable.max(1) {
            let helped = remedy.tries.steps.get(tried.wrapping_sub(1)).map(|step| step.id.as_str());
            let output = self.tried(place, remedy, helped);
            return Ok(Some(Pass { recovered: tried > 0, ..Pass::good(output) }));
        }
        if good {
            self.emit_step(place, StepEvent::Lane(Lane::Until(tally.rounds + 1)))?;
            self.emit_step(place, StepEvent::Rest { until: self.after(remedy.every) })?;
            return Ok(None);
        }
        if tried < remedy.tries.steps.len() {
            let next = u32::try_from(tried + 1).unwrap_or(u32::MAX);
            self.emit_step(place, StepEvent::Lane(Lane::Try(next)))?;
            return self.again(place, remedy);
        }
        let last = sum
            .failed
            .as_ref()
            .and_then(|(_, failure)| failure.as_ref())
            .map_or("not healthy", |failure| failure.message.as_str());
        let message = format!("none of {} remedies helped: {last}", remedy.tries.steps.len());
        let output = self.tried(place, remedy, None);
        let failure = Some(Failure::new(FailureKind::Steps, message));
        Ok(Some(Pass { failure, level: sum.level, ..Pass::good(output) }))
    }

    /// In a dry run a remedy changes nothing, so that the probe has no more to say: every remedy is gone through.
    fn rehearse_remedy(&mut self, place: &Place, remedy: &Remedy) -> Result<Option<Pass>, IllegalEvent> {
        let tried = self.count_tried(place, remedy);
        if tried < remedy.tries.steps.len() {
            let next = u32::try_from(tried + 1).unwrap_or(u32::MAX);
            self.emit_step(place, StepEvent::Lane(Lane::Try(next)))?;
            return self.again(place, remedy);
        }
        let probe = self.now_is(place, &remedy.until);
        let why = format!("its probe {probe}, and no remedy is done: they would be tried one by one until one helps");
        Ok(Some(Pass { unknown: Some(why), ..Pass::good(self.tried(place, remedy, None)) }))
    }

    /// Why it is unknown what the probe at work says.
    fn unknown_probe(&self, place: &Place, probe: &Step) -> Option<String> {
        let at = self.lane_of(place)?;
        unknown::of_step(self.run, &place.child(at, probe.id.clone()))
    }

    /// What the last probe said, in words that follow its name.
    fn now_is(&self, place: &Place, probe: &Step) -> String {
        let looks = self.run.inside(place).filter(|(look, _)| {
            *look.step() == probe.id && matches!(look.last().lane, Lane::Until(_)) && look.depth() == place.depth() + 1
        });
        match looks.last().and_then(|(_, look)| look.ended()) {
            Some(StepEnded { failure: Some(failure), .. }) => format!("is not good now ({})", failure.message),
            Some(StepEnded { reason: Some(reason), .. }) => {
                let why = reason.strip_prefix(UNKNOWN).and_then(|why| why.strip_prefix(": "));
                format!("is unknown ({})", why.unwrap_or(reason))
            }
            Some(_) | None => "is not good now".into(),
        }
    }

    fn again(&mut self, place: &Place, remedy: &Remedy) -> Result<Option<Pass>, IllegalEvent> {
        match self.open_of(place).cloned() {
            Some(open) => self.remedy_round(place, remedy, &open, None),
            None => Ok(None),
        }
    }

    fn count_tried(&self, place: &Place, remedy: &Remedy) -> usize {
        let pass = |n| place.child(Lane::Try(n), remedy.tries.steps[n as usize - 1].id.clone());
        (1..=u32::try_from(remedy.tries.steps.len()).unwrap_or(u32::MAX))
            .take_while(|n| self.run.steps.contains_key(&pass(*n)))
            .count()
    }

    fn tried(&self, place: &Place, remedy: &Remedy, helped: Option<&str>) -> crate::base::value::Value {
        let tried = &remedy.tries.steps[..self.count_tried(place, remedy)];
        let tried: Vec<&str> = tried.iter().map(|step| step.id.as_str()).collect();
        json!({ "helped": helped, "tried": tried })
    }
}

/// Whether a step of that kind has a result of its own, rather than that of the steps in it or what it says itself.
fn looks(kind: &StepKind) -> bool {
    match kind {
        StepKind::Act(_) | StepKind::Call(_) | StepKind::Compute(_) | StepKind::Wait(_) | StepKind::Remedy(_) => true,
        StepKind::Steps(_)
        | StepKind::Watch(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => false,
    }
}

/// The instant a text means: with an offset as it stands, without one in the book's zone.
fn instant(text: &str, timezone: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil: jiff::civil::DateTime =
        text.parse().map_err(|_| format!("`{text}` is not a time: write it like 2026-12-31T09:00"))?;
    let zone = jiff::tz::TimeZone::get(timezone).map_err(|error| error.to_string())?;
    zone.to_ambiguous_zoned(civil).compatible().map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}
