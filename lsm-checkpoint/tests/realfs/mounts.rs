//! The mounts of `cargo xtask realfs`.

use std::path::PathBuf;

/// Creates a directory on the mount that an environment variable names.
pub(crate) fn scratch(variable: &str) -> tempfile::TempDir {
    tempfile::tempdir_in(root(variable)).unwrap()
}

/// Returns the mount itself.
pub(crate) fn root(variable: &str) -> PathBuf {
    let Some(root) = std::env::var_os(variable) else {
        panic!("{variable} is not set: run these tests with `cargo xtask realfs`");
    };
    root.into()
}

/// Returns a number that the environment may override.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

pub(crate) const EXT4: &str = "LSM_REALFS_EXT4";
pub(crate) const EXT4_B: &str = "LSM_REALFS_EXT4_B";
pub(crate) const XFS: &str = "LSM_REALFS_XFS";
pub(crate) const BTRFS: &str = "LSM_REALFS_BTRFS";
pub(crate) const TMPFS: &str = "LSM_REALFS_TMPFS";
pub(crate) const FULL: &str = "LSM_REALFS_FULL";
pub(crate) const READ_ONLY: &str = "LSM_REALFS_RO";
pub(crate) const BAD_DEVICE: &str = "LSM_REALFS_BADDEV";
