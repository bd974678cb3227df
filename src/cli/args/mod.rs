//! What may be typed: clap and nothing else.

mod book;
mod contacts;
mod daemon;
mod incident;
mod measures;
mod runs;
mod simulate;
mod store;

pub use book::{
    Backfill, Check, CheckFormat, Completions, Explain, Fmt, Foreign, Graph, GraphFormat, Import, ImportWhat, Init,
    List, Man, New, Next, Oncall, Schema, Test, Why,
};
pub use contacts::{Contacts, ContactsWhat};
pub use daemon::{Config, Diff, LogFormat, Reload, Schedule, ScheduleWhat, Serve, Status, Token, TokenRole, TokenWhat};
pub use incident::{Ack, Alerts, Incident, IncidentWhat, Incidents, Silence, SilenceWhat};
pub use measures::Measures;
pub use runs::{Answer, AnswerWord, Approvals, Approve, Cancel, Logs, Plan, Reject, Retry, Run, Runs, Show, What};
pub use simulate::{Simulate, SimulateIncident, SimulateWhat};
pub use store::{Carry, Doctor, Store, SupportBundle};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Durable runbooks for operators, and a ladder of people when nobody answers.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "stepladder",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Exit codes of `run`: 0 ok or notice, 1 warning, 2 critical or failed, 3 could not start, 130 cancelled.\n\
                  Begin with `stepladder init`, then `stepladder run hello`."
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The book's directory; else the nearest one above with a stepladder.yaml [env: STEPLADDER_BOOK]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub book: Option<PathBuf>,
    /// Colours; NO_COLOR and CLICOLOR_FORCE are obeyed too
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Everywhere",
        hide_possible_values = false
    )]
    pub color: ColorChoice,
    /// The same as --color never
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_color: bool,
    /// One plain line for each event, nothing redrawn: for logs and screen readers
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub plain: bool,
    /// Log what the engine does, to stderr; twice for more [env: STEPLADDER_LOG]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
}

