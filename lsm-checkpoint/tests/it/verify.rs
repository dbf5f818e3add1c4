//! Verification: all damage is found, and nothing is changed.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use lsm_checkpoint::{Catalog, Defect, Error, Subset, VerifyOptions, VerifyReport, verify};
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultEffect, FaultFs, MemFs, VolumeOptions, VolumeState, fault_sweep};

use crate::{
    create::{DIR, TARGET},
    db::all_files,
    remove::with_checkpoint,
};

const NORMAL: SyncMode = SyncMode::Normal;

fn prepared(trees: &[&'static str]) -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, trees);
    fs
}

fn full(fs: &dyn Fs) -> VerifyReport {
    verify(fs, Path::new(TARGET), &VerifyOptions::full()).unwrap()
}

fn quick(fs: &dyn Fs) -> VerifyReport {
    verify(fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap()
}

/// Replaces a file by one with other bytes, without touching the inode that the source may share.
fn replace(fs: &MemFs, file: &Path, bytes: &[u8]) {
    let path = Path::new(TARGET).join(file);
    fs.remove_file(&path).unwrap();
    fs.write_new(&path, bytes, NORMAL).unwrap();
}

fn paths(report: &VerifyReport) -> BTreeSet<PathBuf> {
    report.problems.iter().map(|problem| problem.path.clone()).collect()
}

#[test]
fn a_sound_checkpoint_is_sound() {
    for trees in [&[""][..], &["users", "orders"]] {
        let fs = prepared(trees);
        let report = quick(&fs);
        assert!(report.is_sound(), "{report}");
        let report = full(&fs);
        assert!(report.is_sound() && report.healed.is_empty(), "{report}");
        assert_eq!((report.checked_files, report.unchecked_files), (8 * trees.len() as u64, 0));
    }
}

/// A file that could not be read does not count as checked.
#[test]
fn only_files_that_were_read_count_as_checked() {
    let fs = prepared(&[""]);
    let failing = FaultFs::new(fs.clone());
    failing.inject(Fault::on(Op::ReadAt).at("/checkpoint/tables/1").before(errno::EIO));
    let report = full(&failing);
    assert_eq!((paths(&report), report.checked_files), (["tables/1"].map(PathBuf::from).into(), 7));
    replace(&fs, Path::new("tables/1"), &[0; 700]);
    let report = full(&fs);
    assert_eq!((paths(&report), report.checked_files), (["tables/1"].map(PathBuf::from).into(), 8));
}

/// No call writes, syncs or locks, and a read-only volume suffices.
#[test]
fn verification_changes_nothing_and_needs_no_lock() {
    let fs = prepared(&[""]);
    let owner = fs.try_lock_directory(Path::new(TARGET)).unwrap().unwrap();
    fs.reconfigure(Path::new("/"), |options: VolumeOptions| options.state(VolumeState::ReadOnly)).unwrap();
    let watched = FaultFs::new(fs.clone());
    assert!(full(&watched).is_sound());
    let reads = [Op::Beneath, Op::Open, Op::ReadAt, Op::Metadata, Op::SymlinkMetadata, Op::ReadDir, Op::Hint];
    let others: Vec<_> = watched.counts().into_keys().filter(|op| !reads.contains(op)).collect();
    assert!(others.is_empty(), "{others:?}");
    drop(owner);
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let fs = prepared(&[""]);
    let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
    for file in &catalog.files {
        let path = catalog.path_of(file);
        let bytes = fs.read_to_vec(&Path::new(TARGET).join(&path), 1 << 20).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            let image = fs.fork();
            replace(&image, &path, &damaged);
            assert!(paths(&full(&image)).contains(&path), "{}: byte {at}", path.display());
            replace(&image, &path, &bytes[..at]);
            assert!(paths(&quick(&image)).contains(&path), "{}: cut at {at}", path.display());
        }
    }
}

/// The checksum covers the bytes up to the length in the catalog, so only the length shows the others.
#[test]
fn a_file_that_has_grown_is_found() {
    let fs = prepared(&[""]);
    let path = Path::new("tables/1");
    let mut bytes = fs.read_to_vec(&Path::new(TARGET).join(path), 1 << 20).unwrap();
    bytes.push(0);
    replace(&fs, path, &bytes);
    for report in [quick(&fs), full(&fs)] {
        let found: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["tables/1: 700 bytes in the catalog, but 701 on disk"]);
    }
}

