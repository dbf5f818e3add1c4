//! A crash, and a second one while the first is made good.

use std::path::Path;

use lsm_checkpoint::{Error, run_checkpoint};
use lsm_fs_mem::{Budget, CrashSweep};

use super::{Case, OK};
use crate::create::TARGET;

#[test]
fn a_crash_in_the_retry() {
    let mut case = Case::new(&[""]);
    case.extras = false;
    let sweep = CrashSweep::new().start_from(&case.start).budget(Budget::Quick);
    let sweep = sweep.recovery(|fs| match run_checkpoint(&case.db(fs), fs, Path::new(TARGET)) {
        Ok(_) | Err(Error::TargetExists { .. }) => Ok(()),
        Err(error) => Err(error),
    });
    let report = sweep.run(
        |fs| {
            run_checkpoint(&case.db(fs), fs, Path::new(TARGET))?;
            fs.note(OK);
            Ok::<_, Error>(())
        },
        |image, notes| case.check(image, notes),
    );
    println!("{}", report.unwrap());
}
