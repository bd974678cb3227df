//! The service's plain data in the shapes that are sent, and back.

mod approval;
mod incident;
mod reach;
mod report;
mod statistics;

pub use approval::{approval, polled, wish};
pub use incident::{incident, incident_row, silence};
pub use reach::reach;
pub use report::{escaped, html, markdown, told as told_report};
pub use statistics::statistics;

use crate::api::wire::{
    AnswerRequest, BrokenFile, Checkup, Fault, LedgerRow, OutputChunk, OutputRequest, OutputStream, OwnerStatus,
    Problem, RunDetail, RunRow, RunState, RunsRequest, ScheduleRow, SettingRow, StartRequest, Status, Symptom,
    UnfinishedRun, WireEvent,
};
use crate::base::actor::{Actor, Via};
use crate::base::address::Place;
use crate::base::ids::RunId;
use crate::engine::event::Answer;
use crate::lang::set::{Origin, Setting};
use crate::service::{self, Service, StartRun, Trouble};

/// A run in a line.
#[must_use]
pub fn row(row: service::RunRow) -> RunRow {
    RunRow {
        run: row.run.to_string(),
        runbook: row.runbook,
        state: run_state(row.state),
        started: row.started,
        ended: row.ended,
        outcome: row.outcome,
        level: row.level,
        reason: row.reason,
        actor: row.actor,
        dry: row.dry,
        repeats: row.repeats,
        parent: row.parent,
    }
}

pub(super) fn run_state(state: service::RunState) -> RunState {
    match state {
        service::RunState::Queued => RunState::Queued,
        service::RunState::Running => RunState::Running,
        service::RunState::Waiting => RunState::Waiting,
        service::RunState::Stranded => RunState::Stranded,
        service::RunState::Quarantined => RunState::Quarantined,
        service::RunState::Ended => RunState::Ended,
    }
}

/// How everything stands.
#[must_use]
pub fn status(status: service::Status) -> Status {
    let service::Status { standing, runs, book_since, files, broken, orphans, restart, aside, unreached } = status;
    let owner = standing.map(|standing| OwnerStatus {
        process: standing.process,
        stays: standing.stays,
        since: standing.since,
        version: standing.version,
    });
    let run = |one: service::Unfinished| UnfinishedRun {
        run: one.run.to_string(),
        runbook: one.runbook,
        state: run_state(one.state),
        waits_for: one.waits_for,
        started: one.started,
    };
    let file = |one: service::Broken| {
        let service::Broken { file, kept, since, findings } = one;
        BrokenFile { file, kept, since, findings }
    };
    Status {
        owner,
        runs: runs.into_iter().map(run).collect(),
        book_since,
        files,
        broken: broken.into_iter().map(file).collect(),
        orphans,
        restart,
        unobeyed: Vec::new(),
        aside,
        unreached,
    }
}

/// A schedule.
#[must_use]
pub fn schedule(row: service::ScheduleRow) -> ScheduleRow {
    let service::ScheduleRow { id, time, zone, next, paused, waiting, last, aside } = row;
    let (by, since, why) = paused.map(|(actor, since, why)| (actor.id, since, why)).map_or((None, None, None), |it| {
        let (by, since, why) = it;
        (Some(by), Some(since), Some(why).filter(|why| !why.is_empty()))
    });
    ScheduleRow {
        runbook: id.runbook.to_string(),
        trigger: id.trigger.to_string(),
        time,
        zone,
        next,
        paused_by: by,
        paused_since: since,
        paused_why: why,
        waiting: waiting as u64,
        last: last.map(ledger_row),
        aside,
    }
}

/// A row of the ledger.
#[must_use]
pub fn ledger_row(row: crate::runtime::schedules::ledger::LedgerRow) -> LedgerRow {
    LedgerRow {
        runbook: row.id.runbook.to_string(),
        trigger: row.id.trigger.to_string(),
        from: row.from.to_string(),
        to: row.to.to_string(),
        due: row.due,
        until: row.until,
        count: row.count,
        fate: row.fate,
        decided: row.at,
        run: row.run,
        how: row.how,
        by: row.by,
        why: row.why,
        calendar: row.calendar,
    }
}

