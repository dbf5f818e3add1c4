//! Symbolic links and pipes, which need a real filesystem.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{FileTypeExt, symlink},
    path::Path,
    process::Command,
    sync::Arc,
};

use lsm_checkpoint::{
    Change, Checkpoint, CheckpointDir, Defect, Error, Method, Policy, VerifyOptions, list, remove, restore,
    run_checkpoint, sweep, verify,
};
use lsm_fs::{StdFs, SyncMode};

use crate::db::Db;

const NORMAL: SyncMode = SyncMode::Normal;

fn prepared(dir: &Path) -> Db {
    Db::prepare(&StdFs, &dir.join("db"), &[""]);
    Db::open(Arc::new(StdFs), &dir.join("db"), &[""])
}

/// Moves a file elsewhere and replaces it by a symbolic link.
fn move_away(file: &Path, to: &Path) {
    fs::rename(file, to).unwrap();
    symlink(to, file).unwrap();
}

fn pipe(at: &Path) {
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    assert!(fs::symlink_metadata(at).unwrap().file_type().is_fifo());
}

#[test]
fn a_symbolic_link_is_not_taken_for_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, target) = (dir.path(), dir.path().join("daily"));
    let db = prepared(dir);
    move_away(&dir.join("db/tables/1"), &dir.join("elsewhere"));
    let refused = run_checkpoint(&db, &StdFs, &target);
    let is_type = matches!(&refused, Err(Error::SourceChanged { what: Change::Type, path })
        if path.ends_with("tables/1"));
    assert!(is_type, "{refused:?}");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 2, "nothing is left");
}

#[test]
fn a_checkpoint_is_not_removed_through_a_symbolic_link() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, monday, latest) = (dir.path(), dir.path().join("monday"), dir.path().join("latest"));
    let db = prepared(dir);
    run_checkpoint(&db, &StdFs, &monday).unwrap();
    symlink("monday", &latest).unwrap();
    assert!(matches!(remove(&StdFs, &latest, NORMAL), Err(Error::NotACheckpoint { .. })));
    assert!(matches!(run_checkpoint(&db, &StdFs, &latest), Err(Error::TargetExists { .. })));
    assert!(db.check_target(&StdFs, &monday).unwrap());
    // A link with the name of a staged directory is not followed either.
    let staged = dir.join(".latest.checkpoint-staged");
    symlink("monday", &staged).unwrap();
    fs::remove_file(&latest).unwrap();
    assert!(matches!(run_checkpoint(&db, &StdFs, &latest), Err(Error::Fs(_))));
    assert!(sweep(&StdFs, dir, NORMAL).unwrap().cleared.is_empty());
    assert!(db.check_target(&StdFs, &monday).unwrap());
    fs::remove_file(&staged).unwrap();
    run_checkpoint(&db, &StdFs, &latest).unwrap();
}

/// A checkpoint may be hostile: no link in it is followed, and no pipe in it is waited for.
#[test]
fn only_regular_files_are_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, target) = (dir.path(), dir.path().join("daily"));
    let db = prepared(dir);
    for (at, file) in ["tables/1", "logs/log", "current"].into_iter().enumerate() {
        for is_pipe in [false, true] {
            run_checkpoint(&db, &StdFs, &target).unwrap();
            let (path, elsewhere) = (target.join(file), dir.join(format!("elsewhere-{at}")));
            if is_pipe {
                fs::remove_file(&path).unwrap();
                pipe(&path);
            } else {
                move_away(&path, &elsewhere);
            }
            let checkpoint = CheckpointDir::open(Arc::new(StdFs), &target).unwrap();
            let refused = restore(&checkpoint, &StdFs, &dir.join("restored"));
            let is_type = matches!(refused, Err(Error::SourceChanged { what: Change::Type, .. }));
            assert!(is_type, "{file}: {refused:?}");
            remove(&StdFs, &target, NORMAL).unwrap();
        }
    }
}

#[test]
fn a_pipe_is_not_a_catalog() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("strange")).unwrap();
    pipe(&dir.path().join("strange/CHECKPOINT"));
    assert!(list(&StdFs, dir.path()).unwrap().is_empty());
}

#[test]
fn a_symbolic_link_in_a_base_is_not_linked() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, monday, tuesday) = (dir.path(), dir.path().join("monday"), dir.path().join("tuesday"));
    let db = prepared(dir);
    let independent = Checkpoint::new().policy(Policy::Independent);
    independent.create(&db, &StdFs, &monday).unwrap();
    move_away(&monday.join("tables/1"), &dir.join("elsewhere"));
    let info = independent.base(&monday).create(&db, &StdFs, &tuesday).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 2, "the other table and the blob");
    assert!(db.check_target(&StdFs, &tuesday).unwrap());
}

#[test]
fn a_symbolic_link_is_not_the_target_of_a_dead_process() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, latest) = (dir.path(), dir.path().join("latest"));
    fs::create_dir(dir.join("elsewhere")).unwrap();
    symlink("elsewhere", &latest).unwrap();
    fs::create_dir(dir.join(".latest.checkpoint-staged")).unwrap();
    let report = sweep(&StdFs, dir, NORMAL).unwrap();
    assert!(
        report.failed.is_empty() && report.leftovers == [dir.join(".latest.checkpoint-staged")],
        "{report:?}"
    );
    assert!(latest.is_dir() && !dir.join(".latest.checkpoint-staged").exists());
}

/// Direct reads come in aligned blocks, and the last block of a file is shorter.
#[test]
fn reads_around_the_page_cache_see_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, target) = (dir.path(), dir.path().join("daily"));
    let db = prepared(dir);
    Checkpoint::new().policy(Policy::Independent).create(&db, &StdFs, &target).unwrap();
    let direct = VerifyOptions::full().direct_io(true);
    let report = verify(&StdFs, &target, &direct).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.checked_files, verify(&StdFs, &target, &VerifyOptions::full()).unwrap().checked_files);
    let table = target.join("tables/1");
    let mut bytes = fs::read(&table).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&table, &bytes).unwrap();
    let report = verify(&StdFs, &target, &direct).unwrap();
    assert!(matches!(report.problems[..], [ref problem] if matches!(problem.what, Defect::Checksum { .. })));
}
