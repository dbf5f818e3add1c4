//! Tests of `lsm-fs` from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]
#![cfg_attr(
    lsm_fs_portable,
    allow(dead_code, unused_imports, reason = "the portable backend lacks what the defects are tried on")
)]

mod bad_input;
mod batches;
mod broken;
#[path = "../common/child.rs"]
mod child;
mod clones;
mod conformance;
mod copy;
#[cfg(unix)]
mod deep;
mod dependencies;
mod ext;
mod intercepted;
mod properties;
mod required;
mod suite;
mod syncs;
