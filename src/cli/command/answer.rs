//! `answer`: tell a step what it waits to be told.

use crate::api::wire::AnswerRequest;
use crate::cli::args::Answer;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::short;

/// Answers a question. The run goes on with whoever drives it, or with an owner of its own.
pub async fn run(args: &Answer, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Drive).await?;
    let answered = answer(&door, args).await;
    door.close().await;
    answered
}

async fn answer(door: &Door, args: &Answer) -> Result<Exit, Trouble> {
    let run = door.find(&args.run).await?;
    let answer = args.answer.word().to_owned();
    door.answer(AnswerRequest { run: run.clone(), place: args.step.clone(), answer }).await?;
    output::aside(&format!("run {0} has its answer; `stepladder logs -f {0}` goes along with it", short(&run)));
    Ok(Exit::Fine)
}
