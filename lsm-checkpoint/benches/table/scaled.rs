//! The time against the number of files, for clones and for copies. The plots draw these rows.

use std::path::Path;

use lsm_checkpoint::{Method, Policy};

use crate::{
    cloned,
    floor::copy_each,
    linked::metadata,
    row::{Row, timed},
    source::Tables,
    threads::copy_all,
};

/// Numbers of files, and rounds.
const COUNTS: [(usize, usize); 4] = [(100, 15), (1_000, 9), (10_000, 5), (100_000, 3)];
const BYTES: usize = 16 << 10;

pub(crate) fn clones(volume: &str, root: &Path) {
    for (count, rounds) in COUNTS {
        let job = format!("scaled clones of {count} files");
        cloned::row(&Row { job: &job, volume, root, rounds }, count, BYTES, 1.0);
    }
}

pub(crate) fn copies(volume: &str, from: &Path, to: &Path) {
    for (count, rounds) in COUNTS {
        let (_home, source) = Tables::make(from, count, BYTES);
        let metadata = metadata(&source, Policy::Independent, Method::Copy, to);
        let job = format!("scaled copies of {count} files");
        Row { job: &job, volume, root: to, rounds }.beside(
            &|dir| {
                source.warm();
                timed(|| drop(source.checkpoint(Policy::Independent, dir)))
            },
            &[
                ("copy + fsync each", 1.0, &|dir| {
                    source.warm();
                    timed(|| metadata.checkpoint(dir, |to| copy_each(&source.tables(), &source.names, to)))
                }),
                ("raw calls in as many threads", 1.2, &|dir| {
                    source.warm();
                    let copy = |to: &_| copy_all(&source.tables(), &source.names, BYTES, to);
                    timed(|| metadata.checkpoint(dir, copy))
                }),
            ],
        );
    }
}
