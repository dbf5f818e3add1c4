//! Overlapped copies, with failures, cancels and panics on the way.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_fs::{
    CopyJob, CopyObserver, CopyOptions, Fs, FsExt, FsFile, FsOpenOptions, StdFs, SyncMode, copy::copy_batch,
};

use crate::{
    broken::{Broken, Defect},
    required::Required,
};

struct Files {
    _dir: tempfile::TempDir,
    to: PathBuf,
    paths: Vec<(PathBuf, PathBuf)>,
}

/// Creates files of less than 20,000 bytes, with different lengths and contents.
fn files(count: usize) -> Files {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    StdFs.create_dir(&from).unwrap();
    StdFs.create_dir(&to).unwrap();
    let paths: Vec<_> = (0..count).map(|i| (from.join(i.to_string()), to.join(i.to_string()))).collect();
    for (i, (path, _)) in paths.iter().enumerate() {
        let byte = u8::try_from(i % 251).unwrap();
        StdFs.write_new(path, &vec![byte; i * 997 % 20_000], SyncMode::Normal).unwrap();
    }
    Files { _dir: dir, to, paths }
}

fn jobs(files: &Files) -> Vec<CopyJob<'_>> {
    files.paths.iter().map(|(from, to)| CopyJob { source: &StdFs, from, to, len: None }).collect()
}

fn read(path: &Path) -> Vec<u8> {
    StdFs.read_to_vec(path, 1 << 24).unwrap()
}

#[test]
fn copies_are_equal_for_any_concurrency() {
    for (concurrency, count) in
        [(1, 60), (2, 60), (3, 60), (10, 60), (18, 60), (200, 60), (80, 1), (80, 2), (80, 900)]
    {
        let fs = Required::new(StdFs, concurrency);
        let files = files(count);
        let mut results = BTreeMap::new();
        let options = CopyOptions::new().buffer_bytes(4096);
        copy_batch(&fs, &jobs(&files), &options, &mut |index, result| {
            assert!(results.insert(index, result.unwrap()).is_none(), "reported twice");
            ControlFlow::Continue(())
        });
        assert_eq!(results.len(), count, "{concurrency}");
        for (index, (from, to)) in files.paths.iter().enumerate() {
            assert_eq!(read(from), read(to));
            assert_eq!(results[&index].len, read(from).len() as u64);
        }
    }
}

#[test]
fn a_failed_sync_fails_only_its_own_copy() {
    let files = files(40);
    let fs = Broken::new(Defect::None);
    let failing: Vec<usize> = (0..40).filter(|i| i % 7 == 3).collect();
    fs.faults().lock().unwrap().extend(failing.iter().map(|i| files.paths[*i].1.clone()));
    let mut failed = Vec::new();
    copy_batch(&fs, &jobs(&files), &CopyOptions::new(), &mut |index, result| {
        if let Err(e) = result {
            assert_eq!(e.path(), files.paths[index].1, "{e}");
            failed.push(index);
        }
        ControlFlow::Continue(())
    });
    failed.sort_unstable();
    assert_eq!(failed, failing);
    for (index, (from, to)) in files.paths.iter().enumerate() {
        assert_eq!(StdFs.exists(to).unwrap(), !failing.contains(&index));
        assert!(failing.contains(&index) || read(from) == read(to));
    }
}

/// Truncates the source to this length after its first piece.
#[derive(Debug)]
struct Cutting<'a>(&'a Path, u64);

