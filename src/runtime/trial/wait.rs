//! Why nothing would ever happen any more.

use crate::engine::run::{Run, RunPhase, StepPhase};

/// What a run waits for that will not come by itself.
pub(super) fn waits(run: &Run) -> Vec<String> {
    let mut waits: Vec<String> = run
        .steps
        .iter()
        .filter_map(|(place, step)| match &step.phase {
            StepPhase::Asked { question, attempt, .. } => {
                let say = if attempt.is_some() { "again" } else { "go" };
                let answer = format!("write `given: {{ answers: {{ {}: {say} }} }}`", place.step());
                Some(format!("`{place}` asks \"{question}\" and nobody answers: {answer}"))
            }
            StepPhase::Polling(poll) => {
                let answer = format!("write `given: {{ answers: {{ {}: approve }} }}`", place.step());
                Some(format!(
                    "`{place}` waits for approval by {} and nobody answers: {answer}",
                    poll.sought.by.join(", ")
                ))
            }
            StepPhase::Running(running) if running.request.is_some() => {
                Some(format!("`{place}` hangs and has no timeout"))
            }
            StepPhase::Held { mutex, .. } => Some(format!("`{place}` waits for the mutex `{mutex}`")),
            StepPhase::Running(_)
            | StepPhase::Ready
            | StepPhase::Backoff { .. }
            | StepPhase::Open(_)
            | StepPhase::Recovering
            | StepPhase::Erring
            | StepPhase::Ended(_) => None,
        })
        .collect();
    if let RunPhase::Queued { group, .. } = &run.phase {
        waits.push(format!("the run waits for its group `{group}`"));
    }
    waits
}
