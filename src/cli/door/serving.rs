//! The daemon: an owner that stays. It drives every run, answers on the socket, and ends when it is told to.

use crate::api::wire::{Fault, Problem};
use crate::api::{Desk, http};
use crate::base::actor::Actor;
use crate::cli::door::Purpose;
use crate::cli::door::home::{Home, Way};
use crate::cli::door::notice::Notice;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupts;
use crate::cli::settings::Settings;
use crate::cli::systemd::Manager;
use crate::cli::trouble::Trouble;
use crate::runtime::clock;
use crate::service::{Looks, Watched};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

/// Between two looks at oneself where nobody watches.
const PULSE: Duration = Duration::from_mins(1);
/// Between two looks at the files of the book: a change counts when two in a row are alike.
const LOOK: Duration = Duration::from_millis(400);
/// Between two looks for what takes too long.
const OVERDUE: Duration = Duration::from_mins(1);
/// Between looks at the room there is.
const ROOM: Duration = Duration::from_secs(5);
/// Looks at once: one that sees a change, one that takes it, one for what came between.
const LOOKS: usize = 3;
/// Between looks where nothing is heard: of a file on another machine, or in a directory that nobody listens to.
const UNHEARD: Duration = Duration::from_secs(15);
/// How long after an instant alerts are judged by what was measured until then.
const SETTLE: Duration = Duration::from_millis(300);
/// Between looks at files that triggers watch, where the kernel tells of none.
const UNTOLD: Duration = Duration::from_secs(2);

/// Serves the book's data directory until a signal ends it. Children go on under the keeper then.
///
/// # Errors
/// When the data directory can't be used, or the journal can't be written any more.
pub async fn serve(settings: &Settings) -> Result<Exit, Trouble> {
    let mut interrupts = Interrupts::listen()?;
    let manager = Manager::of(&settings.env);
    let book = settings.book()?;
    let begun = clock::ticks();
    let home = tokio::select! {
        home = Home::open(settings, &book, Purpose::Serve) => home?,
        _ = interrupts.next() => return Ok(Exit::Fine),
    };
    let took = clock::ticks().saturating_sub(begun).as_millis();
    let (version, process) = (env!("CARGO_PKG_VERSION"), std::process::id());
    tracing::info!(version, process, book = %book.display(), ms = %took, "stepladder serves");
    let ended = stay(&home, &book, &mut interrupts, &manager).await;
    manager.tell("STOPPING=1\nSTATUS=ending");
    let begun = clock::ticks();
    home.close().await;
    let took = clock::ticks().saturating_sub(begun).as_millis();
    tracing::info!(ms = %took, "stepladder has ended; what its steps started goes on, and the next owner hears of it");
    ended
}

async fn stay(home: &Home, book: &Path, interrupts: &mut Interrupts, manager: &Manager) -> Result<Exit, Trouble> {
    let (Way::Here(desk), Some(mut breaks)) = (home.way(), home.breaks()) else {
        return Err(Trouble::new("the runs are driven by another process"));
    };
    let mut pulse = pulse(manager.watchdog().unwrap_or(PULSE));
    // Nothing is started by a daemon that can't have its address.
    let http = listen(home, &desk).await?;
    desk.arm().await?;
    let notice = Notice::of(book);
    if notice.is_none() {
        tracing::warn!("the kernel does not tell of changed files: all are looked at again and again");
    }
    let watch = Watch(tokio::spawn(watch_book(desk.clone(), notice)));
    let files = Watch(tokio::spawn(watch_files(desk.clone())));
    let listener = desk.clone();
    let replies = Watch(tokio::spawn(async move { listener.listen_for_replies().await }));
    let alerts = Watch(tokio::spawn(watch_alerts(desk.clone())));
    let drills = Watch(tokio::spawn(watch_drills(desk.clone())));
    let overdue = Watch(tokio::spawn(watch_overdue(desk.clone())));
    let space = Watch(tokio::spawn(watch_space(desk.clone())));
    let watcher = Watch(tokio::spawn(call_watcher(desk.clone())));
    let http = http.map(|http| Watch(tokio::spawn(http.serve())));
    manager.tell("READY=1\nSTATUS=serving");
    let ended = heed(&desk, interrupts, manager, &mut breaks, &mut pulse).await;
    drop((watch, files, replies, alerts, drills, overdue, space, watcher, http));
    ended
}

