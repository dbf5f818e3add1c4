//! Turns each safeguard off under the load of `tests/it/load`. At least one backup must be wrong. The module `controls`
//! forces the same cases.
//!
//! `LSM_FJALL_CONTROLS` is the number of backups in each test, such as 20. Without it the tests do nothing, because
//! only luck makes a backup wrong at such a moment.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::shared::load::run;
use crate::{
    Backup,
    steps::{Safeguards, Step},
};

/// The number of times that the backup yields to other threads after a step, so that they change the database just
/// then.
const TURNS: u32 = 20_000;

/// Takes backups with these safeguards until one is wrong. After the step `wide`, each backup yields to other threads.
fn goes_wrong(safeguards: Safeguards, wide: Option<Step>) {
    let Ok(backups) = std::env::var("LSM_FJALL_CONTROLS") else { return };
    let after = |step| {
        if Some(step) == wide {
            (0..TURNS).for_each(|_| std::thread::yield_now());
        }
    };
    let mut backup = Backup::new();
    backup.steps.after = Some(&after);
    backup.steps.safeguards = safeguards;
    let backups = backups.parse().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&std::env::temp_dir(), backups, &backup)));
    assert!(outcome.is_err(), "{backups} backups are right without a safeguard: {safeguards:?}");
}

#[test]
fn without_the_cut() {
    goes_wrong(Safeguards { cut_journals: false, ..Safeguards::ALL }, None);
}

#[test]
fn without_a_second_reading() {
    goes_wrong(Safeguards { read_versions_again: false, ..Safeguards::ALL }, Some(Step::VersionsRead));
}

#[test]
fn without_leaving_out_a_clear() {
    goes_wrong(Safeguards { leave_out_clears: false, ..Safeguards::ALL }, None);
}

#[test]
fn without_the_handles() {
    goes_wrong(Safeguards { hold_keyspaces: false, ..Safeguards::ALL }, Some(Step::JournalsCut));
}
