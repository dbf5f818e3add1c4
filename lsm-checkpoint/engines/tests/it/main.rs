//! Checkpoints of real trees.
//!
//! They run in the directory for temporary files, or on each mount that `cargo xtask realfs` has made.
//! `LSM_ENGINE_CHECKPOINTS` is how many checkpoints each engine takes under load, of each kind of tree and on each
//! filesystem (default 4), `LSM_ENGINE_KILLS` how often each has a process killed (default 3).
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "what the host has is looked at directly")]

mod adapters;
mod child;
mod conformance;
mod killed;
mod live;
mod mounts;
mod offspring;
mod oracle;
mod verdicts;