/// A wish to start something.
#[must_use]
pub fn start(request: StartRequest, actor: Actor) -> StartRun {
    let StartRequest { runbook, inputs, dry, from, only, skip, plan, run } = request;
    let near = matches!(actor.via, Via::Socket | Via::Cli);
    let id = run.filter(|_| near).and_then(|run| RunId::parse(&run).ok());
    StartRun { runbook, inputs, dry, from, only, skip, plan, actor, id }
}

/// Which runs to list.
///
/// # Errors
/// [`Trouble::NoRun`] for a run to begin behind that is none.
pub fn runs(request: RunsRequest) -> Result<service::Runs, Trouble> {
    let RunsRequest { runbook, outcome, since, dry, limit, before } = request;
    let before = before.map(|run| RunId::parse(&run).map_err(|_| Trouble::NoRun(run))).transpose()?;
    Ok(service::Runs { runbook, outcome, since, dry, limit: limit as usize, before })
}

/// Everything there is to see of a run.
///
/// # Errors
/// [`Trouble`] when there is none, or it does not read.
pub fn detail(service: &Service, run: RunId) -> Result<RunDetail, Trouble> {
    let state = service.run(run)?;
    let outline = (&*service.pinned(&state)?).into();
    let found = service.row(run)?.ok_or_else(|| Trouble::NoRun(run.to_string()))?;
    let events = service.events(run, 0)?;
    let events = events.iter().map(|(seq, recorded)| WireEvent::new(*seq, recorded)).collect();
    Ok(RunDetail { row: row(found), outline, events })
}

/// A piece of what an attempt printed.
///
/// # Errors
/// [`Trouble`] when the place is none or the file can't be read.
pub fn output(service: &Service, request: &OutputRequest) -> Result<OutputChunk, Trouble> {
    let run = RunId::parse(&request.run).map_err(|_| Trouble::NoRun(request.run.clone()))?;
    let place = Place::parse(&request.place).map_err(|error| Trouble::Input(error.to_string()))?;
    let stream = match request.stream {
        OutputStream::Stdout => service::Stream::Stdout,
        OutputStream::Stderr => service::Stream::Stderr,
    };
    let piece = service.output(run, &place, request.attempt, stream, request.from)?;
    let whole = whole_characters(&piece.bytes);
    Ok(OutputChunk {
        place: request.place.clone(),
        attempt: request.attempt,
        stream: request.stream,
        offset: piece.offset,
        bytes: whole.len() as u64,
        text: String::from_utf8_lossy(whole).into_owned(),
        total: piece.total,
        flaw: piece.flaw,
        recorded: piece.recorded,
    })
}

/// An answer to a question: where and what.
///
/// # Errors
/// [`Trouble::Input`] for a word that is no answer, or a place that is none.
pub fn answer(request: &AnswerRequest) -> Result<(RunId, Place, Answer), Trouble> {
    let run = RunId::parse(&request.run).map_err(|_| Trouble::NoRun(request.run.clone()))?;
    let place = Place::parse(&request.place).map_err(|error| Trouble::Input(error.to_string()))?;
    let answer = match request.answer.as_str() {
        "go" => Answer::Go,
        "stop" => Answer::Stop,
        "succeeded" => Answer::Succeeded,
        "failed" => Answer::Failed,
        "again" => Answer::Again,
        other => return Err(Trouble::Input(format!("`{other}` is no answer: go, stop, succeeded, failed or again"))),
    };
    Ok((run, place, answer))
}

