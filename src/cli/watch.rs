//! Watching a run to its end: events in, a live tree or lines out, signals turned into a cancel.

use crate::api::wire::{
    AnswerRequest, CancelMode, CancelRequest, OutputRequest, OutputStream, StartReply, What, WireEvent,
};
use crate::cli::ask;
use crate::cli::called::{called, question};
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::output::{self, Stream};
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::view::{Line, Question, Screen, Tails, View, Wants, heartbeat, lines, short};
use crate::diagnostic::render::Style;
use crate::runtime::clock;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

mod consent;

pub use consent::came_to;

/// The live tree is drawn at most so often.
const FRAME: Duration = Duration::from_millis(100);
/// Frames between two looks at the output of what runs.
const LOOK: u32 = 3;
/// Frames between two looks whether a called run asks something.
const LISTEN: u32 = 10;
/// Frames without a line before plain output says what still runs.
const SILENCE: u32 = 150;
/// Bytes of output looked at, and lines of it shown.
const TAIL: (i64, usize) = (2_048, 3);

/// How a run is shown while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A live tree on a terminal, else lines.
    People,
    /// Events as lines of JSON on stdout, the live tree on stderr where that is a terminal.
    Json,
}

/// What the eyes see.
struct Watcher<'a> {
    door: &'a Door,
    settings: &'a Settings,
    run: String,
    view: View,
    screen: Screen,
    tails: Tails,
    show: Show,
    /// Where the tree or the lines go.
    stream: Stream,
    style: Style,
    live: bool,
    /// Nobody reads stdout any more: the run goes on all the same.
    deaf: bool,
    asked_to_end: bool,
    answered: Vec<String>,
    /// A line that was asked for and is not typed yet, though its question is gone.
    typing: Option<JoinHandle<Result<String, Trouble>>>,
    quiet: u32,
    frames: u32,
}

/// Watches a run to its end. Who starts one listens for `interrupts` before that: none may be lost in between.
///
/// # Errors
/// When the connection to its owner is lost; the run itself goes on.
pub async fn watch(
    door: &Door,
    reply: StartReply,
    settings: &Settings,
    show: Show,
    interrupts: Interrupts,
) -> Result<Exit, Trouble> {
    let (stream, style, live) = match show {
        Show::People => (Stream::Data, settings.out, settings.live_out),
        // Two things on one terminal would draw over one another.
        Show::Json => (Stream::Aside, settings.err, settings.live_err && !settings.live_out),
    };
    let mut watcher = Watcher {
        door,
        settings,
        run: reply.run,
        view: View::new(reply.outline),
        screen: Screen::default(),
        tails: Tails::new(),
        show,
        stream,
        style,
        live,
        deaf: false,
        asked_to_end: false,
        answered: Vec::new(),
        typing: None,
        quiet: 0,
        frames: 0,
    };
    let seen = watcher.follow(interrupts).await;
    // However it ended, the cursor is back and the last frame makes room for what stays.
    let clear = watcher.screen.clear();
    watcher.write(&clear);
    seen?;
    let called = called(door, &watcher.view, style).await;
    watcher.finish(called)
}

