//! Deletions wait for a checkpoint, no matter when a compaction runs.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::Checkpoint;
use lsm_fs_mem::MemFs;

use super::{TARGET, check, check_target, no_other_files, open, put_next};

/// Takes a checkpoint and compacts at the n-th progress report. Returns `false` if there are fewer reports.
fn compact_at(n: u64) -> bool {
    let fs = MemFs::new();
    let engine = open(&fs).unwrap();
    for _ in 0..3 {
        (0..3).for_each(|_| assert!(put_next(&engine).is_ok()));
        engine.flush().unwrap();
    }
    let (calls, deferred) = (AtomicU64::new(0), AtomicU64::new(0));
    let compact = |_: &lsm_checkpoint::Progress| {
        if calls.fetch_add(1, Ordering::Relaxed) == n {
            put_next(&engine).unwrap();
            engine.flush().unwrap();
            engine.compact().unwrap();
            deferred.store(engine.pause.deferred() as u64, Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    };
    Checkpoint::new().progress(&compact).create(&engine, &fs, Path::new(TARGET)).unwrap();
    let reached = calls.into_inner() > n;
    assert!(n > 0 || deferred.into_inner() > 4, "the first report comes before the first link");
    check_target(&fs).unwrap();
    no_other_files(&fs, &engine).unwrap();
    drop(engine);
    check(&fs, 9 + u64::from(reached)).unwrap();
    reached
}

#[test]
fn a_compaction_at_any_moment_removes_no_file_of_a_checkpoint() {
    let moments = (0..).take_while(|&n| compact_at(n)).count();
    assert!(moments > 5, "{moments}");
}
