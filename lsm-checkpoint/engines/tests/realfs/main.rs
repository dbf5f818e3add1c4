//! Checkpoints of real trees.
//!
//! Under `cargo xtask realfs`, the tests of `database`, `killed`, `live` and `offspring` run on each of its mounts.
//! Otherwise, they run in the directory for temporary files. The other tests run there or in `/dev/shm`.
//!
//! - `LSM_ENGINE_CHECKPOINTS`: the number of checkpoints under load for each engine, with and without blob files, on
//!   each filesystem (default 4)
//! - `LSM_ENGINE_KILLS`: the number of processes to kill for each engine, with and without blob files, on each
//!   filesystem (default 3)
#![cfg(target_os = "linux")]

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
