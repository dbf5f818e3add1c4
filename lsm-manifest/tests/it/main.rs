//! Tests of `lsm-manifest` from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise, and say how much they tried"
)]

mod archive;
mod crash;
mod current;
mod fault;
mod fixtures;
mod flips;
mod probe_fs;
mod repair;
mod support;
mod trace;
