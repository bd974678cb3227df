//! The shapes of version 1 as the engine's events. Refuses names, instants and words that are none.

use crate::base::actor;
use crate::base::address::{self, Place};
use crate::base::digest::Digest;
use crate::base::ids::{IncidentId, Name, RunId, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::timekeeping;
use crate::engine::event as domain;
use crate::model::perform;
use crate::store::codec::CodecError;
use crate::store::codec::v1::event::{
    Actor, AttemptResult, Ended, Envelope, Event, Lane, Parent, Planned, Reckoning, Sample, Started, StepEnded,
    StepEvent, Tells, Unkept, Usage, Vote,
};
use crate::store::codec::v1::request::Failure;
use jiff::Timestamp;

fn malformed(why: &impl ToString) -> CodecError {
    CodecError::Malformed(why.to_string())
}

fn run(text: &str) -> Result<RunId, CodecError> {
    RunId::parse(text).map_err(|bad| malformed(&bad))
}

fn name(text: &str) -> Result<Name, CodecError> {
    Name::parse(text).map_err(|bad| malformed(&format!("`{text}`: {bad}")))
}

fn step(text: &str) -> Result<StepId, CodecError> {
    StepId::parse(text).map_err(|bad| malformed(&format!("`{text}`: {bad}")))
}

fn place(text: &str) -> Result<Place, CodecError> {
    Place::parse(text).map_err(|bad| malformed(&bad))
}

fn instant(text: &str) -> Result<Timestamp, CodecError> {
    text.parse().map_err(|bad| malformed(&bad))
}

fn level(text: &str) -> Result<Level, CodecError> {
    Level::parse(text).ok_or_else(|| malformed(&format!("`{text}` is no level")))
}

fn outcome(text: &str) -> Result<Outcome, CodecError> {
    Outcome::parse(text).ok_or_else(|| malformed(&format!("`{text}` is no outcome")))
}

fn failure(failure: Option<Failure>) -> Result<Option<perform::Failure>, CodecError> {
    failure.map(perform::Failure::try_from).transpose()
}

impl TryFrom<Envelope> for domain::Recorded {
    type Error = CodecError;

    fn try_from(envelope: Envelope) -> Result<Self, CodecError> {
        let Envelope { v: _, at, event } = envelope;
        Ok(Self { at: instant(&at)?, event: event.try_into()? })
    }
}

impl TryFrom<Event> for domain::Event {
    type Error = CodecError;

    fn try_from(event: Event) -> Result<Self, CodecError> {
        Ok(match event {
            Event::Started(started) => Self::Started(Box::new((*started).try_into()?)),
            Event::Queued { group, holders } => Self::Queued {
                group: name(&group)?,
                holders: holders.iter().map(|id| run(id)).collect::<Result<_, _>>()?,
            },
            Event::Admitted => Self::Admitted,
            Event::CancelAsked { actor, reason } => Self::CancelAsked { actor: actor.try_into()?, reason },
            Event::TimedOut => Self::TimedOut,
            Event::Entered(stage) => Self::Entered(stage.into()),
            Event::ClockSet { by_ms, reckoning } => Self::ClockSet { by_ms, reckoning: reckoning.into() },
            Event::Step { place: at, event } => Self::Step { place: place(&at)?, event: event.try_into()? },
            Event::Ended(ended) => Self::Ended(Box::new((*ended).try_into()?)),
        })
    }
}

impl TryFrom<Actor> for actor::Actor {
    type Error = CodecError;

    fn try_from(actor: Actor) -> Result<Self, CodecError> {
        let Actor { id, via, role } = actor;
        let via = actor::Via::parse(&via).ok_or_else(|| malformed(&format!("`{via}` is no door")))?;
        let role = actor::Role::parse(&role).ok_or_else(|| malformed(&format!("`{role}` is no role")))?;
        Ok(Self { id, via, role })
    }
}

impl From<Reckoning> for timekeeping::Reckoning {
    fn from(Reckoning { boot, lead_ms }: Reckoning) -> Self {
        Self { boot, lead_ms }
    }
}

impl TryFrom<Started> for domain::Started {
    type Error = CodecError;

    fn try_from(started: Started) -> Result<Self, CodecError> {
        let Started {
            run: id,
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
            only,
            skip,
            repeats,
            reckoning,
        } = started;
        let digest = |(file, text): (String, String)| {
            let digest = Digest::parse(&text).ok_or_else(|| malformed(&format!("`{text}` is no hash")))?;
            Ok((file, digest))
        };
        let steps = |ids: Vec<String>| ids.iter().map(|id| step(id)).collect::<Result<Vec<_>, CodecError>>();
        Ok(Self {
            run: run(&id)?,
            runbook: name(&runbook)?,
            texts: texts.into_iter().map(digest).collect::<Result<_, CodecError>>()?,
            inputs: inputs.value(),
            sealed: sealed.value(),
            vars: vars.value(),
            env: env.value(),
            actor: actor.try_into()?,
            trigger: trigger.value(),
            parent: parent.map(domain::Parent::try_from).transpose()?,
            depth,
            seed,
            node,
            dry,
            selection: domain::Selection { only: steps(only)?, skip: steps(skip)? },
            repeats: repeats.as_deref().map(run).transpose()?,
            reckoning: reckoning.map(timekeeping::Reckoning::from),
        })
    }
}

impl TryFrom<Parent> for domain::Parent {
    type Error = CodecError;

    fn try_from(parent: Parent) -> Result<Self, CodecError> {
        let Parent { run: id, place: at, attempt } = parent;
        Ok(Self { run: run(&id)?, place: place(&at)?, attempt })
    }
}

impl TryFrom<StepEvent> for domain::StepEvent {
    type Error = CodecError;

    fn try_from(event: StepEvent) -> Result<Self, CodecError> {
        let instants = |at: Option<String>| at.as_deref().map(instant).transpose();
        Ok(match event {
            StepEvent::Held { mutex, holder } => {
                Self::Held { mutex: name(&mutex)?, holder: holder.as_deref().map(run).transpose()? }
            }
            StepEvent::Asked { question, known } => Self::Asked { question, known },
            StepEvent::Answered { actor, answer } => Self::Answered { actor: actor.try_into()?, answer: answer.into() },
            StepEvent::Sought { message, by, quorum, until } => {
                Self::Sought(Box::new(domain::Sought { message, by, quorum, until: instants(until)? }))
            }
            StepEvent::Told { problems } => Self::Told { problems },
            StepEvent::Voted(vote) => Self::Voted(Box::new((*vote).try_into()?)),
            StepEvent::Attempt { number, request, deadline, child } => Self::Attempt {
                number,
                request: request.value().map(|request| (*request).try_into().map(Box::new)).transpose()?,
                deadline: instants(deadline)?,
                child: child.as_deref().map(run).transpose()?,
            },
            StepEvent::Attempted { number, result } => {
                Self::Attempted { number, result: Box::new((*result).try_into()?) }
            }
            StepEvent::Backoff { until } => Self::Backoff { until: instant(&until)? },
            StepEvent::Opened { pass, deadline, until, items } => {
                Self::Opened { pass, deadline: instants(deadline)?, until: instants(until)?, items: items.value() }
            }
            StepEvent::Lane(lane) => Self::Lane(lane.into()),
            StepEvent::Judged { good, data } => Self::Judged { good, data },
            StepEvent::Rest { until } => Self::Rest { until: instant(&until)? },
            StepEvent::TimedOut => Self::TimedOut,
            StepEvent::TakenOver(ended) => Self::TakenOver(Box::new((*ended).try_into()?)),
            StepEvent::Ended(ended) => Self::Ended(Box::new((*ended).try_into()?)),
        })
    }
}

impl TryFrom<Vote> for domain::Vote {
    type Error = CodecError;

    fn try_from(vote: Vote) -> Result<Self, CodecError> {
        let Vote { actor, person, approve, fields, note, over } = vote;
        Ok(Self {
            actor: actor.try_into()?,
            person: person.as_deref().map(name).transpose()?,
            approve,
            fields: fields.value(),
            note,
            over,
        })
    }
}

impl From<Lane> for address::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Body(pass) => Self::Body(pass),
            Lane::Recover => Self::Recover,
            Lane::OnError => Self::OnError,
            Lane::Undo => Self::Undo,
            Lane::OnFailure => Self::OnFailure,
            Lane::Finally => Self::Finally,
            Lane::Until(n) => Self::Until(n),
            Lane::Try(n) => Self::Try(n),
            Lane::Round(n) => Self::Round(n),
        }
    }
}