#[test]
fn a_damaged_catalog_is_refused_or_found() {
    let fs = prepared(&[""]);
    let bytes = fs.read_to_vec(Path::new("/checkpoint/CHECKPOINT"), 1 << 20).unwrap();
    let footer = Catalog::read(&fs, Path::new(TARGET)).map(|_| bytes.len() - 600).unwrap();
    // The head holds the mirror, followed by zeros that are never read.
    for at in (0..64).chain(4096..4400).chain(footer..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let image = fs.fork();
        replace(&image, Path::new("CHECKPOINT"), &damaged);
        let verified = verify(&image, Path::new(TARGET), &VerifyOptions::quick());
        assert!(verified.is_err() || !verified.unwrap().is_sound(), "byte {at}");
    }
}

#[test]
fn a_damaged_manifest_is_found_at_once() {
    let fs = prepared(&[""]);
    let mut bytes = fs.read_to_vec(Path::new("/checkpoint/v7"), 1 << 20).unwrap();
    bytes[4100] ^= 1;
    replace(&fs, Path::new("v7"), &bytes);
    let report = quick(&fs);
    assert_eq!(paths(&report), ["current", "v7"].map(PathBuf::from).into());
    assert!(report.problems.iter().any(|problem| matches!(problem.what, Defect::Manifest(_))));
    assert!(report.to_string().contains("v7: its checksum is 0x"), "{report}");
}

#[test]
fn missing_and_unexpected_entries_are_found() {
    let fs = prepared(&[""]);
    fs.remove_file(Path::new("/checkpoint/tables/2")).unwrap();
    fs.write_new(Path::new("/checkpoint/blobs/stranger"), b"", NORMAL).unwrap();
    fs.remove_dir_all(Path::new("/checkpoint/logs")).unwrap();
    fs.remove_file(Path::new("/checkpoint/blobs/1")).unwrap();
    fs.create_dir(Path::new("/checkpoint/blobs/1")).unwrap();
    let report = quick(&fs);
    let found: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    for expected in [
        "tables/2: missing",
        "blobs/1: not a regular file",
        "logs/log: missing",
        "logs: missing",
        "blobs/stranger: not in",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{expected}: {found:?}");
    }
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn a_file_in_the_place_of_a_folder_is_unexpected_and_the_folder_is_missing() {
    let fs = prepared(&["users"]);
    let folder = Path::new("/checkpoint/users/blobs");
    fs.remove_dir_all(folder).unwrap();
    fs.write_new(folder, b"", NORMAL).unwrap();
    let report = quick(&fs);
    let at_folder = report.problems.iter().filter(|problem| problem.path == Path::new("users/blobs"));
    let found: Vec<_> = at_folder.map(|problem| problem.what.to_string()).collect();
    assert_eq!(found, ["missing", "not in the catalog"], "{report}");
}

#[test]
fn a_directory_without_a_catalog_is_refused() {
    let fs = prepared(&[""]);
    for dir in [DIR, "/nothing"] {
        let refused = verify(&fs, Path::new(dir), &VerifyOptions::quick());
        assert!(matches!(refused, Err(Error::NotACheckpoint { .. })), "{refused:?}");
    }
    let _ = fs.rewrite_atomic(Path::new("/checkpoint/CHECKPOINT"), b"damaged", NORMAL).unwrap();
    let refused = verify(&fs, Path::new(TARGET), &VerifyOptions::quick());
    assert!(matches!(refused, Err(Error::Manifest(_))), "{refused:?}");
}

#[test]
fn progress_reaches_its_total_and_can_cancel() {
    let fs = prepared(&["users", "orders"]);
    let last = AtomicU64::new(0);
    let watch = |progress: &lsm_checkpoint::Progress| {
        assert!(progress.bytes_done <= progress.bytes_total && progress.files_done <= progress.files_total);
        assert!(last.swap(progress.bytes_done, Ordering::Relaxed) <= progress.bytes_done);
        ControlFlow::Continue(())
    };
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full().threads(3).progress(&watch)).unwrap();
    assert_eq!(last.load(Ordering::Relaxed), report.catalog.total_bytes());
    let stop = |_: &lsm_checkpoint::Progress| ControlFlow::Break(());
    let cancelled = verify(&fs, Path::new(TARGET), &VerifyOptions::full().progress(&stop));
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}

