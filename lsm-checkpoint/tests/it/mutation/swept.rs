//! A cleared target stays clear, even if the calls of the dead process were not durable.

use std::path::Path;

use lsm_checkpoint::{remove, sweep};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::{Fault, FaultFs, MemFs, Notes};

use super::Mutation;
use crate::{
    crash::{Case, in_place},
    create::TARGET,
    remove::{check, debris, with_checkpoint},
    sweep::killed_in_place,
    tweak::Tweak,
};

const SWEPT: &str = "swept";
const NORMAL: SyncMode = SyncMode::Normal;

/// Runs the last calls of the dead process, then a sweep with one sync left out. No call of the dead process is
/// durable.
fn run(
    start: &MemFs,
    dead: &dyn Fn(&MemFs),
    check: &dyn Fn(&MemFs, &Notes) -> Result<(), String>,
    syncs: &[(&str, bool)],
) {
    let work = |fs: &MemFs, skipped| {
        dead(fs);
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        let report = sweep(&tweaked, Path::new("/"), NORMAL)?;
        assert_eq!(report.cleared.len() + report.leftovers.len(), 1, "{report:?}");
        fs.note(SWEPT);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| {
        if notes.contains(SWEPT) && !debris(image).is_empty() {
            return Err("debris came back".to_owned());
        }
        check(image, notes)
    };
    Mutation { start, work: &work, check: &check }.run(syncs);
}

/// The rename of the remover is not durable. If a crash brings the checkpoint back, it must be complete.
#[test]
fn a_removal_that_was_killed() {
    let start = MemFs::new();
    with_checkpoint(&start, &[""]);
    let dead = |fs: &MemFs| {
        let killed = FaultFs::new(fs.clone());
        killed.inject(Fault::on(Op::SyncDirectory).gone());
        remove(&killed, Path::new(TARGET), NORMAL).unwrap_err();
    };
    let check = |image: &MemFs, notes: &Notes| check(image, notes, &[""]);
    run(&start, &dead, &check, &[("the parent, without T", true), ("the parent, without S", true)]);
}

/// Checks that the target is absent, complete, or marked with its staged directory present.
fn check_in_place(case: &Case, image: &MemFs, notes: &Notes) -> Result<(), String> {
    let target = Path::new(TARGET);
    let exists = |path: &Path| image.exists(path).map_err(|e| e.to_string());
    let unowned = exists(target)? && debris(image).is_empty();
    if unowned && (exists(&target.join(in_place::MARKER))? || image.read_dir(target).unwrap().is_empty()) {
        return Err("unfinished, and nothing says whose it is".to_owned());
    }
    in_place::check(case, &image.fork(), notes)?;
    crate::crash::retry(case, image)
}

fn small() -> Case {
    let mut case = Case::new(&[""]);
    case.extras = false;
    case
}

/// The pointer of the target is missing, so a sweep removes the target.
#[test]
fn a_target_that_was_not_finished() {
    let case = small();
    let dead = |fs: &MemFs| killed_in_place(&case.db(fs), fs, Op::Rename, "/checkpoint/current");
    let check = |image: &MemFs, notes: &Notes| check_in_place(&case, image, notes);
    run(
        &case.start,
        &dead,
        &check,
        &[
            // There was no pointer to remove.
            ("T, without the pointers", false),
            ("T, without all but the marker", true),
            ("the parent, without T", true),
            ("the parent, without S", true),
        ],
    );
}

/// The target is complete, so it stays and loses its marker.
#[test]
fn a_target_that_was_finished_but_for_its_marker() {
    let case = small();
    let dead =
        |fs: &MemFs| killed_in_place(&case.db(fs), fs, Op::RemoveFile, "/checkpoint/.checkpoint-unpublished");
    let check = |image: &MemFs, notes: &Notes| check_in_place(&case, image, notes);
    run(
        &case.start,
        &dead,
        &check,
        &[
            ("T, without the marker", true),
            // The target is complete by now, so its name may appear or vanish.
            ("the parent", false),
            ("the parent, without S", true),
        ],
    );
}
