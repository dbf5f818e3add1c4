//! Each sync in turn is left out: for each, some crash state is bad. A sync that nothing misses is a sync too many, and
//! one that no case reaches is not counted here.

use std::path::Path;

use lsm_checkpoint::{Checkpoint, Error, Policy, run_checkpoint};
use lsm_fs_mem::{CrashSweep, MemFs, MemFsOptions, Profile, SweepError, VolumeOptions};

use crate::{
    crash::{Case, OK, in_place, retry},
    tweak::Tweak,
};

struct Mutation<'a> {
    case: Case,
    options: Checkpoint<'a>,
    /// Every sync that the call makes.
    syncs: &'a [&'a str],
}

impl Mutation<'_> {
    /// Sweeps without the n-th sync; returns how many syncs there were.
    fn sweep(&self, skipped: Option<usize>) -> Result<usize, SweepError> {
        let mut syncs = 0;
        CrashSweep::new().start_from(&self.case.start).models([Profile::Adversarial]).run(
            |fs| {
                let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
                self.options.create(&self.case.db(fs), &tweaked, Path::new(self.case.target))?;
                syncs = tweaked.syncs();
                fs.note(OK);
                Ok::<_, Error>(())
            },
            |image, notes| self.case.check(image, notes),
        )?;
        Ok(syncs)
    }

    fn run(&self) {
        assert_eq!(self.sweep(None).unwrap(), self.syncs.len(), "a sync was added or lost: adapt the list");
        for (nth, name) in self.syncs.iter().enumerate() {
            match self.sweep(Some(nth)) {
                Err(SweepError::Check(failure, _)) => println!("without {name}: {}", failure.message),
                Ok(_) => panic!("nothing misses the sync of {name}"),
                Err(other) => panic!("without the sync of {name}: {other}"),
            }
        }
    }
}

#[test]
fn of_a_linked_checkpoint() {
    let mut case = Case::new(&[""]);
    case.extras = false;
    let syncs = &["v7", "current", "CHECKPOINT", "blobs", "tables", "S", "the parent"];
    assert!(syncs.len() <= 7);
    Mutation { case, options: Checkpoint::new().policy(Policy::LinkOnly), syncs }.run();
}

#[test]
fn of_a_cloned_one_with_a_log() {
    let syncs = &[
        "tables/1",
        "tables/2",
        "blobs/1",
        "logs/log",
        "OPTIONS",
        "v7",
        "current",
        "CHECKPOINT",
        "logs",
        "blobs",
        "tables",
        "S",
        "the parent",
    ];
    let options = Checkpoint::new().policy(Policy::PreferReflink);
    Mutation { case: Case::new(&[""]), options, syncs }.run();
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
    Mutation { case, options: Checkpoint::new(), syncs }.run();
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
    Mutation { case, options: Checkpoint::new(), syncs }.run();
}

/// Where directories cannot be renamed. The staged directory is synced before that is known, and its names move to
/// directories that are synced again. The parent is synced twice: the first time is the one whose failure is told, the
/// second, when the staged directory is gone, would cover for it.
#[test]
fn of_one_that_is_made_in_place() {
    let mut case = Case::new(&[""]);
    case.extras = false;
    let syncs = [
        ("v7", true),
        ("current", true),
        ("CHECKPOINT", true),
        ("S/blobs", false),
        ("S/tables", false),
        ("S", false),
        ("the parent, with S", true),
        ("the marker", true),
        ("the marker's name", true),
        ("T/blobs", true),
        ("T/tables", true),
        ("T", true),
        ("T, with the pointer", true),
        ("the parent, with T", false),
        ("T, without the marker", true),
        ("the parent, without S", false),
    ];
    let sweep = |skipped| {
        let mut count = 0;
        let swept = case.crashes().models([Profile::Adversarial]).run(
            |fs| {
                let tweaked = Tweak::new(fs.clone()).without_directory_renames().without_sync(skipped);
                run_checkpoint(&case.db(fs), &tweaked, Path::new(case.target))?;
                count = tweaked.syncs();
                fs.note(OK);
                Ok::<_, Error>(())
            },
            |image, notes| {
                in_place::check(&case, &image.fork(), notes)?;
                retry(&case, image)
            },
        );
        (swept, count)
    };
    let (swept, count) = sweep(None);
    swept.unwrap();
    assert_eq!(count, syncs.len(), "a sync was added or lost: adapt the list");
    for (nth, (name, is_missed)) in syncs.into_iter().enumerate() {
        let (swept, _) = sweep(Some(nth));
        println!(
            "without {name}: {:?}",
            swept.as_ref().err().and_then(SweepError::failure).map(|f| &f.message)
        );
        assert_eq!(swept.is_err(), is_missed, "{name}");
    }
}
