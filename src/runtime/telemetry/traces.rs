//! What happened, folded into spans: one for each attempt of a step, one for each run.
//!
//! Holds what is under way of the runs that were heard of last; of any other the journal knows.

use crate::act::otlp::{Fact, Span};
use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::base::level::{Level, Outcome};
use crate::runtime::recover::read_events;
use crate::runtime::telemetry::ids::{SpanId, TraceId, parent_in, span_of, span_of_attempt, trace_of};
use crate::runtime::telemetry::said::{Began, Said, What};
use crate::store::Journal;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Runs of which is held what is under way.
const HELD: usize = 4_096;
/// Runs above one another that are looked through for the one that begins the trace.
const ABOVE: usize = 32;

/// The runs that are known.
#[derive(Debug, Default)]
pub(super) struct Traces {
    runs: BTreeMap<RunId, Going>,
    /// Counts up: who was heard of last.
    heard: u64,
}

/// One run.
#[derive(Debug, Clone)]
struct Going {
    trace: TraceId,
    parent: Option<SpanId>,
    begun: Timestamp,
    facts: Vec<(&'static str, Fact)>,
    links: Vec<(TraceId, SpanId, &'static str)>,
    open: BTreeMap<(Place, u32), (Timestamp, String)>,
    /// Attempts that have ended, and whose step may yet say how bad that was.
    ended: BTreeMap<Place, Span>,
    heard: u64,
}

impl Traces {
    /// Whether nothing has to be looked up to take this.
    pub(super) fn knows(&self, said: &Said) -> bool {
        let known = self.runs.get(&said.run);
        match &said.what {
            What::Began(began) => {
                let others = began.parent.as_ref().map(|parent| parent.run).into_iter().chain(linked(began));
                others.into_iter().all(|run| self.runs.contains_key(&run))
            }
            What::Attempted { place, number, .. } => {
                known.is_some_and(|trace| trace.open.contains_key(&(place.clone(), *number)))
            }
            What::Attempt { .. } | What::StepEnded { .. } | What::Ended { .. } => known.is_some(),
        }
    }

    /// Reads what this needs and is not known: the run up to there, or the runs it comes from.
    pub(super) fn recall(&mut self, said: &Said, journal: &dyn Journal) {
        match &said.what {
            What::Began(began) => {
                let parent = began.parent.as_ref().map(|parent| parent.run);
                for run in parent.into_iter().chain(linked(began)).collect::<Vec<_>>() {
                    self.read(run, u64::MAX, journal, 0);
                }
            }
            What::Attempt { .. } | What::Attempted { .. } | What::StepEnded { .. } | What::Ended { .. } => {
                self.read(said.run, said.version, journal, 0);
            }
        }
    }

    /// Takes what is in the journal of a run before that event; what became spans then was sent by whoever drove it.
    fn read(&mut self, run: RunId, before: u64, journal: &dyn Journal, above: usize) {
        if above >= ABOVE || (before == u64::MAX && self.runs.contains_key(&run)) {
            return;
        }
        let events = match read_events(journal, run, 0) {
            Ok(events) => events,
            Err(why) => {
                tracing::warn!(%run, %why, "the trace of a run has gaps: what the journal holds of it does not read");
                return;
            }
        };
        for (version, recorded) in events.into_iter().filter(|(version, _)| *version < before) {
            let Some(said) = Said::of(run, version, &recorded) else { continue };
            if let What::Began(began) = &said.what {
                let others = began.parent.as_ref().map(|parent| parent.run).into_iter().chain(linked(began));
                for other in others.collect::<Vec<_>>() {
                    self.read(other, u64::MAX, journal, above + 1);
                }
            }
            // A run that has ended is held for those that come from it.
            if !matches!(said.what, What::Ended { .. }) {
                drop(self.take(said));
            }
        }
    }

    /// Takes what happened; the spans that are whole by it.
    pub(super) fn take(&mut self, said: Said) -> Vec<Span> {
        let Said { run, at, what, .. } = said;
        if let What::Began(began) = what {
            let trace = self.begin(run, at, &began);
            self.hold(run, trace);
            return Vec::new();
        }
        self.heard += 1;
        let heard = self.heard;
        let Some(trace) = self.runs.get_mut(&run) else { return Vec::new() };
        trace.heard = heard;
        match what {
            What::Began(_) => Vec::new(),
            What::Attempt { place, number, kind } => {
                let before = trace.ended.remove(&place);
                trace.open.insert((place, number), (at, kind));
                before.into_iter().collect()
            }
            What::Attempted { place, number, failure, stopped } => {
                let before = trace.ended.remove(&place);
                let span = trace.attempt(run, &place, number, at, failure, stopped);
                trace.ended.extend(span.map(|span| (place, span)));
                before.into_iter().collect()
            }
            What::StepEnded { place, outcome, level } => {
                let ended = trace.ended.remove(&place);
                ended.map(|span| judged(span, outcome, level)).into_iter().collect()
            }
            What::Ended { outcome, level, reason } => {
                let mut spans: Vec<Span> = std::mem::take(&mut trace.ended).into_values().collect();
                spans.push(trace.whole(run, at, outcome, level, reason));
                trace.open.clear();
                spans
            }
        }
    }

    fn begin(&mut self, run: RunId, at: Timestamp, began: &Began) -> Going {
        let caller = began.parent.as_ref();
        let (trace, parent) = match caller {
            Some(caller) => {
                let above = self.runs.get(&caller.run).map_or_else(|| trace_of(caller.run), |above| above.trace);
                (above, Some(span_of_attempt(caller.run, &caller.place, caller.attempt)))
            }
            None => match parent_in(&began.trigger) {
                Some((trace, span)) => (trace, Some(span)),
                None => (trace_of(run), None),
            },
        };
        let word = |key: &str| began.trigger[key].as_str().map(|text| Fact::Text(text.to_owned()));
        let mut facts = vec![
            ("stepladder.run.id", Fact::Text(run.to_string())),
            ("stepladder.runbook", Fact::Text(began.runbook.clone())),
            ("stepladder.actor", Fact::Text(began.actor.clone())),
            ("stepladder.dry_run", Fact::Flag(began.dry)),
        ];
        let named = [
            ("stepladder.trigger.kind", "kind"),
            ("stepladder.trigger.id", "id"),
            ("stepladder.trigger.path", "path"),
            ("stepladder.trigger.delivery", "delivery"),
            ("stepladder.incident.id", "incident"),
        ];
        facts.extend(named.into_iter().filter_map(|(name, key)| Some((name, word(key)?))));
        let other = |run: RunId| (self.runs.get(&run).map_or_else(|| trace_of(run), |other| other.trace), span_of(run));
        let links = linked(began).into_iter().map(|from| {
            let (trace, span) = other(from);
            let what = if began.repeats == Some(from) { "repeats" } else { "started_by" };
            (trace, span, what)
        });
        let links = links.collect();
        Going { trace, parent, begun: at, facts, links, open: BTreeMap::new(), ended: BTreeMap::new(), heard: 0 }
    }

    /// Holds a run; where there are too many, those go of which nothing was heard for longest.
    fn hold(&mut self, run: RunId, trace: Going) {
        self.heard += 1;
        self.runs.insert(run, Going { heard: self.heard, ..trace });
        if self.runs.len() > HELD {
            let mut ages: Vec<u64> = self.runs.values().map(|trace| trace.heard).collect();
            let (_, middle, _) = ages.select_nth_unstable(HELD / 2);
            let middle = *middle;
            self.runs.retain(|_, trace| trace.heard > middle);
        }
    }
}

/// Runs that a run comes from and is no part of.
fn linked(began: &Began) -> Vec<RunId> {
    let before = began.trigger["run"].as_str().and_then(|text| RunId::parse(text).ok());
    let before = before.filter(|_| began.parent.is_none());
    let mut all: Vec<RunId> = before.into_iter().chain(began.repeats).collect();
    all.dedup();
    all
}

impl Going {
    fn attempt(
        &mut self,
        run: RunId,
        place: &Place,
        number: u32,
        at: Timestamp,
        failure: Option<(String, String)>,
        stopped: bool,
    ) -> Option<Span> {
        let (begun, kind) = self.open.remove(&(place.clone(), number))?;
        let mut facts = vec![
            ("stepladder.run.id", Fact::Text(run.to_string())),
            ("stepladder.place", Fact::Text(place.to_string())),
            ("stepladder.step.kind", Fact::Text(kind)),
            ("stepladder.attempt", Fact::Whole(i64::from(number))),
            ("stepladder.retries", Fact::Whole(i64::from(number.saturating_sub(1)))),
        ];
        if stopped {
            facts.push(("stepladder.stopped", Fact::Flag(true)));
        }
        let verdict = match failure {
            Some((kind, message)) => {
                facts.push(("error.type", Fact::Text(kind)));
                Err(message)
            }
            None => Ok(()),
        };
        Some(Span {
            trace: self.trace,
            id: span_of_attempt(run, place, number),
            parent: Some(span_of(run)),
            name: format!("step {}", step_of(place)),
            begun: nanos(begun),
            ended: nanos(at.max(begun)),
            facts,
            links: Vec::new(),
            verdict: if stopped { None } else { Some(verdict) },
        })
    }

    fn whole(&self, run: RunId, at: Timestamp, outcome: Outcome, level: Level, reason: String) -> Span {
        let mut facts = self.facts.clone();
        facts.extend([
            ("stepladder.outcome", Fact::Text(outcome.as_str().to_owned())),
            ("stepladder.level", Fact::Text(level.as_str().to_owned())),
            ("stepladder.reason", Fact::Text(reason.clone())),
        ]);
        let runbook = facts.iter().find(|(name, _)| *name == "stepladder.runbook");
        let name = match runbook {
            Some((_, Fact::Text(name))) => format!("run {name}"),
            Some((_, Fact::Whole(_) | Fact::Flag(_))) | None => "run".to_owned(),
        };
        Span {
            trace: self.trace,
            id: span_of(run),
            parent: self.parent,
            name,
            begun: nanos(self.begun),
            ended: nanos(at.max(self.begun)),
            facts,
            links: self.links.clone(),
            verdict: verdict(outcome, level, reason),
        }
    }
}

/// An attempt whose step has ended: it was the last.
fn judged(mut span: Span, outcome: Outcome, level: Level) -> Span {
    span.facts.push(("stepladder.outcome", Fact::Text(outcome.as_str().to_owned())));
    span.facts.push(("stepladder.level", Fact::Text(level.as_str().to_owned())));
    span
}

/// Whether it went wrong. What was cancelled did neither.
fn verdict(outcome: Outcome, level: Level, reason: String) -> Option<Result<(), String>> {
    match outcome {
        Outcome::Failed | Outcome::Interrupted => Some(Err(reason)),
        Outcome::Succeeded | Outcome::Recovered if level == Level::Critical => Some(Err(reason)),
        Outcome::Succeeded | Outcome::Recovered => Some(Ok(())),
        Outcome::Cancelled | Outcome::Skipped | Outcome::Unreached => None,
    }
}

/// The step of a place, without its item: of names there are few.
fn step_of(place: &Place) -> String {
    let text = place.to_string();
    let last = text.rsplit('/').next().unwrap_or_default();
    last.split(['[', ':']).next().unwrap_or_default().to_owned()
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;
    use crate::engine::event::Parent;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("an instant")
    }

    fn place(text: &str) -> Place {
        Place::parse(text).expect("a place")
    }

    fn began(trigger: crate::base::value::Value, parent: Option<Parent>) -> What {
        What::Began(Box::new(Began {
            runbook: "deploy".into(),
            trigger,
            actor: "anna".into(),
            parent,
            repeats: None,
            dry: false,
        }))
    }

    fn play(traces: &mut Traces, run: RunId, first: u64, what: Vec<(i64, What)>) -> Vec<Span> {
        let numbered = (first..).zip(what);
        numbered
            .flat_map(|(version, (second, what))| traces.take(Said { run, version, at: at(second), what }))
            .collect()
    }

    fn fact<'s>(span: &'s Span, name: &str) -> Option<&'s Fact> {
        span.facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact)
    }

    /// An attempt that fails, one that does not, the end.
    fn tries(place_text: &str) -> Vec<(i64, What)> {
        let place = place(place_text);
        let failed = Some(("exit".to_owned(), "exit status 3".to_owned()));
        let attempt = |number| What::Attempt { place: place.clone(), number, kind: "shell".into() };
        vec![
            (1, attempt(1)),
            (2, What::Attempted { place: place.clone(), number: 1, failure: failed, stopped: false }),
            (5, attempt(2)),
            (6, What::Attempted { place: place.clone(), number: 2, failure: None, stopped: false }),
            (6, What::StepEnded { place: place.clone(), outcome: Outcome::Succeeded, level: Level::Notice }),
            (7, What::Ended { outcome: Outcome::Succeeded, level: Level::Notice, reason: "all went well".into() }),
        ]
    }

    #[test]
    fn a_run_is_a_span_over_one_for_each_attempt() {
        let (mut traces, run) = (Traces::default(), RunId::new(5, 5));
        let mut all = vec![(0, began(json!({ "kind": "manual" }), None))];
        all.extend(tries("fleet[2]/restart"));
        let spans = play(&mut traces, run, 1, all);
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["step restart", "step restart", "run deploy"]);
        let [first, second, whole] = spans.as_slice() else { unreachable!("there are three") };
        assert!(spans.iter().all(|span| span.trace == trace_of(run)));
        assert_eq!((first.parent, second.parent, whole.parent), (Some(whole.id), Some(whole.id), None));
        assert_eq!(first.verdict, Some(Err("exit status 3".into())));
        assert_eq!(
            (fact(first, "stepladder.level"), fact(second, "stepladder.level")),
            (None, Some(&Fact::Text("notice".into())))
        );
        assert_eq!(fact(second, "stepladder.retries"), Some(&Fact::Whole(1)));
        assert_eq!(second.ended - second.begun, 1_000_000_000);
        assert_eq!((whole.ended - whole.begun, &whole.verdict), (7_000_000_000, &Some(Ok(()))));
    }

    #[test]
    fn whoever_hears_of_a_run_later_goes_on_with_the_same_trace() {
        let (mut first, run) = (Traces::default(), RunId::new(5, 5));
        let mut all = vec![(0, began(json!({ "kind": "manual" }), None))];
        all.extend(tries("restart"));
        let mut next = Traces::default();
        let whole = play(&mut first, run, 1, all.clone());
        // The journal is read again up to the second attempt.
        drop(play(&mut next, run, 1, all[..4].to_vec()));
        assert_eq!(play(&mut next, run, 5, all[4..].to_vec()), whole[1..]);
    }

    #[test]
    fn a_called_run_is_part_of_its_caller_and_one_that_follows_is_linked() {
        let (mut traces, run) = (Traces::default(), RunId::new(5, 5));
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        drop(play(&mut traces, run, 1, vec![(0, began(json!({ "kind": "webhook", "traceparent": parent }), None))]));
        let (trace, span) = parent_in(&json!({ "traceparent": parent })).expect("it is one");
        let caller = Parent { run, place: place("ask"), attempt: 1 };
        let child = RunId::new(6, 6);
        let ended = || What::Ended { outcome: Outcome::Failed, level: Level::Critical, reason: "it failed".into() };
        let spans = play(
            &mut traces,
            child,
            1,
            vec![(1, began(json!({ "kind": "runbook", "run": run.to_string() }), Some(caller))), (2, ended())],
        );
        assert_eq!((spans[0].trace, spans[0].parent), (trace, Some(span_of_attempt(run, &place("ask"), 1))));
        assert_eq!((spans[0].links.len(), &spans[0].verdict), (0, &Some(Err("it failed".into()))));
        let after = RunId::new(7, 7);
        let trigger = json!({ "kind": "run_ended", "id": "t", "run": run.to_string() });
        let spans = play(&mut traces, after, 1, vec![(3, began(trigger, None)), (4, ended())]);
        assert_eq!(spans[0].links, [(trace, span_of(run), "started_by")]);
        assert_eq!((spans[0].trace, spans[0].parent), (trace_of(after), None));
        let spans = play(&mut traces, run, 2, vec![(5, ended())]);
        assert_eq!((spans[0].trace, spans[0].parent), (trace, Some(span)));
    }

    #[test]
    fn what_is_held_is_bounded_and_the_last_are_kept() {
        let mut traces = Traces::default();
        for number in 0..u128::try_from(HELD).expect("small") + 10 {
            drop(play(&mut traces, RunId::new(1, number), 1, vec![(0, began(json!({}), None))]));
        }
        assert!(traces.runs.len() <= HELD);
        let last = RunId::new(1, u128::try_from(HELD).expect("small") + 9);
        assert!(traces.runs.contains_key(&last));
        assert!(!traces.knows(&Said {
            run: RunId::new(1, 0),
            version: 2,
            at: at(1),
            what: What::Ended { outcome: Outcome::Succeeded, level: Level::Ok, reason: String::new() }
        }));
    }
}
