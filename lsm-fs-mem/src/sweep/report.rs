//! The report of a sweep, and its errors.

use std::{error, fmt};

use super::schedule::Schedule;
use crate::{crash::StateId, profile::CrashModel};

/// The results under one crash model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileReport {
    /// The crash model.
    pub model: CrashModel,
    /// Crash points. They are counted again for each foreign sync, from that sync on.
    pub points: usize,
    /// Crash points at which not every legal state was tried.
    pub sampled_points: usize,
    /// Crash points at which a file had more possible contents than were tried, and classes stood for them. Points at
    /// which the names of btrfs were sampled are included.
    pub classed_points: usize,
    /// States tried.
    pub tried: u128,
    /// Legal states, of which the tried ones are a part. If a file has many possible contents, they count by class of
    /// damage, not by sector.
    pub legal: u128,
    /// Distinct pairs of image and notes among the states tried.
    pub distinct: usize,
    /// Crash points at which losing all pending changes gives another tree than keeping them.
    pub differing_points: usize,
    /// Syncs by another process that were tried.
    pub foreign: usize,
    /// Crashes during recovery: the number of states tried, the number of first crashes they started from, and the
    /// number of possible ones.
    pub recoveries: Option<(usize, usize, usize)>,
    /// Crashes after a kill: the number of states tried, the number of kills they followed, and the number of possible
    /// kills.
    pub kills: Option<(usize, usize, usize)>,
    /// The first state whose check failed.
    pub failed: Option<StateId>,
}

impl ProfileReport {
    pub(super) const fn new(model: CrashModel) -> Self {
        Self {
            model,
            points: 0,
            sampled_points: 0,
            classed_points: 0,
            tried: 0,
            legal: 0,
            distinct: 0,
            differing_points: 0,
            foreign: 0,
            recoveries: None,
            kills: None,
            failed: None,
        }
    }
}

impl fmt::Display for ProfileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, points, tried, legal, distinct, .. } = self;
        write!(f, "{model}: {tried} of {legal} legal states at {points} crash points, {distinct} distinct")?;
        if self.sampled_points > 0 {
            write!(f, "; {} points were sampled", self.sampled_points)?;
        }
        if self.classed_points > 0 {
            write!(f, "; contents in classes at {} points", self.classed_points)?;
        }
        if self.foreign > 0 {
            write!(f, "; {} foreign syncs", self.foreign)?;
        }
        if let Some((states, from, of)) = self.recoveries {
            write!(f, "; second crash: {states} states from {from} of {of} first crashes")?;
        }
        if let Some((states, from, of)) = self.kills {
            write!(f, "; after a kill: {states} states from {from} of {of} kills")?;
        }
        match &self.failed {
            Some(id) => write!(f, "; FAILED in {id}"),
            None => Ok(()),
        }
    }
}

/// The report of a sweep. `Display` prints one line per profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// The results by profile, in the order in which they were tried.
    pub profiles: Vec<ProfileReport>,
    /// The seed of the samples.
    pub seed: u64,
    /// The number of interleavings tried, and the number of possible ones.
    pub schedules: Option<(usize, u128)>,
    /// The number of calls of the check, one per distinct pair of image and notes.
    pub checks: usize,
}

impl SweepReport {
    /// Returns the number of states tried, under all profiles.
    #[must_use]
    pub fn states(&self) -> u128 {
        self.profiles.iter().map(|profile| profile.tried).sum()
    }

    /// Returns whether every legal state was tried, including second crashes and kills. States that differ only within
    /// a class of file contents count as one (see the [guide](crate::guide)). The lengths without an earlier truncation
    /// that btrfs may leave are not tried (see the [model](crate::model)).
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        let is_all = |lives: &Option<(usize, usize, usize)>| lives.is_none_or(|(_, from, of)| from == of);
        let all_lives = |profile: &ProfileReport| is_all(&profile.recoveries) && is_all(&profile.kills);
        self.profiles.iter().all(|profile| profile.sampled_points == 0 && all_lives(profile))
            && self.schedules.is_none_or(|(tried, of)| tried as u128 == of)
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for profile in &self.profiles {
            writeln!(f, "{profile}")?;
        }
        if let Some((tried, of)) = self.schedules {
            writeln!(f, "{tried} of {of} interleavings")?;
        }
        write!(f, "{} checks, seed {}", self.checks, self.seed)
    }
}

/// A failed check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The state, for [`replay`](crate::replay).
    pub state: StateId,
    /// The order in which two machines ran, if there were two.
    pub schedule: Option<Schedule>,
    /// The error of the check.
    pub message: String,
    /// A description of the state: the moment, the lost and the surviving changes, and the resulting tree.
    pub explanation: String,
}

/// The reason for which a sweep did not succeed.
#[non_exhaustive]
pub enum SweepError {
    /// The workload itself failed, without a crash.
    Workload(String),
    /// A check refused a state. The report names the first refused state of each profile.
    Check(Box<Failure>, Box<SweepReport>),
    /// Every state looked like the live filesystem. The workload left nothing to a crash, so the check proved nothing.
    NothingDiffered(Box<SweepReport>),
    /// No check saw a note. The workload promised nothing, so the check may have demanded nothing.
    NoNotes(Box<SweepReport>),
    /// The workload does not have the state to repeat. Either the code has changed, or the sweep has other settings
    /// than the one that reported the id.
    NoSuchState(String),
}

impl SweepError {
    /// Returns the failed check, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Check(failure, _) => Some(failure),
            _ => None,
        }
    }

    /// Returns the report, unless the workload failed or the state does not exist.
    #[must_use]
    pub fn report(&self) -> Option<&SweepReport> {
        match self {
            Self::Check(_, report) | Self::NothingDiffered(report) | Self::NoNotes(report) => Some(report),
            Self::Workload(_) | Self::NoSuchState(_) => None,
        }
    }
}

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(message) => write!(f, "the workload failed without a crash: {message}"),
            Self::NoSuchState(what) => write!(f, "the state cannot be repeated: {what}"),
            Self::Check(failure, report) => {
                let Failure { state, schedule, message, explanation } = &**failure;
                writeln!(f, "a crash state fails its check: {message}")?;
                write!(f, "state {state}")?;
                if let Some(schedule) = schedule {
                    write!(f, " of schedule {schedule}")?;
                }
                write!(f, "\n{explanation}{report}")
            }
            Self::NothingDiffered(report) => {
                write!(f, "no crash state differs from the live filesystem, so nothing was tested\n{report}")
            }
            Self::NoNotes(report) => {
                write!(
                    f,
                    "no check saw a note; call MemFs::note when the workload has promised something\n{report}"
                )
            }
        }
    }
}

/// Prints the same text as `Display`, so that `unwrap` shows the state and the changes that were lost.
impl fmt::Debug for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for SweepError {}
