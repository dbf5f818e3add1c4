//! No failure leaves a handle open. The test runs on the host, whose kernel lists the handles.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, Error, Policy, VerifyOptions, list, remove, restore, sweep, verify,
};
use lsm_fs::{Fs, StdFs, SyncMode};
use lsm_fs_mem::{FaultFs, fault_sweep};

use crate::db::Db;

const NORMAL: SyncMode = SyncMode::Normal;

/// Returns the open files of this process below a directory, including removed files.
fn open_below(dir: &Path) -> Vec<PathBuf> {
    let handles = fs::read_dir("/proc/self/fd").unwrap();
    let targets = handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(dir)).collect()
}

/// Runs every operation of the crate in turn.
fn work(fs: &FaultFs<StdFs>, dir: &Path) -> Result<(), Error> {
    let (target, restored) = (dir.join("checkpoint"), dir.join("restored"));
    let source: Arc<dyn Fs> = Arc::new(fs.clone());
    let db = Db::open(Arc::clone(&source), &dir.join("db"), &[""]);
    Checkpoint::new().policy(Policy::PreferReflink).create(&db, fs, &target)?;
    let _ = verify(fs, &target, &VerifyOptions::full().threads(1))?;
    let _ = list(fs, dir)?;
    restore(&CheckpointDir::open(source, &target)?, fs, &restored)?;
    let _ = sweep(fs, dir, NORMAL)?;
    remove(fs, &target, NORMAL).map(drop)
}

#[test]
fn no_failure_leaves_a_handle_open() {
    // Run on a tmpfs if there is one, because thousands of syncs are not the subject of this test.
    let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let dir = scratch.path();
    Db::prepare(&StdFs, &dir.join("db"), &[""]);
    let watched = StdFs.open(&dir.join("db/log"), &lsm_fs::FsOpenOptions::new().read(true)).unwrap();
    assert_eq!(open_below(dir).len(), 1, "an open handle is seen");
    drop(watched);
    let make = || {
        for name in StdFs.read_dir(dir).unwrap().iter().filter(|entry| entry.name != "db") {
            StdFs.remove_dir_all(&dir.join(&name.name)).unwrap();
        }
        StdFs
    };
    let report = fault_sweep(
        make,
        |fs| work(fs, dir),
        |fault, _, _| {
            let open = open_below(dir);
            assert!(open.is_empty(), "{fault} leaves {open:?} open");
            Ok(())
        },
    );
    let report = report.unwrap();
    assert!(report.faults() > 300, "{report}");
    println!("{report}");
}
