//! Tests of the public interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod apart;
mod damaged;
mod golden;
mod kinds;
mod load;
mod refused;
mod tools;
mod under_load;
mod world;
