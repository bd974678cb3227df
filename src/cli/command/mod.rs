//! One file for each command.

pub mod alerts;
pub mod answer;
pub mod approve;
pub mod backfill;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod config;
pub mod contacts;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod fmt;
pub mod graph;
pub mod import;
pub mod incident;
pub mod init;
pub mod list;
pub mod logs;
pub mod man;
pub mod measures;
pub mod new;
pub mod next;
pub mod oncall;
pub mod orient;
pub mod reload;
pub mod retry;
pub mod run;
pub mod runs;
pub mod schedule;
pub mod schema;
pub mod serve;
pub mod show;
pub mod silence;
pub mod simulate;
pub mod status;
pub mod store;
pub mod support;
pub mod test;
pub mod token;
pub mod why;

use crate::cli::args::Command;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

/// Does what was typed.
///
/// # Errors
/// Why it could not.
pub fn begin(command: Option<Command>, settings: &Settings) -> Result<Exit, Trouble> {
    match command {
        None => orient::run(settings),
        Some(Command::Check(args)) => check::run(&args, settings),
        Some(Command::Test(args)) => test::run(&args, settings),
        Some(Command::List(args)) => list::run(&args, settings),
        Some(Command::Next(args)) => next::run(&args, settings),
        Some(Command::Oncall(args)) => oncall::run(&args, settings),
        Some(Command::Simulate(args)) => simulate::run(&args, settings),
        Some(Command::Graph(args)) => graph::run(&args, settings),
        Some(Command::Explain(args)) => explain::run(&args, settings),
        Some(Command::Init(_)) => init::run(settings),
        Some(Command::Import(args)) => import::run(&args, settings),
        Some(Command::New(args)) => new::run(&args, settings),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Man(args)) => man::run(&args),
        Some(Command::Run(args)) => wait(run::run(&args, settings)),
        Some(Command::Plan(args)) => wait(run::plan(&args, settings)),
        Some(Command::Runs(args)) => wait(runs::run(&args, settings)),
        Some(Command::Schedule(args)) => wait(schedule::run(&args, settings)),
        Some(Command::Backfill(args)) => wait(backfill::run(&args, settings)),
        Some(Command::Why(args)) => wait(why::run(&args, settings)),
        Some(Command::Show(args)) => wait(show::run(&args, settings)),
        Some(Command::Logs(args)) => wait(logs::run(&args, settings)),
        Some(Command::Cancel(args)) => wait(cancel::run(&args, settings)),
        Some(Command::Answer(args)) => wait(answer::run(&args, settings)),
        Some(Command::Approvals(args)) => wait(approve::list(&args, settings)),
        Some(Command::Approve(args)) => wait(approve::approve(&args, settings)),
        Some(Command::Reject(args)) => wait(approve::reject(&args, settings)),
        Some(Command::Retry(args)) => wait(retry::run(&args, settings)),
        Some(Command::Alerts(args)) => wait(alerts::run(&args, settings)),
        Some(Command::Measures(args)) => wait(measures::run(&args, settings)),
        Some(Command::Incidents(args)) => wait(incident::list(&args, settings)),
        Some(Command::Incident(args)) => wait(incident::run(&args, settings)),
        Some(Command::Ack(args)) => wait(incident::ack(&args, settings)),
        Some(Command::Silence(args)) => wait(silence::run(&args, settings)),
        Some(Command::Serve(args)) => wait(serve::run(&args, settings)),
        Some(Command::Status(args)) => wait(status::run(&args, settings)),
        Some(Command::Reload(args)) => wait(reload::run(&args, settings)),
        Some(Command::Diff(args)) => wait(diff::run(&args, settings)),
        Some(Command::Config(args)) => wait(config::run(&args, settings)),
        Some(Command::Token(args)) => wait(token::run(&args, settings)),
        Some(Command::Contacts(args)) => wait(contacts::run(&args, settings)),
        Some(Command::Doctor(args)) => wait(doctor::run(&args, settings)),
        Some(Command::SupportBundle(args)) => wait(support::run(&args, settings)),
        Some(Command::Store(args)) => wait(store::run(&args, settings)),
        Some(Command::Fmt(args)) => fmt::run(&args, settings),
        Some(Command::Schema(args)) => schema::run(&args, settings),
        Some(Command::Drive) => wait(crate::cli::door::drive(settings)),
    }
}

/// Runs a command that waits for things.
fn wait<T>(command: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|reason| Trouble::new(format!("cannot start: {reason}")))?;
    let ended = runtime.block_on(command);
    // Somebody may still be asked a question; nobody waits for the answer any more.
    runtime.shutdown_background();
    ended
}
