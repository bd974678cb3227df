//! `logs`: what the steps of a run printed.

use crate::api::wire::{OutputChunk, OutputRequest, OutputStream, What, WireEvent, WireUnkept};
use crate::base::address::Place;
use crate::base::span::show_size;
use crate::base::value::{Value, plain};
use crate::cli::args::Logs;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{harmless, short};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Pause between two looks of `--follow`.
const LOOK: Duration = Duration::from_millis(200);

/// Places that are named where none has what was asked for.
const PLACES: usize = 10;

const STREAMS: [OutputStream; 2] = [OutputStream::Stdout, OutputStream::Stderr];

/// One attempt of a run, and its output as the event has it.
#[derive(Debug, Clone, PartialEq)]
struct Attempt {
    place: String,
    number: u32,
    ended: Option<Value>,
    /// What it printed that is not kept.
    unkept: Vec<WireUnkept>,
    /// Whether it was a process that has ended.
    process: bool,
    /// The run that it was.
    child: Option<String>,
}

/// Prints what steps printed.
pub async fn run(args: &Logs, settings: &Settings) -> Result<Exit, Trouble> {
    // Who follows a run whose owner goes away is the next one.
    let purpose = if args.follow { Purpose::Drive } else { Purpose::Look };
    let door = Door::open(settings, &settings.book()?, purpose).await?;
    let printed = print(&door, args, settings).await;
    door.close().await;
    printed
}

async fn print(door: &Door, args: &Logs, settings: &Settings) -> Result<Exit, Trouble> {
    let run = door.find(&args.run).await?;
    let mut printer = Printer {
        json: args.json,
        headed: None,
        printed: false,
        open: false,
        flawed: false,
        terminal: settings.out_terminal,
        named: args.step.is_none() || args.follow,
    };
    if args.follow {
        return follow(door, &run, args, &mut printer).await;
    }
    let detail = door.run(&run).await?;
    let all = attempts(&detail.events);
    let attempts = chosen(&all, args);
    if let (true, Some(number)) = (attempts.is_empty(), args.attempt) {
        return Err(no_attempt(&all, number, args));
    }
    let ends = ends(&detail.events, args);
    if attempts.is_empty() && ends.is_empty() {
        return Err(nothing(args));
    }
    printer.named |= attempts.len() > 1;
    for attempt in &attempts {
        if let (Some(child), false) = (&attempt.child, args.json) {
            output::aside(&format!("`{0}` was run {1}: `stepladder logs {1}`", attempt.place, short(child)));
            continue;
        }
        let spooled = whole(door, &run, attempt, &mut printer).await?;
        if !spooled {
            printer.value(attempt)?;
        }
        printer.unkept(attempt, spooled)?;
        printer.artifacts(attempt, door.data());
    }
    if !printer.printed && attempts.iter().all(|attempt| attempt.child.is_none()) {
        for end in ends {
            output::aside(&end);
        }
    }
    Ok(if printer.flawed { Exit::Warning } else { Exit::Fine })
}

/// How the named steps ended, for those of which nothing is printed.
fn ends(events: &[WireEvent], args: &Logs) -> Vec<String> {
    let mut ends = Vec::new();
    for event in events {
        if let What::StepEnded { place, outcome, failure, reason, .. } = &event.what
            && args.step.is_some()
            && fits(place, args.step.as_deref())
        {
            let why = failure.as_ref().map(|failure| &failure.message).or(reason.as_ref());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            ends.push(format!("`{place}` printed nothing; it ended {outcome}{why}"));
        }
    }
    ends
}

fn nothing(args: &Logs) -> Trouble {
    match &args.step {
        Some(step) => {
            Trouble::new(format!("no step `{step}` ran there")).help("`stepladder show` has the places of all steps")
        }
        None => Trouble::new("no step ran there"),
    }
}

/// What is said of an attempt that was never made: which were.
fn no_attempt(all: &[Attempt], number: u32, args: &Logs) -> Trouble {
    let mut had: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for attempt in all.iter().filter(|it| fits(&it.place, args.step.as_deref())) {
        had.entry(&attempt.place).or_default().push(attempt.number.to_string());
    }
    if had.is_empty() {
        return nothing(args);
    }
    let word = |count: usize| if count == 1 { "attempt" } else { "attempts" };
    let had =
        had.iter().map(|(place, numbers)| format!("`{place}` had {} {}", word(numbers.len()), numbers.join(", ")));
    let of = args.step.as_ref().map_or_else(String::new, |step| format!(" of `{step}`"));
    Trouble::new(format!("there is no attempt {number}{of}")).help(had.take(PLACES).collect::<Vec<_>>().join("; "))
}

