//! Tests of `lsm-checkpoint` from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, prepare the host's files directly, and say what they tried"
)]

#[cfg(target_os = "linux")]
mod bounds;
mod crash;
mod create;
mod db;
mod fault;
mod foreign;
mod host;
mod ladder;
mod list;
mod mutation;
mod pinned;
mod remove;
mod restore;
mod stress;
mod sweep;
mod tree;
mod tweak;
mod verify;
