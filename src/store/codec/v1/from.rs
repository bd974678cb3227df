//! The engine's events in the shapes of version 1. Total.

use crate::base::actor;
use crate::base::address;
use crate::base::ids::RunId;
use crate::base::timekeeping;
use crate::engine::event as domain;
use crate::model::perform;
use crate::store::codec::held::Held;
use crate::store::codec::v1::event::{
    Actor, Answer, AttemptResult, Ended, Envelope, Event, Lane, Parent, Planned, Reckoning, Sample, Stage, Started,
    StepEnded, StepEvent, Tells, Unkept, Usage, Vote,
};
use crate::store::codec::v1::request::{Failure, Finding, words};
use jiff::Timestamp;

words!(Stage = domain::Stage { Steps Undo OnFailure Finally });
words!(Answer = domain::Answer { Go Stop Succeeded Failed Again });

impl From<&domain::Recorded> for Envelope {
    fn from(recorded: &domain::Recorded) -> Self {
        let domain::Recorded { at, event } = recorded;
        Self { v: 1, at: at.to_string(), event: event.into() }
    }
}

impl From<&domain::Event> for Event {
    fn from(event: &domain::Event) -> Self {
        match event {
            domain::Event::Started(started) => Self::Started(Box::new((&**started).into())),
            domain::Event::Queued { group, holders } => {
                Self::Queued { group: group.to_string(), holders: holders.iter().map(RunId::to_string).collect() }
            }
            domain::Event::Admitted => Self::Admitted,
            domain::Event::CancelAsked { actor, reason } => {
                Self::CancelAsked { actor: actor.into(), reason: reason.clone() }
            }
            domain::Event::TimedOut => Self::TimedOut,
            domain::Event::Entered(stage) => Self::Entered(stage.into()),
            domain::Event::ClockSet { by_ms, reckoning } => {
                Self::ClockSet { by_ms: *by_ms, reckoning: reckoning.into() }
            }
            domain::Event::Step { place, event } => Self::Step { place: place.to_string(), event: event.into() },
            domain::Event::Ended(ended) => Self::Ended(Box::new((&**ended).into())),
        }
    }
}

impl From<&actor::Actor> for Actor {
    fn from(actor: &actor::Actor) -> Self {
        let actor::Actor { id, via, role } = actor;
        Self { id: id.clone(), via: via.as_str().into(), role: role.as_str().into() }
    }
}

impl From<&timekeeping::Reckoning> for Reckoning {
    fn from(reckoning: &timekeeping::Reckoning) -> Self {
        let timekeeping::Reckoning { boot, lead_ms } = reckoning;
        Self { boot: boot.clone(), lead_ms: *lead_ms }
    }
}

impl From<&domain::Started> for Started {
    fn from(started: &domain::Started) -> Self {
        let domain::Started {
            run,
            runbook,
            texts,
            inputs,
            sealed,
            vars,
            env,
            actor,
            trigger,
            parent,
            depth,
            seed,
            node,
            dry,
            selection,
            repeats,
            reckoning,
        } = started;
        let domain::Selection { only, skip } = selection;
        Self {
            run: run.to_string(),
            runbook: runbook.to_string(),
            texts: texts.iter().map(|(file, digest)| (file.clone(), digest.to_string())).collect(),
            inputs: Held::Is(inputs.clone()),
            sealed: Held::Is(sealed.clone()),
            vars: Held::Is(vars.clone()),
            env: Held::Is(env.clone()),
            actor: actor.into(),
            trigger: Held::Is(trigger.clone()),
            parent: parent.as_ref().map(Parent::from),
            depth: *depth,
            seed: *seed,
            node: node.clone(),
            dry: *dry,
            only: only.iter().map(ToString::to_string).collect(),
            skip: skip.iter().map(ToString::to_string).collect(),
            repeats: repeats.as_ref().map(RunId::to_string),
            reckoning: reckoning.as_ref().map(Reckoning::from),
        }
    }
}

impl From<&domain::Parent> for Parent {
    fn from(parent: &domain::Parent) -> Self {
        let domain::Parent { run, place, attempt } = parent;
        Self { run: run.to_string(), place: place.to_string(), attempt: *attempt }
    }
}

