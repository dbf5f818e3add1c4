#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

mod properties;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{DeletionPause, Enqueue};

const A: &str = "/a";
const B: &str = "/b";
const C: &str = "/c";

fn prepared() -> (MemFs, Arc<dyn Fs>, Arc<DeletionPause>) {
    let mem = MemFs::new();
    for path in [A, B, C] {
        mem.write_new(Path::new(path), b"12345", SyncMode::Normal).unwrap();
    }
    let fs: Arc<dyn Fs> = Arc::new(mem.clone());
    (mem, fs, Arc::new(DeletionPause::new()))
}

/// Deletes a file like an engine.
fn delete(pause: &DeletionPause, fs: &Arc<dyn Fs>, path: &str) {
    if pause.try_enqueue(fs, Path::new(path)) == Enqueue::DeleteNow {
        fs.remove_file(Path::new(path)).unwrap();
    }
}

fn left(fs: &MemFs) -> Vec<String> {
    fs.read_dir(Path::new("/")).unwrap().iter().map(|e| e.name.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_file_is_held_while_any_guard_holds_it() {
    let (mem, fs, pause) = prepared();
    let (first, second) = (pause.acquire(), pause.acquire());
    first.narrow([A, B]);
    second.narrow([B, C]);
    for path in [A, B, C] {
        delete(&pause, &fs, path);
    }
    assert_eq!((left(&mem).len(), pause.deferred()), (3, 3));
    first.release(Path::new(A));
    assert_eq!(left(&mem), ["b", "c"]);
    first.release(Path::new(B));
    assert_eq!(left(&mem), ["b", "c"]);
    let report = first.resume();
    assert_eq!((report.stats.deferred_files, report.stats.deferred_bytes), (2, 10));
    assert_eq!(left(&mem), ["b", "c"]);
    drop(second);
    assert!(left(&mem).is_empty() && !pause.is_paused() && pause.deferred() == 0);
}

#[test]
fn the_end_of_an_old_guard_does_not_delete_files_of_a_new_one() {
    let (mem, fs, pause) = prepared();
    let old = pause.acquire();
    delete(&pause, &fs, A);
    let new = pause.acquire();
    delete(&pause, &fs, B);
    let _ = old.resume();
    assert_eq!(left(&mem), ["a", "b", "c"], "the new guard holds everything until it is narrowed");
    new.narrow([B]);
    assert_eq!(left(&mem), ["b", "c"]);
    let _ = new.resume();
    assert_eq!(left(&mem), ["c"]);
}

#[test]
fn a_file_is_released_by_its_position() {
    let (mem, fs, pause) = prepared();
    let (first, second) = (pause.acquire(), pause.acquire());
    first.release_nth(0);
    // Files without a path keep their place in the list.
    first.narrow(["", A, B, A]);
    second.narrow([B]);
    first.release_nth(0);
    first.release_nth(9);
    delete(&pause, &fs, A);
    delete(&pause, &fs, B);
    delete(&pause, &fs, C);
    assert_eq!(left(&mem), ["a", "b"], "nobody holds the third");
    first.release_nth(1);
    assert_eq!(left(&mem), ["a", "b"], "the list has it twice");
    first.release_nth(3);
    assert_eq!(left(&mem), ["b"]);
    first.release_nth(2);
    assert_eq!(left(&mem), ["b"], "the other guard holds it");
    second.release_nth(0);
    assert!(left(&mem).is_empty() && pause.deferred() == 0);
    drop((first, second));
}

#[test]
fn a_released_file_is_not_held_again() {
    let (mem, fs, pause) = prepared();
    let guard = pause.acquire();
    guard.release(Path::new(A));
    delete(&pause, &fs, A);
    assert_eq!(left(&mem), ["b", "c"]);
    guard.narrow([A, B]);
    assert_eq!(pause.try_enqueue(&fs, Path::new(A)), Enqueue::DeleteNow);
    guard.narrow([B, C]);
    assert_eq!(pause.try_enqueue(&fs, Path::new(C)), Enqueue::DeleteNow);
    assert_eq!(pause.try_enqueue(&fs, Path::new("/./b")), Enqueue::Deferred);
    assert_eq!(pause.try_enqueue(&fs, Path::new("//b")), Enqueue::Deferred);
    assert_eq!(pause.deferred(), 1, "one file, however it is spelled");
}

#[test]
fn a_panic_ends_the_hold() {
    let (mem, fs, pause) = prepared();
    let guard = pause.acquire();
    delete(&pause, &fs, A);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _held = guard;
        std::panic::resume_unwind(Box::new("a checkpoint that went wrong"));
    }));
    assert!(panicked.is_err() && !pause.is_paused());
    assert_eq!(left(&mem), ["b", "c"]);
}

