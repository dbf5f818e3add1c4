//! A test suite that finds the mistakes of an adapter. It runs an engine and its
//! [`CheckpointSource`](crate::CheckpointSource) through the situations that a checkpoint can meet.
//!
//! [`verify`](crate::verify()) cannot find these mistakes. It compares a checkpoint with its catalog, and the catalog
//! lists the files that the adapter supplied. It reports a checkpoint as sound even if the adapter forgot all blob
//! files. The suite restores each checkpoint, opens the restored tree with the engine, and compares every record with
//! the writes that it made.
//!
//! Implement [`Tree`] for the engine, and pass a [`Subject`] that opens it to [`run`]. There are two levels:
//!
//! | the engine | [`Subject`] | checks |
//! |---|---|---|
//! | does its input and output through an [`Fs`](lsm_fs::Fs) | [`on_fs`](Subject::on_fs) | all, in memory |
//! | does its own input and output | [`on_host`](Subject::on_host) | all but `crashes`, in a scratch directory |
//!
//! | module | checks |
//! |---|---|
//! | `states` | checkpoints of a tree in each state: empty, only a memtable, tables, blobs, deletions, after a compaction, after reopening |
//! | `snapshot` | the files that a snapshot lists, compared with the real files |
//! | `identity` | the identity of a database and its sequence numbers |
//! | `between` | flushes, compactions and deletions between any two steps of a checkpoint, on one thread |
//! | `lasting` | finished checkpoints: restores, increments, later writes, removal of the source, opening by mistake |
//! | `faults` | a failure at each call on the target's filesystem, alone or of all calls from there on |
//! | `crashes` | a power cut at every moment; a kill at every call, followed by a restart and a power cut |
//!
//! Every run is the same, if the engine does the same work for the same calls: nothing in the suite depends on threads,
//! clocks or chance. With [`Depth::Quick`], some checks try a sample of the cases, and the report states the numbers.
//! The suite cannot see races inside a single call of the engine, such as a capture that takes two trees at two
//! moments.
//!
#![doc = include_str!("conformance/example.md")]

mod between;
mod case;
mod crashes;
mod faults;
mod history;
mod identity;
mod lasting;
mod live;
mod sandbox;
mod snapshot;
mod states;
mod steps;
mod subject;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use subject::{Contents, Depth, Reader, Subject, Tree};

/// A check of one promise of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name, as `module::sentence`.
    pub name: &'static str,
    run: fn(&Subject) -> CheckResult,
}

/// The reason why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The adapter or the engine is wrong. The text describes the defect and the fix.
    Violated(String),
    /// The check needs a feature that this engine does not offer. The text names it.
    NotApplicable(String),
}

/// A description of the cases that a check tried, if it did not try all.
type Tried = Option<String>;
type CheckResult = Result<Tried, Failure>;

impl From<lsm_fs::Error> for Failure {
    fn from(error: lsm_fs::Error) -> Self {
        Self::Violated(format!("unexpected error: {error}"))
    }
}

impl Failure {
    /// Prepends a text to the message of a broken promise.
    fn because(self, before: &str) -> Self {
        match self {
            Self::Violated(wrong) => Self::Violated(format!("{before}: {wrong}")),
            other => other,
        }
    }
}

/// Returns `Violated` with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::Violated(format!($($message)+)));
        }
    };
}

/// Lists the checks of a module. Each check needs a mistake that it finds: a row of `FOUND` in
/// `tests/it/conformance/mistake.rs`. The test `each_check_fails_for_some_mistake` looks for one.
macro_rules! list {
    ($module:literal: $($check:ident)+) => {
        pub(in crate::conformance) const CHECKS: &[$crate::conformance::Check] = &[
            $($crate::conformance::Check { name: concat!($module, "::", stringify!($check)), run: $check },)+
        ];
    };
}

use {ensure, list};

/// Returns all checks, in a fixed order.
pub fn checks() -> impl Iterator<Item = Check> {
    let modules = [
        states::CHECKS,
        snapshot::CHECKS,
        identity::CHECKS,
        between::CHECKS,
        lasting::CHECKS,
        faults::CHECKS,
        crashes::CHECKS,
    ];
    modules.into_iter().flatten().copied()
}

/// Runs every check and collects the results.
///
/// A check that panics inside the engine counts as violated.
pub fn run(subject: &Subject) -> Report {
    Report { outcomes: checks().map(|check| check.outcome(subject)).collect() }
}

impl Check {
    /// Runs this check alone.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the adapter breaks this promise, or if the check does not apply to the engine.
    pub fn run(&self, subject: &Subject) -> Result<(), Failure> {
        self.outcome(subject).result
    }

    fn outcome(&self, subject: &Subject) -> Outcome {
        let run = self.run;
        let result = catch_unwind(AssertUnwindSafe(|| run(subject))).unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("with no message");
            Err(Failure::Violated(format!("the engine panicked: {message}")))
        });
        let (result, tried) = match result {
            Ok(tried) => (Ok(()), tried),
            Err(failure) => (Err(failure), None),
        };
        Outcome { check: *self, result, tried }
    }
}

/// The result of one check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The check.
    pub check: Check,
    /// The result of the check.
    pub result: Result<(), Failure>,
    /// A description of the cases that were tried, such as `24 of 80 steps`. `None` if all were tried.
    pub tried: Option<String>,
}

/// The results of all checks. `Display` lists the checks that did not pass, and those that tried only a sample. It
/// counts the others.
#[derive(Clone, Debug)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Returns every outcome, in the order of [`checks`].
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Returns the violated checks.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.result, Err(Failure::Violated(_))))
    }

    /// Returns the checks that do not apply to this engine.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.result, Err(Failure::NotApplicable(_))))
    }

    /// Panics with the report if a promise is broken.
    ///
    /// # Panics
    ///
    /// If a check was violated.
    #[track_caller]
    #[allow(clippy::panic, reason = "this is the assertion of a test")]
    pub fn assert_conforms(&self) {
        if self.failures().next().is_some() {
            panic!("{self}");
        }
    }

    /// Panics with the report if a promise is broken or could not be checked.
    ///
    /// # Panics
    ///
    /// If a check was violated or not applicable.
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
        for Outcome { check, result, tried } in &self.outcomes {
            match result {
                Ok(()) => {
                    passed += 1;
                    if let Some(tried) = tried {
                        writeln!(f, "sampled         {}: {tried}", check.name)?;
                    }
                }
                Err(Failure::Violated(wrong)) => {
                    violated += 1;
                    writeln!(f, "VIOLATED        {}: {wrong}", check.name)?;
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
