//! A test suite that checks the contract of [`Fs`](crate::Fs) and [`FsFile`](crate::FsFile) on any backend. It cannot
//! check durability, because that takes a crash.
//!
//! A backend passes if its calls follow the contract, return the right error, and change nothing when they fail. Every
//! check gets an empty directory. For an operation that the backend declares as missing
//! ([`FsCapabilities`](crate::FsCapabilities), `Unsupported`), the suite checks that the operation fails without side
//! effects.
//!
//! # Examples
//!
//! ```
//! use lsm_fs::{StdFs, conformance::{Subject, run}};
//!
//! let report = run(|_| {
//!     let dir = tempfile::tempdir().unwrap();
//!     Subject::new(StdFs, dir.path()).keep(dir)
//! });
//! report.assert_conforms();
//! ```
//!
//! A [`Subject`] can provide more than a directory: a second volume, another process that takes locks, a switch that
//! makes syncs fail, symbolic links and pipes, or a mount point. Without them, some checks are not applicable, and
//! [`Report::assert_conforms`] tolerates this. A test that provides all of them uses
//! [`Report::assert_conforms_without_exemption`].
//!
#![doc = include_str!("conformance/broken_example.md")]

mod batches;
mod beneath;
mod bytes;
mod copies;
mod empty;
mod errors;
mod links;
mod locks;
mod names;
#[cfg(unix)]
mod nodes;
mod odd;
mod permissions;
mod renames;
mod subject;
mod sync;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

#[cfg(unix)]
pub use nodes::HostNodes;
pub use subject::{OddNodes, OtherProcess, Subject};

use crate::Error;

/// A check of one line of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name, in the form `module::sentence`.
    pub name: &'static str,
    run: fn(&Subject) -> CheckResult,
}

/// The reason why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The backend broke its contract. The text gives the details.
    Violated(String),
    /// The check needs something that this [`Subject`] does not provide. The text names it.
    NotApplicable(String),
}

type CheckResult = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Violated(format!("unexpected error: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Violated(format!("unexpected error: {error}"))
    }
}

/// Fails the check with a message, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::Violated(format!($($message)+)));
        }
    };
}

/// Fails the check and shows both values, unless they are equal.
macro_rules! same {
    ($found:expr, $wanted:expr, $($message:tt)+) => {{
        let (found, wanted) = (&$found, &$wanted);
        if *found != *wanted {
            let what = format!($($message)+);
            return Err($crate::conformance::Failure::Violated(format!("{what}: found {found:?}, wanted {wanted:?}")));
        }
    }};
}

/// Lists the checks of a module. Each check needs a backend that fails it and at most seven others: a `Defect` in
/// `tests/it/broken.rs`. The test `every_defect_is_found_and_every_check_can_fail` looks for one.
macro_rules! list {
    ($module:literal: $($check:ident)+) => {
        pub(in crate::conformance) const CHECKS: &[$crate::conformance::Check] = &[
            $($crate::conformance::Check { name: concat!($module, "::", stringify!($check)), run: $check },)+
        ];
    };
}

use {ensure, list, same};

/// Returns all checks, in a fixed order.
pub fn checks() -> impl Iterator<Item = Check> {
    let modules = [
        names::CHECKS,
        renames::CHECKS,
        bytes::CHECKS,
        empty::CHECKS,
        links::CHECKS,
        batches::CHECKS,
        copies::CHECKS,
        locks::CHECKS,
        sync::CHECKS,
        errors::CHECKS,
        odd::CHECKS,
        permissions::CHECKS,
        beneath::CHECKS,
        beneath::links::CHECKS,
    ];
    modules.into_iter().flatten().copied()
}

/// Runs every check and collects the results. `make` creates the subject for each check.
///
/// If the backend panics during a check, the check counts as violated.
pub fn run(mut make: impl FnMut(Check) -> Subject) -> Report {
    let outcomes = checks().map(|check| Outcome { check, result: check.run(&make(check)) }).collect();
    Report { outcomes }
}

impl Check {
    /// Runs only this check.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the backend breaks this line of the contract, or if the subject lacks something that the check
    /// needs.
    pub fn run(&self, subject: &Subject) -> Result<(), Failure> {
        let run = self.run;
        catch_unwind(AssertUnwindSafe(|| run(subject))).unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("with no message");
            Err(Failure::Violated(format!("the backend panicked: {message}")))
        })
    }
}

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The check.
    pub check: Check,
    /// The result of the check.
    pub result: Result<(), Failure>,
}

/// The results of all checks. `Display` lists the checks that did not pass, and counts all of them.
#[derive(Clone, Debug)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Returns all outcomes, in the order of [`checks`].
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Iterates over the violated checks.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.result, Err(Failure::Violated(_))))
    }

    /// Iterates over the checks that were not applicable to the subject.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.result, Err(Failure::NotApplicable(_))))
    }

    /// Asserts that no check is violated.
    ///
    /// # Panics
    ///
    /// Panics with the report if a check is violated.
    #[track_caller]
    #[allow(clippy::panic, reason = "this is the assertion of a test")]
    pub fn assert_conforms(&self) {
        if self.failures().next().is_some() {
            panic!("{self}");
        }
    }

    /// Asserts that every check passed.
    ///
    /// # Panics
    ///
    /// Panics with the report if a check is violated or not applicable.
    #[track_caller]
    #[allow(clippy::panic, reason = "this is the assertion of a test")]
    pub fn assert_conforms_without_exemption(&self) {
        if self.outcomes.iter().any(|o| o.result.is_err()) {
            panic!("{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut violated, mut idle) = (0, 0, 0);
        for Outcome { check, result } in &self.outcomes {
            match result {
                Ok(()) => passed += 1,
                Err(Failure::Violated(what)) => {
                    violated += 1;
                    writeln!(f, "VIOLATED        {}: {what}", check.name)?;
                }
                Err(Failure::NotApplicable(why)) => {
                    idle += 1;
                    writeln!(f, "not applicable  {}: {why}", check.name)?;
                }
            }
        }
        write!(f, "conformance: {passed} passed, {violated} violated, {idle} not applicable")
    }
}
