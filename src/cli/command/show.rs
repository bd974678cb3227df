//! `show`: a run as its live view was.

use crate::api::wire::{RunDetail, RunState};
use crate::cli::args::Show;
use crate::cli::called::called;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{Line, View, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use jiff::Timestamp;
use std::fmt::Write as _;

/// Shows a run.
pub async fn run(args: &Show, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let detail = door.run(&door.find(&args.run).await?).await?;
    if args.json {
        output::line(&serde_json::to_string(&detail).map_err(|reason| Trouble::new(reason.to_string()))?)?;
    } else {
        let mut view = View::new(detail.outline.clone());
        detail.events.iter().for_each(|event| view.apply(event));
        let called = called(&door, &view, settings.out).await;
        output::data(&page(&detail, &view, &called, settings.out, clock::now()))?;
    }
    Ok(Exit::Fine)
}

/// The run as text, with a word on how it stands where it has not ended.
fn page(detail: &RunDetail, view: &View, called: &[Line], style: Style, now: Timestamp) -> String {
    let mut text: String = view.page(style, now).iter().chain(called).map(|line| line.text(style) + "\n").collect();
    let run = short(&detail.row.run);
    match detail.row.state {
        RunState::Ended => {}
        RunState::Stranded => {
            text.push_str("\nnobody drives it: its owner is gone; `stepladder drive` goes on with it, and so does the next `run`, `retry`, `cancel`, `approve` or `answer`\n");
        }
        RunState::Quarantined => {
            text.push_str("\nit is quarantined: its events can't be trusted; `stepladder doctor` says more\n");
        }
        RunState::Queued | RunState::Running | RunState::Waiting => {
            let _ = writeln!(text, "\nit goes on: `stepladder logs -f {run}`, `stepladder cancel {run}`");
        }
    }
    text
}
