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
mod bytes;
mod corpus;
mod crash;
mod current;
mod document;
mod entries;
mod fault;
#[cfg(feature = "aes-gcm")]
mod fixed_nonce;
mod fixtures;
mod flips;
mod golden;
mod held;
mod hostile;
mod life;
mod memory;
#[cfg(not(feature = "parity"))]
mod no_parity;
#[cfg(feature = "parity")]
mod parity;
mod probe_fs;
mod properties;
mod providers;
mod repair;
mod rollback;
#[cfg(feature = "aes-gcm")]
mod sealed;
mod seeded;
mod support;
mod toy_key;
mod trace;
