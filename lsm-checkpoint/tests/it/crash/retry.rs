//! A crash, and a second crash during recovery.

use std::path::Path;

use lsm_checkpoint::{Error, run_checkpoint, sweep};
use lsm_fs::SyncMode;
use lsm_fs_mem::{Budget, MemFs};

use super::{Case, OK, tried};
use crate::{create::TARGET, seeded::seeded_sweep};

fn recovered_by(scenario: &str, recover: impl Fn(&Case, &MemFs) -> Result<(), Error>) {
    let mut case = Case::new(&[""]);
    case.extras = false;
    let sweep = seeded_sweep().start_from(&case.start).budget(Budget::Quick);
    let report = sweep.recovery(|fs| recover(&case, fs)).run(
        |fs| {
            run_checkpoint(&case.db(fs), fs, Path::new(TARGET))?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| case.check(image, notes),
    );
    tried(scenario, report);
}

#[test]
fn a_crash_in_the_retry() {
    recovered_by("create, second crash in the next call", |case, fs| {
        match run_checkpoint(&case.db(fs), fs, Path::new(TARGET)) {
            Ok(_) | Err(Error::TargetExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    });
}

#[test]
fn a_crash_in_the_sweep() {
    recovered_by("create, second crash in a sweep", |_, fs| {
        let swept = sweep(fs, Path::new("/"), SyncMode::Normal)?;
        assert!(swept.failed.is_empty() && swept.in_progress.is_empty(), "{swept:?}");
        Ok(())
    });
}
