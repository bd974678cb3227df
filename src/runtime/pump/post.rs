//! How messages reach the pump, and who takes them.
//!
//! The pump has a thread of its own, which sleeps until something comes or is due. Whoever brings what the pump waits for, and
//! has nothing better to do, takes it itself where the pump is free ([`Post::together`]): to wake a thread that sleeps
//! takes longer than what there is to do (decision 45). Only one at a time has the pump.

use super::{Message, Next, Pump, TOGETHER};
use crate::runtime::clock;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Rounds that somebody else does for the pump before its own thread goes on.
const ROUNDS: usize = 16;

thread_local! {
    /// Whether this thread will look for the pump's messages itself, soon.
    static GATHERS: Cell<bool> = const { Cell::new(false) };
}

/// Where messages for a pump are put.
#[derive(Clone)]
pub struct Post {
    shared: Arc<Shared>,
}

/// Where a pump finds them.
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Rung when something has come, or is due earlier than it was.
    bell: Condvar,
    /// The pump, between its turns, while it runs.
    pump: Mutex<Option<Pump>>,
}

struct State {
    messages: VecDeque<Message>,
    open: bool,
    /// When something is due by itself, on the clock that only goes forward.
    due: Duration,
}

/// Nobody takes messages any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pump is gone")]
pub struct Closed;

/// A post box and the pump's end of it.
#[must_use]
pub fn post_box() -> (Post, Inbox) {
    let state = Mutex::new(State { messages: VecDeque::new(), open: true, due: Duration::ZERO });
    let shared = Arc::new(Shared { state, bell: Condvar::new(), pump: Mutex::new(None) });
    (Post { shared: Arc::clone(&shared) }, Inbox { shared })
}

impl Post {
    /// Leaves a message for the pump's thread.
    ///
    /// # Errors
    /// When nobody will take it.
    pub fn send(&self, message: Message) -> Result<(), Closed> {
        self.shared.put(message)?;
        if !GATHERS.get() {
            self.shared.bell.notify_one();
        }
        Ok(())
    }

    /// Does `work`, on a thread that may wait for the disk and holds nothing that the pump could want. What it leaves here
    /// meanwhile is taken on this thread, with all that follows at once, where the pump is free.
    pub fn together(&self, work: &mut dyn FnMut()) {
        let outer = GATHERS.replace(true);
        work();
        let served = if outer { Served::All } else { self.shared.serve() };
        GATHERS.set(outer);
        if served == Served::NotAll {
            self.shared.bell.notify_one();
        }
    }
}

impl Inbox {
    /// The next message, if there is one.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_recv(&self) -> Result<Message, TryRecvError> {
        self.shared.state().messages.pop_front().ok_or(TryRecvError::Empty)
    }

    /// The next message, waited for.
    ///
    /// # Errors
    /// When none has come in that time.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message, RecvTimeoutError> {
        let none = |state: &mut State| state.messages.is_empty();
        let waited = self.shared.bell.wait_timeout_while(self.shared.state(), timeout, none);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.messages.pop_front().ok_or(RecvTimeoutError::Timeout)
    }

    /// Drives the pump until it is over, on this thread and on those that deliver.
    pub(super) fn drive(self, pump: Pump) {
        let shared = &self.shared;
        *shared.pump.lock().unwrap_or_else(PoisonError::into_inner) = Some(pump);
        // Who drives it looks again before it rests: nobody has to be woken by what the pump says to itself.
        GATHERS.set(true);
        loop {
            {
                // Somebody may have panicked with it: then nobody knows what it holds.
                let Ok(mut seat) = shared.pump.lock() else { return };
                let Some(pump) = seat.as_mut() else { return };
                if shared.turn(pump) == Next::End {
                    *seat = None;
                    return;
                }
            }
            shared.sleep();
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.open = false;
        let left = std::mem::take(&mut state.messages);
        drop(state);
        // Whoever waits for an answer to one of them hears that there is none.
        drop(left);
    }
}

