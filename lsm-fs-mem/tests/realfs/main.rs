//! Calibration on real filesystems: random calls, then a killed process, a cold cache, a remount, and an unclean
//! shutdown. `cargo xtask realfs` creates the mounts and runs these tests.
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

mod calls;
mod crashed;
mod killed;
mod mount;
#[path = "../common/ops.rs"]
#[allow(dead_code, reason = "what only reads is for the comparison in one process")]
mod ops;