impl CopyObserver for Cutting<'_> {
    fn data(&self, _: usize, offset: u64, _: &[u8]) -> ControlFlow<()> {
        if offset == 0 {
            let source = StdFs.open(self.0, &FsOpenOptions::new().write(true)).unwrap();
            source.set_len(self.1).unwrap();
        }
        ControlFlow::Continue(())
    }

    fn hole(&self, _: usize, _: Range<u64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// The buffer still holds earlier bytes, which must not end up in the file.
#[test]
fn a_source_that_shrinks_during_its_copy_fails() {
    // The second and last piece is gone, or lacks its end.
    for left in [4096, 5000] {
        let files = files(1);
        let (from, to) = &files.paths[0];
        let file = StdFs.open(from, &FsOpenOptions::new().write(true)).unwrap();
        file.write_at(&[7; 2 * 4096], 0).unwrap();
        let observer = Cutting(from, left);
        let options = CopyOptions::new().buffer_bytes(4096).observer(&observer);
        let mut results = Vec::new();
        copy_batch(&StdFs, &jobs(&files), &options, &mut |_, result| {
            results.push(result.map_err(|e| e.kind()).map(drop));
            ControlFlow::Continue(())
        });
        assert_eq!(results, [Err(std::io::ErrorKind::UnexpectedEof)], "{left}");
        assert!(!StdFs.exists(to).unwrap());
    }
}

#[test]
fn a_break_cancels_the_remaining_jobs_and_each_is_reported_once() {
    // With little concurrency, most files have not been started when the first results arrive.
    for concurrency in [1, 6] {
        let files = files(400);
        let mut results = BTreeMap::new();
        let mut report = |index, result: lsm_fs::Result<_>| {
            assert!(results.insert(index, result.map_err(|e| e.is_cancelled())).is_none(), "reported twice");
            if results.len() < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let fs = Required::new(StdFs, concurrency);
        copy_batch(&fs, &jobs(&files), &CopyOptions::new(), &mut report);
        assert_eq!(results.len(), 400);
        assert!(results.values().all(|r| matches!(r, Ok(_) | Err(true))));
        let durable: Vec<_> = results.iter().filter(|(_, r)| r.is_ok()).map(|(i, _)| i.to_string()).collect();
        let mut there: Vec<_> =
            StdFs.read_dir(&files.to).unwrap().into_iter().map(|e| e.name.into_string().unwrap()).collect();
        there.sort_by_key(|name| name.parse::<usize>().unwrap());
        assert_eq!(there, durable);
        assert!(durable.len() < 400, "nothing was cancelled");
    }
}

#[test]
fn a_panic_in_the_report_ends_the_batch_and_resumes() {
    // More results than may wait for the receiver. The threads must not wait after the receiver was dropped.
    let files = files(400);
    let jobs = jobs(&files);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        copy_batch(&StdFs, &jobs, &CopyOptions::new(), &mut |_, _| panic!("of the caller"));
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"of the caller"));
}

struct Counter(AtomicU64);

impl CopyObserver for Counter {
    fn data(&self, _: usize, _: u64, bytes: &[u8]) -> ControlFlow<()> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        ControlFlow::Continue(())
    }

    fn hole(&self, _: usize, range: Range<u64>) -> ControlFlow<()> {
        self.0.fetch_add(range.end - range.start, Ordering::Relaxed);
        ControlFlow::Continue(())
    }
}

#[test]
fn progress_adds_up_to_the_lengths() {
    let files = files(30);
    let total: u64 = files.paths.iter().map(|(from, _)| read(from).len() as u64).sum();
    let counter = Counter(AtomicU64::new(0));
    let options = CopyOptions::new().observer(&counter);
    copy_batch(&StdFs, &jobs(&files), &options, &mut |_, result| {
        result.unwrap();
        ControlFlow::Continue(())
    });
    assert_eq!(counter.0.into_inner(), total);
}

#[test]
fn the_kernel_copies_the_same_bytes() {
    let files = files(30);
    copy_batch(&StdFs, &jobs(&files), &CopyOptions::new().share_extents(true), &mut |_, result| {
        result.unwrap();
        ControlFlow::Continue(())
    });
    for (from, to) in &files.paths {
        assert_eq!(read(from), read(to));
    }
}

/// Acts at the n-th piece of any file.
struct AtPiece<A>(AtomicU64, u64, A);

