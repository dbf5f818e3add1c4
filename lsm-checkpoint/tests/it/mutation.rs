//! Each sync is left out in turn, and some crash state must then be bad. A sync without such a state is redundant.
//! `sites` ensures that no sync is added without a test here.

mod forced;
mod full;
mod in_place;
mod inside;
mod metadata;
mod removed;
mod sites;
mod swept;
mod undone;

use std::path::Path;

use lsm_checkpoint::{Checkpoint, Error, Policy};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, MemFsOptions, Notes, Profile, SweepError, VolumeOptions};

use crate::{
    crash::{Case, OK},
    tweak::Tweak,
};

/// Makes calls without their n-th sync. Returns the number of requested syncs.
type Work<'a> = dyn Fn(&MemFs, Option<usize>) -> Result<usize, Error> + 'a;

/// A start, calls that sync, and the check of every crash state.
struct Mutation<'a> {
    start: &'a MemFs,
    work: &'a Work<'a>,
    check: &'a dyn Fn(&MemFs, &Notes) -> Result<(), String>,
}

impl Mutation<'_> {
    fn sweep(&self, skipped: Option<usize>) -> Result<usize, SweepError> {
        let mut syncs = 0;
        let sweep = CrashSweep::new().start_from(self.start).models([Profile::Adversarial]);
        // A missing sync shows in a few states already.
        sweep.budget(Budget::Quick).run(
            |fs| {
                syncs = (self.work)(fs, skipped)?;
                Ok::<_, Error>(())
            },
            |image, notes| (self.check)(image, notes),
        )?;
        Ok(syncs)
    }

    /// `syncs` lists every sync in order, with a flag that tells if leaving it out is detected here.
    fn run(&self, syncs: &[(&str, bool)]) {
        assert_eq!(self.sweep(None).unwrap(), syncs.len(), "a sync was added or lost: adapt the list");
        for (nth, (name, is_missed)) in syncs.iter().enumerate() {
            match self.sweep(Some(nth)) {
                Err(SweepError::Check(failure, _)) => {
                    println!("without {name}: {}", failure.message);
                    assert!(is_missed, "the sync of {name} is missed");
                }
                Ok(_) => assert!(!is_missed, "nothing misses the sync of {name}"),
                Err(other) => panic!("without the sync of {name}: {other}"),
            }
        }
    }
}

/// Checks a successful checkpoint, in which each sync is necessary.
fn each_is_missed(case: &Case, options: Checkpoint<'_>, syncs: &[&str]) {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        options.create(&case.db(fs), &tweaked, Path::new(case.target))?;
        fs.note(OK);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| case.check(image, notes);
    let syncs: Vec<_> = syncs.iter().map(|name| (*name, true)).collect();
    Mutation { start: &case.start, work: &work, check: &check }.run(&syncs);
}

#[test]
fn of_a_linked_checkpoint() {
    let mut case = Case::new(&[""]);
    case.extras = false;
    let syncs = &["v7", "current", "CHECKPOINT", "blobs", "tables", "S", "the parent"];
    assert!(syncs.len() <= 7);
    each_is_missed(&case, Checkpoint::new().policy(Policy::LinkOnly), syncs);
}

#[test]
fn of_a_cloned_one_with_a_log() {
    let syncs = &[
        "tables/1",
        "tables/2",
        "blobs/1",
        "logs/log",
        "OPTIONS",
        "EDITS, for its mode",
        "v7",
        "current",
        "CHECKPOINT",
        "logs",
        "blobs",
        "tables",
        "S",
        "the parent",
    ];
    each_is_missed(&Case::new(&[""]), Checkpoint::new().policy(Policy::PreferReflink), syncs);
}

#[test]
fn of_a_copied_one() {
    let volumes = MemFsOptions::new().volume("/backup", VolumeOptions::new());
    let mut case = Case::on(&volumes.build().unwrap(), &[""], "/backup/daily");
    case.extras = false;
    let syncs = &[
        "tables/1",
        "tables/2",
        "blobs/1",
        "v7",
        "current",
        "CHECKPOINT",
        "blobs",
        "tables",
        "S",
        "the parent",
    ];
    each_is_missed(&case, Checkpoint::new(), syncs);
}

#[test]
fn of_several_trees() {
    let mut case = Case::on(&MemFs::new(), &["a", "b"], "/checkpoint");
    case.extras = false;
    let syncs = &[
        "a/v7",
        "a/current",
        "b/v7",
        "b/current",
        "CHECKPOINT",
        "b/blobs",
        "b/tables",
        "b",
        "a/blobs",
        "a/tables",
        "a",
        "S",
        "the parent",
    ];
    each_is_missed(&case, Checkpoint::new(), syncs);
}