/// Every attempt, in the order of their starts.
fn attempts(events: &[WireEvent]) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for event in events {
        if let What::AttemptStarted { place, attempt, child, .. } = &event.what {
            let child = child.clone();
            let (place, number) = (place.clone(), *attempt);
            attempts.push(Attempt { place, number, ended: None, unkept: Vec::new(), process: false, child });
        }
        if let What::AttemptEnded { place, attempt, output, failure, unkept, cpu_ms, .. } = &event.what {
            let output = failure.as_ref().map(|failure| &failure.output).filter(|of| !of.is_null()).unwrap_or(output);
            if let Some(found) = attempts.iter_mut().rfind(|it| it.place == *place && it.number == *attempt) {
                found.ended = Some(output.clone());
                found.unkept.clone_from(unkept);
                found.process = cpu_ms.is_some();
            }
        }
    }
    attempts
}

/// Those that were asked for: of each place the last one, or the one named.
fn chosen(attempts: &[Attempt], args: &Logs) -> Vec<Attempt> {
    let last = |it: &&Attempt| {
        let newest = attempts.iter().filter(|other| other.place == it.place).map(|other| other.number).max();
        args.attempt.map_or(newest == Some(it.number), |number| number == it.number)
    };
    attempts.iter().filter(|it| fits(&it.place, args.step.as_deref())).filter(last).cloned().collect()
}

/// Whether a place is the named one, inside it, or of the step with that id.
fn fits(place: &str, step: Option<&str>) -> bool {
    let Some(step) = step else { return true };
    let inside = match (Place::parse(step), Place::parse(place)) {
        (Ok(named), Ok(place)) => named.holds(&place) || place.segments().iter().any(|it| it.step.as_str() == step),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    };
    inside || place == step
}

/// Prints all that is kept of an attempt; whether there was anything.
async fn whole(door: &Door, run: &str, attempt: &Attempt, printer: &mut Printer) -> Result<bool, Trouble> {
    let (mut any, mut recorded) = (false, false);
    for stream in STREAMS {
        let (mut from, mut flaw) = (0, None);
        loop {
            let chunk = door.output(asked(run, attempt, stream, from)).await?;
            recorded |= chunk.recorded;
            flaw = chunk.flaw.clone().or(flaw);
            if chunk.bytes == 0 {
                break;
            }
            any = true;
            from = i64::try_from(chunk.offset + chunk.bytes).unwrap_or(i64::MAX);
            printer.print(&chunk)?;
        }
        if let Some(flaw) = flaw {
            printer.flawed = true;
            let stream = if stream == OutputStream::Stderr { "stderr" } else { "stdout" };
            output::aside(&harmless(&format!("damaged: {stream} of `{}` {flaw}", attempt.place)));
        }
    }
    if attempt.process && !recorded && !any {
        output::aside(&harmless(&format!(
            "what `{}` printed is not here, only what its event has of it: an archive brings no more, or it is lost (`stepladder doctor`)",
            attempt.place
        )));
    }
    Ok(any)
}

fn asked(run: &str, attempt: &Attempt, stream: OutputStream, from: i64) -> OutputRequest {
    OutputRequest { run: run.into(), place: attempt.place.clone(), attempt: attempt.number, stream, from }
}

/// Prints what comes until the run ends.
async fn follow(door: &Door, run: &str, args: &Logs, printer: &mut Printer) -> Result<Exit, Trouble> {
    let mut interrupts = Interrupts::listen()?;
    let mut events = door.events(run);
    let mut seen = Vec::new();
    let mut read: BTreeMap<(String, u32, OutputStream), i64> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut open = true;
    while open {
        // What ended before this look is printed whole by it.
        loop {
            match events.try_recv() {
                Ok(event) => seen.push(event?),
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => break,
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                    open = false;
                    break;
                }
            }
        }
        open = open && !seen.iter().any(|event: &WireEvent| matches!(event.what, What::RunEnded { .. }));
        for attempt in attempts(&seen).iter().filter(|it| fits(&it.place, args.step.as_deref())) {
            for stream in STREAMS {
                let from = read.entry((attempt.place.clone(), attempt.number, stream)).or_insert(0);
                let chunk = door.output(asked(run, attempt, stream, *from)).await?;
                if chunk.bytes > 0 {
                    *from = i64::try_from(chunk.offset + chunk.bytes).unwrap_or(i64::MAX);
                    printer.print(&chunk)?;
                }
            }
            if !attempt.unkept.is_empty() && told.insert((attempt.place.clone(), attempt.number)) {
                printer.unkept(attempt, true)?;
            }
        }
        if open {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = interrupts.next() => return Ok(Exit::Cancelled),
            }
        }
    }
    Ok(Exit::Fine)
}

/// Prints stretches of output, each place and stream under its own head.
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others are")]
struct Printer {
    json: bool,
    /// Whether a terminal reads, which output of steps must not steer.
    terminal: bool,
    /// Whether heads are printed at all.
    named: bool,
    headed: Option<(String, u32, OutputStream)>,
    /// Whether anything was.
    printed: bool,
    /// Whether the last line of it has no end yet.
    open: bool,
    /// Whether something that was kept is not there, or is not what it was.
    flawed: bool,
}

