//! Filesystems without directory renames: the target may also exist without the files that make it readable.

use std::path::Path;

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{Budget, MemFs, MemFsOptions, Notes, VolumeOptions};

use super::{Case, OK, tried};
use crate::{create::TARGET, seeded::seeded_sweep, tweak::Tweak};

pub(crate) const MARKER: &str = ".checkpoint-unpublished";

/// Checks that the target is absent, complete, or marked as unfinished.
pub(crate) fn check(case: &Case, image: &MemFs, notes: &Notes) -> Result<(), String> {
    let target = Path::new(TARGET);
    let exists = |path: &Path| image.exists(path).map_err(|e| e.to_string());
    let db = case.db(image);
    db.check_source(image)?;
    if notes.contains(OK) || !exists(target)? {
        return case.check(image, notes);
    }
    let pointers: Vec<_> = case.trees.iter().map(|tree| target.join(tree).join("current")).collect();
    let mut all_pointers = true;
    for pointer in &pointers {
        all_pointers &= exists(pointer)?;
    }
    let marked = exists(&target.join(MARKER))?;
    if !all_pointers {
        let empty = image.read_dir(target).map_err(|e| e.to_string())?.is_empty();
        return if marked || empty { Ok(()) } else { Err("neither marked nor complete".to_owned()) };
    }
    if marked {
        image.remove_file(&target.join(MARKER)).map_err(|e| e.to_string())?;
    }
    case.check(image, notes)
}

fn sweep(scenario: &str, case: &Case, make: impl Fn(&MemFs) -> Result<(), Error>) {
    let swept = case.crashes().run(
        |fs| {
            make(fs)?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| {
            check(case, &image.fork(), notes)?;
            super::retry(case, image)
        },
    );
    tried(scenario, swept);
}

#[test]
fn files_that_move_one_by_one() {
    for trees in [&[""][..], &["users", "orders"]] {
        let case = Case::new(trees);
        sweep("create in place", &case, |fs| {
            let tweaked = Tweak::new(fs.clone()).without_directory_renames();
            run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET)).map(drop)
        });
    }
}

/// A crash, and a second crash during recovery.
#[test]
fn a_crash_in_the_retry() {
    let mut case = Case::new(&["users", "orders"]);
    case.extras = false;
    let sweep = seeded_sweep().start_from(&case.start).budget(Budget::Quick).recovery(|fs| {
        let tweaked = Tweak::new(fs.clone()).without_directory_renames();
        match run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET)) {
            Ok(_) | Err(Error::TargetExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    });
    let report = sweep.run(
        |fs| {
            let tweaked = Tweak::new(fs.clone()).without_directory_renames();
            run_checkpoint(&case.db(fs), &tweaked, Path::new(TARGET))?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| check(&case, image, notes),
    );
    tried("create in place, second crash in the next call", report);
}

#[test]
fn a_directory_that_is_renamed_over_an_empty_one() {
    let fs = MemFsOptions::new().root(VolumeOptions::new().rename_noreplace(false)).build().unwrap();
    let case = Case::on(&fs, &[""], TARGET);
    sweep("create over an empty directory", &case, |fs| {
        run_checkpoint(&case.db(fs), fs, Path::new(TARGET)).map(drop)
    });
}