impl<A: Fn() -> ControlFlow<()> + Sync> CopyObserver for AtPiece<A> {
    fn data(&self, _: usize, _: u64, _: &[u8]) -> ControlFlow<()> {
        if self.0.fetch_add(1, Ordering::Relaxed) == self.1 { (self.2)() } else { ControlFlow::Continue(()) }
    }

    fn hole(&self, _: usize, _: Range<u64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn a_panic_in_the_observer_ends_the_batch_without_partial_files() {
    let files = files(50);
    let observer = AtPiece(AtomicU64::new(0), 20, || panic!("of the observer"));
    let options = CopyOptions::new().buffer_bytes(4096).observer(&observer);
    let mut durable = 0;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        copy_batch(&StdFs, &jobs(&files), &options, &mut |_, result| {
            durable += usize::from(result.is_ok());
            ControlFlow::Continue(())
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"of the observer"));
    let there = StdFs.read_dir(&files.to).unwrap();
    assert_eq!(there.len(), durable, "every target that is there was reported durable");
    assert!(durable < 50, "the other writer went on");
}

#[test]
fn a_panic_in_every_sync_does_not_hang_the_batch() {
    let files = files(60);
    let fs = Broken::new(Defect::SyncPanics);
    let mut reports = 0;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let fs = Required::new(&fs, 15);
        copy_batch(&fs, &jobs(&files), &CopyOptions::new(), &mut |_, result| {
            reports += 1;
            assert!(result.is_err());
            ControlFlow::Continue(())
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the sync panics"));
    assert_eq!(reports, 60, "every job is reported");
    let left = StdFs.read_dir(&files.to).unwrap();
    assert!(left.is_empty(), "no target was synced: {left:?}");
}

/// Waits at the second piece of the second file.
struct OfLarge<'a>(AtomicU64, &'a std::sync::Barrier);

impl CopyObserver for OfLarge<'_> {
    fn data(&self, job: usize, _: u64, _: &[u8]) -> ControlFlow<()> {
        if job == 1 && self.0.fetch_add(1, Ordering::Relaxed) == 1 {
            self.1.wait();
        }
        ControlFlow::Continue(())
    }

    fn hole(&self, _: usize, _: Range<u64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn direct_copies_of_any_length_are_complete() {
    let dir = tempfile::tempdir().unwrap();
    let lens = [4096, 8192, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 5000, (4 << 20) + 4096];
    let paths: Vec<_> = lens
        .iter()
        .map(|len| (dir.path().join(format!("{len}")), dir.path().join(format!("{len}-copy"))))
        .collect();
    for (len, (from, _)) in lens.iter().zip(&paths) {
        let bytes: Vec<u8> = (0..*len).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
        StdFs.write_new(from, &bytes, SyncMode::Normal).unwrap();
    }
    let jobs: Vec<_> =
        paths.iter().map(|(from, to)| CopyJob { source: &StdFs, from, to, len: None }).collect();
    copy_batch(&StdFs, &jobs, &CopyOptions::new(), &mut |_, result| {
        result.unwrap();
        ControlFlow::Continue(())
    });
    for (from, to) in &paths {
        assert!(read(from) == read(to), "{}", from.display());
    }
}

#[test]
fn a_break_stops_a_copy_in_progress() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    StdFs.write_new(&at("small"), b"x", SyncMode::Normal).unwrap();
    StdFs.write_new(&at("large"), &vec![7; 64 << 20], SyncMode::Normal).unwrap();
    // The pieces of the large file wait for the report of the small file, which returns `Break`.
    let reported = std::sync::Barrier::new(2);
    let observer = OfLarge(AtomicU64::new(0), &reported);
    let (small, large) = ((at("small"), at("small-copy")), (at("large"), at("large-copy")));
    let job = |(from, to): &'_ (PathBuf, PathBuf)| (from.clone(), to.clone());
    let paths = [job(&small), job(&large)];
    let jobs: Vec<_> =
        paths.iter().map(|(from, to)| CopyJob { source: &StdFs, from, to, len: None }).collect();
    let mut results = BTreeMap::new();
    let options = CopyOptions::new().buffer_bytes(4096).observer(&observer);
    copy_batch(&StdFs, &jobs, &options, &mut |index, result| {
        results.insert(index, result.map_err(|e| e.is_cancelled()));
        if index == 0 {
            reported.wait();
        }
        ControlFlow::Break(())
    });
    assert!(results[&0].is_ok());
    assert_eq!(results[&1], Err(true), "the large file was copied to its end");
    assert!(!StdFs.exists(&at("large-copy")).unwrap());
}

#[test]
fn unusual_options_and_sources_do_not_hang() {
    let files = files(3);
    let options = CopyOptions::new().buffer_bytes(0);
    copy_batch(&StdFs, &jobs(&files), &options, &mut |_, result| {
        result.unwrap();
        ControlFlow::Continue(())
    });
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("sparse"), dir.path().join("copy"));
    let file = StdFs.open(&from, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    file.set_len(1 << 20).unwrap();
    if file.metadata().unwrap().allocated_bytes.is_none() {
        return; // Without `allocated_bytes`, a copy does not look for holes.
    }
    let fs = Broken::new(Defect::NextDataIsEmpty);
    let job = CopyJob { source: &fs, from: &from, to: &to, len: None };
    copy_batch(&StdFs, &[job], &CopyOptions::new(), &mut |_, result| {
        assert!(result.unwrap_err().to_string().contains("next_data"));
        ControlFlow::Continue(())
    });
    assert!(!StdFs.exists(&to).unwrap());
}

/// An observer that sets the mode of each copy after it is written, and fails for one of them.
#[cfg(all(unix, not(lsm_fs_portable)))]
struct Modes {
    refused: usize,
}

/// The umask takes no bits of the owner away.
#[cfg(all(unix, not(lsm_fs_portable)))]
const CREATED_WITH_ITS_MODE: usize = 8;

#[cfg(all(unix, not(lsm_fs_portable)))]
impl CopyObserver for Modes {
    fn data(&self, _: usize, _: u64, _: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn hole(&self, _: usize, _: Range<u64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn created_with(&self, job: usize) -> Option<u32> {
        (job == CREATED_WITH_ITS_MODE).then_some(0o4700)
    }

    fn written(&self, job: usize, target: &dyn FsFile) -> lsm_fs::Result<()> {
        let found = target.metadata()?.permissions.unwrap();
        let expected = if job == CREATED_WITH_ITS_MODE { 0o700 } else { 0o600 };
        assert_eq!(found.mode, expected, "nobody else has seen it");
        if job == self.refused {
            let refusal = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(lsm_fs::Error::new(lsm_fs::Op::SetPermissions, "refused", refusal));
        }
        target.set_permissions(&found.with_mode(0o640)).map(drop)
    }
}

#[cfg(all(unix, not(lsm_fs_portable)))]
#[test]
fn a_copy_is_private_until_the_observer_sets_its_mode() {
    let files = files(30);
    let observer = Modes { refused: 7 };
    let options = CopyOptions::new().private(true).observer(&observer);
    let mut failed = Vec::new();
    copy_batch(&StdFs, &jobs(&files), &options, &mut |index, result| {
        failed.extend(result.err().map(|error| (index, error.op())));
        ControlFlow::Continue(())
    });
    assert_eq!(failed, [(7, lsm_fs::Op::SetPermissions)]);
    for (index, (_, to)) in files.paths.iter().enumerate() {
        let mode = StdFs.metadata(to).ok().map(|there| there.permissions.unwrap().mode);
        assert_eq!(mode, (index != 7).then_some(0o640), "{index}");
    }
}