impl Global {
    /// `--color` and `--no-color` together.
    #[must_use]
    pub fn color(&self) -> ColorChoice {
        if self.no_color { ColorChoice::Never } else { self.color }
    }
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order of `--help`: what is needed first comes first.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run a runbook and watch it
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(Run),
    /// Show what a run would do, without doing it
    #[command(after_long_help = PLAN_EXAMPLES)]
    Plan(Plan),
    /// Check the book, or some of its files
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Try the tests of the book: offline, in virtual time
    #[command(after_long_help = TEST_EXAMPLES)]
    Test(Test),
    /// List the runbooks
    #[command(after_long_help = "Examples:\n  stepladder list\n  stepladder list --json | jq -r .runbook")]
    List(List),
    /// Show when triggers are due next, in the zone and in UTC, and why not at other times
    #[command(
        after_long_help = "Examples:\n  stepladder next                              of every runbook\n  stepladder next backup --count 30\n  stepladder next backup --at '2026-10-24 12:00'    round a change of the clock"
    )]
    Next(Next),
    /// Show who is on call, until when, who is next, and how they are reached
    #[command(after_long_help = ONCALL_EXAMPLES)]
    Oncall(Oncall),
    /// Play what would happen: the schedules of the coming days, or a night of the ladder
    #[command(after_long_help = SIMULATE_EXAMPLES)]
    Simulate(Simulate),
    /// Say what became of an instant at which something was due
    #[command(
        after_long_help = "Examples:\n  stepladder why backup '2026-11-24 02:30'\n  stepladder why backup 2026-11-24T01:30Z --json"
    )]
    Why(Why),
    /// Run what a schedule would have started and did not, between two instants
    #[command(after_long_help = BACKFILL_EXAMPLES)]
    Backfill(Backfill),
    /// List schedules, pause and resume them
    #[command(
        after_long_help = "Examples:\n  stepladder schedule list\n  stepladder schedule pause backup --reason 'disk is being replaced'\n  stepladder schedule resume backup"
    )]
    Schedule(Schedule),
    /// List alerts that fire or are pending: the book's own, and those that other systems sent
    #[command(
        after_long_help = "Examples:\n  stepladder alerts          what fires now, or will soon\n  stepladder alerts --all    and what is over"
    )]
    Alerts(Alerts),
    /// Show what was measured last, and what was measured when
    #[command(after_long_help = MEASURES_EXAMPLES)]
    Measures(Measures),
    /// List incidents: what is wrong, who has it, how far it has climbed
    #[command(
        after_long_help = "Examples:\n  stepladder incidents                    what is open\n  stepladder incidents --all --limit 5    the newest five, resolved ones too"
    )]
    Incidents(Incidents),
    /// Show an incident, open one, hand it on, end it
    #[command(
        after_long_help = "Examples:\n  stepladder incident show last\n  stepladder incident open 'SIP trunk is down' --severity P1 --type sip\n  stepladder incident note 7xq2m 'the provider is on it'\n  stepladder incident resolve 7xq2m 'the trunk is back'"
    )]
    Incident(Incident),
    /// Take an incident: whoever was to be told next is not
    #[command(
        after_long_help = "Examples:\n  stepladder ack last\n  stepladder ack 7xq2m 'looking at the trunk' --as ivanova"
    )]
    Ack(Ack),
    /// Tell nobody of some troubles for a time
    #[command(
        after_long_help = "Examples:\n  stepladder silence add component=sip --for 2h --reason 'new trunk'\n  stepladder silence list\n  stepladder silence end s-1f0c22ab"
    )]
    Silence(Silence),
    /// List past runs, or compare the runs of one runbook
    #[command(after_long_help = RUNS_EXAMPLES)]
    Runs(Runs),
    /// Show a run as its live view was
    #[command(
        after_long_help = "Examples:\n  stepladder show            the last run\n  stepladder show 7xq2m --json | jq .row.reason"
    )]
    Show(Show),
    /// Show what the steps of a run printed
    #[command(
        after_long_help = "Examples:\n  stepladder logs last              everything the last run printed\n  stepladder logs 7xq2m restart     one step\n  stepladder logs -f last           while it runs"
    )]
    Logs(Logs),
    /// Cancel a run; its `undo` and `finally` steps run
    #[command(
        after_long_help = "Examples:\n  stepladder cancel last\n  stepladder cancel 7xq2m --reason \"wrong host\""
    )]
    Cancel(Cancel),
    /// Answer a step that waits for a person
    #[command(
        after_long_help = "Examples:\n  stepladder answer last delete go             it may begin (`confirm`)\n  stepladder answer 7xq2m restart succeeded    what a lost attempt did (`on_interrupt: ask`)"
    )]
    Answer(Answer),
    /// List what waits for the yes of people: for whom, since when, until when
    #[command(after_long_help = "Examples:\n  stepladder approvals && stepladder approve last")]
    Approvals(Approvals),
    /// Approve a step that waits for the yes of people
    #[command(
        after_long_help = "Examples:\n  stepladder approve last\n  stepladder approve 7xq2m go_live --field ticket=OPS-7 --note 'after the meeting'"
    )]
    Approve(Approve),
    /// Reject it: its run ends cancelled, and nobody is paged
    #[command(after_long_help = "Examples:\n  stepladder reject 7xq2m go_live --note 'not before Monday'")]
    Reject(Reject),
    /// Run again what failed in a run, with the text it had
    #[command(
        after_long_help = "Examples:\n  stepladder retry last      what had succeeded is taken over, the rest runs"
    )]
    Retry(Retry),
    /// Stay, drive every run and answer: the daemon
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Show who drives the runs, what has not ended, and whether the book is well
    #[command(
        after_long_help = "Examples:\n  stepladder status\n  stepladder status --json | jq .broken\n\nExit codes: 0 all is well, 1 a file of the book does not pass its checks or a run is stranded."
    )]
    Status(Status),
    /// Have the daemon read the files of the book again, now
    #[command(
        after_long_help = "Examples:\n  stepladder check && stepladder reload    a broken file is not taken: the last good version stays"
    )]
    Reload(Reload),
    /// Show how the files differ from what the daemon goes by
    #[command(
        after_long_help = "Examples:\n  stepladder diff || stepladder reload\n\nExit codes: 0 they are the same, 1 they differ."
    )]
    Diff(Diff),
    /// Show what is set and from where: stepladder.yaml, the environment, flags, defaults
    #[command(
        after_long_help = "Examples:\n  stepladder config                  every setting, and what a daemon goes by where that is something else\n  stepladder config http.listen      one, with what it does\n  stepladder config keep --json | jq -r '.key + \" \" + .value'\n\nWhat may be a secret is hidden; names of secrets are shown."
    )]
    Config(Config),
    /// Make, list and revoke the tokens of the HTTP API
    #[command(
        after_long_help = "Examples:\n  stepladder token create grafana --role viewer\n  stepladder token list\n  stepladder token revoke grafana"
    )]
    Token(Token),
    /// List people and the ways to them, and test the ways
    #[command(
        after_long_help = "Examples:\n  stepladder contacts                       who is reached how\n  stepladder contacts test ivanova          a marked message by each of her ways\n  stepladder contacts test slack:#alerts --yes\n\nExit codes of `test`: 0 every way took it, 2 one did not."
    )]
    Contacts(Contacts),
    /// Examine the data directory: is everything kept as it was written?
    #[command(after_long_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// Carry everything that is kept elsewhere, and back
    #[command(
        after_long_help = "Examples:\n  stepladder store backup /mnt/backup/stepladder-$(date +%F)\n  stepladder store export runs.jsonl\n  stepladder --book other store import runs.jsonl"
    )]
    Store(Store),
    /// Put what somebody who helps needs to see into one archive, without any secret
    #[command(
        after_long_help = "Examples:\n  stepladder support-bundle\n  stepladder support-bundle /tmp/bundle.tar.gz && tar tzf /tmp/bundle.tar.gz"
    )]
    SupportBundle(SupportBundle),
    /// Draw the steps of a runbook and what waits for what
    #[command(
        after_long_help = "Examples:\n  stepladder graph daily-check\n  stepladder graph daily-check --format svg > daily-check.svg\n  stepladder graph daily-check --format mermaid"
    )]
    Graph(Graph),
    /// Explain a code, a kind of step or a key
    #[command(
        after_long_help = "Examples:\n  stepladder explain SL0101     the manual page of a finding\n  stepladder explain http       a kind of step: its keys and what it puts out\n  stepladder explain retry      a key"
    )]
    Explain(Explain),
    /// Format the files of the book, comments kept
    #[command(
        after_long_help = "Examples:\n  stepladder fmt                every file of the book\n  stepladder fmt --check        change nothing, exit 1 if something would change\n  stepladder fmt - < x.yaml     standard input to standard output"
    )]
    Fmt(Fmt),
    /// Print or write the JSON Schemas for editors, and the OpenAPI document of the daemon
    #[command(
        after_long_help = "Examples:\n  stepladder schema runbook > runbook.schema.json\n  stepladder schema --write schemas\n  stepladder schema openapi > openapi.json"
    )]
    Schema(Schema),
    /// Start a small living book here
    #[command(after_long_help = "Examples:\n  stepladder init && stepladder run hello\n  stepladder --book ops init")]
    Init(Init),
    /// Start a runbook from a skeleton
    #[command(after_long_help = "Examples:\n  stepladder new restart-app --title \"Restart the app\"")]
    New(New),
    /// Make runbooks of what ran things before
    #[command(
        after_long_help = "Examples:\n  crontab -l | stepladder import crontab -             shows the runbooks\n  stepladder import crontab jobs.txt --write           writes them into the book\n  stepladder import crontab /etc/crontab --system\n  stepladder import dagu dags/*.yaml                   DAGs of Dagu, those that call one another together\n  stepladder import rundeck jobs.yaml                  jobs of Rundeck"
    )]
    Import(Import),
    /// Print a script that completes commands in your shell
    #[command(
        after_long_help = "Examples:\n  stepladder completions bash > /etc/bash_completion.d/stepladder\n  stepladder completions zsh > ~/.zfunc/_stepladder"
    )]
    Completions(Completions),
    /// Write the manual pages into a directory
    #[command(after_long_help = "Examples:\n  stepladder man ~/.local/share/man/man1 && man stepladder")]
    Man(Man),
    /// Drive what was left unfinished until nothing is; started by `run --detach`, too
    #[command(
        after_long_help = "Examples:\n  stepladder drive                     after a crash: what `status` calls stranded goes on\n  stepladder drive && stepladder runs  how it ended\n\nIt ends when nothing is unfinished; `stepladder serve` stays."
    )]
    Drive,
}

