//! Replays the corpus of the fuzzers in every test run.

use std::path::Path;

use lsm_fs::{Fs, StdFs};

use crate::{
    entries,
    support::{FIXTURES, fixture, read_file},
};

fn replay(target: &str, entry: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let names = StdFs.read_dir(&dir).unwrap();
    assert!(names.len() >= 5, "{target}: the corpus is gone");
    for name in names {
        entry(&read_file(&dir.join(&name.name)));
    }
}

#[test]
fn blocks() {
    replay("block", entries::block);
}

#[test]
fn footers() {
    replay("footer", entries::footer);
}

#[test]
fn pointers() {
    replay("current", entries::current);
}

#[test]
fn archives() {
    replay("archive", entries::archive);
    for (name, version) in FIXTURES {
        entries::archive(&read_file(&fixture(name).join(format!("v{version}"))));
    }
}
