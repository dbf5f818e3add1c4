//! The demonstration: checkpoints of real trees and of a real database under load, each reopened by the real engine and
//! compared key by key.

mod options;
mod show;
mod subject;
mod table;

use std::{error::Error, process::ExitCode};

use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    match show::run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Formats an error with its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