impl From<&domain::StepEvent> for StepEvent {
    fn from(event: &domain::StepEvent) -> Self {
        let instant = |at: &Option<Timestamp>| at.as_ref().map(Timestamp::to_string);
        match event {
            domain::StepEvent::Held { mutex, holder } => {
                Self::Held { mutex: mutex.to_string(), holder: holder.as_ref().map(RunId::to_string) }
            }
            domain::StepEvent::Asked { question, known } => {
                Self::Asked { question: question.clone(), known: known.clone() }
            }
            domain::StepEvent::Answered { actor, answer } => {
                Self::Answered { actor: actor.into(), answer: answer.into() }
            }
            domain::StepEvent::Sought(sought) => {
                let domain::Sought { message, by, quorum, until } = &**sought;
                Self::Sought { message: message.clone(), by: by.clone(), quorum: *quorum, until: instant(until) }
            }
            domain::StepEvent::Told { problems } => Self::Told { problems: problems.clone() },
            domain::StepEvent::Voted(vote) => Self::Voted(Box::new((&**vote).into())),
            domain::StepEvent::Attempt { number, request, deadline, child } => Self::Attempt {
                number: *number,
                request: Held::Is(request.as_ref().map(|request| Box::new((&**request).into()))),
                deadline: instant(deadline),
                child: child.as_ref().map(RunId::to_string),
            },
            domain::StepEvent::Attempted { number, result } => {
                Self::Attempted { number: *number, result: Box::new((&**result).into()) }
            }
            domain::StepEvent::Backoff { until } => Self::Backoff { until: until.to_string() },
            domain::StepEvent::Opened { pass, deadline, until, items } => Self::Opened {
                pass: *pass,
                deadline: instant(deadline),
                until: instant(until),
                items: Held::Is(items.clone()),
            },
            domain::StepEvent::Lane(lane) => Self::Lane((*lane).into()),
            domain::StepEvent::Judged { good, data } => Self::Judged { good: *good, data: *data },
            domain::StepEvent::Rest { until } => Self::Rest { until: until.to_string() },
            domain::StepEvent::TimedOut => Self::TimedOut,
            domain::StepEvent::TakenOver(ended) => Self::TakenOver(Box::new((&**ended).into())),
            domain::StepEvent::Ended(ended) => Self::Ended(Box::new((&**ended).into())),
        }
    }
}

impl From<&domain::Vote> for Vote {
    fn from(vote: &domain::Vote) -> Self {
        let domain::Vote { actor, person, approve, fields, note, over } = vote;
        Self {
            actor: actor.into(),
            person: person.as_ref().map(ToString::to_string),
            approve: *approve,
            fields: Held::Is(fields.clone()),
            note: note.clone(),
            over: *over,
        }
    }
}

impl From<address::Lane> for Lane {
    fn from(lane: address::Lane) -> Self {
        match lane {
            address::Lane::Body(pass) => Self::Body(pass),
            address::Lane::Recover => Self::Recover,
            address::Lane::OnError => Self::OnError,
            address::Lane::Undo => Self::Undo,
            address::Lane::OnFailure => Self::OnFailure,
            address::Lane::Finally => Self::Finally,
            address::Lane::Until(n) => Self::Until(n),
            address::Lane::Try(n) => Self::Try(n),
            address::Lane::Round(n) => Self::Round(n),
        }
    }
}

impl From<&domain::AttemptResult> for AttemptResult {
    fn from(result: &domain::AttemptResult) -> Self {
        let domain::AttemptResult { output, failure, stopped, findings, samples, usage } = result;
        Self {
            output: Held::Is(output.clone()),
            failure: Held::Is(failure.as_ref().map(Failure::from)),
            stopped: *stopped,
            findings: Held::Is(findings.iter().map(Finding::from).collect()),
            samples: Held::Is(samples.iter().map(Sample::from).collect()),
            usage: usage.as_ref().map(Usage::from),
        }
    }
}

impl From<&perform::Usage> for Usage {
    fn from(usage: &perform::Usage) -> Self {
        let perform::Usage { cpu_ms, peak_kib, unkept } = usage;
        let unkept = unkept.iter().map(|perform::Unkept { stream, kept, more, why }| Unkept {
            stream: stream.clone(),
            kept: *kept,
            more: *more,
            why: why.clone(),
        });
        Self { cpu_ms: *cpu_ms, peak_kib: *peak_kib, unkept: unkept.collect() }
    }
}

impl From<&domain::Sample> for Sample {
    fn from(sample: &domain::Sample) -> Self {
        let domain::Sample { name, labels, value, unit, level, note } = sample;
        Self {
            name: name.to_string(),
            labels: labels.clone(),
            // No reading is no number.
            value: value.unwrap_or(f64::NAN).to_string(),
            unit: unit.clone(),
            level: level.as_str().into(),
            note: note.clone(),
        }
    }
}

impl From<&domain::StepEnded> for StepEnded {
    fn from(ended: &domain::StepEnded) -> Self {
        let domain::StepEnded { outcome, level, failure, reason, output, planned } = ended;
        Self {
            outcome: outcome.as_str().into(),
            level: level.as_str().into(),
            failure: Held::Is(failure.as_ref().map(Failure::from)),
            reason: reason.clone(),
            output: Held::Is(output.iter().cloned().collect()),
            planned: Held::Is(planned.as_ref().map(|planned| match planned {
                domain::Planned::Request(request) => Planned::Request(Box::new((&**request).into())),
                domain::Planned::Unknown(why) => Planned::Unknown(why.clone()),
            })),
        }
    }
}

impl From<&domain::Ended> for Ended {
    fn from(ended: &domain::Ended) -> Self {
        let domain::Ended { outcome, level, reason, outputs, tells, unknown } = ended;
        Self {
            outcome: outcome.as_str().into(),
            level: level.as_str().into(),
            reason: reason.clone(),
            outputs: Held::Is(outputs.clone()),
            tells: tells.as_ref().map(Into::into),
            unknown: *unknown,
        }
    }
}

impl From<&domain::Tells> for Tells {
    fn from(tells: &domain::Tells) -> Self {
        match tells {
            domain::Tells::Response { incident } => Self::Response { incident: incident.to_string() },
            domain::Tells::Good { key } => Self::Good { key: key.clone() },
            domain::Tells::Bad { key, severity } => Self::Bad { key: key.clone(), severity: severity.clone() },
        }
    }
}
