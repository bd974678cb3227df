//! What is sent over the socket and printed by `--json`: one set of shapes for both.
//!
//! Flat, in the operators' words, every instant in RFC 3339, every place in its text form. A shape
//! here is a promise: fields are added, never renamed or taken away, and a reader ignores what it
//! does not know. Golden files in `tests/fixtures/wire` hold it.

mod access;
mod approval;
mod convert;
mod event;
mod health;
mod incident;
mod intake;
mod ledger;
mod measure;
mod outline;
mod output;
mod problem;
mod reach;
mod request;
mod run;
mod statistics;
mod status;
mod store;

pub use access::{DeedRow, TokenReply, TokenRequest, TokenRow};
pub use approval::{ApprovalRow, FieldRow, VoteReply, VoteRequest, VoteRow};
pub use event::{What, WireEvent, WireFailure, WireFinding, WireMeasure, WireUnkept};
pub use health::{ComponentHealth, HealthWord, WholeHealth};
pub use incident::{
    ActRequest, BreachRow, DutyRow, IncidentDetail, IncidentReply, IncidentRow, Moment, OpenRequest, PageRow,
    ReportFormat, ResponseRow, SilenceRequest, SilenceRow,
};
pub use intake::{AlertRow, Beat, Delivery, Taken};
pub use ledger::{
    BackfillReply, BackfillRequest, LedgerRow, Missing, MissingRequest, MissingRow, PauseRequest, Paused, ScheduleRow,
    WhyRequest,
};
pub use measure::{MeasureAsked, MeasurePast, MeasurePoint, MeasureRow};
pub use outline::{Outline, OutlineStep};
pub use output::{OutputChunk, OutputRequest, OutputStream};
pub use problem::{Fault, Problem};
pub use reach::{DrillReply, DrillRequest, IdleAddress, PersonReach, ReachReport, WayFact, WayReach};
pub use request::{AnswerRequest, CancelMode, CancelRequest, RetryRequest, RunsRequest, StartReply, StartRequest};
pub use run::{RunDetail, RunRow, RunState};
pub use statistics::{
    IncidentFigures, IncidentReport, IncidentStatistics, Lengths, LevelNote, LevelTime, PersonFigures, ReportLine,
    SourceFigures, WeekFigures,
};
pub use status::{BookTexts, BrokenFile, OwnerStatus, Reloaded, SettingRow, Status, UnfinishedRun};
pub use store::{Carried, CarryRequest, Checkup, Symptom};
