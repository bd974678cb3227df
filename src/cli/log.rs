//! What `--verbose` and `STEPLADDER_LOG` show: the engine's own log, on stderr. A daemon always has one.

use crate::cli::args::{Command, LogFormat};
use crate::cli::output;
use crate::cli::settings::Settings;
use std::fmt;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What a daemon logs unless somebody says otherwise.
pub(super) const DAEMON: &str = "stepladder=info,warn";

/// Begins logging where it was asked for.
pub fn begin(settings: &Settings, command: Option<&Command>) {
    let (format, default) = match command {
        Some(Command::Serve(serve)) => (serve.log_format, Some(DAEMON)),
        Some(_) | None => (None, None),
    };
    let Some(filter) = settings.log.as_deref().or(default) else { return };
    match EnvFilter::try_new(filter) {
        Ok(filter) => {
            let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
            // A log that can't be written any more ends nothing: the disk is full, or whoever read it is gone.
            let log = log.with_ansi(settings.err.color).log_internal_errors(false);
            // The journal of systemd has the time and the process; it takes the level from the beginning of the line.
            let journal = default.is_some() && settings.env.contains_key("JOURNAL_STREAM");
            drop(match format {
                Some(LogFormat::Json) => log.json().flatten_event(true).with_target(false).try_init(),
                None if journal => log.with_ansi(false).event_format(Journald).try_init(),
                Some(LogFormat::Text) | None => log.try_init(),
            });
        }
        Err(reason) => output::aside(&format!("warning: STEPLADDER_LOG is not a filter: {reason}")),
    }
}

/// A line as systemd-journald takes it from a stream: `<6>what happened name=value`.
struct Journald;

impl<S, N> FormatEvent<S, N> for Journald
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        ctx.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The number that syslog(3) has for a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