/// A file that cannot be read is never reported as good.
#[test]
fn any_failure_is_a_problem_or_an_error() {
    let fs = prepared(&[""]);
    let names = all_files(&fs, Path::new(TARGET), Path::new("")).unwrap();
    let report = fault_sweep(
        || fs.fork(),
        |fs| verify(fs, Path::new(TARGET), &VerifyOptions::full().threads(1)),
        |fault, result, fs| {
            // A hint may be refused, and a failed read is repeated in parts.
            let has_copy = ["CHECKPOINT", "v7"].iter().any(|name| fault.path().ends_with(name));
            let serves = fault.id().op == Op::Hint || fault.id().op == Op::ReadAt && has_copy;
            let is_harmless = serves && fault.id().effect != FaultEffect::Gone;
            assert!(is_harmless || result.is_err() || !result?.is_sound(), "{fault}");
            assert_eq!(all_files(fs, Path::new(TARGET), Path::new(""))?, names);
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

/// A tree without files consists of its directory, which a restore creates.
#[test]
fn a_missing_directory_of_a_tree_is_found() {
    let fs = prepared(&["users", "orders"]);
    fs.remove_dir_all(Path::new("/checkpoint/users")).unwrap();
    let report = full(&fs);
    assert!(paths(&report).contains(&PathBuf::from("users")), "{report}");
    assert!(!paths(&report).contains(&PathBuf::from("orders")), "{report}");
}

/// A reader without the right to look into a folder does not know its contents.
#[test]
fn a_folder_that_cannot_be_looked_at_is_not_missing() {
    let failing = FaultFs::new(prepared(&["users"]));
    let folder = format!("{TARGET}/users/tables");
    failing.inject(Fault::on(Op::SymlinkMetadata).at(&folder).before(errno::EACCES));
    let report = quick(&failing);
    assert_eq!(paths(&report), BTreeSet::from(["users/tables".into()]), "{report}");
    assert!(report.problems.iter().all(|problem| matches!(problem.what, Defect::Unreadable(_))), "{report}");
}

/// A report lists a limited number of strangers, so that its memory is bounded. It counts the others.
#[test]
fn strangers_beyond_the_limit_are_counted() {
    let fs = prepared(&[""]);
    for n in 0..(1 << 16) + 3 {
        fs.write_new(Path::new(&format!("/checkpoint/tables/{n:06}")), b"", SyncMode::Normal).unwrap();
    }
    let report = full(&fs);
    assert_eq!((report.problems.len(), report.unlisted), (1 << 16, 3));
    assert!(!report.is_sound());
    assert!(report.to_string().ends_with("\n3 more entries that the catalog does not have"));
}

/// The seven parts together find the same problems as one full verification, each exactly once.
#[test]
fn the_parts_cover_the_whole_checkpoint() {
    let fs = prepared(&["users", "orders"]);
    let damaged: Vec<_> = ["users/tables/1", "users/blobs/1", "orders/tables/2"].map(PathBuf::from).into();
    for path in &damaged {
        let len = fs.metadata(&Path::new(TARGET).join(path)).unwrap().len;
        replace(&fs, path, &vec![0xee; usize::try_from(len).unwrap()]);
    }
    let mut found = Vec::new();
    for part in 1..=7 {
        let options = VerifyOptions::full().subset(Subset::new(part, 7).unwrap());
        found.extend(paths(&verify(&fs, Path::new(TARGET), &options).unwrap()));
    }
    found.sort();
    let expected: Vec<_> = paths(&full(&fs)).into_iter().collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), damaged.len());
}
