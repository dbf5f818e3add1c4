//! Damage that a single line of the verification finds, and a leftover that is not damage.

use std::path::Path;

use lsm_checkpoint::{Defect, Problem, VerifyOptions, VerifyReport, verify};
use lsm_fs::{FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{Current, ManifestArchiveReader, ReadOptions};

use crate::{crash::in_place::MARKER, create::TARGET, remove::with_checkpoint};

const NORMAL: SyncMode = SyncMode::Normal;

fn prepared(trees: &[&'static str]) -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, trees);
    fs
}

fn quick(fs: &MemFs) -> VerifyReport {
    verify(fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap()
}

/// A creator died between its last file and the removal of its marker.
#[test]
fn a_marker_in_a_whole_checkpoint_is_a_note() {
    let fs = prepared(&[""]);
    fs.write_new(&Path::new(TARGET).join(MARKER), b"", NORMAL).unwrap();
    assert!(quick(&fs).is_sound());
}

#[test]
fn a_pointer_to_another_version_is_found_in_every_tree() {
    let fs = prepared(&["users", "orders"]);
    let archive = Path::new("/checkpoint/orders/v7");
    let archive = ManifestArchiveReader::open(&fs, archive, &ReadOptions::new()).unwrap();
    let other = Current::new(8, archive.footer()).encode();
    let _ = fs.rewrite_atomic(Path::new("/checkpoint/orders/current"), &other, NORMAL).unwrap();
    let report = quick(&fs);
    let is_found = |problem: &Problem| {
        problem.path == Path::new("orders/current")
            && matches!(problem.what, Defect::Version { expected: 7, found: 8 })
    };
    assert!(report.problems.iter().any(is_found), "{report}");
}

/// The target of a link may be removed or changed independently of the checkpoint.
#[cfg(unix)]
#[test]
fn a_symbolic_link_in_place_of_a_file_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("db"), dir.path().join("daily"));
    crate::db::Db::prepare(&lsm_fs::StdFs, &source, &[""]);
    let db = crate::db::Db::open(std::sync::Arc::new(lsm_fs::StdFs), &source, &[""]);
    lsm_checkpoint::run_checkpoint(&db, &lsm_fs::StdFs, &target).unwrap();
    std::fs::rename(target.join("tables/1"), dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), target.join("tables/1")).unwrap();
    let report = verify(&lsm_fs::StdFs, &target, &VerifyOptions::full()).unwrap();
    let is_found =
        |problem: &Problem| problem.path == Path::new("tables/1") && matches!(problem.what, Defect::NotAFile);
    assert!(report.problems.iter().any(is_found), "{report}");
}
