//! Tests of the public API of `lsm-fs-mem`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise, and prepare the host's files directly"
)]

mod audit;
mod backends;
mod blind_spots;
mod conformance;
mod deep;
mod determinism;
mod differential;
mod fault;
mod forgiven;
mod in_place;
mod kills;
mod mem_fs;
mod notation;
mod observed;
#[path = "../common/ops.rs"]
mod ops;
mod permissions;
mod real_states;
mod recorded;
mod refused_states;
mod robbed;
mod rows;
mod rules;
mod sparse;
mod sweeps;
mod trace;
mod views;
mod wrappers;