async fn heed(
    desk: &Desk,
    interrupts: &mut Interrupts,
    manager: &Manager,
    breaks: &mut Receiver<Option<String>>,
    pulse: &mut Interval,
) -> Result<Exit, Trouble> {
    loop {
        tokio::select! {
            name = interrupts.next() => match name {
                "SIGHUP" => reload(desk, manager).await,
                name => {
                    tracing::info!(signal = name, "stepladder ends");
                    return Ok(Exit::Fine);
                }
            },
            _ = breaks.changed() => {
                let why = breaks.borrow().clone().unwrap_or_else(|| "the thread that drives the runs is gone".into());
                let (went, ways) = desk.last_words(&why).await;
                tracing::error!(%why, went, ways, "the daemon ends; whoever catches all was told over so many ways");
                return Err(Trouble::new(why).help("started again it reads the journal from the disk and goes on"));
            }
            _ = pulse.tick() => beat(desk, pulse.period(), manager).await,
        }
    }
}

/// Tells who watches that the runs are driven: only the thread that drives them can say so.
async fn beat(desk: &Desk, patience: Duration, manager: &Manager) {
    if timeout(patience, desk.beats()).await == Ok(true) {
        manager.tell("WATCHDOG=1");
    } else {
        tracing::error!("the thread that drives the runs does not answer");
    }
}

/// Takes the address that the settings name, to serve HTTP over TCP there.
async fn listen(home: &Home, desk: &Desk) -> Result<Option<http::Http>, Trouble> {
    let Some(listen) = home.listen() else { return Ok(None) };
    let (http, address) = http::listen(desk.clone(), &listen).await.map_err(Trouble::new)?;
    let first = desk.clone();
    let first = tokio::task::spawn_blocking(move || first.first_token()).await;
    match first.unwrap_or_else(|error| Err(Problem::new(Fault::Internal, error.to_string()))) {
        Ok(Some(file)) => tracing::info!(file = %file.display(), "the token `first` was made: it may do everything"),
        Ok(None) => {}
        // Whoever has a token comes in, and others can be made.
        Err(problem) => tracing::error!(why = %problem.detail, "there is no first token"),
    }
    tracing::info!(%address, tls = listen.tls.is_some(), "HTTP is served; `stepladder token create NAME` lets somebody in");
    Ok(Some(http))
}

/// A task of the daemon, ended with it.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks at the files of the book when something was heard of them, and now and then all the same; keeps the clock to
/// what they ask for.
async fn watch_book(desk: Desk, notice: Option<Notice>) {
    loop {
        // A change counts at the second look that is alike; what is heard meanwhile is looked at again.
        for _ in 0..LOOKS {
            let looks = desk.clone();
            drop(tokio::task::spawn_blocking(move || looks.look_at_book()).await);
            if let Err(problem) = desk.arm().await {
                tracing::error!(why = %problem.detail, "the schedules of the book can't be armed; those before it count");
            }
            sleep(LOOK).await;
        }
        if let Some(notice) = &notice {
            drop(timeout(UNHEARD, notice.heard()).await);
        }
    }
}