impl TryFrom<AttemptResult> for domain::AttemptResult {
    type Error = CodecError;

    fn try_from(result: AttemptResult) -> Result<Self, CodecError> {
        let AttemptResult { output, failure: failed, stopped, findings, samples, usage } = result;
        Ok(Self {
            output: output.value(),
            failure: failure(failed.value())?,
            stopped,
            findings: findings.value().into_iter().map(perform::Finding::from).collect(),
            samples: samples.value().into_iter().map(domain::Sample::try_from).collect::<Result<_, _>>()?,
            usage: usage.map(perform::Usage::from),
        })
    }
}

impl From<Usage> for perform::Usage {
    fn from(usage: Usage) -> Self {
        let Usage { cpu_ms, peak_kib, unkept } = usage;
        let unkept =
            unkept.into_iter().map(|Unkept { stream, kept, more, why }| perform::Unkept { stream, kept, more, why });
        Self { cpu_ms, peak_kib, unkept: unkept.collect() }
    }
}

impl TryFrom<Sample> for domain::Sample {
    type Error = CodecError;

    fn try_from(sample: Sample) -> Result<Self, CodecError> {
        let Sample { name: id, labels, value, unit, level: word, note } = sample;
        Ok(Self {
            name: step(&id)?,
            labels,
            value: Some(value.parse().map_err(|bad| malformed(&bad))?).filter(|value: &f64| !value.is_nan()),
            unit,
            level: level(&word)?,
            note,
        })
    }
}

