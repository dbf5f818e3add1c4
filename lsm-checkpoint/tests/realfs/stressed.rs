//! Checkpoints of the reference engine at work on each filesystem, restored on another filesystem.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy, restore, run_checkpoint};
use lsm_fs::{Fs, StdFs};

use crate::{
    bed::{
        Oracle, Workload, each_deletion, open,
        stress::{check, stress},
    },
    mounts::{BTRFS, EXT4, EXT4_B, TMPFS, XFS, number, scratch},
};

fn on(variable: &str) {
    each_deletion(|deletion| {
        let (dir, fs): (_, Arc<dyn Fs>) = (scratch(variable), Arc::new(StdFs));
        let seen = stress(&fs, dir.path(), deletion, number("LSM_REALFS_CHECKPOINTS", 30)).unwrap();
        println!("{variable} {deletion:?}: {seen}");
    });
}

#[test]
fn ext4() {
    on(EXT4);
}

#[test]
fn xfs() {
    on(XFS);
}

#[test]
fn btrfs() {
    on(BTRFS);
}

#[test]
fn tmpfs() {
    on(TMPFS);
}

/// From each filesystem to another and back, through a restored tree.
#[test]
fn across_filesystems() {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    for (from, to) in [(EXT4, XFS), (XFS, BTRFS), (BTRFS, TMPFS), (TMPFS, EXT4), (EXT4, EXT4_B)] {
        let (here, there) = (scratch(from), scratch(to));
        let engine = open(&fs, &here.path().join("db")).unwrap();
        let (oracle, mut work) = (Oracle::default(), Workload::new(8, 100));
        for _ in 0..3 {
            work.write(&engine, &oracle, 80).unwrap();
            engine.flush().unwrap();
        }
        let target = there.path().join("checkpoint");
        run_checkpoint(&engine, &*fs, &target).unwrap();
        check(&fs, &target, &oracle, 240).unwrap();
        let refused = Checkpoint::new().policy(Policy::LinkOnly);
        assert!(refused.create(&engine, &*fs, &there.path().join("linked")).is_err());
        let checkpoint = CheckpointDir::open(Arc::clone(&fs), target).unwrap();
        let restored = here.path().join("restored");
        restore(&checkpoint, &*fs, &restored).unwrap();
        let restored = open(&fs, &restored).unwrap();
        oracle.check(&restored.state().view, 240).unwrap();
        assert_eq!(names(there.path()), ["checkpoint"]);
        assert_eq!(names(here.path()), ["db", "restored"]);
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    StdFs.read_dir(dir).unwrap().iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect()
}
