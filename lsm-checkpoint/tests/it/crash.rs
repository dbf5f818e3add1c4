//! A crash at every moment and in every legal way. The target is absent or complete, and complete after `Ok`.

pub(crate) mod in_place;
mod retry;
mod table;

use std::path::Path;

use lsm_checkpoint::{Checkpoint, Error, Policy, run_checkpoint};
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{Budget, CrashSweep, ForeignSync, MemFs, MemFsOptions, Notes, SweepReport, VolumeOptions};

pub(crate) use table::tried;

use crate::{
    create::{DIR, TARGET, prepared},
    db::Db,
    seeded::seeded_sweep,
};

pub(crate) const OK: &str = "ok";

/// A prepared database and the operation to run on it.
pub(crate) struct Case {
    pub(crate) start: MemFs,
    pub(crate) trees: Vec<&'static str>,
    pub(crate) target: &'static str,
    pub(crate) extras: bool,
}

impl Case {
    pub(crate) fn new(trees: &[&'static str]) -> Self {
        Self::on(&MemFs::new(), trees, TARGET)
    }

    pub(crate) fn on(fs: &MemFs, trees: &[&'static str], target: &'static str) -> Self {
        prepared(fs, trees);
        Self { start: fs.clone(), trees: trees.to_vec(), target, extras: true }
    }

    pub(crate) fn db(&self, fs: &MemFs) -> Db {
        let mut db = Db::open(std::sync::Arc::new(fs.clone()), Path::new(DIR), &self.trees);
        db.extras = self.extras;
        db
    }

    /// Returns a sweep from the prepared state. Several trees have many states, so only a sample is tried by default.
    pub(crate) fn crashes(&self) -> CrashSweep<'static> {
        let sweep = seeded_sweep().start_from(&self.start);
        let few = self.trees.len() > 1 && std::env::var_os("CRASH_STATES").is_none();
        if few { sweep.budget(Budget::Quick) } else { sweep }
    }

    /// Checks one state.
    pub(crate) fn check(&self, image: &MemFs, notes: &Notes) -> Result<(), String> {
        let db = self.db(image);
        db.check_source(image)?;
        let complete = db.check_target(image, Path::new(self.target))?;
        if !complete && notes.contains(OK) {
            return Err("the call has returned Ok, and the target is absent".to_owned());
        }
        Ok(())
    }

    /// Sweeps the creation of a checkpoint with these options.
    pub(crate) fn sweep(&self, scenario: &str, options: Checkpoint<'_>) -> SweepReport {
        let report = self.crashes().run(
            |fs| {
                options.create(&self.db(fs), fs, Path::new(self.target))?;
                fs.note(OK);
                Ok::<_, Error>(())
            },
            |image, notes| self.check(image, notes),
        );
        tried(scenario, report)
    }
}

#[test]
fn links_and_copies() {
    for policy in [Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        let scenario = format!("create, {policy:?}");
        let report = Case::new(&[""]).sweep(&scenario, Checkpoint::new().policy(policy));
        assert!(report.states() > 1000, "{report}");
    }
}

#[test]
fn links_alone() {
    let mut case = Case::new(&[""]);
    case.extras = false;
    case.sweep("create, links alone", Checkpoint::new().policy(Policy::LinkOnly));
}

#[test]
fn several_trees() {
    Case::new(&["users", "orders"]).sweep("create, two trees", Checkpoint::new());
}

#[test]
fn copies_to_another_volume() {
    let volumes = MemFsOptions::new().volume("/backup", VolumeOptions::new());
    let case = Case::on(&volumes.build().unwrap(), &[""], "/backup/daily");
    case.sweep("create, copies to another volume", Checkpoint::new());
}

#[test]
fn with_a_base() {
    let volumes = MemFsOptions::new().volume("/backup", VolumeOptions::new());
    let case = Case::on(&volumes.build().unwrap(), &[""], "/backup/daily");
    let base = Path::new("/backup/base");
    run_checkpoint(&case.db(&case.start), &case.start, base).unwrap();
    case.start.settle();
    case.sweep("create, with a base", Checkpoint::new().base(base));
}

#[test]
fn beside_another_process_that_syncs() {
    let case = Case::new(&[""]);
    let sweep = seeded_sweep().start_from(&case.start).budget(Budget::Quick);
    let report = sweep.foreign_syncs([ForeignSync::Each, ForeignSync::Everything]).run(
        |fs| {
            run_checkpoint(&case.db(fs), fs, Path::new(TARGET))?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| case.check(image, notes),
    );
    tried("create, beside syncs of others", report);
}

/// The remains of a crash never obstruct the next call.
#[test]
fn after_any_crash_the_next_call_succeeds() {
    for case in [Case::new(&[""]), Case::new(&["users", "orders"])] {
        let report = case.crashes().run(
            |fs| {
                run_checkpoint(&case.db(fs), fs, Path::new(TARGET))?;
                fs.note(OK);
                Ok::<_, Error>(())
            },
            |image, _| retry(&case, image),
        );
        tried("create, then the next call", report);
    }
}

/// Takes the checkpoint again after a crash.
pub(crate) fn retry(case: &Case, image: &MemFs) -> Result<(), String> {
    let target = Path::new(case.target);
    let db = case.db(image);
    match run_checkpoint(&db, image, target) {
        Ok(_) => {}
        Err(Error::TargetExists { .. }) if db.check_target(image, target)? => {}
        Err(e) => return Err(format!("the retry failed: {e}")),
    }
    if !db.check_target(image, target)? {
        return Err("the retry left nothing".to_owned());
    }
    db.check_source(image)?;
    let parent = lsm_fs::parent_of(target);
    let hidden = image.read_dir(parent).map_err(|e| e.to_string())?;
    let hidden = hidden.iter().filter(|entry| entry.name.to_string_lossy().starts_with('.')).count();
    // Debris next to a complete target is left to the sweep.
    if hidden > 0 && !image.exists(target).map_err(|e| e.to_string())? {
        return Err("debris is left".to_owned());
    }
    Ok(())
}
