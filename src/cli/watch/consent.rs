//! An approval asked of the person at the terminal: the fields, then yes or no. Whoever decides it elsewhere meanwhile
//! takes the question away.

use super::Watcher;
use crate::api::wire::{ApprovalRow, FieldRow, VoteReply, VoteRequest, WireEvent};
use crate::base::value::{Map, Value, plain};
use crate::cli::ask;
use crate::cli::interrupt::Interrupts;
use crate::cli::output::{self, Stream};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Question, short};
use tokio::sync::mpsc::Receiver;

/// Events of the run, as they come.
type Events = Receiver<Result<WireEvent, Trouble>>;

/// How often a person is asked again whose answer did not count.
const AGAIN: usize = 3;

/// What came of a line that was asked for.
enum Typed {
    /// This.
    Line(String),
    /// Nothing: the question is gone, the input has ended, or a signal came.
    Nothing,
}

impl Watcher<'_> {
    /// Asks the person at the terminal for their yes, where they may give it; else says who is waited for, once.
    pub(super) async fn consent(&mut self, asks: &Question, events: &mut Events, interrupts: &mut Interrupts) {
        self.answered.push(asks.place.clone());
        let clear = self.screen.clear();
        self.write(&clear);
        let rows = match self.door.approvals(Some(&self.run)).await {
            Ok(rows) => rows,
            Err(trouble) => return output::aside(&trouble.to_string()),
        };
        let Some(row) = rows.into_iter().find(|row| row.place == asks.place) else { return };
        let mut over = false;
        if let Some(why) = &row.why_not {
            output::aside(&waits(&row, why));
            over = row.may_override && self.overrides(&row, events, interrupts).await;
            if !over {
                return;
            }
        }
        for _ in 0..AGAIN {
            let Some(vote) = self.ballot(&row, over, events, interrupts).await else { return };
            match self.door.vote(vote).await {
                Ok(reply) => return output::aside(&came_to(&reply)),
                Err(trouble) => output::aside(&trouble.to_string()),
            }
            if !self.waits_still(&row.place) {
                return;
            }
        }
    }

    /// Whether an admin wants to decide past those who may: they have to say so in full.
    async fn overrides(&mut self, row: &ApprovalRow, events: &mut Events, interrupts: &mut Interrupts) -> bool {
        let asked = "  as admin you may decide all the same, for all to see [type override, Enter = wait on] ";
        match self.line(asked, &row.place, events, interrupts).await {
            Typed::Line(word) => word.trim() == "override",
            Typed::Nothing => false,
        }
    }

    /// What the person says; `None` = nothing, the step waits on.
    async fn ballot(
        &mut self,
        row: &ApprovalRow,
        over: bool,
        events: &mut Events,
        interrupts: &mut Interrupts,
    ) -> Option<VoteRequest> {
        let asked = format!("{}: {}\n  approve it? [y = yes, n = no, Enter = wait on] ", row.place, row.message);
        let approve = match self.line(&asked, &row.place, events, interrupts).await {
            Typed::Line(word) => match word.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => true,
                "n" | "no" => false,
                _ => {
                    let way = format!("stepladder approve {} {}", short(&self.run), row.place);
                    output::aside(&format!("  it waits on: `{way}` answers later"));
                    return None;
                }
            },
            Typed::Nothing => return None,
        };
        let mut fields = Map::new();
        for field in row.fields.iter().filter(|field| approve && !known(row, &field.name)) {
            match self.line(&prompt(field), &row.place, events, interrupts).await {
                // Nothing typed is the default, or left to whoever says that it is missing.
                Typed::Line(text) if text.trim().is_empty() => {}
                Typed::Line(text) => drop(fields.insert(field.name.clone(), text.into())),
                Typed::Nothing => return None,
            }
        }
        let note = if approve {
            String::new()
        } else {
            match self.line("  why not? (Enter says nothing) ", &row.place, events, interrupts).await {
                Typed::Line(text) => text,
                Typed::Nothing => return None,
            }
        };
        let (run, place) = (self.run.clone(), Some(row.place.clone()));
        Some(VoteRequest { run, approve, place, fields, note, over })
    }

    /// A line typed after a question. A line that was asked for before and not typed yet is taken for this one.
    async fn line(&mut self, asked: &str, place: &str, events: &mut Events, interrupts: &mut Interrupts) -> Typed {
        let mut typing = if let Some(typing) = self.typing.take() {
            let _ = output::write(Stream::Aside, asked);
            typing
        } else {
            let asked = asked.to_owned();
            tokio::task::spawn_blocking(move || ask::line(&asked))
        };
        loop {
            tokio::select! {
                typed = &mut typing => {
                    return typed.ok().and_then(Result::ok).map_or(Typed::Nothing, Typed::Line);
                }
                name = interrupts.next() => {
                    self.typing = Some(typing);
                    self.interrupted(name).await;
                    return Typed::Nothing;
                }
                event = events.recv() => {
                    let ended = !matches!(event, Some(Ok(_)));
                    if let Some(Ok(event)) = event {
                        self.take(&event);
                    }
                    if ended || !self.waits_still(place) {
                        self.typing = Some(typing);
                        output::aside("\n  it was decided elsewhere");
                        return Typed::Nothing;
                    }
                }
            }
        }
    }

    fn waits_still(&self, place: &str) -> bool {
        self.view.ended().is_none() && self.view.questions().iter().any(|question| question.place == place)
    }
}

/// Whether somebody has filled a field in before.
fn known(row: &ApprovalRow, name: &str) -> bool {
    row.votes.iter().any(|vote| vote.fields.contains_key(name))
}

fn prompt(field: &FieldRow) -> String {
    let what = field.prompt.as_deref().unwrap_or(&field.name);
    let choices = if field.options.is_empty() { String::new() } else { format!(" ({})", field.options.join("/")) };
    let default = if field.default == Value::Null { String::new() } else { format!(" [{}]", plain(&field.default)) };
    format!("  {what}{choices}{default}: ")
}

/// Who is waited for, and how they answer.
fn waits(row: &ApprovalRow, why: &str) -> String {
    let (run, place) = (short(&row.run), &row.place);
    format!(
        "{place}: {}\n  it waits for approval: {why}\n  `stepladder approve {run} {place}`, `stepladder reject {run} {place}`",
        row.message
    )
}

/// What a vote has come to, in a line.
#[must_use]
pub fn came_to(reply: &VoteReply) -> String {
    let by = reply.approvers.join(", ");
    match (reply.decided, reply.approvers.is_empty()) {
        (true, true) => format!("`{}` is rejected: the run ends", reply.place),
        (true, false) => format!("`{}` is approved, by {by}", reply.place),
        (false, _) => format!("`{}` has {} of {} yeses, by {by}", reply.place, reply.approvers.len(), reply.quorum),
    }
}
