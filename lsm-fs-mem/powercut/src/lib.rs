//! A test of power cuts below ext4, XFS and btrfs.
//!
//! A FUSE file system serves a disk in memory as one file, and a loop device is attached to this file. The server logs
//! each write and each flush of the mounted file system. From the log, the program builds disks that a power cut could
//! leave, mounts each of them, and compares the tree with the states of the model.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod apart;
mod bench;
mod benches;
mod calibrate;
mod calls;
#[path = "../../../lsm-checkpoint/tests/it/db.rs"]
#[allow(dead_code, reason = "the tests of the protocol use the rest")]
mod db;
mod disk;
mod kind;
mod log;
#[path = "../../tests/it/notation.rs"]
#[allow(dead_code, reason = "the tests of the model use the rest")]
mod notation;
#[path = "../../tests/it/observed.rs"]
#[allow(dead_code, reason = "the tests of the model read the files")]
mod observed;
mod options;
mod protocol;
mod record;
mod report;
mod run;
mod seeded;
mod server;
mod states;
mod tree;
mod workdir;
mod workload;

use std::{path::Path, process::ExitCode};

use options::Options;

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.as_slice() {
        [first, dir] if first == workdir::CLEAN => workdir::wait_and_clean(Path::new(dir)).map(|()| true),
        [first, rest @ ..] if first == apart::APART => {
            Options::parse(rest).and_then(|options| run::run(&options))
        }
        _ => Options::parse(&args)
            .and_then(|_| run::check_requirements())
            .and_then(|()| Err(apart::start(&args))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("powercut: {error:#}");
            ExitCode::FAILURE
        }
    }
}
