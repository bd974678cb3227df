//! Texts of events, cut to what a journal keeps: what a step says of itself may be anything it was given.

use crate::base::limits::MAX_RUN_TEXT;
use crate::engine::event::{Event, Planned, StepEnded, StepEvent};

/// The event with every text in it that is neither a value nor spilled cut to [`MAX_RUN_TEXT`] bytes: no event is too large then.
pub(super) fn bounded(mut event: Event) -> Event {
    match &mut event {
        Event::CancelAsked { reason, .. } => cut(reason),
        Event::Ended(ended) => cut(&mut ended.reason),
        Event::Step { event, .. } => match event {
            StepEvent::Asked { question, known } => {
                cut(question);
                cut(known);
            }
            StepEvent::Attempted { result, .. } => {
                result.failure.iter_mut().for_each(|failure| cut(&mut failure.message));
                result.findings.iter_mut().for_each(|finding| cut(&mut finding.message));
            }
            StepEvent::TakenOver(ended) | StepEvent::Ended(ended) => cut_end(ended),
            StepEvent::Sought(sought) => cut(&mut sought.message),
            StepEvent::Told { problems } => problems.iter_mut().for_each(cut),
            StepEvent::Voted(_)
            | StepEvent::Held { .. }
            | StepEvent::Answered { .. }
            | StepEvent::Attempt { .. }
            | StepEvent::Backoff { .. }
            | StepEvent::Opened { .. }
            | StepEvent::Lane(_)
            | StepEvent::Judged { .. }
            | StepEvent::Rest { .. }
            | StepEvent::TimedOut => {}
        },
        Event::Started(_) | Event::Queued { .. } | Event::Admitted | Event::TimedOut | Event::Entered(_) => {}
    }
    event
}

fn cut_end(ended: &mut StepEnded) {
    ended.reason.iter_mut().for_each(cut);
    ended.failure.iter_mut().for_each(|failure| cut(&mut failure.message));
    if let Some(Planned::Unknown(why)) = &mut ended.planned {
        cut(why);
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_RUN_TEXT {
        let end = text.floor_char_boundary(MAX_RUN_TEXT - 40);
        let more = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({more} bytes more)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_whole_letter_and_says_how_much_is_missing() {
        let mut text = "é".repeat(MAX_RUN_TEXT);
        cut(&mut text);
        assert!(text.len() <= MAX_RUN_TEXT && text.ends_with(" bytes more)"), "{}", text.len());
        let mut short = "é".repeat(MAX_RUN_TEXT / 2);
        cut(&mut short);
        assert_eq!(short.len(), MAX_RUN_TEXT);
    }
}
