//! `silence`: troubles with some labels tell nobody for a time.

use crate::api::wire::SilenceRequest;
use crate::cli::args::{Silence, SilenceWhat};
use crate::cli::command::incident::{in_future, pairs};
use crate::cli::command::next::clock_time;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use jiff::tz::TimeZone;

/// Adds, lists or ends silences.
pub async fn run(args: &Silence, settings: &Settings) -> Result<Exit, Trouble> {
    let purpose = if matches!(args.what, SilenceWhat::List { .. }) { Purpose::Look } else { Purpose::Drive };
    let door = Door::open(settings, &settings.book()?, purpose).await?;
    let done = ask(&door, args).await;
    door.close().await;
    done.map(|()| Exit::Fine)
}

async fn ask(door: &Door, args: &Silence) -> Result<(), Trouble> {
    match &args.what {
        SilenceWhat::Add { matches, time, reason } => {
            let (matches, until) = (pairs(matches)?, in_future(time, "--for")?);
            let added = door.add_silence(&SilenceRequest { matches, until, reason: reason.clone() }).await?;
            output::aside(&format!("nobody is told for {time}; `stepladder silence end {}` ends it", added.silence));
            output::line(&added.silence)?;
        }
        SilenceWhat::List { json } => {
            let rows = door.silences().await?;
            if rows.is_empty() && !json {
                output::aside("nothing is silenced");
            }
            for row in rows {
                let line = if *json {
                    serde_json::to_string(&row).map_err(|reason| Trouble::new(reason.to_string()))?
                } else {
                    let local = TimeZone::system().to_datetime(row.until);
                    let labels: Vec<_> = row.matches.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    let until = format!("{} {}", local.date(), clock_time(local));
                    format!("{}  {}  until {until}, by {}: {}", row.silence, labels.join(" "), row.by, row.reason)
                };
                output::line(&line)?;
            }
        }
        SilenceWhat::End { silence } => {
            door.end_silence(silence).await?;
            output::aside(&format!("`{silence}` is over: whoever it muted is told again"));
        }
    }
    Ok(())
}
