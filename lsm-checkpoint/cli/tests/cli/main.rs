//! Tests of the real binary on real checkpoints.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_possible_wrap,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod conventions;
mod errors;
mod fjall_backups;
mod look;
mod manual;
mod mistakes;
mod more;
mod prune;
mod salvage;
mod schema;
mod signals;
#[cfg(feature = "store")]
mod store;
mod support;
mod terminal;
mod work;
