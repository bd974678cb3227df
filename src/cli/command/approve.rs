//! `approvals`, `approve`, `reject`: what waits for whom, and the word that it waits for.

use crate::api::wire::{ApprovalRow, VoteRequest};
use crate::base::value::Map;
use crate::cli::args::{Approvals, Approve, Reject};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{ago, short};
use crate::cli::watch::came_to;
use crate::runtime::clock;
use jiff::Timestamp;
use std::fmt::Write;

/// Lists what waits for the yes of people.
pub async fn list(args: &Approvals, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let rows = door.approvals(None).await?;
    if args.json {
        output::line(&serde_json::to_string(&rows).map_err(|reason| Trouble::new(reason.to_string()))?)?;
    } else if rows.is_empty() {
        output::aside("nothing waits for approval");
    } else {
        let now = clock::now();
        output::data(&rows.iter().map(|row| shown(row, now)).collect::<String>())?;
    }
    Ok(Exit::Fine)
}

/// Says yes.
pub async fn approve(args: &Approve, settings: &Settings) -> Result<Exit, Trouble> {
    let mut fields = Map::new();
    for pair in &args.field {
        let Some((name, text)) = pair.split_once('=') else {
            let trouble = Trouble::new(format!("`{pair}` is not `NAME=VALUE`"));
            return Err(trouble.help("write it like `--field ticket=OPS-7`"));
        };
        if fields.insert(name.trim().to_owned(), text.into()).is_some() {
            return Err(Trouble::new(format!("field `{}` is given twice", name.trim())));
        }
    }
    let asked = VoteRequest {
        run: String::new(),
        approve: true,
        place: args.step.clone(),
        fields,
        note: args.note.clone(),
        over: args.over,
    };
    vote(&args.run, asked, settings).await
}

/// Says no.
pub async fn reject(args: &Reject, settings: &Settings) -> Result<Exit, Trouble> {
    let (place, note) = (args.step.clone(), args.note.clone());
    let asked = VoteRequest { approve: false, place, note, over: args.over, ..VoteRequest::default() };
    vote(&args.run, asked, settings).await
}

/// The run goes on with whoever drives it, or with an owner of its own.
async fn vote(run: &str, asked: VoteRequest, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let voted = cast(&door, run, asked).await;
    door.close().await;
    voted
}

async fn cast(door: &Door, run: &str, asked: VoteRequest) -> Result<Exit, Trouble> {
    let run = door.find(run).await?;
    let reply = door.vote(VoteRequest { run: run.clone(), ..asked }).await?;
    let more = if reply.decided { format!("; `stepladder logs -f {}` goes along", short(&run)) } else { String::new() };
    output::aside(&format!("{}{more}", came_to(&reply)));
    Ok(Exit::Fine)
}

/// One that waits: what, for whom, since when, until when, and the commands.
fn shown(row: &ApprovalRow, now: Timestamp) -> String {
    let mut text = String::new();
    let run = short(&row.run);
    let _ = writeln!(text, "{run} {} {}: {}", row.runbook, row.place, row.message);
    let people = if row.people.is_empty() || row.people == row.by {
        String::new()
    } else {
        format!(" (now {})", row.people.join(", "))
    };
    let until = row.until.map_or(String::new(), |until| format!(", until {until:.0} ({})", ago(until, now)));
    let _ = writeln!(
        text,
        "  waits for {}{people}, since {:.0} ({}){until}",
        row.by.join(", "),
        row.since,
        ago(row.since, now)
    );
    if row.quorum > 1 || !row.votes.is_empty() {
        let yeses: Vec<&str> = row.votes.iter().filter(|vote| vote.approve).map(|vote| vote.who.as_str()).collect();
        let by = if yeses.is_empty() { String::new() } else { format!(": {}", yeses.join(", ")) };
        let _ = writeln!(text, "  {} of {} have approved{by}", yeses.len(), row.quorum);
    }
    for field in &row.fields {
        let what = field.prompt.as_ref().map_or(String::new(), |what| format!(", {what}"));
        let needed = if field.default.is_null() { ", needed" } else { "" };
        let _ = writeln!(text, "  --field {}=… ({}{needed}{what})", field.name, field.ty);
    }
    for problem in &row.problems {
        let _ = writeln!(text, "  {problem}");
    }
    let _ = match &row.why_not {
        None => writeln!(text, "  stepladder approve {run} {0}, stepladder reject {run} {0}", row.place),
        Some(why) if row.may_override => writeln!(text, "  not you: {why}; `--override` decides all the same"),
        Some(why) => writeln!(text, "  not you: {why}"),
    };
    text
}
