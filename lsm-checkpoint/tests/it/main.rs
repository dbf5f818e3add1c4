//! Tests of `lsm-checkpoint` from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod crash;
mod create;
mod db;
mod fault;
mod ladder;
mod mutation;
mod tree;
mod tweak;
