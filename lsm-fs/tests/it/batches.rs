//! Batches are equivalent to loops over single calls, with all abilities and with none.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::ErrorKind,
    ops::{ControlFlow, Range},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_fs::{
    CopyJob, CopyObserver, CopyOptions, DirPair, Error, Fs, FsFile, FsMetadata, FsOpenOptions, NamePair, Op,
    Result, StdFs, SyncMode,
    batch::{hard_link_batch, metadata_batch, reflink_batch, sync_batch},
    copy::copy_batch,
};

use crate::{
    broken::{Broken, Defect},
    required::Required,
};

/// Directories `from` and `to`, and files in `from` that contain their own names.
pub(crate) struct Dirs {
    _dir: tempfile::TempDir,
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) names: Vec<String>,
}

impl Dirs {
    pub(crate) fn with(count: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        StdFs.create_dir(&from).unwrap();
        StdFs.create_dir(&to).unwrap();
        let names: Vec<_> = (0..count).map(|i| format!("{i:04}")).collect();
        names.iter().for_each(|name| std::fs::write(from.join(name), name).unwrap());
        Self { _dir: dir, from, to, names }
    }

    pub(crate) fn pair(&self) -> DirPair<'_> {
        DirPair { from: &self.from, to: &self.to }
    }

    pub(crate) fn pairs(&self) -> Vec<NamePair<'_>> {
        self.names.iter().map(NamePair::same).collect()
    }

    pub(crate) fn made(&self) -> Vec<String> {
        let entries = StdFs.read_dir(&self.to).unwrap();
        entries.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
    }
}

/// Backends with the capabilities of the host.
fn each(test: impl Fn(&dyn Fs)) {
    test(&StdFs);
    test(&Required::new(StdFs, 1));
    test(&Required::new(StdFs, 80));
}

/// Backends that clone by copying, and whose syncs can be made to fail.
fn each_cloning(test: impl Fn(&dyn Fs, &Broken)) {
    for concurrency in [1, 2, 80] {
        let broken = Broken::new(Defect::None);
        test(&Required::new(&broken, concurrency), &broken);
    }
}

