//! What reaches the pump, and the port through which it reaches the world.

use crate::base::address::Place;
use crate::base::ids::{IncidentId, RunId};
use crate::engine::decide::Input;
use crate::engine::event::Recorded;
use crate::escalation::event::Page;
use crate::model::book::Settings;
use crate::model::perform::Request;
use crate::model::runbook::Runbook;
use crate::runtime::pump::{About, Follower, Proof, Tidings};
use crate::runtime::schedules::{Armed, Heard};
use crate::schedule::backfill::Backfill;
use crate::schedule::decide::Input as ScheduleInput;
use crate::schedule::key::ScheduleId;
use crate::store::{AppendError, Version};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The port to the outside world. Each call returns at once; what comes of it arrives as a message.
pub trait Perform: Send {
    /// Perform an attempt. `again` = an earlier owner ordered it and may have done it: only then does it have until `deadline` and
    /// no longer, else all of its time.
    fn perform(&self, run: RunId, request: Request, deadline: Option<Timestamp>, again: bool);
    /// An attempt is about to be ordered, and its order on its way to the disk. Whatever is done now must be nothing that
    /// anybody outside could notice.
    fn prepare(&self, _run: RunId, _request: &Request) {}
    /// A run that starts processes is about to begin: whoever minds them may be called now.
    fn expect_children(&self) {}
    /// Stop an attempt; its reply still comes.
    fn stop(&self, run: RunId, place: &Place, attempt: u32);
    /// Kill everything that still runs of a run, without grace; replies still come.
    fn kill(&self, run: RunId);
    /// The run is over: what it kept beside its output can go.
    fn gone(&self, run: RunId);
    /// Send a page of an incident of that severity. `again` = an earlier owner ordered it and may have sent it.
    fn page(&self, incident: IncidentId, page: &Page, severity: &str, again: bool);
    /// These settings count from now on for the channels that pages go over.
    fn settings(&self, settings: &Arc<Settings>);
    /// Do not start sending a page any more.
    fn withdraw(&self, incident: IncidentId, page: u32);
    /// Whether somebody is at that attempt; who can't say says yes.
    fn has(&self, run: RunId, place: &Place, attempt: u32) -> bool;
    /// What is wrong with whoever performs, a sentence each.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What reaches the pump.
pub enum Message {
    /// Start a run. Answered once its first event is durable.
    Start {
        /// By this.
        book: Arc<Runbook>,
        /// With these first events: `Started`, and what it takes over.
        first: Vec<Recorded>,
        /// The answer.
        told: oneshot::Sender<Result<(), String>>,
    },
    /// A run that starts processes is about to begin.
    ExpectChildren,
    /// Something for a run.
    Input {
        /// Which.
        run: RunId,
        /// What.
        input: Input,
    },
    /// Kill what still runs of a run.
    Kill {
        /// Which.
        run: RunId,
    },
    /// A batch was taken or not.
    Appended {
        /// Its number.
        number: u64,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// Somebody wants to see what happens in a run from now on. Answered with whether it is held.
    Follow {
        /// Which.
        run: RunId,
        /// Where to.
        follower: Follower,
        /// The answer.
        held: oneshot::Sender<bool>,
    },
    /// Somebody wants to know whether somebody comes back to everything.
    Prove(oneshot::Sender<Proof>),
    /// These are the schedules of the book, from now on all of them. Answered once each is armed.
    Arm {
        /// All of them.
        armed: Vec<Armed>,
        /// The answer.
        told: oneshot::Sender<()>,
    },
    /// Something for a schedule. Answered once it is durable.
    Schedule {
        /// Which.
        id: ScheduleId,
        /// What.
        input: ScheduleInput,
        /// The answer.
        told: Heard,
    },
    /// Somebody makes up for an instant of a trigger. Answered once it is durable.
    Backfill {
        /// The trigger.
        armed: Box<Armed>,
        /// Which instant, and who.
        fill: Backfill,
        /// The answer.
        told: Heard,
    },
    /// A batch of a schedule alone was taken or not.
    Scheduled {
        /// Which.
        id: ScheduleId,
        /// Whether.
        result: Result<Vec<Version>, AppendError>,
    },
    /// The files that a trigger watches, as they are now, each with what tells one state of it from another.
    Files {
        /// Which.
        id: ScheduleId,
        /// All of which that is known.
        files: BTreeMap<String, String>,
        /// Those of which it is not known yet.
        unsettled: BTreeSet<String>,
    },
    /// Why there is too little room where the data is for a new run, if there is.
    Space(Option<String>),
    /// Trouble has begun or is over; what told of it is durable.
    Trouble(Tidings),
    /// Something about incidents.
    About(About),
    /// No more: drive nothing further. Answered when the last batch is through.
    Stop(oneshot::Sender<()>),
}
