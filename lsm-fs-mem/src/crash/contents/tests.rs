//! The sector that a written length needs, at the borders of sectors, blocks and writes.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};

use super::*;
use crate::{MemFs, MemFsOptions, profile::Profile};

const FILE: &str = "/f";

/// Creates a durable file of this length on XFS.
fn prepared(len: usize) -> MemFs {
    let fs = MemFsOptions::new().crash_model(Profile::Xfs).build().unwrap();
    fs.write_new(Path::new(FILE), &vec![b'o'; len], SyncMode::Normal).unwrap();
    fs.settle();
    fs
}

/// Returns the change and the range of the sector that the last pending length of the file needs to be `len`.
fn needed(fs: &MemFs, len: u64) -> Option<(usize, Range<u64>)> {
    let mut machine = fs.lock();
    let disk = machine.storage_mut().disk();
    let (ino, _) = disk.journal.dirty_files().next().unwrap();
    let pending = Pending::of(disk, ino);
    let (index, ..) = pending.lengths().last().unwrap();
    pending.last_sector(index, len).map(|sector| (sector.change, sector.start..sector.end))
}

#[test]
fn a_length_needs_the_sector_of_its_last_byte() {
    // The durable length, the offset and the length of each write, the length on disk, and the sector that it needs.
    type Row = (usize, &'static [(u64, usize)], u64, Option<(usize, Range<u64>)>);
    let rows: [Row; 15] = [
        (0, &[(0, 1)], 1, Some((0, 0..1))),
        (0, &[(0, 511)], 511, Some((0, 0..511))),
        (0, &[(0, 512)], 512, Some((0, 0..512))),
        (0, &[(0, 513)], 513, Some((0, 512..513))),
        (0, &[(0, 8192)], 4096, Some((0, 3584..4096))),
        (0, &[(0, 8192)], 8192, Some((0, 7680..8192))),
        (700, &[(700, 700)], 1400, Some((0, 1024..1400))),
        (700, &[(700, 324)], 1024, Some((0, 700..1024))),
        (700, &[(600, 200)], 800, Some((0, 600..800))),
        (1024, &[(1024, 1)], 1025, Some((0, 1024..1025))),
        // An overwrite is one change, and a write that makes the file longer is two.
        (1024, &[(0, 512), (1024, 512)], 1536, Some((1, 1024..1536))),
        (0, &[(0, 100), (100, 100)], 200, Some((2, 100..200))),
        // The last byte lies before the write.
        (0, &[(8192, 512)], 4096, None),
        (0, &[(8192, 512)], 8192, None),
        (0, &[(8192, 512)], 8704, Some((0, 8192..8704))),
    ];
    for (durable, writes, len, expected) in rows {
        let fs = prepared(durable);
        let file = fs.open(Path::new(FILE), &FsOpenOptions::new().write(true)).unwrap();
        for (offset, len) in writes {
            file.write_at(&vec![b'n'; *len], *offset).unwrap();
        }
        assert_eq!(needed(&fs, len), expected, "{writes:?} after {durable} bytes, {len} bytes on disk");
    }
}

#[test]
fn a_call_that_sets_a_length_needs_no_sector() {
    let fs = prepared(0);
    let file = fs.open(Path::new(FILE), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(&[b'n'; 512], 0).unwrap();
    file.set_len(1024).unwrap();
    assert_eq!(needed(&fs, 1024), None);
}

/// The clone of a long file lists only the blocks with bytes. A length that ends in another block needs no sector,
/// because the last byte is zero in every state.
#[test]
fn a_length_in_a_hole_of_a_long_clone_needs_no_sector() {
    let fs = prepared(4096);
    fs.open(Path::new(FILE), &FsOpenOptions::new().write(true)).unwrap().write_at(b"y", 1 << 30).unwrap();
    fs.settle();
    fs.reflink_file(Path::new(FILE), Path::new("/clone")).unwrap();
    assert_eq!(needed(&fs, 4096), Some((0, 3584..4096)));
    assert_eq!(needed(&fs, 8192), None);
    assert_eq!(needed(&fs, (1 << 30) + 1), Some((0, 1 << 30..(1 << 30) + 1)));
}
