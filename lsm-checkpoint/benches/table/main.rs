//! Compares checkpoints with their floors, as a Markdown table. `cargo xtask bench` runs it on mounts of each type.
//!
//! A floor does the same durable work in a simple loop of system calls, with the same files, the same bytes, and as
//! many syncs of the same kind. The sides of a row run in turn, in new directories. The ratio compares the medians.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::missing_docs_in_private_items,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

mod based;
mod child;
mod cloned;
mod copied;
mod device;
mod floor;
mod foreground;
mod growth;
mod linked;
mod row;
mod scaled;
mod small;
mod source;
mod sparse;
mod threads;
mod trees;
mod verify;

use std::path::PathBuf;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, task @ ..] = args.as_slice()
        && mode == child::MODE
    {
        return child::run(task);
    }
    // `cargo test --all-targets` also builds and runs this program, and needs no figures.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    let jobs: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |job: &str| jobs.is_empty() || jobs.iter().any(|wanted| job.contains(wanted.as_str()));
    row::head();
    for volume in ["ext4", "xfs", "btrfs"] {
        let Some(root) = root(volume) else { continue };
        if wanted("linked") {
            linked::rows(volume, &root);
        }
        if wanted("cloned") {
            cloned::rows(volume, &root);
        }
        if wanted("scaled") {
            scaled::clones(volume, &root);
        }
        if wanted("small") {
            small::rows(volume, &root);
        }
        if wanted("growth") {
            growth::rows(volume, &root);
        }
        if wanted("trees") {
            trees::rows(volume, &root);
        }
        if wanted("base") {
            based::rows(volume, &root);
        }
        if wanted("verify") {
            verify::rows(volume, &root);
        }
    }
    for (from, to) in [("ext4", "xfs"), ("ext4", "ext4"), ("tmpfs", "ext4")] {
        let (Some(from_root), Some(to_root)) = (root(from), root(to)) else { continue };
        let volumes = format!("{from} → {to}");
        if wanted("copied") {
            copied::rows(&volumes, &from_root, &to_root);
        }
        if wanted("scaled") && (from, to) == ("ext4", "ext4") {
            scaled::copies(&volumes, &from_root, &to_root);
        }
        if wanted("sparse") {
            sparse::rows(&volumes, &from_root, &to_root);
        }
        if wanted("foreground") && from != "tmpfs" {
            foreground::rows(&volumes, &from_root, &to_root);
        }
    }
}

/// Returns the mount of a type. Without mounts, the temporary directory stands for ext4.
fn root(volume: &str) -> Option<PathBuf> {
    match std::env::var_os(format!("LSM_REALFS_{}", volume.to_uppercase())) {
        Some(root) => Some(root.into()),
        None => (volume == "ext4" && std::env::var_os("LSM_REALFS_XFS").is_none()).then(std::env::temp_dir),
    }
}
