//! The files that a checkpoint provides as a source, and their order.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    Catalog, Change, Checkpoint, CheckpointDir, Error, FileKind, Method, Policy, SourceFile, run_checkpoint,
};
use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};
use lsm_fs_mem::MemFs;

use crate::{create::TARGET, foreign::Foreign, remove::with_checkpoint};

fn opened(fs: &MemFs) -> CheckpointDir {
    CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap()
}

/// The pointer comes last, so it also makes the copy readable.
#[test]
fn metadata_keeps_its_order_in_a_checkpoint_of_a_checkpoint() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &["users", "orders"]);
    run_checkpoint(&opened(&fs), &fs, Path::new("/second")).unwrap();
    let names = |dir: &str| {
        let files = Catalog::read(&fs, Path::new(dir)).unwrap().files.into_iter();
        files
            .filter(|file| file.kind == FileKind::Metadata)
            .map(|file| (file.tree, file.name))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/second"), names(TARGET));
}

/// The engine may still append to a log that lies beside the pointer.
#[test]
fn metadata_that_was_copied_is_not_linked() {
    let fs = MemFs::new();
    fs.write_new(Path::new("/LOG"), b"records", SyncMode::Normal).unwrap();
    let log = SourceFile::prefix(FileKind::Metadata, Arc::new(fs.clone()), "/LOG", 7);
    let engine = Foreign::new(vec![log], |target| Ok(target.write("CURRENT", b"1")?));
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    let linking = Checkpoint::new().policy(Policy::PreferLink);
    let info = linking.restore(&opened(&fs), &fs, Path::new("/live")).unwrap();
    assert_eq!((info.by_method(Method::HardLink).files, info.by_method(Method::Copy).files), (0, 1));
    assert_eq!(fs.hard_link_count(Path::new("/checkpoint/LOG")).unwrap(), Some(1));
}

/// A clone does not check the length of its file, so the restore compares the lengths first.
#[test]
fn a_file_that_has_grown_in_a_checkpoint_is_not_restored() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    let checkpoint = opened(&fs);
    let mut log = fs.open(Path::new("/checkpoint/logs/log"), &FsOpenOptions::new().append(true)).unwrap();
    std::io::Write::write_all(&mut log, b"more").unwrap();
    let refused = lsm_checkpoint::restore(&checkpoint, &fs, Path::new("/live"));
    let is_longer = |error: &Error| {
        matches!(error, Error::SourceChanged { what: Change::Length { expected: 600, found: 604 }, .. })
    };
    assert!(refused.as_ref().is_err_and(is_longer), "{refused:?}");
}
