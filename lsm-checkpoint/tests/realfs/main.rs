//! Tests that need a real filesystem of a given type. `cargo xtask realfs` creates the mounts and runs them.
//!
//! - `LSM_REALFS_KILLS`: the number of killed creators on each filesystem (default 200)
//! - `LSM_REALFS_SEED`: the seed of the moments (default 1)
//! - `LSM_REALFS_CHECKPOINTS`: the number of checkpoints in a stress test (default 30)
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod child;
mod exhausted;
mod flat;
mod foreign;
mod killed;
mod memory;
mod modes;
mod mounts;
mod reader;
mod refusals;
mod stressed;

/// Sources of the other test binary.
#[path = "../it"]
mod shared {
    pub(crate) mod bed;
    pub(crate) mod db;
    pub(crate) mod modes {
        pub(crate) mod host;
    }
}
pub(crate) use shared::{bed, db};
