//! The one binary. What it is this time is decided by how it was called.

use std::process::ExitCode;

fn main() -> ExitCode {
    stepladder::cli::main()
}