/// Returns `Break` after this many reports.
fn until(reports: usize, received: usize) -> ControlFlow<()> {
    if received < reports { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

fn metadata(fs: &dyn Fs, dirs: &Dirs, names: &[&OsStr], reports: usize) -> Vec<(usize, Result<FsMetadata>)> {
    let mut received = Vec::new();
    metadata_batch(fs, &dirs.from, names, &mut |index, found| {
        received.push((index, found));
        until(reports, received.len())
    });
    received
}

#[test]
fn a_metadata_batch_equals_single_calls() {
    each(|fs| {
        let dirs = Dirs::with(2);
        std::fs::write(dirs.from.join("longer"), [7; 10_000]).unwrap();
        StdFs.create_dir(&dirs.from.join("dir")).unwrap();
        let single = ["0000", "missing", "longer", "dir", "0001"];
        let names: Vec<_> = single.iter().copied().chain(["..", "dir/..", ""]).map(OsStr::new).collect();
        let received = metadata(fs, &dirs, &names, usize::MAX);
        assert!(received.iter().map(|(index, _)| *index).eq(0..names.len()));
        for ((index, found), name) in received.into_iter().zip(&names) {
            let path = dirs.from.join(name);
            let said = |e: Error| (e.kind(), e.op(), e.path().to_path_buf());
            let alone = if index < single.len() {
                fs.metadata(&path).map_err(said)
            } else {
                Err((ErrorKind::InvalidInput, Op::Metadata, path))
            };
            assert_eq!(found.map_err(said), alone, "{name:?}");
        }
        // A missing directory gives the same error for every file.
        let mut received = Vec::new();
        metadata_batch(fs, &dirs.from.join("nowhere"), &[OsStr::new("0000"); 2], &mut |_, found| {
            received.push(found.map_err(|e| e.kind()));
            ControlFlow::Continue(())
        });
        assert_eq!(received, vec![Err(ErrorKind::NotFound); 2]);
    });
}

#[test]
fn a_break_ends_a_batch_of_metadata() {
    each(|fs| {
        let dirs = Dirs::with(10);
        let names: Vec<_> = dirs.names.iter().map(OsStr::new).collect();
        assert_eq!(metadata(fs, &dirs, &names, 3).len(), 3);
    });
}

#[test]
fn a_break_ends_a_batch_of_links() {
    each(|fs| {
        let dirs = Dirs::with(10);
        let mut received = 0;
        hard_link_batch(fs, dirs.pair(), &dirs.pairs(), &mut |_, linked| {
            linked.unwrap();
            received += 1;
            until(3, received)
        });
        assert_eq!((received, dirs.made()), (3, ["0000", "0001", "0002"].map(String::from).into()));
    });
}

#[test]
fn a_batch_does_not_leave_its_directories() {
    let leave = |fs: &dyn Fs| {
        let dirs = Dirs::with(1);
        let outside = dirs.from.with_file_name("outside");
        std::fs::write(&outside, b"x").unwrap();
        let absolute = outside.to_str().unwrap();
        let pairs = [
            NamePair::new("../outside", "in"),
            NamePair::new("0000", "../out"),
            NamePair::new(absolute, "in"),
            NamePair::new("0000", ""),
        ];
        let mut kinds = Vec::new();
        hard_link_batch(fs, dirs.pair(), &pairs, &mut |index, linked| {
            kinds.push((Op::HardLink, index, linked.map_err(|e| (e.op(), e.kind()))));
            ControlFlow::Continue(())
        });
        reflink_batch(fs, dirs.pair(), &pairs, SyncMode::Normal, &mut |index, cloned| {
            kinds.push((Op::ReflinkFile, index, cloned.map_err(|e| (e.op(), e.kind()))));
            ControlFlow::Continue(())
        });
        assert_eq!(kinds.len(), 8);
        for (op, index, result) in kinds {
            assert_eq!(result, Err((op, ErrorKind::InvalidInput)), "{op} {index}");
        }
        assert!(dirs.made().is_empty());
        let root = StdFs.read_dir(dirs.from.parent().unwrap()).unwrap();
        assert!(root.iter().map(|entry| &*entry.name).eq(["from", "outside", "to"]));
    };
    each(leave);
    each_cloning(|fs, _| leave(fs));
}

#[test]
fn a_break_ends_a_batch_of_clones_after_reporting_existing_ones() {
    each_cloning(|fs, _| {
        let dirs = Dirs::with(600);
        let mut received = BTreeMap::new();
        reflink_batch(fs, dirs.pair(), &dirs.pairs(), SyncMode::Normal, &mut |index, cloned| {
            cloned.unwrap();
            assert!(received.insert(index, ()).is_none(), "reported twice");
            until(3, received.len())
        });
        assert!((3..600).contains(&received.len()), "{} reports", received.len());
        assert!(dirs.made().iter().eq(received.keys().map(|index| &dirs.names[*index])));
    });
}

#[test]
fn every_file_of_a_batch_is_synced_and_reported() {
    each_cloning(|fs, broken| {
        let dirs = Dirs::with(20);
        let options = FsOpenOptions::new().read(true).write(true);
        let files: Vec<_> =
            dirs.names.iter().map(|name| fs.open(&dirs.from.join(name), &options).unwrap()).collect();
        files.iter().for_each(|file| file.write_at(b"dirty", 0).unwrap());
        let files: Vec<&dyn FsFile> = files.iter().map(|file| &**file).collect();
        let sync = |failing: &[usize]| {
            let mut received = BTreeMap::new();
            sync_batch(fs, &files, SyncMode::Normal, &mut |index, synced| {
                assert!(received.insert(index, synced.is_ok()).is_none(), "reported twice");
            });
            assert_eq!(received, (0..20).map(|index| (index, !failing.contains(&index))).collect());
        };
        sync(&[]);
        broken.faults().lock().unwrap().insert(dirs.from.join("0003"));
        sync(&[3]);
    });
}

#[test]
fn all_files_are_synced_if_the_receiver_panics() {
    for concurrency in [2, 80] {
        let dirs = Dirs::with(40);
        let fs = Required::new(Broken::new(Defect::None), concurrency);
        let options = FsOpenOptions::new().write(true);
        let files: Vec<_> =
            dirs.names.iter().map(|name| fs.open(&dirs.from.join(name), &options).unwrap()).collect();
        let files: Vec<&dyn FsFile> = files.iter().map(|file| &**file).collect();
        let before = fs.inner().calls().load(Ordering::Relaxed);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            sync_batch(&fs, &files, SyncMode::Normal, &mut |_, _| panic!("of the caller"));
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"of the caller"));
        assert_eq!(fs.inner().calls().load(Ordering::Relaxed) - before, 40);
    }
}

/// Cancels a batch of copies after a number of bytes.
struct Cancels(AtomicU64);

impl CopyObserver for Cancels {
    fn data(&self, _: usize, _: u64, bytes: &[u8]) -> ControlFlow<()> {
        let before = self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn hole(&self, _: usize, _: Range<u64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Copies all files. Returns the index of each reported file, and `true` if it is durable. Files that are not durable
/// must have been cancelled.
fn copies(fs: &dyn Fs, dirs: &Dirs, options: &CopyOptions<'_>, reports: usize) -> BTreeMap<usize, bool> {
    let paths: Vec<_> = dirs.names.iter().map(|name| (dirs.from.join(name), dirs.to.join(name))).collect();
    let jobs: Vec<_> = paths.iter().map(|(from, to)| CopyJob { source: fs, from, to, len: None }).collect();
    let mut received = BTreeMap::new();
    copy_batch(fs, &jobs, options, &mut |index, copied| {
        let durable = copied.map_or_else(|e| if e.is_cancelled() { false } else { panic!("{e}") }, |_| true);
        assert!(received.insert(index, durable).is_none(), "reported twice");
        until(reports, received.len())
    });
    assert_eq!(received.len(), dirs.names.len(), "every job is reported");
    let durable = received.iter().filter(|(_, durable)| **durable).map(|(index, _)| &dirs.names[*index]);
    assert!(dirs.made().iter().eq(durable), "targets that are there, and those reported durable");
    received
}

#[test]
fn an_observer_can_cancel_a_batch_of_copies() {
    each(|fs| {
        let observer = Cancels(AtomicU64::new(0));
        let received = copies(fs, &Dirs::with(30), &CopyOptions::new().observer(&observer), usize::MAX);
        assert!(received.values().any(|durable| !durable), "nothing was cancelled");
    });
}

#[test]
fn a_break_ends_a_batch_of_copies() {
    each(|fs| {
        let received = copies(fs, &Dirs::with(500), &CopyOptions::new(), 3);
        assert!(received.values().any(|durable| !durable), "nothing was cancelled");
    });
}