/// Looks at the files that triggers watch when something was heard of them, and now and then all the same.
async fn watch_files(desk: Desk) {
    let (mut looks, mut dirs, mut said) = (Looks::default(), BTreeSet::new(), false);
    loop {
        // What happens while it looks is heard, too.
        let notice = Notice::over(dirs.clone());
        // A change counts at the second look that is alike.
        for _ in 0..LOOKS {
            let desk = desk.clone();
            let mut held = std::mem::take(&mut looks);
            let looked = tokio::task::spawn_blocking(move || {
                let dirs = desk.look_at_files(&mut held);
                (held, dirs)
            });
            let Ok((held, Ok(found))) = looked.await else { return };
            (looks, dirs) = (held, found);
            sleep(LOOK).await;
        }
        let deaf = notice.is_none() && !dirs.is_empty();
        if deaf && said {
            sleep(UNTOLD).await;
        } else if let Some(notice) = &notice {
            drop(timeout(UNHEARD, notice.heard()).await);
        } else if dirs.is_empty() {
            sleep(UNTOLD).await;
        }
        if deaf && !said && Notice::over(dirs.clone()).is_none() {
            said = true;
            tracing::warn!(
                "the kernel does not tell of changed files: those that triggers watch are looked at again and again"
            );
        }
    }
}

/// Judges the alerts of the book whenever one of them is to be judged.
async fn watch_alerts(desk: Desk) {
    let mut first = true;
    loop {
        let wait = match desk.look_at_alerts(first).await {
            Ok(Some(wait)) => {
                first = false;
                // Samples of the instant that is judged are there a moment after it.
                wait + SETTLE
            }
            Ok(None) => LOOK,
            Err(problem) => {
                tracing::error!(why = %problem.detail, "the alerts of the book can't be judged or told of; it is tried again");
                first = true;
                UNTOLD
            }
        };
        sleep(wait).await;
    }
}

/// Holds the drills that are due, and tells of people who can't be reached.
async fn watch_drills(desk: Desk) {
    loop {
        let wait = match desk.look_at_drills().await {
            Ok(wait) => wait,
            Err(problem) => {
                tracing::error!(why = %problem.detail, "nobody can say who can be reached; it is tried again");
                UNHEARD
            }
        };
        // Never at full speed, whatever is heard.
        sleep(LOOK).await;
        drop(timeout(wait, desk.heard_of_ways()).await);
    }
}

/// Looks for what takes too long.
async fn watch_overdue(desk: Desk) {
    loop {
        if let Err(problem) = desk.look_at_overdue().await {
            tracing::error!(why = %problem.detail, "nobody knows which runs take too long; it is tried again");
        }
        sleep(OVERDUE).await;
    }
}

/// Looks how much room there is where the data is.
async fn watch_space(desk: Desk) {
    loop {
        if let Err(problem) = desk.look_at_space() {
            tracing::error!(why = %problem.detail, "nobody knows how much room must be kept free");
        }
        sleep(ROOM).await;
    }
}

/// Calls the watcher outside as long as all is well; says when that changes.
async fn call_watcher(desk: Desk) {
    let mut last = Watched::Nobody;
    loop {
        let begun = clock::ticks();
        let (watched, every) = desk.call_watcher().await;
        if watched != last {
            match &watched {
                Watched::Nobody => tracing::info!("no watcher outside is called any more"),
                Watched::Called => tracing::info!("the watcher outside is called (`dead_man`)"),
                Watched::Unreached(why) => tracing::error!(%why, "the watcher outside is not reached (`dead_man`)"),
                Watched::Withheld(why) => {
                    tracing::error!(%why, "the watcher outside is not called (`dead_man`): something is wrong here");
                }
            }
            last = watched;
        }
        let took = clock::ticks().saturating_sub(begun);
        sleep(every.unwrap_or(UNHEARD).saturating_sub(took)).await;
    }
}

async fn reload(desk: &Desk, manager: &Manager) {
    manager.reloading();
    let (desk, actor) = (desk.clone(), Actor::engine("SIGHUP"));
    match tokio::task::spawn_blocking(move || desk.reload(actor)).await {
        Ok(Ok(reloaded)) => {
            let (changed, broken) = (reloaded.changed.len(), reloaded.broken.len());
            tracing::info!(changed, broken, "the files of the book were read again");
        }
        Ok(Err(problem)) => tracing::error!(why = %problem.detail, "the files of the book could not be read again"),
        Err(error) => tracing::error!(%error, "the files of the book could not be read again"),
    }
    manager.tell("READY=1");
}

fn pulse(period: Duration) -> Interval {
    let mut pulse = interval(period);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}