/// What the doctor found.
#[must_use]
pub fn checkup(found: service::Checkup) -> Checkup {
    let grade = |grade| match grade {
        service::Grade::Mended => "mended",
        service::Grade::Notice => "notice",
        service::Grade::Damage => "damage",
    };
    let symptom = |one: service::Symptom| Symptom { grade: grade(one.grade).into(), what: one.what, way: one.way };
    let service::Checkup { symptoms, streams, events, rows, blobs, garbage } = found;
    Checkup { symptoms: symptoms.into_iter().map(symptom).collect(), streams, events, rows, blobs, garbage }
}

/// A setting.
#[must_use]
pub fn setting(setting: Setting) -> SettingRow {
    let Setting { key, value, origin, masked, wrong, live, about } = setting;
    let (from, line, name) = match origin {
        Origin::Nobody => ("nobody", None, None),
        Origin::Default => ("default", None, None),
        Origin::File(line) => ("file", Some(line as u64), None),
        Origin::Variable(name) => ("environment", None, Some(name)),
        Origin::Flag(name) => ("flag", None, Some(name.to_owned())),
    };
    let wrong = wrong.map(|line| line as u64);
    SettingRow { key, value, from: from.into(), line, name, masked, wrong, live, about, running: None }
}

/// A trouble as problem+json.
#[must_use]
pub fn problem(trouble: &Trouble) -> Problem {
    let fault = match trouble {
        Trouble::NoRunbook { .. } => Fault::NoRunbook,
        Trouble::NoRun(_) => Fault::NoRun,
        Trouble::NoIncident(_) => Fault::NoIncident,
        Trouble::NoMeasure { .. } => Fault::NoMeasure,
        Trouble::NoSilence(_) => Fault::NoSilence,
        Trouble::NoToken(_) => Fault::NoSuchToken,
        Trouble::BadRunbook { .. } => Fault::BadRunbook,
        Trouble::Book(_) => Fault::Book,
        Trouble::Input(_) => Fault::Input,
        Trouble::MayNot(_) | Trouble::Forbidden { .. } => Fault::Forbidden,
        Trouble::Quarantined { .. } => Fault::Quarantined,
        Trouble::Ended { .. } => Fault::Ended,
        Trouble::NoSpace { .. } | Trouble::NoInodes { .. } => Fault::NoSpace,
        Trouble::NoOwner => Fault::NoOwner,
        Trouble::Serving { .. } => Fault::Serving,
        Trouble::NoDaemon => Fault::NoDaemon,
        Trouble::NoClock => Fault::NoClock,
        Trouble::InDoubt(_) => Fault::InDoubt,
        Trouble::Stopped(_) => Fault::Stopped,
        Trouble::Store(_) => Fault::Store,
        Trouble::NoHook(_) => Fault::NoHook,
        Trouble::Unproved(_) => Fault::Unproved,
        Trouble::Unreadable(_) => Fault::Unreadable,
        Trouble::TooLarge(_) => Fault::TooLarge,
        Trouble::Full(_) => Fault::NotKept,
    };
    Problem::new(fault, trouble.to_string())
}

/// Without the beginning of a character at the end, unless there is nothing else: its rest may come.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let start = (bytes.len().saturating_sub(3)..bytes.len()).rev().find(|at| bytes[*at] & 0xC0 != 0x80);
    let Some(start) = start.filter(|start| *start > 0) else { return bytes };
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => &bytes[..start],
        Err(_) | Ok(_) => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        for (bytes, want) in [
            (&b"plain"[..], &b"plain"[..]),
            ("aé".as_bytes(), "aé".as_bytes()),
            (b"a\xc3", b"a"),
            (b"a\xf0\x9f\x98", b"a"),
            (b"\xf0\x9f\x98", b"\xf0\x9f\x98"),
            (b"a\xff", b"a\xff"),
            (b"a\x80\x80\x80\x80", b"a\x80\x80\x80\x80"),
            (b"", b""),
        ] {
            assert_eq!(whole_characters(bytes), want, "{bytes:?}");
        }
    }
}
