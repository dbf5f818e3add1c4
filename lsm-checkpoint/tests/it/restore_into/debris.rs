//! Debris of a dead restore, with entries of others beside it and in place of its own.

use std::path::Path;

use lsm_checkpoint::Error;
use lsm_fs::{Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};
use xxhash_rust::xxh3::xxh3_128;

use super::{DATA, MARKER, STAGED, is_complete, mounted, names, restore_into};
use crate::{db::all_files, tweak::Tweak};

const MINE: &str = "/data/tuning.conf";

/// A directory in which a restore died at this call.
pub(crate) fn died_at(trees: &[&'static str], op: Op, path: &str) -> MemFs {
    let fs = mounted(trees);
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(op).at(path).gone());
    restore_into(&killed, &fs).unwrap_err();
    fs
}

fn write(fs: &MemFs, path: &str) {
    fs.write_new(Path::new(path), b"mine", SyncMode::Normal).unwrap();
}

/// Checks that the next call fails, and that it changes nothing.
fn refused(fs: &MemFs) -> Error {
    let files = |fs: &MemFs| all_files(fs, Path::new(DATA), Path::new("")).unwrap();
    let before = files(fs);
    let error = restore_into(fs, fs).unwrap_err();
    assert_eq!(files(fs), before, "{error}");
    error
}

#[test]
fn an_entry_that_came_after_the_crash_stays() {
    for path in ["/data/.checkpoint-staged/current", "/data/.checkpoint-staged/tables/2"] {
        let fs = died_at(&[""], Op::Rename, path);
        write(&fs, MINE);
        let error = refused(&fs);
        assert!(
            matches!(&error, Error::NotEmpty { entry, .. } if entry == Path::new("tuning.conf")),
            "{error}"
        );
        fs.remove_file(Path::new(MINE)).unwrap();
        restore_into(&fs, &fs).unwrap();
        assert!(is_complete(&fs, &[""]).unwrap() && !fs.exists(Path::new(STAGED)).unwrap());
    }
}

/// Other entries come during the moves, and a move fails.
#[test]
fn a_failed_call_removes_only_its_own_files() {
    let fs = mounted(&[""]);
    let faulty = FaultFs::new(fs.clone());
    faulty.inject(Fault::on(Op::Rename).at("/data/current").after(errno::EIO));
    let tweaked = Tweak::new(faulty).after(Op::Rename, "/data/.checkpoint-staged/tables/1", |fs| {
        write(fs.inner(), MINE);
        write(fs.inner(), "/data/tables/mine");
    });
    let error = restore_into(&tweaked, &fs).unwrap_err();
    assert!(matches!(&error, Error::Fs(e) if e.raw_os_error() == Some(errno::EIO)), "{error}");
    assert_eq!(names(&fs), ["lost+found", "tables", "tuning.conf"]);
    let left = all_files(&fs, Path::new(DATA), Path::new("")).unwrap();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [Path::new("tables/mine"), Path::new("tuning.conf")]);
}

/// An engine was started on the incomplete directory and made a database of its own.
#[test]
fn a_pointer_of_another_database_is_left_to_the_operator() {
    let fs = died_at(&[""], Op::Rename, "/data/.checkpoint-staged/current");
    write(&fs, "/data/current");
    let error = refused(&fs);
    assert!(matches!(error, Error::Undecided { .. }), "{error}");
}

/// A crash has left the pointer with both names of its rename.
#[test]
fn a_pointer_with_two_names_has_moved() {
    let fs = died_at(&[""], Op::RemoveFile, MARKER);
    fs.hard_link(Path::new("/data/current"), Path::new("/data/.checkpoint-staged/current")).unwrap();
    assert!(matches!(restore_into(&fs, &fs), Err(Error::NotEmpty { .. })));
    assert!(is_complete(&fs, &[""]).unwrap() && !fs.exists(Path::new(STAGED)).unwrap());
    assert!(!fs.exists(Path::new(MARKER)).unwrap());
}

/// A crash has left the pointer of one tree with both names of its rename. The pointer of another tree has not moved.
#[test]
fn a_pointer_with_two_names_is_removed_before_its_tree() {
    const POINTER: &str = "/data/users/current";
    let trees = &["users", "orders"];
    let fs = died_at(trees, Op::Rename, "/data/.checkpoint-staged/orders/current");
    fs.hard_link(Path::new(POINTER), Path::new("/data/.checkpoint-staged/users/current")).unwrap();
    let tweaked = Tweak::new(fs.clone()).before(Op::RemoveDirAll, "/data/users", |fs| {
        assert!(!fs.exists(Path::new(POINTER)).unwrap(), "the tree is readable while it is removed");
    });
    restore_into(&tweaked, &fs).unwrap();
    assert!(is_complete(&fs, trees).unwrap());
}

#[test]
fn a_marker_that_names_nothing_removes_nothing() {
    for (lines, entry) in [
        ("fill\ncurrent\n\n", "EDITS"),
        ("fill\ncurrent\n", "EDITS"),
        ("publish\ncurrent\n", ".checkpoint-unpublished"),
    ] {
        let fs = died_at(&[""], Op::Rename, "/data/.checkpoint-staged/current");
        fs.remove_file(Path::new(MARKER)).unwrap();
        let marker = format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes()));
        fs.write_new(Path::new(MARKER), marker.as_bytes(), SyncMode::Normal).unwrap();
        let error = refused(&fs);
        assert!(
            matches!(&error, Error::NotEmpty { entry: named, .. } if named == Path::new(entry)),
            "{error}"
        );
    }
}
