//! How the engine's events become what is sent: total, one arm for each event.

use crate::api::wire::{What, WireEvent, WireFailure, WireFinding, WireMeasure, WireUnkept};
use crate::base::actor::Actor;
use crate::base::address::Lane;
use crate::engine::event::{
    Answer, AttemptResult, Ended, Event, Recorded, Sample, Stage, Started, StepEnded, StepEvent,
};
use crate::model::perform::{Failure, Finding, Unkept};

impl WireEvent {
    /// The event with that number in its run.
    #[must_use]
    pub fn new(seq: u64, recorded: &Recorded) -> Self {
        Self { seq, at: recorded.at, what: What::from(&recorded.event) }
    }
}

impl From<(u64, &Recorded)> for WireEvent {
    fn from((seq, recorded): (u64, &Recorded)) -> Self {
        Self::new(seq, recorded)
    }
}

impl From<&Event> for What {
    fn from(event: &Event) -> Self {
        match event {
            Event::Started(started) => started.as_ref().into(),
            Event::Queued { group, holders } => {
                Self::RunQueued { group: group.to_string(), holders: holders.iter().map(ToString::to_string).collect() }
            }
            Event::Admitted => Self::RunAdmitted,
            Event::CancelAsked { actor, reason } => Self::CancelAsked { actor: who(actor), reason: reason.clone() },
            Event::TimedOut => Self::RunTimedOut,
            Event::Entered(stage) => Self::StageEntered { stage: stage_word(*stage).into() },
            Event::ClockSet { by_ms, reckoning: _ } => Self::RunClockSet { by_ms: *by_ms },
            Event::Step { place, event } => step(place.to_string(), event),
            Event::Ended(ended) => ended.as_ref().into(),
        }
    }
}

impl From<&Started> for What {
    fn from(started: &Started) -> Self {
        Self::RunStarted {
            run: started.run.to_string(),
            runbook: started.runbook.to_string(),
            inputs: started.inputs.clone(),
            actor: who(&started.actor),
            via: started.actor.via.as_str().into(),
            trigger: started.trigger.clone(),
            parent: started.parent.as_ref().map(|parent| parent.run.to_string()),
            dry: started.dry,
            only: started.selection.only.iter().map(ToString::to_string).collect(),
            skip: started.selection.skip.iter().map(ToString::to_string).collect(),
            repeats: started.repeats.map(|run| run.to_string()),
        }
    }
}

impl From<&Ended> for What {
    fn from(ended: &Ended) -> Self {
        Self::RunEnded {
            outcome: ended.outcome.to_string(),
            level: ended.level.to_string(),
            reason: ended.reason.clone(),
            outputs: ended.outputs.clone(),
        }
    }
}

fn step(place: String, event: &StepEvent) -> What {
    match event {
        StepEvent::Held { mutex, holder } => {
            What::StepHeld { place, mutex: mutex.to_string(), holder: holder.map(|run| run.to_string()) }
        }
        StepEvent::Asked { question, known } => {
            What::StepAsked { place, question: question.clone(), known: known.clone() }
        }
        StepEvent::Answered { actor, answer } => {
            What::StepAnswered { place, actor: who(actor), answer: answer_word(*answer).into() }
        }
        StepEvent::Sought(sought) => What::ApprovalSought {
            place,
            message: sought.message.clone(),
            by: sought.by.clone(),
            quorum: sought.quorum,
            until: sought.until,
        },
        StepEvent::Told { problems } => What::ApprovalTold { place, problems: problems.clone() },
        StepEvent::Voted(vote) => What::ApprovalVoted {
            place,
            actor: who(&vote.actor),
            person: vote.person.as_ref().map(ToString::to_string),
            approve: vote.approve,
            fields: vote.fields.clone(),
            note: vote.note.clone(),
            over: vote.over,
        },
        StepEvent::Attempt { number, request, deadline, child } => What::AttemptStarted {
            place,
            attempt: *number,
            request: request.as_ref().map(|request| request.params.shown()).unwrap_or_default(),
            deadline: *deadline,
            child: child.map(|run| run.to_string()),
        },
        StepEvent::Attempted { number, result } => attempted(place, *number, result),
        StepEvent::Backoff { until } => What::StepBackoff { place, until: *until },
        StepEvent::Opened { pass, deadline, until, items } => {
            What::StepOpened { place, pass: *pass, deadline: *deadline, until: *until, items: items.clone() }
        }
        StepEvent::Lane(lane) => {
            let (lane, number) = lane_word(*lane);
            What::LaneEntered { place, lane: lane.into(), number }
        }
        StepEvent::Rest { until } => What::StepRested { place, until: *until },
        StepEvent::Judged { good, data } => What::RoundJudged { place, good: *good, data: *data },
        StepEvent::TakenOver(ended) => {
            What::StepTakenOver { place, outcome: ended.outcome.to_string(), level: ended.level.to_string() }
        }
        StepEvent::TimedOut => What::StepTimedOut { place },
        StepEvent::Ended(ended) => step_ended(place, ended),
    }
}

