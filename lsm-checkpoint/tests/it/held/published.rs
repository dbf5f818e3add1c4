//! The name of a target: the moment of its check, its owner, and its state after a failure.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, VolumeOptions};

use crate::{
    create::{TARGET, mem_db},
    foreign::Foreign,
    remove::debris,
};

/// If the target exists, nothing is flushed or created.
#[test]
fn an_existing_target_is_refused_before_anything_is_made() {
    let (fs, db) = mem_db(&[""]);
    fs.create_dir(Path::new(TARGET)).unwrap();
    let watched = FaultFs::new(fs);
    let refused = run_checkpoint(&db, &watched, Path::new(TARGET));
    assert!(matches!(refused, Err(Error::TargetExists { .. })), "{refused:?}");
    assert_eq!(watched.count(Op::CreateDir), 0);
}

#[cfg(unix)]
#[test]
fn a_dangling_symbolic_link_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("daily");
    std::os::unix::fs::symlink("nowhere", &target).unwrap();
    let watched = FaultFs::new(lsm_fs::StdFs);
    let engine = Foreign::new(Vec::new(), |target| Ok(target.write("CURRENT", b"1")?));
    let refused = run_checkpoint(&engine, &watched, &target);
    assert!(matches!(refused, Err(Error::TargetExists { .. })), "{refused:?}");
    assert_eq!(watched.count(Op::CreateDir), 0);
}

/// A lock through the link would be on the directory that the link points to, and prove nothing about the target.
#[cfg(unix)]
#[test]
fn an_empty_target_beside_a_symbolic_link_is_not_debris() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("daily");
    for made in [&target, &dir.path().join("elsewhere")] {
        std::fs::create_dir(made).unwrap();
    }
    std::os::unix::fs::symlink("elsewhere", dir.path().join(".daily.checkpoint-staged")).unwrap();
    let engine = Foreign::new(Vec::new(), |target| Ok(target.write("CURRENT", b"1")?));
    let refused = run_checkpoint(&engine, &lsm_fs::StdFs, &target);
    assert!(matches!(refused, Err(Error::Fs(_))) && target.is_dir(), "{refused:?}");
}

/// Another process creates the directory while the manifest is written, and the volume has no rename that spares it.
#[test]
fn a_target_that_is_filled_meanwhile_is_not_taken_over() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let somebody = fs.clone();
    let engine = Foreign::new(Vec::new(), move |target| {
        somebody.create_dir(Path::new(TARGET))?;
        somebody.create_dir(Path::new("/checkpoint/mine"))?;
        Ok(target.write("CURRENT", b"1")?)
    });
    let refused = run_checkpoint(&engine, &fs, Path::new(TARGET));
    assert!(matches!(refused, Err(Error::TargetExists { .. })), "{refused:?}");
    assert!(fs.read_dir(Path::new(TARGET)).unwrap().len() == 1 && debris(&fs).is_empty());
}

#[test]
fn a_rename_that_took_effect_and_failed_is_undone() {
    let (fs, db) = mem_db(&[""]);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::RenameNoreplace).nth(1).after(errno::EIO));
    let failed = run_checkpoint(&db, &faulty, Path::new(TARGET));
    assert!(matches!(failed, Err(Error::Fs(_))), "{failed:?}");
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
}

#[test]
fn an_engine_that_panics_leaves_nothing() {
    let fs = MemFs::new();
    fs.write_new(Path::new("/file"), b"", SyncMode::Normal).unwrap();
    let engine = Foreign::new(Vec::new(), |_| std::panic::resume_unwind(Box::new("the engine went wrong")));
    let panicked = catch_unwind(AssertUnwindSafe(|| run_checkpoint(&engine, &fs, Path::new(TARGET))));
    assert!(panicked.is_err() && fs.read_dir(Path::new("/")).unwrap().len() == 1);
}
