//! The scenes: short sequences of calls, each with a predicate for the states that would be bad.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};

use crate::MemFs;

const NORMAL: SyncMode = SyncMode::Normal;

/// A sequence of calls, and a predicate for the states that would be bad.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) act: fn(&MemFs),
    /// Receives the image, and whether the sequence was finished before the crash.
    pub(super) bad: fn(&MemFs, bool) -> bool,
}

fn open(fs: &MemFs, path: &str) -> Box<dyn FsFile> {
    fs.open(Path::new(path), &FsOpenOptions::new().write(true).create(true)).unwrap()
}

pub(super) fn write(fs: &MemFs, path: &str, bytes: &[u8]) -> Box<dyn FsFile> {
    let file = open(fs, path);
    file.write_at(bytes, 0).unwrap();
    file
}

fn sync_dir(fs: &MemFs, path: &str) {
    let _ = fs.sync_directory(Path::new(path), NORMAL).unwrap();
}

fn read(fs: &MemFs, path: &str) -> Vec<u8> {
    if has(fs, path) { fs.read_to_vec(Path::new(path), 1 << 16).unwrap() } else { Vec::new() }
}

fn has(fs: &MemFs, path: &str) -> bool {
    fs.exists(Path::new(path)).unwrap()
}

pub(super) const SCENES: [Scene; 30] = [
    Scene {
        name: "content of a synced file",
        act: |fs| {
            write(fs, "/d/old", b"ROWS").sync_all(NORMAL).unwrap();
        },
        bad: |fs, over| over && read(fs, "/d/old") != b"ROWS",
    },
    Scene {
        name: "name of a synced file",
        act: |fs| open(fs, "/d/f").sync_all(NORMAL).unwrap(),
        bad: |fs, over| over && !has(fs, "/d/f"),
    },
    Scene {
        name: "an earlier name beside a synced file",
        act: |fs| {
            open(fs, "/d/other");
            open(fs, "/d/f").sync_all(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/d/other"),
    },
    Scene {
        name: "a later name beside a synced file",
        act: |fs| {
            let file = open(fs, "/d/f");
            open(fs, "/d/later");
            file.sync_all(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/d/later"),
    },
    Scene {
        name: "a name in a synced directory",
        act: |fs| {
            open(fs, "/d/f");
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/d/f"),
    },
    Scene {
        name: "an earlier name outside a synced directory",
        act: |fs| {
            open(fs, "/e/q");
            open(fs, "/d/f");
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/e/q"),
    },
    Scene {
        name: "a later name outside a synced directory",
        act: |fs| {
            open(fs, "/d/f");
            open(fs, "/e/q");
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/e/q"),
    },
    Scene {
        name: "a new file in a new directory below a synced one",
        act: |fs| {
            fs.create_dir(Path::new("/d/n")).unwrap();
            open(fs, "/d/n/f");
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/d/n/f"),
    },
    Scene {
        name: "a link in a new directory below a synced one",
        act: |fs| {
            fs.create_dir(Path::new("/d/n")).unwrap();
            fs.hard_link(Path::new("/d/old"), Path::new("/d/n/l")).unwrap();
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/d/n/l"),
    },
    Scene {
        name: "bytes after a data sync",
        act: |fs| write(fs, "/d/old", b"ROWS").sync_data(NORMAL).unwrap(),
        bad: |fs, over| over && read(fs, "/d/old") != b"ROWS",
    },
    Scene {
        name: "growth after a data sync",
        act: |fs| write(fs, "/d/old", b"rows and more").sync_data(NORMAL).unwrap(),
        bad: |fs, over| over && read(fs, "/d/old").len() != 13,
    },
    Scene {
        name: "a truncation after a data sync",
        act: |fs| {
            let file = open(fs, "/d/old");
            file.set_len(2).unwrap();
            file.sync_data(NORMAL).unwrap();
        },
        bad: |fs, over| over && read(fs, "/d/old").len() != 2,
    },
    Scene {
        name: "a name after a data sync",
        act: |fs| open(fs, "/d/f").sync_data(NORMAL).unwrap(),
        bad: |fs, over| over && !has(fs, "/d/f"),
    },
    Scene {
        name: "a rename of a synced file before another's sync",
        act: |fs| {
            let other = open(fs, "/e/q");
            open(fs, "/d/f").sync_all(NORMAL).unwrap();
            fs.rename(Path::new("/d/f"), Path::new("/d/g")).unwrap();
            other.write_at(b"x", 0).unwrap();
            other.sync_data(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/d/g"),
    },
    Scene {
        name: "the source of a clone",
        act: |fs| {
            write(fs, "/d/old", b"ROWS");
            fs.reflink_file(Path::new("/d/old"), Path::new("/d/clone")).unwrap();
        },
        bad: |fs, over| over && read(fs, "/d/old") != b"ROWS",
    },
    Scene {
        name: "a sync of everything",
        act: |fs| {
            write(fs, "/d/f", b"x");
            fs.settle();
        },
        bad: |fs, over| over && read(fs, "/d/f") != b"x",
    },
    Scene {
        name: "the later of two names alone",
        act: |fs| {
            open(fs, "/d/a");
            open(fs, "/d/b");
        },
        bad: |fs, _| has(fs, "/d/b") && !has(fs, "/d/a"),
    },
    Scene {
        name: "a name without earlier data",
        act: |fs| {
            write(fs, "/d/old", b"ROWS");
            open(fs, "/d/b");
        },
        bad: |fs, _| has(fs, "/d/b") && read(fs, "/d/old") != b"ROWS",
    },
    Scene {
        name: "zeros at full length",
        act: |fs| drop(write(fs, "/d/old", b"rows and more")),
        bad: |fs, _| read(fs, "/d/old") == b"rows\0\0\0\0\0\0\0\0\0",
    },
    Scene {
        name: "a write with a sector missing",
        act: |fs| drop(write(fs, "/d/old", &[7; 2000])),
        bad: |fs, _| {
            read(fs, "/d/old").get(..2000).is_some_and(|b| b[0] == 7 && b[1999] == 7 && b.contains(&0))
        },
    },
    Scene {
        name: "a rename in halves",
        act: |fs| fs.rename(Path::new("/d/old"), Path::new("/d/new")).unwrap(),
        bad: |fs, _| has(fs, "/d/old") == has(fs, "/d/new"),
    },
    Scene {
        name: "a rename between directories in halves",
        act: |fs| {
            fs.rename(Path::new("/d/old"), Path::new("/e/new")).unwrap();
            sync_dir(fs, "/e");
        },
        bad: |fs, _| has(fs, "/d/old") && has(fs, "/e/new"),
    },
    // A commit before the last sync would keep `q`. In a state without `q` there was no commit, so the sync must log
    // all changes.
    Scene {
        name: "a rename of a synced file, without a commit",
        act: |fs| {
            open(fs, "/e/q");
            open(fs, "/d/f").sync_all(NORMAL).unwrap();
            fs.rename(Path::new("/d/f"), Path::new("/d/g")).unwrap();
            write(fs, "/d/old", b"ROWS").sync_data(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/e/q") && !has(fs, "/d/g"),
    },
    Scene {
        name: "a new file in a new directory below a synced one, without a commit",
        act: |fs| {
            open(fs, "/e/q");
            fs.create_dir(Path::new("/d/n")).unwrap();
            open(fs, "/d/n/f");
            sync_dir(fs, "/d");
        },
        bad: |fs, over| over && !has(fs, "/e/q") && !has(fs, "/d/n/f"),
    },
    Scene {
        name: "another name of a logged inode",
        act: |fs| {
            open(fs, "/d/f");
            open(fs, "/e/q");
            fs.hard_link(Path::new("/d/f"), Path::new("/e/l")).unwrap();
            sync_dir(fs, "/d");
        },
        bad: |fs, _| has(fs, "/e/l") && !has(fs, "/e/q"),
    },
    Scene {
        name: "an earlier name before a write to a synced file",
        act: |fs| {
            open(fs, "/e/q");
            write(fs, "/d/old", b"rows and more").sync_all(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/e/q"),
    },
    Scene {
        name: "an earlier name before an overwrite of a synced file",
        act: |fs| {
            open(fs, "/e/q");
            write(fs, "/d/old", b"ROWS").sync_all(NORMAL).unwrap();
        },
        bad: |fs, over| over && !has(fs, "/e/q"),
    },
    Scene {
        name: "zeros of a lost truncation",
        act: |fs| open(fs, "/d/old").set_len(2).unwrap(),
        bad: |fs, _| read(fs, "/d/old") == b"ro\0\0",
    },
    Scene {
        name: "new bytes beyond a lost truncation",
        act: |fs| {
            let file = open(fs, "/d/old");
            file.set_len(0).unwrap();
            file.write_at(b"X", 0).unwrap();
        },
        bad: |fs, _| read(fs, "/d/old") == b"Xows",
    },
    Scene {
        name: "a torn sector",
        act: |fs| drop(write(fs, "/d/old", b"ROWS")),
        bad: |fs, _| !matches!(&read(fs, "/d/old")[..], b"rows" | b"ROWS"),
    },
];
