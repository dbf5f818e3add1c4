//! Tests of `lsm-manifest` from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod archive;
mod fixtures;
mod flips;
mod probe_fs;
mod support;
