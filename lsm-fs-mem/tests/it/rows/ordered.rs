//! The order of the changes that no sync has forced.

use lsm_fs_mem::Profile::{Btrfs, Ext4, Xfs};

use super::{ALL, Row};

pub(super) const TABLE: [(&str, &[Row]); 4] = [
    ("names", &NAMES),
    ("a rename of a file to another directory", &RENAMES),
    ("bytes of a file", &BYTES),
    ("lengths of a file", &LENGTHS),
];

const NAMES: [Row; 5] = [
    Row {
        name: "a rename within a directory has one name",
        profiles: ALL,
        start: "creat a",
        calls: "mv a b",
        state: "a= b=@a",
    },
    Row {
        name: "a directory has one name",
        profiles: ALL,
        start: "mkdir d; mkdir e",
        calls: "mv e d/e; dsync d",
        state: "d/ d/e/ e/",
    },
    Row {
        name: "names in the order of the calls",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "",
        calls: "creat a; creat b",
        state: "b=",
    },
    Row {
        name: "names of an inode that no sync logged",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e; creat old",
        calls: "creat e/f; creat e/g; ln old d/m; dsync d",
        state: "d/ d/m= e/ e/g= old=@d/m",
    },
    Row {
        name: "a name leads to the inode that was made",
        profiles: ALL,
        start: "",
        calls: "mkdir a",
        state: "a=",
    },
];

const RENAMES: [Row; 2] = [
    Row {
        name: "a rename has a name",
        profiles: ALL,
        start: "mkdir d; creat a",
        calls: "mv a d/a",
        state: "d/",
    },
    Row {
        name: "a rename between directories has one name",
        profiles: &[Ext4, Xfs],
        start: "mkdir d; creat a",
        calls: "mv a d/a; dsync d",
        state: "a= d/ d/a=@a",
    },
];

const BYTES: [Row; 5] = [
    Row {
        name: "data beyond a truncation needs the truncation",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 4096; w a 4096 512 A",
        state: "a=o8A1o15",
    },
    Row {
        name: "the zeros of a truncation: only in its block",
        profiles: ALL,
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512",
        state: "a=o1.8o15",
    },
    Row {
        name: "a block is whole",
        profiles: &[Btrfs],
        start: "creat a; w a 0 4096 o",
        calls: "w a 0 1024 A",
        state: "a=A1o7",
    },
    Row {
        name: "a block has its writes in order",
        profiles: &[Btrfs],
        start: "creat a; w a 0 4096 o",
        calls: "w a 0 512 A; w a 512 512 B",
        state: "a=o1B1o6",
    },
    Row {
        name: "a sector has one of its contents",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 0 512 A; w a 0 512 B",
        state: "a=.1",
    },
];

const LENGTHS: [Row; 4] = [
    Row {
        name: "a length needs the last sector of its write",
        profiles: &[Xfs],
        start: "creat a",
        calls: "w a 0 8192 A",
        state: "a=A8.8",
    },
    Row {
        name: "lengths in the order of the calls",
        profiles: &[Ext4, Xfs],
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; trunc a 1536",
        state: "a=o2.1",
    },
    Row {
        name: "a length of a write ends at a block, or with the write",
        profiles: ALL,
        start: "creat a",
        calls: "w a 0 8192 A",
        state: "a=A1",
    },
    Row {
        name: "a length of a call is whole",
        profiles: ALL,
        start: "creat a",
        calls: "trunc a 8192",
        state: "a=.8",
    },
];
