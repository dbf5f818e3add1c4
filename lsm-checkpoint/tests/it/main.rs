//! Tests of the public API of `lsm-checkpoint`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, prepare the host's files directly, and say what they tried"
)]

mod base;
mod bed;
mod between;
#[cfg(target_os = "linux")]
mod bounds;
mod catalog;
mod check;
#[cfg(feature = "conformance")]
mod conformance;
mod crash;
mod create;
mod db;
mod engine;
mod entries;
mod fault;
mod foreign;
mod held;
mod host;
mod hostile;
mod is_checkpoint;
mod killed;
mod ladder;
mod layout;
mod linked_source;
mod list;
mod misleading;
mod modes;
mod mutable;
mod mutation;
mod paths;
mod pause;
mod pinned;
mod pointer;
mod properties;
mod refused;
mod remove;
mod restore;
mod restore_into;
mod salvage;
mod sealed;
mod seeded;
mod space;
mod stress;
mod sweep;
mod switches;
mod tweak;
mod verify;
