//! The one binary. A keeper is made before anything else exists in the process.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().take(5).collect();
    match args.as_slice() {
        [_, keeper, flag, dir] if keeper == stepladder::keeper::ARGUMENT && flag == "--dir" => keep(Path::new(dir)),
        [_, host] if host == stepladder::runtime::step_host::ARGUMENT => host_step(),
        _ => stepladder::cli::main(),
    }
}

fn keep(dir: &Path) -> ExitCode {
    match stepladder::keeper::main_loop(dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its standard error is its log.
            let _ = writeln!(std::io::stderr(), "the keeper cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn host_step() -> ExitCode {
    match stepladder::runtime::step_host::host() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "the step could not be performed: {error}");
            ExitCode::FAILURE
        }
    }
}
