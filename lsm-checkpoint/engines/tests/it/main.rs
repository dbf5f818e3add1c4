//! Checkpoints of real trees.
//!
//! The tests run in the directory for temporary files, or on each mount of `cargo xtask realfs`.
//!
//! - `LSM_ENGINE_CHECKPOINTS`: the number of checkpoints under load for each engine, each kind of tree and each
//!   filesystem (default 4)
//! - `LSM_ENGINE_KILLS`: the number of killed processes for each (default 3)
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "what the host has is looked at directly")]

mod adapters;
mod child;
mod conformance;
mod database;
mod killed;
mod live;
mod matrix;
mod mounts;
mod offspring;
mod opened;
mod oracle;
mod refusals;
mod several;
mod tight_space;
mod verdicts;