const RUN_EXAMPLES: &str = "Examples:
  stepladder run daily-check
  stepladder run deploy --input target=staging --input tries=3
  stepladder run daily-check --json | jq -r 'select(.event == \"step_ended\") | .place + \" \" + .outcome'
  stepladder run restore --from verify     begin at a step
  stepladder run cleanup --dry-run         what would it do?
  stepladder run --plan deploy.plan        what a plan lists, and nothing else

Ctrl-C cancels the run: children are stopped, `undo` and `finally` steps run. A second Ctrl-C kills the children.
Exit codes: 0 ok or notice, 1 warning, 2 critical or failed, 3 could not start, 130 cancelled.";

const PLAN_EXAMPLES: &str = "Examples:
  stepladder plan cleanup
  stepladder plan deploy --input target=production
  stepladder plan deploy --plan-out deploy.plan && stepladder run --plan deploy.plan

Reads and probes run; everything that changes something only says what it would do.";

const CHECK_EXAMPLES: &str = "Examples:
  stepladder check                          the whole book
  stepladder check runbooks/deploy.yaml     one file, in the book it belongs to
  stepladder check --format github          annotations in a workflow
  stepladder explain SL0101                 what a code means

Exit codes: 0 nothing is wrong, 1 warnings under --strict, 3 errors.";

