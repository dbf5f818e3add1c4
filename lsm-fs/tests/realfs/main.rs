//! Tests that need a real filesystem of a given type. `cargo xtask realfs` creates the mounts and runs them.
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

#[path = "../common/child.rs"]
mod child;
mod failing;
mod limits;
mod mounts;
mod whole;
