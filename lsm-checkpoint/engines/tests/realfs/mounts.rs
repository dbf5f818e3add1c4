//! The places in which the tests run: the mounts of `cargo xtask realfs`, or the directory for temporary files.

use std::path::PathBuf;

const MOUNTS: [&str; 4] = ["LSM_REALFS_EXT4", "LSM_REALFS_XFS", "LSM_REALFS_BTRFS", "LSM_REALFS_TMPFS"];

/// Returns every place with its name.
pub(crate) fn places() -> Vec<(String, PathBuf)> {
    let mounted = MOUNTS.iter().filter_map(|variable| {
        let name = variable.trim_start_matches("LSM_REALFS_").to_lowercase();
        std::env::var_os(variable).map(|root| (name, PathBuf::from(root)))
    });
    let mounted: Vec<_> = mounted.collect();
    if mounted.is_empty() { vec![("tmp".to_owned(), std::env::temp_dir())] } else { mounted }
}

/// Returns a number that the environment may override.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}
