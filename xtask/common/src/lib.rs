//! Shared by the chores: commands with their output and time, and the workspace as cargo and git see it.

#![allow(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::print_stderr,
    reason = "the chores show every error, and echo the commands that they run"
)]

pub mod cmd;
pub mod workspace;

use std::process::ExitCode;

/// Returns the exit code of a chore: a failure if the chore found a fault (`false`), or if it could not run. In the
/// second case, the error is printed.
pub fn exit_code(done: anyhow::Result<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
