//! Targets that run full, and a device that fails. The call returns an error, leaves no target, and does not obstruct
//! the next call.

use std::{
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use lsm_checkpoint::{Checkpoint, Error, Policy, Progress, VerifyOptions, run_checkpoint, verify};
use lsm_fs::{Fs, FsFile, FsOpenOptions, StdFs, errno};

use crate::{
    flat::Flat,
    mounts::{BAD_DEVICE, EXT4, FULL, TMPFS, root, scratch},
    stressed::names,
};

const KIB: usize = 1 << 10;

/// Fills a mount to its last block.
fn fill(path: &Path) {
    let filler = StdFs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    let mut offset = 0;
    for piece in [1 << 20, 4 * KIB] {
        while filler.write_at(&vec![1; piece], offset).is_ok() {
            offset += piece as u64;
        }
    }
}

#[test]
fn a_full_mount_is_an_error_and_leaves_nothing() {
    let (here, there) = (scratch(EXT4), scratch(FULL));
    let target = there.path().join("checkpoint");
    let large = Flat::prepare(&here.path().join("large"), 160, 256 * KIB);
    match run_checkpoint(&large, &StdFs, &target) {
        Err(Error::NoSpace { needed, available }) => {
            assert!(needed == 160 * 256 * KIB as u64 && available < needed, "{needed}, {available}");
        }
        other => panic!("{other:?}"),
    }
    assert!(names(there.path()).is_empty());

    // There is space at the beginning. Another process takes it before the first copy or after it.
    let small = Flat::prepare(&here.path().join("small"), 40, 256 * KIB);
    let filler = there.path().join("filler");
    for copied in [0, 1] {
        let filled = AtomicBool::new(false);
        let take = |progress: &Progress| {
            if progress.copied_bytes >= copied && !filled.swap(true, Ordering::Relaxed) {
                fill(&filler);
            }
            ControlFlow::Continue(())
        };
        match Checkpoint::new().progress(&take).create(&small, &StdFs, &target).unwrap_err() {
            Error::NoSpace { .. } if copied == 0 => {}
            Error::Fs(full) if copied > 0 => {
                assert_eq!(full.raw_os_error(), Some(errno::ENOSPC), "{full}");
                assert!(full.path().starts_with(there.path()), "{full}");
            }
            other => panic!("{copied} bytes copied: {other}"),
        }
        assert_eq!(names(there.path()), ["filler"], "{copied} bytes copied");
        StdFs.remove_file(&filler).unwrap();
    }
    run_checkpoint(&small, &StdFs, &target).unwrap();
    assert!(verify(&StdFs, &target, &VerifyOptions::full()).unwrap().is_sound());
}

/// Returns deleted blocks to the store of the device. The journal's commit frees them, and still reports the lost
/// pages. The mount discards them in the background, and `fstrim` does it before it returns.
fn give_back_deleted_blocks() {
    let _ = Command::new("sync").arg("-f").arg(root(BAD_DEVICE)).status().unwrap();
    assert!(Command::new("fstrim").arg(root(BAD_DEVICE)).status().unwrap().success());
}

fn drop_caches() {
    std::fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
}

#[test]
fn a_device_that_fails_writes() {
    let (here, there) = (scratch(TMPFS), scratch(BAD_DEVICE));
    let target = there.path().join("checkpoint");
    // More than the device can hold, and less than it claims.
    let large = Flat::prepare(&here.path().join("large"), 100, 1024 * KIB);
    let independent = Checkpoint::new().policy(Policy::Independent);
    let error = independent.create(&large, &StdFs, &target).unwrap_err();
    println!("the device said: {error}");
    let Error::Fs(first) = error.first() else { panic!("{error}") };
    assert!([Some(errno::EIO), Some(errno::ENOSPC)].contains(&first.raw_os_error()), "{error}");
    assert!(!matches!(error, Error::LeftBehind { .. }), "{error}");
    give_back_deleted_blocks();
    drop_caches();
    assert!(names(there.path()).is_empty(), "published, or debris");

    let small = Flat::prepare(&here.path().join("small"), 16, 256 * KIB);
    independent.create(&small, &StdFs, &target).unwrap();
    drop_caches();
    assert!(verify(&StdFs, &target, &VerifyOptions::full()).unwrap().is_sound());
}
