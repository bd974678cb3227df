//! Texts of events, cut to what a journal keeps: what a step says of itself may be anything it was given.

use crate::base::limits::MAX_RUN_TEXT;
use crate::engine::event::{Event, Planned, StepEnded, StepEvent};
use std::fmt::Write as _;

/// Ways to people that did not work: how many are kept, and bytes of each.
const PROBLEMS: usize = 40;
const PROBLEM: usize = 600;

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
            StepEvent::Told { problems } => cut_all(problems),
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
        Event::Started(_)
        | Event::Queued { .. }
        | Event::Admitted
        | Event::TimedOut
        | Event::Entered(_)
        | Event::ClockSet { .. } => {}
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
    cut_to(text, MAX_RUN_TEXT);
}

/// Cut to so many bytes as they are stored: in JSON a sign that no terminal shows takes six.
fn cut_to(text: &mut String, most: usize) {
    // Most texts are short: nothing is counted for them.
    if text.len() <= most / 6 || text.chars().map(stored).sum::<usize>() <= most {
        return;
    }
    let (mut end, mut size) = (0, 0);
    for c in text.chars() {
        size += stored(c);
        if size > most - 40 {
            break;
        }
        end += c.len_utf8();
    }
    let more = text.len() - end;
    text.truncate(end);
    let _ = write!(text, "… ({more} bytes more)");
}

fn stored(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Ways that did not work, as many as a person reads.
fn cut_all(problems: &mut Vec<String>) {
    for problem in problems.iter_mut() {
        cut_to(problem, PROBLEM);
    }
    if problems.len() > PROBLEMS {
        let more = problems.len() - PROBLEMS;
        problems.truncate(PROBLEMS);
        problems.push(format!("… and {more} more"));
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
        let mut odd = "\u{1}".repeat(MAX_RUN_TEXT);
        cut(&mut odd);
        let stored = crate::base::value::Value::from(odd.as_str()).to_string().len();
        assert!(stored <= MAX_RUN_TEXT + 2, "{stored} bytes are stored");
        let mut many = vec!["no way".repeat(1_000); 200];
        cut_all(&mut many);
        assert!(many.iter().map(String::len).sum::<usize>() < 32 * 1024 && many[PROBLEMS].ends_with("160 more"));
    }
}
