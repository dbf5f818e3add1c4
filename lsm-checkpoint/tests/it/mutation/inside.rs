//! A restore into an existing directory `D`, here a mount point, with the staged directory `S` in it.

use std::path::Path;

use lsm_checkpoint::Error;
use lsm_fs::{FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, Notes};

use super::{Mutation, Work};
use crate::{
    crash::OK,
    db::all_files,
    restore_into::{DATA, ENDED, check_state, mounted, restore_into},
    tweak::Tweak,
};

const TREES: &[&str] = &[""];
const MOVED: &str = "/data/.checkpoint-staged/tables/1";

/// The syncs of the staged files, and the further syncs before the moves.
const STAGED: [(&str, bool); 16] = [
    ("tables/1", true),
    ("tables/2", true),
    ("blobs/1", true),
    ("logs/log", true),
    ("OPTIONS", true),
    ("EDITS, for its mode", true),
    ("v7", true),
    ("current", true),
    // The names in these directories move on to directories that are synced in turn.
    ("S/logs", false),
    ("S/blobs", false),
    ("S/tables", false),
    ("S", true),
    ("D, with S", true),
    ("the marker", true),
    ("the marker's name", true),
    ("D/logs", true),
];

fn run(work: &Work<'_>, syncs: &[(&str, bool)]) {
    let start = mounted(TREES);
    let check = |image: &MemFs, notes: &Notes| check_state(image, notes, TREES);
    Mutation { start: &start, work, check: &check }.run(syncs);
}

#[test]
fn each_is_missed() {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        restore_into(&tweaked, fs)?;
        fs.note(OK);
        fs.note(ENDED);
        Ok(tweaked.syncs())
    };
    let moved = [
        ("D/blobs", true),
        ("D/tables", true),
        ("D", true),
        ("D, with the pointer", true),
        ("D, without the marker", true),
        ("D, without S", true),
    ];
    run(&work, &[&STAGED[..], &moved].concat());
}

/// The pointer has moved when the failure is reported, and everything is undone.
#[test]
fn a_move_that_fails() {
    let work = |fs: &MemFs, skipped| {
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::Rename).at(Path::new(DATA).join("current")).after(errno::EIO));
        let tweaked = Tweak::new(faulty).without_sync(skipped);
        match restore_into(&tweaked, fs) {
            Err(Error::Fs(error)) => assert_eq!(error.raw_os_error(), Some(errno::EIO)),
            other => panic!("{other:?}"),
        }
        fs.note(ENDED);
        Ok(tweaked.syncs())
    };
    let undone = [
        ("D/blobs", true),
        ("D/tables", true),
        ("D", true),
        ("D, without the pointers", true),
        ("D, without all but the marker", true),
        ("D, without the marker", true),
        ("D, without S", true),
    ];
    run(&work, &[&STAGED[..], &undone].concat());
}

/// Somebody has put a file into a folder during the moves, so the folder stays.
#[test]
fn a_move_that_fails_beside_another_process() {
    let work = |fs: &MemFs, skipped| {
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::Rename).at(Path::new(DATA).join("current")).after(errno::EIO));
        let tweaked = Tweak::new(faulty).without_sync(skipped).after(Op::Rename, MOVED, |fs| {
            fs.write_new(Path::new("/data/tables/mine"), b"mine", SyncMode::Normal).unwrap();
        });
        restore_into(&tweaked, fs).unwrap_err();
        fs.note(ENDED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| {
        let left = all_files(image, Path::new(DATA), Path::new("")).map_err(|e| e.to_string())?;
        let is_left = left.iter().any(|path| path != Path::new("tables/mine"));
        if notes.contains(ENDED) && is_left { Err(format!("{left:?} came back")) } else { Ok(()) }
    };
    let undone = [
        ("D/blobs", false),
        ("D/tables", false),
        ("D", false),
        ("D, without the pointers", false),
        ("D/tables, which stays", true),
        ("D, without all but the marker", false),
        ("D, without the marker", false),
        ("D, without S", true),
    ];
    let before = STAGED.map(|(name, _)| (name, false));
    let start = mounted(TREES);
    Mutation { start: &start, work: &work, check: &check }.run(&[&before[..], &undone].concat());
}

/// A process dies before it moves its pointer, or before it removes its marker. The next call clears the debris. None
/// of the dead process's work was durable before.
#[test]
fn the_next_call_after_a_dead_one() {
    for (op, path, cleared) in [
        (
            Op::Rename,
            "/data/.checkpoint-staged/current",
            &[
                ("D, without the pointers", false),
                ("D, without all but the marker", true),
                ("D, without the marker", true),
                ("D, without S", true),
            ][..],
        ),
        (
            Op::RemoveFile,
            "/data/.checkpoint-unpublished",
            &[("D, without the marker", true), ("D, without S", true)],
        ),
    ] {
        let work = |fs: &MemFs, skipped| {
            let killed = FaultFs::new(fs.clone());
            killed.inject(Fault::on(op).at(path).gone());
            restore_into(&killed, fs).unwrap_err();
            let faulty = FaultFs::new(fs.clone());
            // End the call after it has cleared the debris.
            faulty.inject(Fault::on(Op::CreateDir).at("/data/.checkpoint-staged").before(errno::EIO));
            let tweaked = Tweak::new(faulty).without_sync(skipped);
            match restore_into(&tweaked, fs) {
                Err(Error::Fs(error)) => assert_eq!(error.raw_os_error(), Some(errno::EIO)),
                Err(Error::NotEmpty { .. }) => {}
                other => panic!("{other:?}"),
            }
            fs.note(ENDED);
            Ok(tweaked.syncs())
        };
        run(&work, cleared);
    }
}
