//! The life cycle of a directory: first start, later starts and removal, with crashes, kills, races and a full disk.

mod cut;
mod directories;
mod exclusion;
mod full;
mod kill;
#[path = "../../examples/life_cycle.rs"]
#[allow(dead_code, reason = "the example has a main of its own")]
mod life_cycle;
mod log_engine;
mod numbers;
mod sweep;

use std::{path::Path, sync::Arc};

use lsm_fs::Fs;
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};
use lsm_manifest::{DirectoryOptions, Error, ManifestDirectory, Recovered, Result};

use crate::support::put_file;

pub(crate) fn shared<F: Fs + 'static>(fs: F) -> Arc<dyn Fs> {
    Arc::new(fs)
}

/// One run of the program in the README.
pub(crate) fn run(fs: &MemFs, dir: &str, row: u8) -> Result<Vec<u8>> {
    life_cycle::run(&shared(fs.clone()), Path::new(dir), row)
}

/// The options of the program in the README.
pub(crate) fn options() -> DirectoryOptions {
    DirectoryOptions::new().folder("wal").bystander("LOG")
}

pub(crate) fn open(fs: &MemFs, dir: &str) -> Result<(ManifestDirectory, Option<Recovered>)> {
    ManifestDirectory::open(&shared(fs.clone()), Path::new(dir), &options())
}

/// A place for a first start: description, filesystem and directory.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) fs: MemFs,
    pub(crate) dir: &'static str,
}

/// All places in which an operator may start an engine.
pub(crate) fn places() -> Vec<Place> {
    let place = |name, dir, fill: &dyn Fn(&MemFs)| {
        let fs = MemFs::new();
        fill(&fs);
        fs.settle();
        Place { name, fs, dir }
    };
    let make = |fs: &MemFs, dirs: &[&str]| dirs.iter().for_each(|dir| fs.create_dir(dir.as_ref()).unwrap());
    let mounted = MemFsOptions::new().volume("/db", VolumeOptions::new()).build().unwrap();
    make(&mounted, &["/db/lost+found"]);
    mounted.settle();
    vec![
        place("a new directory", "/db", &|_| ()),
        place("an empty directory", "/db", &|fs| make(fs, &["/db"])),
        place("lost+found and LOCK", "/db", &|fs| {
            make(fs, &["/db", "/db/lost+found"]);
            put_file(fs, Path::new("/db/lost+found/#12"), b"an orphan");
            put_file(fs, Path::new("/db/LOCK"), b"4711");
        }),
        place("folders made before", "/db", &|fs| make(fs, &["/db", "/db/wal", "/db/tables", "/db/cache"])),
        place("a root", "/", &|_| ()),
        Place { name: "a mount point", fs: mounted, dir: "/db" },
    ]
}

pub(crate) fn is_missing_current<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::MissingCurrent { .. }))
}