fn attempted(place: String, attempt: u32, result: &AttemptResult) -> What {
    What::AttemptEnded {
        place,
        attempt,
        output: result.output.clone(),
        failure: result.failure.as_ref().map(WireFailure::from),
        stopped: result.stopped,
        findings: result.findings.iter().map(WireFinding::from).collect(),
        measures: result.samples.iter().map(WireMeasure::from).collect(),
        cpu_ms: result.usage.as_ref().map(|usage| usage.cpu_ms),
        peak_kib: result.usage.as_ref().and_then(|usage| usage.peak_kib),
        unkept: result.usage.iter().flat_map(|usage| &usage.unkept).map(WireUnkept::from).collect(),
    }
}

fn step_ended(place: String, ended: &StepEnded) -> What {
    What::StepEnded {
        place,
        outcome: ended.outcome.to_string(),
        level: ended.level.to_string(),
        failure: ended.failure.as_ref().map(WireFailure::from),
        reason: ended.reason.clone(),
        output: ended.output.clone().unwrap_or_default(),
    }
}

impl From<&Failure> for WireFailure {
    fn from(failure: &Failure) -> Self {
        let output = failure.output.clone();
        Self { kind: failure.kind.as_str().into(), message: failure.message.clone(), output }
    }
}

impl From<&Unkept> for WireUnkept {
    fn from(unkept: &Unkept) -> Self {
        let message = unkept.to_string();
        let Unkept { stream, kept, more, why } = unkept.clone();
        Self { stream, kept, more, why, message }
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> Self {
        Self { level: finding.level.clone(), message: finding.message.clone() }
    }
}

impl From<&Sample> for WireMeasure {
    fn from(sample: &Sample) -> Self {
        Self {
            name: sample.name.to_string(),
            labels: sample.labels.clone(),
            value: sample.value.filter(|value| value.is_finite()),
            unit: sample.unit.clone(),
            level: sample.level.to_string(),
            note: sample.note.clone(),
        }
    }
}

fn who(actor: &Actor) -> String {
    actor.id.clone()
}

fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Steps => "steps",
        Stage::Undo => "undo",
        Stage::OnFailure => "on_failure",
        Stage::Finally => "finally",
    }
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Go => "go",
        Answer::Stop => "stop",
        Answer::Succeeded => "succeeded",
        Answer::Failed => "failed",
        Answer::Again => "again",
    }
}

fn lane_word(lane: Lane) -> (&'static str, u32) {
    match lane {
        Lane::Body(pass) => ("body", pass),
        Lane::Recover => ("recover", 1),
        Lane::OnError => ("on_error", 1),
        Lane::Undo => ("undo", 1),
        Lane::OnFailure => ("on_failure", 1),
        Lane::Finally => ("finally", 1),
        Lane::Until(number) => ("until", number),
        Lane::Try(number) => ("try", number),
        Lane::Round(number) => ("round", number),
    }
}
