//! What a sweep has tried, and what it has found.

use std::{error, fmt};

use super::schedule::Schedule;
use crate::{crash::StateId, profile::CrashModel};

/// What was tried under one set of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileReport {
    /// The rules.
    pub model: CrashModel,
    /// Moments at which a crash was taken.
    pub points: usize,
    /// Of these, the ones at which not every legal state was tried.
    pub sampled_points: usize,
    /// States tried.
    pub tried: u128,
    /// Legal states, of which these are part; classes of damage to a file count, not sectors.
    pub legal: u128,
    /// Of the states tried, those that no earlier one looked like.
    pub distinct: usize,
    /// Moments at which a crash could leave something else than the live filesystem showed.
    pub differing_points: usize,
    /// Syncs by another process that were tried.
    pub foreign: usize,
    /// Crashes of the recovery: states tried, and how many first crashes they started from, of how many.
    pub recoveries: Option<(usize, usize, usize)>,
    /// Crashes after a kill: states tried, and how many kills they followed, of how many.
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

/// What a sweep has tried. `Display` is one line for each profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// By profile, in the order in which they were tried.
    pub profiles: Vec<ProfileReport>,
    /// The seed of the samples.
    pub seed: u64,
    /// Interleavings tried, and how many there are.
    pub schedules: Option<(usize, u128)>,
    /// Calls of the check: one for each different pair of image and notes.
    pub checks: usize,
}

impl SweepReport {
    /// States tried, under all profiles.
    #[must_use]
    pub fn states(&self) -> u128 {
        self.profiles.iter().map(|profile| profile.tried).sum()
    }

    /// Tells if every legal state was tried, second crashes and kills included, as far as the classes of each file tell
    /// states apart (see the guide).
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

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The state, for [`replay`](crate::replay).
    pub state: StateId,
    /// The order in which two machines ran, for the same.
    pub schedule: Option<Schedule>,
    /// What the check said.
    pub message: String,
    /// The state in words: the moment, what was lost, what survived, what is left.
    pub explanation: String,
}

/// Why a sweep did not succeed.
#[non_exhaustive]
pub enum SweepError {
    /// The workload itself failed, without any crash.
    Workload(String),
    /// The check refused a state. The report says which profiles allow such a state.
    Check(Box<Failure>, Box<SweepReport>),
    /// Every state looked like the live filesystem: the workload left nothing to a crash, and the check has shown
    /// nothing.
    NothingDiffered(Box<SweepReport>),
    /// No check saw a note: the workload promised nothing, so the check may have demanded nothing.
    NoNotes(Box<SweepReport>),
    /// The state that was to be repeated is none of this workload's: the code has changed since, or the sweep is built
    /// in another way than the one that named it.
    NoSuchState(String),
}

impl SweepError {
    /// The failed check, if that is what it is.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Check(failure, _) => Some(failure),
            _ => None,
        }
    }

    /// What was tried, unless the workload failed before that.
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

/// The same as `Display`: `unwrap` shows the state and what was lost in it.
impl fmt::Debug for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for SweepError {}
