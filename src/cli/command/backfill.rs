//! `backfill`: runs what a schedule would have started and did not.

use crate::api::wire::{BackfillReply, BackfillRequest, Missing, MissingRequest, MissingRow, What};
use crate::base::limits::BACKFILL_ASKS;
use crate::base::value::json;
use crate::cli::args::Backfill;
use crate::cli::command::next::{Day, instant};
use crate::cli::command::why::shown;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::output::{self, Stream};
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, short};
use crate::cli::{ask, shelf};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use tokio::task::{JoinError, JoinSet};

/// Lists what is missing, asks, and runs it.
pub async fn run(args: &Backfill, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let zone = TimeZone::get(&shelf::load(&book)?.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let (from, to) = (time(&args.from, &zone, "--from")?, time(&args.to, &zone, "--to")?);
    if from > to {
        let trouble = Trouble::new(format!("--from `{}` is after --to `{}`", args.from, args.to));
        return Err(trouble.help("the earlier time comes first; without a date a time is the last that has passed"));
    }
    let purpose = if args.dry_run { Purpose::Look } else { Purpose::Drive };
    let door = Door::open(settings, &book, purpose).await?;
    let request = MissingRequest { runbook: args.runbook.clone(), trigger: args.trigger.clone(), from, to };
    let ended = all(&door, args, &request, settings).await;
    door.close().await;
    ended
}

fn time(text: &str, zone: &TimeZone, what: &str) -> Result<Timestamp, Trouble> {
    if text == "now" { Ok(clock::now()) } else { instant(text, zone, Day::Passed, what) }
}

async fn all(door: &Door, args: &Backfill, request: &MissingRequest, settings: &Settings) -> Result<Exit, Trouble> {
    let missing = door.missing(request).await?;
    if args.dry_run {
        if args.json {
            for row in &missing.rows {
                output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
            }
            return Ok(Exit::Fine);
        }
        output::data(&list(&missing, settings.out))?;
        output::aside(&count(&missing));
        return Ok(Exit::Fine);
    }
    if missing.rows.is_empty() {
        output::aside(&count(&missing));
        return Ok(Exit::Fine);
    }
    if !args.json {
        output::write(Stream::Aside, &list(&missing, settings.err))?;
    }
    output::aside(&count(&missing));
    confirmed(&missing, args, settings)?;
    let more = missing.more;
    let exit = Filling { door, args, worst: Exit::Fine, trouble: None }.go(missing.rows.into()).await?;
    if more > 0 {
        output::aside(&format!("{more} more are missing: the same command goes on with them"));
    }
    Ok(exit)
}

/// A line for each, and what became of it.
fn list(missing: &Missing, style: Style) -> String {
    let row = |row: &MissingRow| {
        vec![
            Cell::new(&shown(&row.nominal, row.due), Tone::Plain),
            Cell::new(&row.trigger, Tone::Plain),
            Cell::new(row.fate.as_deref().unwrap_or("no row"), Tone::Dim),
        ]
    };
    table(&missing.rows.iter().map(row).collect::<Vec<_>>(), style)
}

/// `4 to run; 3 ran, 1 is left out by a calendar or a change of the clock`.
fn count(missing: &Missing) -> String {
    let to_run = match (missing.rows.len() as u64 + missing.more, missing.more) {
        (0, _) => "nothing to run".to_owned(),
        (all, 0) => format!("{all} to run"),
        (all, more) => format!("{all} to run, the oldest {} by this call", all - more),
    };
    let beside = [
        (missing.ran, "ran"),
        (missing.waiting, "waiting for the run before"),
        (missing.left_out, "left out by a calendar or a change of the clock"),
    ];
    let beside: Vec<String> =
        beside.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if beside.is_empty() { to_run } else { format!("{to_run}; {}", beside.join(", ")) }
}

/// Nobody starts a thousand runs by a slip of the finger.
fn confirmed(missing: &Missing, args: &Backfill, settings: &Settings) -> Result<(), Trouble> {
    let count = missing.rows.len();
    if args.yes {
        return Ok(());
    }
    if count > BACKFILL_ASKS {
        let most = format!("{count} runs are more than the {BACKFILL_ASKS} that are started without --yes");
        return Err(Trouble::new(most).help("look at them with --dry-run, then take a shorter time or add --yes"));
    }
    if !settings.can_ask {
        return Ok(());
    }
    let answer = ask::line(&format!("run {}? [y/N] ", if count == 1 { "it" } else { "them" }))?;
    if answer.trim().eq_ignore_ascii_case("y") || answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Trouble::new("nothing was started"))
}