impl Watcher<'_> {
    async fn follow(&mut self, mut interrupts: Interrupts) -> Result<(), Trouble> {
        let mut events = self.door.events(&self.run);
        let mut frames = frames();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Ok(event)) => self.take(&event),
                    Some(Err(trouble)) => return Err(self.lost(&trouble)),
                    None => return Ok(()),
                },
                name = interrupts.next() => self.interrupted(name).await,
                _ = frames.tick() => self.frame().await,
            }
            if self.view.ended().is_some() {
                return Ok(());
            }
            let question = self.view.questions().into_iter().find(|question| self.may_ask(&question.place));
            match question {
                Some(asks) if asks.wants == Wants::Approval => {
                    self.consent(&asks, &mut events, &mut interrupts).await;
                }
                Some(asks) => self.answer(asks, &mut interrupts).await,
                None => {}
            }
            if self.view.ended().is_some() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, event: &WireEvent) {
        self.view.apply(event);
        if self.show == Show::Json {
            let line = serde_json::to_string(event).unwrap_or_default();
            self.data(&format!("{line}\n"));
        } else if !self.live {
            // The summary is printed once, at the end.
            let ended = matches!(event.what, What::RunEnded { .. });
            let said = if ended { Vec::new() } else { lines(&self.view, event, self.style) };
            let text: String = said.iter().map(|line| line.text(self.style) + "\n").collect();
            self.quiet = if text.is_empty() { self.quiet } else { 0 };
            self.data(&text);
        }
    }

    async fn frame(&mut self) {
        self.frames += 1;
        self.quiet += 1;
        if self.frames.is_multiple_of(LISTEN) {
            self.listen().await;
        }
        if self.live {
            if self.frames % LOOK == 1 {
                self.look().await;
            }
            let now = clock::now();
            let drawn = self.view.render(self.settings.rows.saturating_sub(1), self.style, now, &self.tails);
            let frame = self.screen.frame(drawn.iter().map(|line| line.text(self.style)).collect());
            self.write(&frame);
        } else if self.show == Show::People && self.quiet >= SILENCE {
            self.quiet = 0;
            if let Some(line) = heartbeat(&self.view, clock::now()) {
                self.data(&format!("{}\n", line.text(self.style)));
            }
        }
    }

    /// Says what a called run waits to be told, once: it is shown nowhere else here.
    async fn listen(&mut self) {
        let Some((run, question)) = question(self.door, &self.view).await else { return };
        let named = format!("{} {}", short(&run), question.place);
        let way = match question.wants {
            Wants::Fate => format!("stepladder answer {named} succeeded|failed|again"),
            Wants::Word => format!("stepladder answer {named} go|stop"),
            Wants::Approval => format!("stepladder approve {named}, stepladder reject {named}"),
        };
        if self.answered.contains(&way) {
            return;
        }
        let clear = self.screen.clear();
        self.write(&clear);
        output::aside(&format!("run {}, which this one called, asks: {}\n  {way}", short(&run), question.question));
        self.answered.push(way);
    }

    /// Looks at the last lines of what runs.
    async fn look(&mut self) {
        self.tails.clear();
        for (place, attempt) in self.view.running() {
            let mut tail = Vec::new();
            for stream in [OutputStream::Stdout, OutputStream::Stderr] {
                let (run, place) = (self.run.clone(), place.clone());
                let asked = OutputRequest { run, place, attempt, stream, from: -TAIL.0 };
                if let Ok(chunk) = self.door.output(asked).await {
                    tail.extend(chunk.text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
                }
            }
            let from = tail.len().saturating_sub(TAIL.1);
            self.tails.insert(place, tail.split_off(from));
        }
    }

    /// The first signal cancels, the second kills what still runs.
    async fn interrupted(&mut self, name: &str) {
        let mode = if self.asked_to_end { CancelMode::Now } else { CancelMode::Gentle };
        self.asked_to_end = true;
        let asked = CancelRequest { run: self.run.clone(), reason: format!("{name} to `stepladder run`"), mode };
        if let Err(trouble) = self.door.cancel(asked).await
            && !self.live
        {
            output::aside(&trouble.to_string());
        }
    }

    fn may_ask(&self, place: &str) -> bool {
        self.settings.can_ask && !self.answered.iter().any(|answered| answered == place)
    }

    /// Asks the person at the terminal what a step wants to know.
    async fn answer(&mut self, asks: Question, interrupts: &mut Interrupts) {
        let Question { place, question, known, wants } = asks;
        let lost = wants == Wants::Fate;
        self.answered.push(place.clone());
        let clear = self.screen.clear();
        self.write(&clear);
        let choices = if lost { "succeeded, failed or again?" } else { "[y/N]" };
        let asked = format!(
            "{place}: {question}{} {choices} ",
            if known.is_empty() { String::new() } else { format!(" ({known})") }
        );
        let typed = tokio::task::spawn_blocking(move || ask::line(&asked));
        let typed = tokio::select! {
            typed = typed => typed.ok().and_then(Result::ok).unwrap_or_default(),
            name = interrupts.next() => return self.interrupted(name).await,
        };
        let answer = match (lost, typed.trim()) {
            (true, word @ ("succeeded" | "failed" | "again")) => word,
            (true, _) => return output::aside("  it waits on: no answer was given"),
            (false, "y" | "Y" | "yes") => "go",
            (false, _) => "stop",
        };
        let answer = AnswerRequest { run: self.run.clone(), place, answer: answer.into() };
        if let Err(trouble) = self.door.answer(answer).await {
            output::aside(&trouble.to_string());
        }
    }

    fn lost(&self, trouble: &Trouble) -> Trouble {
        let said = trouble.to_string();
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        Trouble::new(format!("lost sight of run {}: {said}", short(&self.run)))
            .help(format!("`stepladder show {}` says how it stands", short(&self.run)))
    }

    /// What stays on the screen, and how the process ends.
    fn finish(&mut self, called: Vec<Line>) -> Result<Exit, Trouble> {
        let Some((outcome, level)) = self.view.ended() else {
            return Err(self.lost(&Trouble::new("its events ended before it did")));
        };
        let exit = Exit::of_run(outcome, level);
        let mut shown = match (self.live, self.show) {
            (true, _) => self.view.page(self.style, clock::now()),
            (false, Show::People) => self.view.summary(self.style),
            (false, Show::Json) => Vec::new(),
        };
        if self.live || self.show == Show::People {
            shown.extend(called);
        }
        let text: String = shown.iter().map(|line| line.text(self.style) + "\n").collect();
        self.write(&text);
        Ok(exit)
    }

    fn data(&mut self, text: &str) {
        self.print(Stream::Data, text);
    }

    fn write(&mut self, text: &str) {
        self.print(self.stream, text);
    }

    fn print(&mut self, stream: Stream, text: &str) {
        let data = stream == Stream::Data;
        if text.is_empty() || (data && self.deaf) {
            return;
        }
        if output::write(stream, text).is_err() && data {
            self.deaf = true;
        }
    }
}

fn frames() -> Interval {
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    frames
}