impl TryFrom<StepEnded> for domain::StepEnded {
    type Error = CodecError;

    fn try_from(ended: StepEnded) -> Result<Self, CodecError> {
        let StepEnded { outcome: how, level: word, failure: failed, reason, output, planned } = ended;
        Ok(Self {
            outcome: outcome(&how)?,
            level: level(&word)?,
            failure: failure(failed.value())?,
            reason,
            output: output.value().into_iter().next(),
            planned: planned.value().map(domain::Planned::try_from).transpose()?,
        })
    }
}

impl TryFrom<Planned> for domain::Planned {
    type Error = CodecError;

    fn try_from(planned: Planned) -> Result<Self, CodecError> {
        Ok(match planned {
            Planned::Request(request) => Self::Request(Box::new((*request).try_into()?)),
            Planned::Unknown(why) => Self::Unknown(why),
        })
    }
}

impl TryFrom<Ended> for domain::Ended {
    type Error = CodecError;

    fn try_from(ended: Ended) -> Result<Self, CodecError> {
        let Ended { outcome: how, level: word, reason, outputs, tells, unknown } = ended;
        let tells = tells.map(TryInto::try_into).transpose()?;
        Ok(Self { outcome: outcome(&how)?, level: level(&word)?, reason, outputs: outputs.value(), tells, unknown })
    }
}

impl TryFrom<Tells> for domain::Tells {
    type Error = CodecError;

    fn try_from(tells: Tells) -> Result<Self, CodecError> {
        Ok(match tells {
            Tells::Response { incident } => Self::Response {
                incident: IncidentId::parse(&incident).map_err(|error| CodecError::Malformed(error.to_string()))?,
            },
            Tells::Good { key } => Self::Good { key },
            Tells::Bad { key, severity } => Self::Bad { key, severity },
        })
    }
}
