//! What `--verbose` and `STEPLADDER_LOG` show: the engine's own log, on stderr.

use crate::cli::output;
use crate::cli::settings::Settings;
use tracing_subscriber::EnvFilter;

/// Begins logging where it was asked for.
pub fn begin(settings: &Settings) {
    let Some(filter) = &settings.log else { return };
    match EnvFilter::try_new(filter) {
        Ok(filter) => {
            let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(settings.err.color);
            drop(log.with_writer(std::io::stderr).try_init());
        }
        Err(reason) => output::aside(&format!("warning: STEPLADDER_LOG is not a filter: {reason}")),
    }
}
