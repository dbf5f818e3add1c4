//! The load test on ext4, XFS, btrfs and tmpfs. `cargo xtask realfs` makes the mounts and runs it.
//!
//! `LSM_FJALL_BACKUPS` is the number of backups on each (default 10).
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

/// Modules of the other test binary.
#[path = "../it"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod shared {
    pub(crate) mod load;
    pub(crate) mod world;
}
use lsm_checkpoint_fjall::Backup;
use shared::load::{backups, run};

fn run_on(variable: &str) {
    let Some(root) = std::env::var_os(variable) else {
        panic!("{variable} is not set: run these tests with `cargo xtask realfs`");
    };
    run(std::path::Path::new(&root), backups(), &Backup::new());
}

#[test]
fn load_on_ext4() {
    run_on("LSM_REALFS_EXT4");
}

#[test]
fn load_on_xfs() {
    run_on("LSM_REALFS_XFS");
}

#[test]
fn load_on_btrfs() {
    run_on("LSM_REALFS_BTRFS");
}

#[test]
fn load_on_tmpfs() {
    run_on("LSM_REALFS_TMPFS");
}