/// Whether whoever helped did everything there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    All,
    /// The pump's own thread has to look.
    NotAll,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, message: Message) -> Result<(), Closed> {
        let mut state = self.state();
        if !state.open {
            return Err(Closed);
        }
        state.messages.push_back(message);
        Ok(())
    }

    /// Takes what has come, for the pump's own thread.
    fn serve(&self) -> Served {
        let mut seat = match self.pump.try_lock() {
            Ok(seat) => seat,
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return Served::NotAll,
        };
        let before = self.state().due;
        for _ in 0..ROUNDS {
            let Some(pump) = seat.as_mut() else { return Served::NotAll };
            if self.turn(pump) == Next::End {
                *seat = None;
                return Served::NotAll;
            }
            let state = self.state();
            if state.messages.is_empty() {
                return if state.due < before { Served::NotAll } else { Served::All };
            }
        }
        Served::NotAll
    }

    /// One turn: everything that has come, then everything that is due.
    fn turn(&self, pump: &mut Pump) -> Next {
        let messages: Vec<Message> = {
            let mut state = self.state();
            let count = state.messages.len().min(TOGETHER);
            state.messages.drain(..count).collect()
        };
        for message in messages {
            if pump.heed(message) == Next::End {
                return Next::End;
            }
        }
        pump.send_off();
        if pump.tick() == Next::End {
            return Next::End;
        }
        let due = clock::ticks().saturating_add(pump.rest());
        self.state().due = due;
        Next::Go
    }

    /// Sleeps until something has come or is due.
    fn sleep(&self) {
        let mut state = self.state();
        while state.messages.is_empty() {
            let left = state.due.saturating_sub(clock::ticks());
            if left.is_zero() {
                return;
            }
            state = self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            // Whoever helped may have ended it.
            if self.pump.try_lock().is_ok_and(|seat| seat.is_none()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Place;
    use crate::base::ids::{IncidentId, RunId};
    use crate::escalation::event::Page;
    use crate::model::book::Settings;
    use crate::model::perform::Request;
    use crate::runtime::pump::{Perform, Proof};
    use crate::store::memory::Memory;
    use crate::store::no_rows;
    use jiff::Timestamp;
    use tokio::sync::oneshot;

    struct Idle;

    impl Perform for Idle {
        fn perform(&self, _: RunId, _: Request, _: Option<Timestamp>, _: bool) {}
        fn stop(&self, _: RunId, _: &Place, _: u32) {}
        fn kill(&self, _: RunId) {}
        fn gone(&self, _: RunId) {}
        fn page(&self, _: IncidentId, _: &Page, _: &str, _: bool) {}
        fn settings(&self, _: &Arc<Settings>) {}
        fn withdraw(&self, _: IncidentId, _: u32) {}
        fn has(&self, _: RunId, _: &Place, _: u32) -> bool {
            true
        }
    }

    fn pump(post: &Post) -> Pump {
        let journal = Arc::new(Memory::new(no_rows()));
        Pump::new(journal, Arc::default(), Box::new(Idle), post.clone(), "test".into(), Box::new(|_| {}))
    }

    fn leave_stop(post: &Post, done: oneshot::Sender<()>) {
        let mut done = Some(done);
        post.together(&mut || post.send(Message::Stop(done.take().expect("once"))).expect("open"));
    }

    fn asked(post: &Post) -> oneshot::Receiver<Proof> {
        let (told, answer) = oneshot::channel();
        post.send(Message::Prove(told)).expect("open");
        answer
    }

    #[test]
    fn what_is_left_together_is_taken_on_this_thread_where_the_pump_is_free() {
        let (post, inbox) = post_box();
        *post.shared.pump.lock().expect("whole") = Some(pump(&post));
        let mut answers = Vec::new();
        post.together(&mut || answers.extend([asked(&post), asked(&post)]));
        assert!(answers.iter_mut().all(|answer| answer.try_recv().is_ok()), "nobody else was there to do it");
        let taken = post.shared.pump.lock().expect("whole");
        post.together(&mut || answers.push(asked(&post)));
        assert!(answers[2].try_recv().is_err(), "somebody else has the pump");
        drop(taken);
        let mut late = asked(&post);
        assert!(late.try_recv().is_err(), "left for the pump's own thread");
        let (done, mut over) = oneshot::channel();
        leave_stop(&post, done);
        assert!(answers[2].try_recv().is_ok() && late.try_recv().is_ok() && over.try_recv().is_ok());
        assert!(post.shared.pump.lock().expect("whole").is_none(), "it is over");
        drop(inbox);
        assert_eq!(post.send(Message::Space(None)), Err(Closed));
    }

    #[test]
    fn whoever_delivers_every_message_is_taken_once_and_the_end_is_seen() {
        let (post, inbox) = post_box();
        let pump = pump(&post);
        let own = std::thread::spawn(move || pump.run(inbox));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let post = post.clone();
                std::thread::spawn(move || {
                    for round in 0..500 {
                        let mut answer = None;
                        match (number + round) % 2 {
                            0 => post.together(&mut || answer = Some(asked(&post))),
                            _ => answer = Some(asked(&post)),
                        }
                        answer.expect("asked").blocking_recv().expect("answered");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("whole");
        }
        let (done, over) = oneshot::channel();
        leave_stop(&post, done);
        over.blocking_recv().expect("answered");
        own.join().expect("whole");
        assert_eq!(post.send(Message::Space(None)), Err(Closed));
    }
}
