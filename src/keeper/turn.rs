//! The keeper's one loop: wait for something, do it, never wait for anything in particular.

use crate::keeper::link::Link;
use crate::keeper::minder::Minder;
use crate::keeper::record::Survive;
use crate::keeper::sys;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, Itimerspec, TimerfdTimerFlags, Timespec};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// How long a keeper with nothing to do and nobody to serve stays.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes read at once.
const BUFFER: usize = 64 * 1024;

/// Everything the loop waits for.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) minder: Minder,
    pub(crate) listener: UnixListener,
    /// Rung by the signal handlers.
    pub(crate) bell: OwnedFd,
    /// Goes on while the machine sleeps.
    pub(crate) timer: OwnedFd,
    pub(crate) links: BTreeMap<u64, Link>,
    pub(crate) next_link: u64,
    pub(crate) idle_since: Option<Duration>,
    /// When the timer rings.
    pub(crate) armed: Duration,
}

/// Something to wait for.
#[derive(Debug, Clone)]
enum Source {
    Bell,
    Timer,
    Listener,
    Link(u64),
    Pipe(String, usize),
}

/// Now, on the clock that goes on while the machine sleeps.
#[must_use]
pub fn boot_clock() -> Duration {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl Turns {
    /// Runs until there is nothing left to do.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            self.arm()?;
            for source in self.wait()? {
                self.serve(&source, &mut buffer)?;
            }
            let now = boot_clock();
            let survive = if self.links.is_empty() { Survive::PowerLoss } else { Survive::Crash };
            for tell in self.minder.turn(now, survive) {
                self.links.values_mut().for_each(|link| link.say(&tell));
            }
            for (id, _) in self.links.extract_if(.., |_, link| link.is_closed()) {
                self.minder.hung_up(id);
            }
            if self.is_done(now) {
                return Ok(());
            }
        }
    }

    fn is_done(&mut self, now: Duration) -> bool {
        if !self.minder.is_idle() {
            self.idle_since = None;
            return false;
        }
        if sys::asked_to_end() {
            return true;
        }
        if !self.links.is_empty() {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        since + IDLE <= now
    }

    fn arm(&mut self) -> io::Result<()> {
        let idle = self.idle_since.map(|since| since + IDLE);
        let due = self.minder.due().into_iter().chain(idle).min();
        // Zero would disarm the timer; what is due at once is due a nanosecond after boot.
        let at = due.map_or(Duration::ZERO, |due| due.max(Duration::from_nanos(1)));
        if at == self.armed {
            return Ok(());
        }
        let it_value =
            Timespec { tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX), tv_nsec: at.subsec_nanos().into() };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
        self.armed = at;
        Ok(())
    }

    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut polled = vec![
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::new(&self.timer, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        for link in self.links.values() {
            let more = if link.has_more() { PollFlags::OUT } else { PollFlags::empty() };
            polled.push(PollFd::from_borrowed_fd(link.socket(), PollFlags::IN | more));
        }
        let pipes =
            || self.minder.children.iter().flat_map(|(attempt, child)| child.pipes().map(move |pipe| (attempt, pipe)));
        polled.extend(pipes().map(|(_, (_, pipe))| PollFd::from_borrowed_fd(pipe, PollFlags::IN)));
        match rustix::event::poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // In the same order once more: only what is ready gets a name.
        let mut ready = polled.iter().map(|fd| !fd.revents().is_empty());
        let mut sources = Vec::new();
        let fixed = [Source::Bell, Source::Timer, Source::Listener].into_iter();
        sources.extend(fixed.zip(&mut ready).filter_map(|(source, ready)| ready.then_some(source)));
        sources.extend(self.links.keys().zip(&mut ready).filter_map(|(id, ready)| ready.then_some(Source::Link(*id))));
        let of_pipes = pipes().zip(&mut ready).filter(|(_, ready)| *ready);
        sources.extend(of_pipes.map(|((attempt, (index, _)), _)| Source::Pipe(attempt.clone(), index)));
        Ok(sources)
    }

    fn serve(&mut self, source: &Source, buffer: &mut [u8]) -> io::Result<()> {
        match source {
            Source::Bell => {
                quiet(&self.bell)?;
                self.minder.ring();
            }
            Source::Timer => {
                quiet(&self.timer)?;
                // What is due and cannot be done yet rings again.
                self.armed = Duration::ZERO;
            }
            Source::Listener => self.accept(),
            Source::Link(id) => self.hear(*id, buffer),
            Source::Pipe(attempt, index) => {
                if let Some(child) = self.minder.children.get_mut(attempt) {
                    child.read(*index, buffer, boot_clock());
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        // The directory is 0700 already; root may come in, another user never.
        let uid = rustix::net::sockopt::socket_peercred(&stream).map(|peer| peer.uid);
        let ours = uid.is_ok_and(|uid| uid == rustix::process::geteuid() || uid.is_root());
        if let (true, Ok(link)) = (ours, Link::new(stream)) {
            self.links.insert(self.next_link, link);
            self.next_link += 1;
        }
    }

    fn hear(&mut self, id: u64, buffer: &mut [u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.flush();
        for (ask, stdin) in link.read(buffer) {
            if let Some(tell) = self.minder.ask(id, ask, &stdin, boot_clock()) {
                link.say(&tell);
            }
        }
    }
}

/// Takes the count off an eventfd or a timerfd, so that it is not ready any more.
fn quiet(fd: &OwnedFd) -> io::Result<()> {
    match rustix::io::read(fd, &mut [0; 8]) {
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
