//! The changes that a sync forces.

use lsm_fs_mem::Profile::{Btrfs, Ext4, Xfs};

use super::{ALL, Row};

pub(super) const TABLE: [(&str, &[Row]); 4] = [
    ("a file (`sync_all`)", &SYNC_ALL),
    ("a file (`sync_data`)", &SYNC_DATA),
    ("a directory", &DIRECTORY),
    ("[`sync_volume`](crate::MemFs::sync_volume)", &VOLUME),
];

const SYNC_ALL: [Row; 12] = [
    Row {
        name: "fsync of a file: its bytes",
        profiles: ALL,
        start: "creat a; w a 0 1024 o",
        calls: "w a 512 512 A; fsync a",
        state: "a=o2",
    },
    Row {
        name: "fsync of a file: its length",
        profiles: ALL,
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; fsync a",
        state: "a=o2",
    },
    Row {
        name: "fsync of a file: names up to its last write",
        profiles: &[Ext4],
        start: "creat a; creat b",
        calls: "rm b; w a 0 512 A; fsync a",
        state: "a=A1 b=",
    },
    Row {
        name: "fsync of a file: names up to its last name",
        profiles: &[Ext4, Xfs],
        start: "creat b",
        calls: "rm b; creat a; fsync a",
        state: "a= b=",
    },
    Row {
        name: "fsync of a file: its names and its new directories",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "",
        calls: "mkdir d; creat d/a; fsync d/a",
        state: "d/",
    },
    Row {
        name: "fsync of a file: names up to its last mode",
        profiles: &[Ext4, Xfs],
        start: "creat a; creat b",
        calls: "rm b; chmod a 600; fsync a",
        state: "a= b=",
    },
    Row {
        name: "fsync of a file: its other names",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "creat a",
        calls: "ln a b; fsync a",
        state: "a=",
    },
    Row {
        name: "fsync of a file: the names of its new directories",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "",
        calls: "mkdir d; creat d/a; fsync d/a",
        state: "",
    },
    // The name `z/p` is lost, so no commit has emptied the log of btrfs since the first call.
    Row {
        name: "sync of another file: a new link of a logged file",
        profiles: &[Ext4, Btrfs],
        start: "mkdir d; mkdir z; creat old; creat x",
        calls: "creat z/p; w old 0 512 A; fsync old; ln old d/m; w x 0 512 B; fsync x",
        state: "d/ old=A1 x=B1 z/",
    },
    Row {
        name: "sync of another file: a rename of a logged file",
        profiles: &[Ext4, Btrfs],
        start: "mkdir d; mkdir z; creat old; creat x",
        calls: "creat z/p; w old 0 512 A; fsync old; mv old d/m; w x 0 512 B; fsync x",
        state: "d/ old=A1 x=B1 z/",
    },
    Row {
        name: "sync of another file: a rename out of a logged directory",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e; mkdir z; creat d/b; creat x",
        calls: "creat z/p; creat d/n; dsync d; mv d/b e/b; w x 0 512 B; fsync x",
        state: "d/ d/b= d/n= e/ x=B1 z/",
    },
    Row {
        name: "sync of another file: the removal of a name that only the log holds",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir z; creat x",
        calls: "creat z/p; creat a; fsync a; rm a; w x 0 512 B; fsync x",
        state: "a= x=B1 z/",
    },
];

const SYNC_DATA: [Row; 5] = [
    Row {
        name: "fdatasync of a file: its bytes",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 0 512 A; fdatasync a",
        state: "a=o1",
    },
    Row {
        name: "fdatasync of a file: its length, if it grew",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 512 512 A; fdatasync a",
        state: "a=o1",
    },
    Row {
        name: "fdatasync of a file: as fsync",
        profiles: &[Btrfs],
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; fdatasync a",
        state: "a=o2",
    },
    Row {
        name: "fdatasync of a file: its bytes, where a truncation has left zeros",
        profiles: ALL,
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512; w a 1024 512 A; fdatasync a",
        state: "a=o1.2",
    },
    Row {
        name: "fdatasync of a file: neither a truncation nor its zeros",
        profiles: &[Btrfs],
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512; fdatasync a",
        state: "a=o24",
    },
];

const DIRECTORY: [Row; 8] = [
    Row {
        name: "sync of a directory: its names",
        profiles: ALL,
        start: "mkdir d; creat d/b",
        calls: "creat d/a; rm d/b; dsync d",
        state: "d/ d/a= d/b=",
    },
    Row {
        name: "sync of a directory: both halves of a rename out of it",
        profiles: ALL,
        start: "mkdir d; creat a",
        calls: "mv a d/a; dsync .",
        state: "d/",
    },
    Row {
        name: "sync of a directory: all names up to its last change",
        profiles: &[Ext4, Xfs],
        start: "mkdir d; creat b",
        calls: "rm b; creat d/a; dsync d",
        state: "b= d/ d/a=",
    },
    Row {
        name: "sync of a directory: new files in new directories below it, without a commit since then",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e",
        calls: "creat e/b; mkdir d/s; creat d/s/f; dsync d",
        state: "d/ d/s/ e/",
    },
    Row {
        name: "sync of a directory: its own name",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d",
        calls: "mkdir d/s; dsync d/s",
        state: "d/",
    },
    Row {
        name: "sync of a directory: all names up to its last mode",
        profiles: &[Ext4, Xfs],
        start: "mkdir d; creat b",
        calls: "rm b; chmod d 700; dsync d",
        state: "b= d/",
    },
    Row {
        name: "sync of a directory: a rename out of it, also if the old name was forced before",
        profiles: ALL,
        start: "mkdir d; mkdir e; mkdir z",
        calls: "mv d z/d; mv e d; dsync d; dsync .",
        state: "d/ z/",
    },
    Row {
        name: "sync of a directory: no links to old files in new directories below it",
        profiles: &[],
        start: "mkdir d; creat old",
        calls: "mkdir d/s; ln old d/s/l; dsync d",
        state: "d/ d/s/ old=",
    },
];

const VOLUME: [Row; 5] = [
    Row {
        name: "sync of a volume: bytes",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 0 512 A; syncfs .",
        state: "a=o1",
    },
    Row {
        name: "sync of a volume: lengths",
        profiles: ALL,
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; syncfs .",
        state: "a=o2",
    },
    Row {
        name: "sync of a volume: new names",
        profiles: ALL,
        start: "",
        calls: "creat a; syncfs .",
        state: "",
    },
    Row {
        name: "sync of a volume: removals",
        profiles: ALL,
        start: "creat b",
        calls: "rm b; syncfs .",
        state: "b=",
    },
    Row {
        name: "sync of a volume: both halves of a rename",
        profiles: ALL,
        start: "mkdir d; creat a",
        calls: "mv a d/a; syncfs .",
        state: "a= d/ d/a=@a",
    },
];
