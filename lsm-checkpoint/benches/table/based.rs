//! Checkpoints that link a base: as it is, and with each of its files read first.

use std::{fs, path::Path};

use lsm_checkpoint::{Checkpoint, Method, Policy};
use lsm_fs::StdFs;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    row::{Row, timed},
    source::Tables,
};

pub(crate) fn rows(volume: &str, root: &Path) {
    for (count, bytes, rounds) in [(1_000, 16 << 10, 15), (40, 8 << 20, 9)] {
        let (_home, mut source) = Tables::make(root, count, bytes);
        source.sum_up();
        let home = tempfile::tempdir_in(root).unwrap();
        let base = home.path().join("base");
        let options = Checkpoint::new().policy(Policy::Independent);
        options.create(&source, &StdFs, &base).unwrap();
        let based = |verify: bool, dir: &Path| {
            let info = options.base(&base).verify_base(verify).create(&source, &StdFs, &dir.join("next"));
            assert_eq!(info.unwrap().by_method(Method::BaseLink).files, count as u64);
        };
        let read = || {
            for name in &source.names {
                std::hint::black_box(xxh3_128(&fs::read(base.join("tables").join(name)).unwrap()));
            }
        };
        let job = format!("verified base of {count} × {} KiB", bytes >> 10);
        Row { job: &job, volume, root, rounds }.beside(
            &|dir| timed(|| based(true, dir)),
            &[("linked as it is, and read and hashed by one thread", 1.0, &|dir| {
                timed(|| {
                    read();
                    based(false, dir);
                })
            })],
        );
    }
}