/// Runs one behind the other, or several beside one another.
struct Filling<'a> {
    door: &'a Door,
    args: &'a Backfill,
    worst: Exit,
    /// Why nothing more is started.
    trouble: Option<Trouble>,
}

/// How the run of an instant ended: in a word, and at which level.
type Ended = (MissingRow, BackfillReply, Result<(String, String), Trouble>);

impl Filling<'_> {
    async fn go(mut self, mut rows: VecDeque<MissingRow>) -> Result<Exit, Trouble> {
        let mut interrupts = Interrupts::listen()?;
        let mut going: JoinSet<Ended> = JoinSet::new();
        loop {
            while self.trouble.is_none()
                && going.len() < usize::from(self.args.at_once)
                && let Some(row) = rows.pop_front()
            {
                self.start(row, &mut going).await;
            }
            if going.is_empty() {
                break;
            }
            tokio::select! {
                Some(ended) = going.join_next() => self.ended(ended)?,
                name = interrupts.next() => {
                    output::aside(&format!(
                        "{name}: nothing more is started; {} still going on, `stepladder runs` shows how it ends",
                        if going.len() == 1 { "1 run is".to_owned() } else { format!("{} runs are", going.len()) }
                    ));
                    return Ok(Exit::Cancelled);
                }
            }
        }
        match self.trouble {
            None => Ok(self.worst),
            Some(trouble) if rows.is_empty() => Err(trouble),
            Some(trouble) => {
                output::aside(&format!("{} were not started: the same command goes on with them", rows.len()));
                Err(trouble)
            }
        }
    }

    /// Starts the run of an instant, or finds why nothing more can be started.
    async fn start(&mut self, row: MissingRow, going: &mut JoinSet<Ended>) {
        let MissingRow { trigger, nominal, due, .. } = row.clone();
        let asked = BackfillRequest { trigger, nominal, due };
        match self.door.backfill(&self.args.runbook, &asked).await {
            Ok(reply) => {
                let door = self.door.clone();
                going.spawn(async move {
                    let end = end(&door, &reply).await;
                    (row, reply, end)
                });
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) -> Result<(), Trouble> {
        let (row, reply, end) = ended.map_err(|reason| Trouble::new(reason.to_string()))?;
        let run = reply.run.as_deref().unwrap_or("?");
        let (outcome, level) = match end {
            Ok(end) => end,
            // What had run before this call may be past keeping.
            Err(_) if !reply.started => ("ran before".to_owned(), "ok".to_owned()),
            Err(trouble) => {
                self.trouble = Some(trouble);
                return Ok(());
            }
        };
        if reply.started {
            self.worst = self.worst.max(Exit::of_run(&outcome, &level));
        }
        if self.args.json {
            return output::line(
                &json!({
                    "trigger": row.trigger, "nominal": row.nominal, "due": row.due.to_string(), "run": reply.run,
                    "started": reply.started, "outcome": outcome, "level": level,
                })
                .to_string(),
            );
        }
        let before = if reply.started { "" } else { " (not by this call)" };
        output::line(&format!(
            "{}  {}: run {} {outcome}{}{before}",
            shown(&row.nominal, row.due),
            row.trigger,
            short(run),
            if level == "ok" { String::new() } else { format!(" at {level}") },
        ))
    }
}

/// Waits for the end of a run.
async fn end(door: &Door, reply: &BackfillReply) -> Result<(String, String), Trouble> {
    let Some(run) = &reply.run else { return Err(Trouble::new("its run is not known")) };
    let mut events = door.events(run);
    while let Some(event) = events.recv().await {
        if let What::RunEnded { outcome, level, .. } = event?.what {
            return Ok((outcome, level));
        }
    }
    Err(Trouble::new(format!("run {run} is no longer told of")).help("`stepladder runs` shows how it ended"))
}
