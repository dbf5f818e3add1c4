//! A failed call is undone permanently: no crash brings back a part of it.

use std::path::Path;

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs::{FsExt, Op, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, MemFsOptions, Notes, VolumeOptions};

use super::Mutation;
use crate::{
    crash::{Case, in_place, retry},
    create::TARGET,
    remove::debris,
    tweak::Tweak,
};

const FAILED: &str = "failed";
const STAGED: &str = "/.checkpoint.checkpoint-staged";

/// The syncs before a failed rename, if a crash may still show the rename.
const MADE: [(&str, bool); 6] =
    [("v7", true), ("current", true), ("CHECKPOINT", true), ("blobs", true), ("tables", true), ("S", true)];
/// The syncs before a failed rename, if the rename had no effect.
const UNUSED: [(&str, bool); 6] = [
    ("v7", false),
    ("current", false),
    ("CHECKPOINT", false),
    ("blobs", false),
    ("tables", false),
    ("S", false),
];

fn case(fs: &MemFs) -> Case {
    let mut case = Case::on(fs, &[""], TARGET);
    case.extras = false;
    case
}

/// Checks that nothing exists once the call has failed. Before that, a sweep or the next call must be able to clear the
/// remains.
fn check(case: &Case, image: &MemFs, notes: &Notes) -> Result<(), String> {
    if notes.contains(FAILED) {
        if image.exists(Path::new(TARGET)).map_err(|e| e.to_string())? {
            return Err("the target came back".to_owned());
        }
        if !debris(image).is_empty() {
            return Err("debris came back".to_owned());
        }
    }
    in_place::check(case, &image.fork(), notes)?;
    retry(case, image)
}

/// Creates a checkpoint that fails with a fault. Each of the syncs after `before` is left out in turn.
fn run(case: &Case, fault: &Fault, renames: bool, before: &[(&'static str, bool)], after: &[&'static str]) {
    let work = |fs: &MemFs, skipped| {
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(fault.clone());
        let tweaked = Tweak::new(faulty).without_sync(skipped);
        let tweaked = if renames { tweaked } else { tweaked.without_directory_renames() };
        match run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET)) {
            Err(Error::Fs(error)) => assert_eq!(error.raw_os_error(), Some(errno::EIO)),
            other => panic!("{other:?}"),
        }
        fs.note(FAILED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| check(case, image, notes);
    let syncs: Vec<_> = before.iter().copied().chain(after.iter().map(|name| (*name, true))).collect();
    Mutation { start: &case.start, work: &work, check: &check }.run(&syncs);
}

#[test]
fn a_transfer_that_fails() {
    let fault = Fault::on(Op::HardLink).nth(2).before(errno::EIO);
    run(&case(&MemFs::new()), &fault, true, &[], &["the parent, without S"]);
}

#[test]
fn a_rename_that_took_place_and_failed() {
    let fault = Fault::on(Op::RenameNoreplace).after(errno::EIO);
    let undoing = &["the parent, with S again", "the parent, without S"];
    run(&case(&MemFs::new()), &fault, true, &MADE, undoing);
}

#[test]
fn a_rename_over_an_empty_directory_that_fails() {
    let refusing = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let case = case(&refusing);
    let rename = Fault::on(Op::Rename).at(STAGED);
    let before = [&UNUSED[..], &[("the parent, with S", true)]].concat();
    let undoing = &["the parent, without T", "the parent, without S"];
    run(&case, &rename.clone().before(errno::EIO), true, &before, undoing);
    let before = [&MADE[..], &[("the parent, with S", true)]].concat();
    let undoing = &["the parent, with S again", "the parent, without S"];
    run(&case, &rename.after(errno::EIO), true, &before, undoing);
}

/// The failure is reported after the last file has moved. The target is complete but for its marker, and is still
/// removed.
#[test]
fn a_move_that_fails() {
    let before = [
        &[("v7", true), ("current", true), ("CHECKPOINT", true)][..],
        &[("S/blobs", false), ("S/tables", false), ("S", true)],
        &[("the parent, with S", true), ("the marker", true), ("the marker's name", true)],
        &[("T/blobs", true), ("T/tables", true), ("T", true)],
    ];
    let fault = Fault::on(Op::Rename).at(Path::new(TARGET).join("current")).after(errno::EIO);
    let undoing = &[
        "T, without the pointer",
        "T, without all but the marker",
        "the parent, without T",
        "the parent, without S",
    ];
    run(&case(&MemFs::new()), &fault, false, &before.concat(), undoing);
}
