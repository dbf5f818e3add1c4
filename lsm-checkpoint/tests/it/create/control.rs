//! Progress, cancellation, the rate limit and the deletion pause.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lsm_checkpoint::{Catalog, Checkpoint, Clock, Enqueue, Error, Progress};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{TraceFs, VolumeOptions};

use super::{TARGET, mem_db, two_volumes};

/// A clock on which time passes only by waiting.
#[derive(Debug, Default)]
struct Patient(AtomicU64);

impl Clock for Patient {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn wait(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }

    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

#[test]
fn progress_adds_up() {
    let (fs, db) = two_volumes(VolumeOptions::new());
    let seen = Mutex::new(Vec::<Progress>::new());
    let record = |progress: &Progress| {
        seen.lock().unwrap().push(*progress);
        ControlFlow::Continue(())
    };
    Checkpoint::new().progress(&record).create(&db, &fs, Path::new("/backup/x")).unwrap();
    let seen = seen.into_inner().unwrap();
    let (first, last) = (seen[0], *seen.last().unwrap());
    assert_eq!((first.files_done, first.files_total, first.bytes_total), (0, 6, 2251));
    assert_eq!((last.files_done, last.bytes_done, last.copied_bytes), (6, 2251, 2240));
    assert!(seen.windows(2).all(|pair| pair[0].bytes_done <= pair[1].bytes_done));
}

/// After a cancel, nothing is synced, and at most the buffer that was read is still written.
fn check_end(trace: &str) {
    let Some((_, after)) = trace.split_once("cancelled\n") else { return };
    let count = |call: &str| after.lines().filter(|line| line.starts_with(call)).count();
    assert_eq!(count("sync_") + count("start_writeback"), 0, "{trace}");
    assert!(count("write_at") <= 1, "{trace}");
}

#[test]
fn cancelling_at_any_moment_leaves_nothing() {
    for target in ["/checkpoint", "/backup/x"] {
        for calls in 1.. {
            let (fs, db) = two_volumes(VolumeOptions::new());
            let (left, traced) = (Mutex::new(calls), TraceFs::new(fs.clone()));
            let cancel = |_: &Progress| {
                let mut left = left.lock().unwrap();
                *left -= 1;
                if *left > 0 {
                    return ControlFlow::Continue(());
                }
                traced.note("cancelled");
                ControlFlow::Break(())
            };
            let outcome = Checkpoint::new().progress(&cancel).create(&db, &traced, Path::new(target));
            check_end(&traced.take());
            assert!(!db.pause.is_paused());
            db.check_source(&fs).unwrap();
            let done = outcome.is_ok();
            match outcome {
                Ok(_) => assert!(calls > 6, "the callback is called at the start and for each file"),
                Err(error) => assert!(matches!(error, Error::Cancelled), "{error}"),
            }
            assert_eq!(fs.exists(Path::new(target)).unwrap(), done);
            assert_eq!(fs.read_dir(Path::new("/")).unwrap().len(), 2 + usize::from(done && target == TARGET));
            if done {
                break;
            }
        }
    }
}

#[test]
fn copies_keep_to_their_limit() {
    let (fs, db) = two_volumes(VolumeOptions::new());
    let clock = Patient::default();
    let limited = Checkpoint::new().bytes_per_second(1000).clock(&clock);
    limited.create(&db, &fs, Path::new("/backup/x")).unwrap();
    assert_eq!(clock.now(), Duration::from_millis(2240));
    let catalog = Catalog::read(&fs, Path::new("/backup/x")).unwrap();
    assert_eq!(catalog.created, clock.unix_time());
    let clock = Patient::default();
    limited.clock(&clock).create(&db, &fs, Path::new("/linked")).unwrap();
    assert_eq!(clock.now(), Duration::from_millis(600), "only the log is copied");
}

/// At one byte per second, the log alone takes ten minutes.
#[test]
fn a_limit_does_not_delay_a_cancellation() {
    let (fs, db) = two_volumes(VolumeOptions::new());
    let clock = Patient::default();
    let cancel = |_: &Progress| match clock.now() < Duration::from_secs(2) {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let limited = Checkpoint::new().bytes_per_second(1).clock(&clock).progress(&cancel);
    let cancelled = limited.create(&db, &fs, Path::new(TARGET));
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    assert!(clock.now() < Duration::from_secs(3), "{:?}", clock.now());
    let unlimited = Checkpoint::new().bytes_per_second(0).clock(&clock);
    unlimited.create(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(clock.now() < Duration::from_secs(3), "0 is no limit");
}

#[test]
fn a_deletion_continues_once_its_file_is_in_the_checkpoint() {
    let (fs, mut db) = mem_db(&[""]);
    let extra = Path::new("/db/tables/3");
    fs.write_new(extra, b"not captured", SyncMode::Normal).unwrap();
    db.on_capture = Box::new(|db| {
        for path in ["/db/tables/1", "/db/tables/3"] {
            assert_eq!(db.pause.try_enqueue(&db.fs, Path::new(path)), Enqueue::Deferred);
        }
    });
    let seen = Mutex::new(Vec::new());
    let source = Arc::clone(&db.fs);
    let look = |progress: &Progress| {
        let there = ["/db/tables/1", "/db/tables/3"].map(|path| source.exists(Path::new(path)).unwrap());
        seen.lock().unwrap().push((progress.files_done, there));
        ControlFlow::Continue(())
    };
    let info = Checkpoint::new().progress(&look).create(&db, &fs, Path::new(TARGET)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen[0], (0, [true, false]), "what was not captured is deleted at once");
    assert_eq!(seen[1], (1, [false, false]), "what was captured, when it is linked");
    let pause = info.pause.unwrap();
    assert_eq!((pause.deferred_files, pause.deferred_bytes), (2, 712));
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}
