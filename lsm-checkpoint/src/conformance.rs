//! Finds the mistakes of an adapter: runs an engine with its [`CheckpointSource`](crate::CheckpointSource) through all
//! that a checkpoint can meet.
//!
//! [`verify`](crate::verify()) cannot do this. It holds a checkpoint against its catalog, and the catalog lists the
//! files that the adapter gave: a checkpoint without its blob files is sound. The suite opens each checkpoint with the
//! engine, and compares every record with the writes that it made.
//!
//! An engine implements [`Tree`] and gives [`run`] a [`Subject`], which opens one. There are two levels:
//!
//! | the engine | [`Subject`] | checks |
//! |---|---|---|
//! | does its input and output through an [`Fs`](lsm_fs::Fs) | [`on_fs`](Subject::on_fs) | all, in memory |
//! | has input and output of its own | [`on_host`](Subject::on_host) | all but `crashes`, in a scratch directory |
//!
//! | module | what it does |
//! |---|---|
//! | `states` | takes a tree in each state: empty, only a memtable, tables, blobs, deletions, after a compaction |
//! | `snapshot` | holds what a snapshot says against the files |
//! | `identity` | names of databases, numbers of writes |
//! | `between` | flushes, compacts and deletes between any two steps of a checkpoint, in one thread |
//! | `lasting` | writes on, restores, removes the source, takes increments, opens a checkpoint by mistake |
//! | `faults` | has each call on the target's side fail, and the attempt end there |
//! | `crashes` | cuts the power at every moment; kills the process at every call, starts it again, cuts the power |
//!
//! A run is the same every time: nothing depends on threads, clocks or chance. With [`Depth::Quick`] some checks try
//! samples, and the report says how many of how many. What the suite cannot see: races inside one call of the engine,
//! such as a capture that takes two trees at two moments.
//!
#![doc = include_str!("conformance/example.md")]

mod between;
mod case;
mod crashes;
mod faults;
mod ground;
mod history;
mod identity;
mod lasting;
mod live;
mod snapshot;
mod states;
mod steps;
mod subject;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use subject::{Contents, Depth, Reader, Subject, Tree};

/// A promise of an adapter, as a check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// `module::sentence`.
    pub name: &'static str,
    run: fn(&Subject) -> Verdict,
}

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The adapter or the engine is wrong. The text says how, and what to do.
    Violated(String),
    /// The check needs something that this engine does not offer, as the text says.
    NotApplicable(String),
}

/// The cases that a check tried, where that is not all there is.
type Tried = Option<String>;
type Verdict = Result<Tried, Failure>;

impl From<lsm_fs::Error> for Failure {
    fn from(error: lsm_fs::Error) -> Self {
        Self::Violated(format!("unexpected error: {error}"))
    }
}

impl Failure {
    /// Puts words before those of a broken promise.
    fn because(self, before: &str) -> Self {
        match self {
            Self::Violated(wrong) => Self::Violated(format!("{before}: {wrong}")),
            other => other,
        }
    }
}

/// Violated, with a message, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::Violated(format!($($message)+)));
        }
    };
}

/// The checks of one module, under its name.
macro_rules! list {
    ($module:literal: $($check:ident)+) => {
        pub(in crate::conformance) const CHECKS: &[$crate::conformance::Check] = &[
            $($crate::conformance::Check { name: concat!($module, "::", stringify!($check)), run: $check },)+
        ];
    };
}

use {ensure, list};

/// All checks, in a fixed order.
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

/// Runs every check, and collects the results.
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
    /// [`Failure`], if the adapter breaks this promise or the engine cannot show that it keeps it.
    pub fn run(&self, subject: &Subject) -> Result<(), Failure> {
        self.outcome(subject).verdict
    }

    fn outcome(&self, subject: &Subject) -> Outcome {
        let run = self.run;
        let verdict = catch_unwind(AssertUnwindSafe(|| run(subject))).unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("with no message");
            Err(Failure::Violated(format!("the engine panicked: {message}")))
        });
        let (verdict, tried) = match verdict {
            Ok(tried) => (Ok(()), tried),
            Err(failure) => (Err(failure), None),
        };
        Outcome { check: *self, verdict, tried }
    }
}

/// The result of one check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The check.
    pub check: Check,
    /// Its verdict.
    pub verdict: Result<(), Failure>,
    /// The number of cases that a check tried, of how many. `None` if there is no more to try.
    pub tried: Option<String>,
}

/// The results of all checks. `Display` lists those that did not pass or tried samples, and counts the rest.
#[derive(Clone, Debug)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Every outcome, in the order of [`checks`].
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The broken promises.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.verdict, Err(Failure::Violated(_))))
    }

    /// The checks that could not run with this engine.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| matches!(o.verdict, Err(Failure::NotApplicable(_))))
    }

    /// Panics with the report if any promise is broken.
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

    /// Panics with the report if any promise is broken, or could not be checked.
    ///
    /// # Panics
    ///
    /// If a check was violated or not applicable.
    #[track_caller]
    #[allow(clippy::panic, reason = "this is the assertion of a test")]
    pub fn assert_conforms_without_exemption(&self) {
        if self.outcomes.iter().any(|o| o.verdict.is_err()) {
            panic!("{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut violated, mut idle) = (0, 0, 0);
        for Outcome { check, verdict, tried } in &self.outcomes {
            match verdict {
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