impl Printer {
    fn print(&mut self, chunk: &OutputChunk) -> Result<(), Trouble> {
        self.printed = true;
        if self.json {
            return output::line(&serde_json::to_string(chunk).map_err(|reason| Trouble::new(reason.to_string()))?);
        }
        self.head(&chunk.place, chunk.attempt, chunk.stream)?;
        self.data(&chunk.text)
    }

    fn data(&mut self, text: &str) -> Result<(), Trouble> {
        self.open = !text.is_empty() && !text.ends_with('\n');
        if self.terminal { output::data(&harmless(text)) } else { output::data(text) }
    }

    fn head(&mut self, place: &str, attempt: u32, stream: OutputStream) -> Result<(), Trouble> {
        let head = (place.to_owned(), attempt, stream);
        if !self.named || self.headed.as_ref() == Some(&head) {
            return Ok(());
        }
        let gap = if self.headed.is_some() { "\n" } else { "" };
        let attempt = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let stream = if stream == OutputStream::Stderr { ", stderr" } else { "" };
        self.headed = Some(head);
        output::line(&format!("{gap}==> {place}{attempt}{stream} <=="))
    }

    /// How much more an attempt printed than is kept, and the end of it, which its event has and what was printed before has
    /// not. What lies between the two is marked where it is missing.
    fn unkept(&mut self, attempt: &Attempt, spooled: bool) -> Result<(), Trouble> {
        for unkept in &attempt.unkept {
            self.printed = true;
            let message = harmless(&format!("`{}` {}", attempt.place, unkept.message));
            let text = attempt.ended.as_ref().and_then(|output| output.get(&unkept.stream)).map(plain);
            let text = text.unwrap_or_default();
            let end = end_of(&text, unkept.more);
            let lost = unkept.more.saturating_sub(end.len() as u64);
            if self.json || end.is_empty() || unkept.why.is_some() {
                output::aside(&message);
            } else if lost == 0 && spooled {
                self.data(end)?;
            } else if lost > 0 && spooled {
                output::aside(&format!("{message}; the end of it:"));
                let gap = if self.open { "\n" } else { "" };
                self.data(&format!("{gap}[... {} that is not kept ...]\n", show_size(lost)))?;
                self.data(end)?;
            } else if lost > 0 {
                output::aside(&format!("{message}; that was the end of it"));
            }
        }
        Ok(())
    }

    /// The files that were kept of an attempt, where whoever looks for them finds them.
    fn artifacts(&self, attempt: &Attempt, data: &Path) {
        let files = attempt.ended.as_ref().and_then(|output| output.get("artifacts")).and_then(Value::as_array);
        for file in files.into_iter().flatten().filter(|_| !self.json) {
            let path = data.join(file["path"].as_str().unwrap_or_default());
            let size = show_size(file["bytes"].as_u64().unwrap_or_default());
            output::aside(&harmless(&format!("artifact: {} ({size})", path.display())));
        }
    }

    /// The output of a kind that prints nothing, or whose output was small enough for its event.
    fn value(&mut self, attempt: &Attempt) -> Result<(), Trouble> {
        let Some(value) = attempt.ended.as_ref().filter(|value| !value.is_null()) else { return Ok(()) };
        for stream in STREAMS {
            let name = if stream == OutputStream::Stderr { "stderr" } else { "stdout" };
            let text = value.get(name).map(plain).unwrap_or_default();
            if !text.is_empty() {
                let place = attempt.place.clone();
                self.print(&chunk(place, attempt.number, stream, text))?;
            }
        }
        if value.get("stdout").is_none() {
            let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
            self.print(&chunk(attempt.place.clone(), attempt.number, OutputStream::Stdout, text))?;
        }
        Ok(())
    }
}

/// A text as all of a stream.
fn chunk(place: String, attempt: u32, stream: OutputStream, text: String) -> OutputChunk {
    let bytes = text.len() as u64;
    OutputChunk { place, attempt, stream, offset: 0, text, bytes, total: bytes, flaw: None, recorded: true }
}

/// The end of a text, at most so many bytes.
fn end_of(text: &str, bytes: u64) -> &str {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let start = (text.len().saturating_sub(bytes)..=text.len()).find(|at| text.is_char_boundary(*at));
    text.get(start.unwrap_or_default()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_by_id_place_or_what_it_is_inside_of() {
        for (place, step, want) in [
            ("fleet[1]/restart", Some("fleet"), true),
            ("fleet[1]/restart", Some("restart"), true),
            ("fleet[1]/restart", Some("fleet[1]"), true),
            ("fleet[1]/restart", Some("fleet[2]"), false),
            ("check/recover/heal", Some("check"), true),
            ("check", Some("chec"), false),
            ("check", None, true),
        ] {
            assert_eq!(fits(place, step), want, "{place} {step:?}");
        }
    }
}