#[test]
fn failures_are_returned_or_kept_and_can_be_retried() {
    let (mem, _, pause) = prepared();
    let faulty = FaultFs::new(mem.clone());
    let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
    faulty.inject(Fault::on(Op::RemoveFile).nth(1).before(errno::EIO));
    let guard = pause.acquire();
    delete(&pause, &fs, A);
    let mut failed = guard.resume().failed;
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].path.as_path(), failed[0].error.raw_os_error()), (Path::new(A), Some(errno::EIO)));
    assert!(failed[0].to_string().contains("remove_file /a"), "{}", failed[0]);
    assert!(failed.remove(0).retry().is_ok() && left(&mem) == ["b", "c"]);

    faulty.inject(Fault::on(Op::RemoveFile).nth(1).before(errno::EIO));
    let guard = pause.acquire();
    delete(&pause, &fs, B);
    guard.narrow([C]);
    drop(guard);
    let mut failed = pause.take_failed();
    assert_eq!((failed.len(), pause.take_failed().len()), (1, 0));
    faulty.inject(Fault::on(Op::RemoveFile).nth(1).before(errno::EROFS));
    let again = failed.remove(0).retry().unwrap_err();
    assert_eq!(again.error.raw_os_error(), Some(errno::EROFS));
    assert!(again.retry().is_ok());
}

#[test]
fn a_missing_file_counts_as_deleted() {
    let (mem, fs, pause) = prepared();
    let guard = pause.acquire();
    delete(&pause, &fs, A);
    mem.remove_file(Path::new(A)).unwrap();
    assert!(guard.resume().failed.is_empty());
}

#[test]
fn equal_paths_of_two_backends_are_two_files() {
    let (first, one, pause) = prepared();
    let (second, two, _) = prepared();
    let guard = pause.acquire();
    for _ in 0..2 {
        delete(&pause, &one, A);
        delete(&pause, &two, A);
    }
    assert_eq!(pause.deferred(), 2);
    assert_eq!(guard.resume().stats.deferred_files, 2);
    assert_eq!((left(&first).len(), left(&second).len()), (2, 2));
}

#[test]
fn a_backend_that_panics_leaves_the_rest_for_the_next_release() {
    let (mem, fs, pause) = prepared();
    let guard = pause.acquire();
    delete(&pause, &fs, A);
    delete(&pause, &fs, B);
    let rest = pause.lock().end(1);
    drop(super::FreedDeletions { pause: &pause, free: rest });
    assert_eq!((pause.deferred(), left(&mem).len()), (2, 3));
    drop(guard);
    assert_eq!((pause.deferred(), left(&mem).len()), (0, 1));
}

#[test]
fn the_hold_is_measured_by_the_clock() {
    let now = Arc::new(AtomicU64::new(5));
    let clock = Arc::clone(&now);
    let pause =
        Arc::new(DeletionPause::with_clock(move || Duration::from_secs(clock.load(Ordering::Relaxed))));
    let guard = pause.acquire();
    now.store(12, Ordering::Relaxed);
    assert_eq!(guard.stats().hold_time, Duration::from_secs(7));
    now.store(15, Ordering::Relaxed);
    assert_eq!(guard.resume().stats.hold_time, Duration::from_secs(10));
}

/// A repeated request counts as one deletion, and its bytes as one file.
#[test]
fn repeated_requests_count_the_bytes_once() {
    let (_, fs, pause) = prepared();
    let guard = pause.acquire();
    for _ in 0..3 {
        delete(&pause, &fs, A);
    }
    let stats = guard.stats();
    assert_eq!((stats.deferred_files, stats.deferred_bytes), (1, 5));
    assert!(guard.resume().failed.is_empty());
}
