//! What a sweep clears stays clear, whatever the dead had not made durable.

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

/// The dead's last calls, then a sweep with one sync left out: nothing of the dead was durable before.
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

/// The remover's rename is not durable: a crash brings the checkpoint back, and it has to be whole.
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

/// Absent, or marked and beside its staged directory, or whole.
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

/// Its pointer is not there: it goes.
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
            // No pointer was there to go.
            ("T, without the pointers", false),
            ("T, without all but the marker", true),
            ("the parent, without T", true),
            ("the parent, without S", true),
        ],
    );
}

/// All is there: it stays, without the marker.
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
            // Whole by now, its name may come or go.
            ("the parent", false),
            ("the parent, without S", true),
        ],
    );
}