const SIMULATE_EXAMPLES: &str = "Examples:
  stepladder simulate --days 30                                    starts of a month, and where they pile up
  stepladder simulate incident --severity P1 --at '2026-12-25 03:00'
  stepladder simulate incident --severity P1 --level-1 fails=2m --ack-at 20m --channel-down slack
  stepladder simulate incident --severity P2 --diff escalation.old.yaml

From the files of the book as they are; nobody is told and nothing is started.";

const ONCALL_EXAMPLES: &str = "Examples:
  stepladder oncall                                  of every rotation, now
  stepladder oncall platform --days 30               its shifts
  stepladder oncall ivanova --days 30                the shifts of one person
  stepladder oncall --at '2026-12-31 23:00' --json

From the files of the book as they are; nobody has to be running.
Exit codes: 0 somebody is on call in each, 1 in one of them nobody is.";

const BACKFILL_EXAMPLES: &str = "Examples:
  stepladder backfill backup --from 2026-11-20 --to '2026-11-24 12:00' --dry-run     what is missing
  stepladder backfill backup --from 2026-11-20 --to now --yes
  stepladder backfill rollup --from 08:00 --to 11:00 --trigger hourly --at-once 3

Never one that ran: a second call starts nothing. Ctrl-C starts no more; what runs goes on.
Exit codes: those of `run`, of the worst run.";

const MEASURES_EXAMPLES: &str = "Examples:
  stepladder measures                                   the last sample of each series
  stepladder measures disk_used --last 7d               a measure's last week
  stepladder measures disk_used mount=/ --last 90d --step 1d --table
  stepladder measures api_latency --from '2026-11-24 02:00' --to 03:00 --step raw --json

Single samples are kept for 7 days, sums of 5 minutes for 90 days, sums of an hour for 2 years.";

const TEST_EXAMPLES: &str = "Examples:
  stepladder test                           every test of the book
  stepladder test daily-check               the tests of one runbook
  stepladder test tests/recovery.yaml --only 'dead redis'
  stepladder test --coverage                and what no test ever took
  stepladder test --coverage-min 80 --junit report.xml

Nothing is touched: no file, no network, no data directory. Time is virtual.
Exit codes: 0 every test passed, 1 one did not or too little is covered, 3 a test can't be read.";

const DOCTOR_EXAMPLES: &str = "Examples:
  stepladder doctor                         look; runs go on meanwhile
  stepladder doctor --repair                mend what can be, while nobody drives runs
  stepladder doctor --adopt                 take over a restored backup or a cloned disk
  stepladder doctor --json | jq .symptoms

Exit codes: 0 all is well, 1 nothing is lost (mended, or can be), 2 something is lost or can't be trusted.";

const SERVE_EXAMPLES: &str = "Examples:
  stepladder serve                          in this terminal; Ctrl-C ends it
  stepladder serve --log-format json
  systemctl enable --now stepladder         the unit is in examples/systemd

Whoever drives runs makes room for it. TERM ends it in less than a second: what its steps started goes on,
and the next owner hears of it. HUP reads everything again.";

const RUNS_EXAMPLES: &str = "Examples:
  stepladder runs                           of every runbook, newest first
  stepladder runs daily-check               its measures as columns, a row for each run
  stepladder runs --failed --since 7d
  stepladder runs --json | jq -r .run";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_shows_how_it_is_used() {
        let mut program = super::Cli::command();
        program.build();
        let silent: Vec<_> = program
            .get_subcommands()
            .filter(|command| !command.is_hide_set() && command.get_name() != "help")
            .filter(|command| {
                !command.get_after_long_help().is_some_and(|help| help.to_string().contains("Examples:\n"))
            })
            .map(|command| command.get_name().to_owned())
            .collect();
        assert_eq!(silent, Vec::<String>::new());
    }
}
