//! Filesystems that cannot rename directories, or cannot rename without replacing.

use std::path::Path;

use lsm_checkpoint::run_checkpoint;
use lsm_fs_mem::{MemFs, MemFsOptions, Notes, VolumeOptions};

use super::Mutation;
use crate::{
    crash::{Case, OK, in_place, retry},
    create::TARGET,
    tweak::Tweak,
};

/// Returns a case with a small checkpoint.
fn small(fs: &MemFs) -> Case {
    let mut case = Case::on(fs, &[""], TARGET);
    case.extras = false;
    case
}

fn check(case: &Case, image: &MemFs, notes: &Notes) -> Result<(), String> {
    in_place::check(case, &image.fork(), notes)?;
    retry(case, image)
}

/// The folders are synced before the rename is refused. Here their entries move to other directories, which are synced
/// in turn. Another test shows that these syncs are necessary if the rename succeeds.
#[test]
fn files_that_move_one_by_one() {
    let case = small(&MemFs::new());
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_directory_renames().without_sync(skipped);
        run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET))?;
        fs.note(OK);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| check(&case, image, notes);
    Mutation { start: &case.start, work: &work, check: &check }.run(&[
        ("v7", true),
        ("current", true),
        ("CHECKPOINT", true),
        ("S/blobs", false),
        ("S/tables", false),
        ("S", true),
        ("the parent, with S", true),
        ("the marker", true),
        ("the marker's name", true),
        ("T/blobs", true),
        ("T/tables", true),
        ("T", true),
        ("T, with the pointer", true),
        ("T, without the marker", true),
        ("the parent, with T", true),
    ]);
}

#[test]
fn a_directory_that_is_renamed_over_an_empty_one() {
    let refusing = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let case = small(&refusing);
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET))?;
        fs.note(OK);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| check(&case, image, notes);
    Mutation { start: &case.start, work: &work, check: &check }.run(&[
        ("v7", true),
        ("current", true),
        ("CHECKPOINT", true),
        ("S/blobs", true),
        ("S/tables", true),
        ("S", true),
        ("the parent, with S", true),
        ("the parent, with T", true),
    ]);
}
