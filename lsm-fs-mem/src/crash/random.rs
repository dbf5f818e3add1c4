//! Random workloads for the tests of the model.

use std::path::Path;

use lsm_fs::{Fs, FsAbilities, FsFile, FsOpenOptions, Permissions, SyncMode};

use crate::{hash::Seeded, mem_fs::MemFs, recording::Recording};

const NAMES: [&str; 8] = ["/a", "/b", "/d/a", "/d/b", "/e/a", "/e/b", "/d/s", "/d/s/a"];

fn pick<'n>(seeded: &mut Seeded, from: &[&'n str]) -> &'n Path {
    Path::new(from[usize::try_from(seeded.below(from.len() as u64)).unwrap()])
}

/// The permissions that the random calls set. Some equal the initial permissions of an inode.
const SET: [Permissions; 4] = [
    Permissions { mode: 0o600, owner: 0, group: 0 },
    Permissions { mode: 0o755, owner: 0, group: 0 },
    Permissions { mode: 0o640, owner: 7, group: 0 },
    Permissions { mode: 0o640, owner: 7, group: 8 },
];

/// Makes random calls, many of which fail. If `simple` is set, each file gets at most one write of one sector.
pub(crate) fn calls(fs: &MemFs, seed: u64, calls: u64, simple: bool) {
    let mut seeded = Seeded::new(seed);
    for _ in 0..calls {
        let (one, two) = (pick(&mut seeded, &NAMES), pick(&mut seeded, &NAMES));
        let open = || fs.open(one, &FsOpenOptions::new().write(true).create(!simple));
        let ability = fs.abilities().and_then(FsAbilities::permissions).unwrap();
        let to = SET[usize::try_from(seeded.below(SET.len() as u64)).unwrap()];
        let _ = match seeded.below(if simple { 15 } else { 19 }) {
            0 => fs.create_dir(one),
            1 => fs.rename(one, two),
            2 => fs.rename(one, two),
            3 => fs.hard_link(one, two),
            4 => fs.remove_file(one),
            5 => fs.remove_dir(one),
            6 => fs.sync_directory(pick(&mut seeded, &["/", "/d", "/e", "/d/s"]), SyncMode::Normal).map(drop),
            7 => open().and_then(|file| file.sync_all(SyncMode::Normal)),
            8..12 => fs
                .open(one, &FsOpenOptions::new().write(true).create_new(true).private(seeded.below(2) == 0))
                .and_then(|file| file.write_at(&[u8::try_from(seeded.below(200)).unwrap(); 40], 0)),
            12 => open().and_then(|file| file.set_permissions(&to)).map(drop),
            13 => ability.set_directory_permissions(one, &to).map(drop),
            14 => ability.create_private_dir(one),
            15 => open().and_then(|file| file.sync_data(SyncMode::Normal)),
            16 => open().and_then(|file| file.set_len(seeded.below(2000))),
            17 => fs.reflink_file(one, two),
            _ => open().and_then(|file| file.write_at(&[7; 700], seeded.below(6000))),
        };
    }
}

/// Records random calls on a filesystem with two directories.
pub(crate) fn workload(seed: u64, count: u64, simple: bool) -> Recording {
    let fs = MemFs::new();
    for dir in ["/d", "/e"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    fs.settle();
    fs.record();
    calls(&fs, seed, count, simple);
    fs.take_recording().unwrap()
}

/// Returns `count` consecutive seeds that start at `LSM_SWEEP_SEED`, or at 0.
pub(crate) fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let first = std::env::var("LSM_SWEEP_SEED").map_or(0, |seed| seed.parse().unwrap());
    (0..count).map(move |nth| nth.wrapping_add(first))
}
