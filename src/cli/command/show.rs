//! `show`: a run as its live view was.

use crate::api::wire::{OutputRequest, OutputStream, RunDetail, RunState, What};
use crate::cli::args::Show;
use crate::cli::called::called;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{Line, View, harmless, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use jiff::Timestamp;
use std::fmt::Write as _;

/// Attempts whose output is looked at: of a run of thousands `doctor` looks at all.
const LOOKED_AT: usize = 200;

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
        say_flaws(&door, &detail).await?;
    }
    Ok(Exit::Fine)
}

/// Says of which steps the output is not all there that was kept, of those of the first so many attempts.
async fn say_flaws(door: &Door, detail: &RunDetail) -> Result<(), Trouble> {
    let ended = detail.events.iter().filter_map(|event| {
        let What::AttemptEnded { place, attempt, cpu_ms: Some(_), .. } = &event.what else { return None };
        Some((place, *attempt))
    });
    for (place, attempt) in ended.take(LOOKED_AT) {
        for (stream, name) in [(OutputStream::Stdout, "stdout"), (OutputStream::Stderr, "stderr")] {
            // From its end on: nothing of it is read.
            let asked =
                OutputRequest { run: detail.row.run.clone(), place: place.clone(), attempt, stream, from: i64::MAX };
            if let Some(flaw) = door.output(asked).await?.flaw {
                output::aside(&harmless(&format!("damaged: {name} of attempt {attempt} of `{place}` {flaw}")));
            }
        }
    }
    Ok(())
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
