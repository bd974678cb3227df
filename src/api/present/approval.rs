//! Approvals in the shapes that are sent.

use crate::api::wire::{ApprovalRow, FieldRow, VoteReply, VoteRequest, VoteRow};
use crate::engine::event::Vote;
use crate::model::input::{Input, InputType};
use crate::service::{Awaited, Polled, Wish};
use jiff::Timestamp;

/// Something that waits for the yes of people.
#[must_use]
pub fn approval(one: Awaited) -> ApprovalRow {
    ApprovalRow {
        run: one.run.to_string(),
        runbook: one.runbook.to_string(),
        place: one.place.to_string(),
        message: one.message,
        by: one.by,
        people: one.people.iter().map(ToString::to_string).collect(),
        quorum: one.quorum,
        votes: one.votes.into_iter().map(vote).collect(),
        fields: one.fields.into_iter().map(field).collect(),
        told: one.told.is_some(),
        problems: one.told.unwrap_or_default(),
        since: one.since,
        until: one.until,
        confirm: one.confirm,
        why_not: one.why_not,
        may_override: one.may_override,
    }
}

fn vote((at, vote): (Timestamp, Vote)) -> VoteRow {
    let who = vote.who().to_owned();
    let Vote { actor, person: _, approve, fields, note, over: _ } = vote;
    VoteRow { at, who, actor: actor.id, approve, fields, note }
}

fn field(field: Input) -> FieldRow {
    let ty = field.ty.word().to_owned();
    let options = if let InputType::Choice(options) = field.ty { options } else { Vec::new() };
    let default = field.default.unwrap_or_default();
    FieldRow { name: field.name.to_string(), ty, options, default, prompt: field.prompt.or(field.description) }
}

/// A wish to approve or reject.
#[must_use]
pub fn wish(asked: VoteRequest) -> Wish {
    let VoteRequest { run: _, approve, place, fields, note, over } = asked;
    Wish { approve, place, fields, note, over }
}

/// What a vote has come to.
#[must_use]
pub fn polled(polled: Polled) -> VoteReply {
    let Polled { place, approvers, quorum, decided } = polled;
    VoteReply { place: place.to_string(), decided, approvers, quorum }
}
