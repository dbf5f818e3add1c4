//! Tests that act between the steps of a backup, or turn a safeguard off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod clears;
mod controls;
mod controls_under_load;
mod event;
mod events;
mod inherited;
mod journals;
mod killed;
mod retries;
mod world;

/// The modules of the test binary `it` with the load test.
#[path = "../tests/it"]
#[allow(dead_code, unused_imports, reason = "the other test binary uses the rest")]
mod shared {
    pub(super) mod load;
    pub(super) mod world;
}
