//! Checkpoints by reflinks.

use std::path::Path;

use lsm_checkpoint::{Method, Policy};
use lsm_fs::{Fs, StdFs};

use crate::{
    floor::clone_each,
    linked::metadata,
    row::{Row, timed},
    source::Tables,
    threads::clone_all,
};

pub(crate) fn rows(volume: &str, root: &Path) {
    let target = if volume == "btrfs" { 1.0 } else { 0.167 };
    for (count, bytes, rounds) in [(4_000, 16 << 10, 5), (5_000, 64 << 10, 5), (200, 8 << 20, 9)] {
        let job = format!("cloned {count} × {} KiB", bytes >> 10);
        row(&Row { job: &job, volume, root, rounds }, count, bytes, target);
    }
}

/// Clones files, and compares the time with a plain loop (`target` is the target of this ratio) and with the same calls
/// from as many threads.
pub(crate) fn row(row: &Row<'_>, count: usize, bytes: usize, target: f64) {
    if !StdFs.capabilities(row.root).unwrap().reflink {
        return;
    }
    let (_home, source) = Tables::make(row.root, count, bytes);
    let metadata = metadata(&source, Policy::Independent, Method::Reflink, row.root);
    row.beside(
        &|dir| timed(|| drop(source.checkpoint(Policy::Independent, dir))),
        &[
            ("clone + fsync each", target, &|dir| {
                timed(|| metadata.checkpoint(dir, |to| clone_each(&source.tables(), &source.names, to)))
            }),
            ("raw calls in as many threads", 1.2, &|dir| {
                timed(|| metadata.checkpoint(dir, |to| clone_all(&source.tables(), &source.names, to)))
            }),
        ],
    );
}
