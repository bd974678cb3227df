//! `doctor`: is everything kept as it was written, and what can be mended?

use crate::api::wire::Checkup;
use crate::cli::args::Doctor;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use std::fmt::Write as _;

/// Examines the data directory, or mends it.
pub async fn run(args: &Doctor, settings: &Settings) -> Result<Exit, Trouble> {
    let purpose = if args.adopt { Purpose::Adopt } else { Purpose::Look };
    let door = Door::open(settings, &settings.book()?, purpose).await?;
    let checkup = door.doctor(args.repair).await?;
    if args.json {
        output::line(&serde_json::to_string(&checkup).map_err(|reason| Trouble::new(reason.to_string()))?)?;
    } else {
        output::data(&page(&checkup))?;
    }
    Ok(exit(&checkup))
}

fn exit(checkup: &Checkup) -> Exit {
    let has = |grade: &str| checkup.symptoms.iter().any(|symptom| symptom.grade == grade);
    match checkup.symptoms.is_empty() {
        true => Exit::Fine,
        false if has("damage") => Exit::Failed,
        false => Exit::Warning,
    }
}

fn page(checkup: &Checkup) -> String {
    let Checkup { symptoms, streams, events, rows, blobs, garbage } = checkup;
    let needless = if *garbage > 0 { format!(" ({garbage} of them no event names)") } else { String::new() };
    let mut text: String =
        symptoms.iter().map(|symptom| format!("{}: {}\n  {}\n", symptom.grade, symptom.what, symptom.way)).collect();
    let _ = writeln!(
        text,
        "read {events} events of {streams} streams, {rows} rows of the index and {blobs} blobs{needless}: {}",
        match symptoms.len() {
            0 => "all is well".to_owned(),
            1 => "one thing is not as it should be".to_owned(),
            many => format!("{many} things are not as they should be"),
        }
    );
    text
}
