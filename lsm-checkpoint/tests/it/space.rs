//! The check of free space for copies. A copy that fits is not refused.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, FileKind, Policy, Progress, SourceFile};
use lsm_fs::{Fs, FsOpenOptions, StdFs};
use lsm_fs_mem::{MemFsOptions, VolumeOptions};

use crate::foreign::Foreign;

/// Creates a file of holes with a little data at its start.
fn sparse(fs: &dyn Fs, path: &Path, len: u64) {
    let file = fs.open(path, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    file.write_at(&[7; 4096], 0).unwrap();
    file.set_len(len).unwrap();
}

fn engine(fs: Arc<dyn Fs>, path: &Path, kind: FileKind, len: u64) -> Foreign {
    let file = SourceFile::immutable(kind, fs, path, len);
    Foreign::new(vec![file], |target| Ok(target.write("CURRENT", b"1")?))
}

/// A sparse table of 4 GiB with 4 KiB of data is copied and restored as a sparse file. Only its data is read.
#[test]
fn holes_take_no_space_and_stay_holes() {
    const LEN: u64 = 4 << 30;
    let dir = tempfile::tempdir().unwrap();
    let (source, checkpoint, restored) =
        (dir.path().join("1.sst"), dir.path().join("checkpoint"), dir.path().join("restored"));
    sparse(&StdFs, &source, LEN);
    let engine = engine(Arc::new(StdFs), &source, FileKind::Table, LEN);
    let independent = Checkpoint::new().policy(Policy::Independent);
    let (start, read) = (Instant::now(), Mutex::default());
    let count = |progress: &Progress| {
        *read.lock().unwrap() = *progress;
        ControlFlow::Continue(())
    };
    independent.progress(&count).create(&engine, &StdFs, &checkpoint).unwrap();
    let Progress { bytes_done, copied_bytes, .. } = *read.lock().unwrap();
    assert_eq!(bytes_done, LEN);
    assert!(copied_bytes <= 64 << 10, "{copied_bytes} bytes were read");
    println!("copied in {:?}", start.elapsed());
    let opened = CheckpointDir::open(Arc::new(StdFs), &checkpoint).unwrap();
    independent.restore(&opened, &StdFs, &restored).unwrap();
    for dir in [checkpoint, restored] {
        let there = StdFs.metadata(&dir.join("tables/1.sst")).unwrap();
        assert_eq!(there.len, LEN);
        assert!(there.allocated_bytes.is_some_and(|bytes| bytes <= 64 << 10), "{there:?}");
    }
}

/// The volume has less room than the length of the file, and more than its data.
#[test]
fn a_sparse_file_fits_if_its_data_fits() {
    const LEN: u64 = 8 << 20;
    for kind in [FileKind::Table, FileKind::Metadata] {
        let volume = VolumeOptions::new().capacity_bytes(1 << 20).reflink(false);
        let fs = MemFsOptions::new().volume("/backup", volume).build().unwrap();
        sparse(&fs, Path::new("/1.sst"), LEN);
        let engine = engine(Arc::new(fs.clone()), Path::new("/1.sst"), kind, LEN);
        let checkpoint = Path::new("/backup/daily");
        Checkpoint::new().create(&engine, &fs, checkpoint).unwrap();
        let opened = CheckpointDir::open(Arc::new(fs.clone()), checkpoint).unwrap();
        Checkpoint::new()
            .policy(Policy::Independent)
            .restore(&opened, &fs, Path::new("/backup/live"))
            .unwrap();
    }
}

/// A sparse file that the engine writes is restored as a sparse file.
#[test]
fn metadata_keeps_its_holes_when_it_is_restored() {
    const LEN: u64 = 8 << 20;
    let volume = VolumeOptions::new().capacity_bytes(1 << 20).reflink(false);
    let fs = MemFsOptions::new().volume("/backup", volume).build().unwrap();
    let engine = Foreign::new(Vec::new(), |target| {
        sparse(target.fs(), &target.dir().join("MANIFEST"), LEN);
        Ok(target.write("CURRENT", b"1")?)
    });
    let checkpoint = Path::new("/backup/daily");
    Checkpoint::new().create(&engine, &fs, checkpoint).unwrap();
    let opened = CheckpointDir::open(Arc::new(fs.clone()), checkpoint).unwrap();
    let restored = Path::new("/backup/live");
    Checkpoint::new().policy(Policy::Independent).restore(&opened, &fs, restored).unwrap();
    let there = fs.metadata(&restored.join("MANIFEST")).unwrap();
    assert!(there.len == LEN && there.allocated_bytes.is_some_and(|bytes| bytes <= 64 << 10), "{there:?}");
}

/// `statvfs` reports zeros for `/proc`, and also on many network filesystems.
#[cfg(target_os = "linux")]
#[test]
fn a_mount_that_reports_zeros_is_not_checked() {
    use std::io::ErrorKind::Unsupported;
    let unknown = StdFs.available_space(Path::new("/proc")).unwrap_err();
    assert_eq!(unknown.kind(), Unsupported);
    let view = StdFs.beneath(Path::new("/proc")).unwrap();
    assert_eq!(view.available_space(Path::new("/proc")).unwrap_err().kind(), Unsupported);
    assert!(StdFs.available_space(Path::new("/")).unwrap() > 0);
}

#[test]
fn too_much_data_is_refused_before_it_is_copied() {
    let volume = VolumeOptions::new().capacity_bytes(64 << 10);
    let fs = MemFsOptions::new().volume("/backup", volume).build().unwrap();
    let file = fs.open(Path::new("/1.sst"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    file.write_at(&[7; 128 << 10], 0).unwrap();
    let engine = engine(Arc::new(fs.clone()), Path::new("/1.sst"), FileKind::Table, 128 << 10);
    let refused = Checkpoint::new().create(&engine, &fs, Path::new("/backup/daily")).unwrap_err();
    assert!(matches!(refused, Error::NoSpace { needed: 131_072, .. }), "{refused}");
}

/// On a compressing volume, more fits than the volume reports.
#[test]
fn the_check_can_be_switched_off() {
    let fs =
        MemFsOptions::new().volume("/backup", VolumeOptions::new().capacity_bytes(64 << 10)).build().unwrap();
    let file = fs.open(Path::new("/1.sst"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    file.write_at(&[7; 128 << 10], 0).unwrap();
    let unchecked = Checkpoint::new().check_space(false);
    for kind in [FileKind::Table, FileKind::Metadata] {
        let engine = engine(Arc::new(fs.clone()), Path::new("/1.sst"), kind, 128 << 10);
        let full = unchecked.create(&engine, &fs, Path::new("/backup/daily")).unwrap_err();
        assert!(matches!(&full, Error::Fs(e) if e.kind() == std::io::ErrorKind::StorageFull), "{full}");
        assert!(fs.read_dir(Path::new("/backup")).unwrap().is_empty());
    }
    // The check is also off for a metadata file, which a restore copies piece by piece.
    let engine = Foreign::new(Vec::new(), |target| Ok(target.write("MANIFEST", &[7; 2 << 20])?));
    Checkpoint::new().create(&engine, &fs, Path::new("/daily")).unwrap();
    let opened = CheckpointDir::open(Arc::new(fs.clone()), "/daily").unwrap();
    for (options, is_checked) in [(Checkpoint::new(), true), (unchecked, false)] {
        let full = options.restore(&opened, &fs, Path::new("/backup/live")).unwrap_err();
        assert_eq!(matches!(full, Error::NoSpace { .. }), is_checked, "{full}");
    }
}
