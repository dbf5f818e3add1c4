//! Abandoned targets that were created file by file. A sweep keeps a complete target and removes any other.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{Error, FileKind, SourceFile, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use crate::{
    crash::in_place::MARKER,
    create::{TARGET, mem_db},
    db::all_files,
    foreign::Foreign,
    remove::debris,
    sweep::killed_in_place,
    tweak::Tweak,
};

const STAGED: &str = "/.checkpoint.checkpoint-staged";

fn swept(fs: &MemFs) -> bool {
    let report = sweep(fs, Path::new("/"), SyncMode::Normal).unwrap();
    assert!(report.failed.is_empty() && report.in_progress.is_empty() && debris(fs).is_empty(), "{report:?}");
    fs.exists(Path::new(TARGET)).unwrap()
}

#[test]
fn a_whole_target_with_a_marker_is_kept() {
    let (fs, db) = mem_db(&[""]);
    killed_in_place(&db, &fs, Op::RemoveFile, "/checkpoint/.checkpoint-unpublished");
    assert!(swept(&fs) && !fs.exists(&Path::new(TARGET).join(MARKER)).unwrap());
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

/// The creator of the empty target died before it wrote the marker. The next creator succeeds without a sweep.
#[test]
fn an_empty_target_is_removed() {
    let (fs, db) = mem_db(&[""]);
    killed_in_place(&db, &fs, Op::Open, "/checkpoint/.checkpoint-unpublished");
    assert!(fs.exists(Path::new(TARGET)).unwrap() && !swept(&fs.fork()));
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

#[test]
fn a_target_without_a_marker_is_not_debris() {
    let (fs, db) = mem_db(&[""]);
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
    fs.create_dir(Path::new(STAGED)).unwrap();
    assert!(swept(&fs) && db.check_target(&fs, Path::new(TARGET)).unwrap());
}

/// The last sync fails, and so does the first removal of the undo. The target is marked and has a part of its files.
/// Its pointer is where a sweep looks for it.
#[test]
fn a_sweep_finishes_a_failed_undo() {
    let (fs, db) = mem_db(&[""]);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::SyncDirectory).at(TARGET).nth(3).before(errno::EIO));
    faulty.inject(Fault::on(Op::RemoveDirAll).nth(1).before(errno::EIO));
    let tweaked = Tweak::new(faulty).without_directory_renames();
    let failed = run_checkpoint(&db, &tweaked, Path::new(TARGET)).unwrap_err();
    assert!(matches!(failed, Error::LeftBehind { .. }), "{failed}");
    assert!(fs.exists(&Path::new(STAGED).join("current")).unwrap());
    assert!(!swept(&fs));
    run_checkpoint(&db, &fs, Path::new(TARGET)).unwrap();
}

/// A crash can leave a pointer with both names of its rename.
#[test]
fn a_target_whose_pointer_has_both_names_is_kept() {
    let (fs, db) = mem_db(&[""]);
    killed_in_place(&db, &fs, Op::RemoveFile, "/checkpoint/.checkpoint-unpublished");
    fs.hard_link(&Path::new(TARGET).join("current"), &Path::new(STAGED).join("current")).unwrap();
    assert!(swept(&fs) && !fs.exists(&Path::new(TARGET).join(MARKER)).unwrap());
    assert!(db.check_target(&fs, Path::new(TARGET)).unwrap());
}

/// The pointer belongs to a database that an engine has created in the incomplete target.
#[test]
fn a_target_with_another_pointer_is_left_to_the_operator() {
    let (fs, db) = mem_db(&[""]);
    killed_in_place(&db, &fs, Op::Rename, "/checkpoint/current");
    fs.write_new(&Path::new(TARGET).join("current"), b"mine", SyncMode::Normal).unwrap();
    let files = || all_files(&fs, Path::new("/"), Path::new("")).unwrap();
    let before = files();
    let report = sweep(&fs, Path::new("/"), SyncMode::Normal).unwrap();
    assert!(matches!(report.failed[..], [(_, Error::Undecided { .. })]), "{report:?}");
    assert!(matches!(run_checkpoint(&db, &fs, Path::new(TARGET)), Err(Error::Undecided { .. })));
    assert_eq!(files(), before);
}

/// Without metadata, the catalog shows how far the moves came.
#[test]
fn a_target_without_metadata_is_kept_if_everything_has_moved() {
    for (op, path, is_kept) in [
        (Op::RemoveFile, "/checkpoint/.checkpoint-unpublished", true),
        (Op::Rename, "/checkpoint/CHECKPOINT", false),
    ] {
        let fs = MemFs::new();
        fs.write_new(Path::new("/1.sst"), b"rows", SyncMode::Normal).unwrap();
        let table = SourceFile::immutable(FileKind::Table, Arc::new(fs.clone()), "/1.sst", 4);
        let engine = Foreign::new(vec![table], |_| Ok(()));
        let killed = FaultFs::new(fs.clone());
        killed.inject(Fault::on(op).at(path).gone());
        let tweaked = Tweak::new(killed).without_directory_renames();
        run_checkpoint(&engine, &tweaked, Path::new(TARGET)).unwrap_err();
        assert_eq!(swept(&fs), is_kept, "{path}");
        assert_eq!(fs.exists(&Path::new(TARGET).join("tables/1.sst")).unwrap(), is_kept);
    }
}
