//! [`crash_sweep`]: a workload, crashed at every moment in every legal way, and a check of what each crash leaves.

mod foreign;
mod notes;
mod recovery;
mod report;
mod run;
mod schedule;
mod settings;

use std::fmt;

pub use foreign::ForeignSync;
pub use notes::Notes;
pub use report::{Failure, ProfileReport, SweepError, SweepReport};
use run::Run;
pub use schedule::{ParseScheduleError, Schedule, Schedules, Step, interleavings};
use settings::{Settings, guarded};

use crate::{
    crash::{Budget, StateId},
    mem_fs::MemFs,
    profile::CrashModel,
    recording::Recording,
};

/// A sweep with the defaults: an empty filesystem, all four profiles, the budget of `CRASH_STATES`.
///
/// # Contract
///
/// `workload` runs once, on a new [`MemFs`]. Then every crash point is taken, after each micro-operation, sync and
/// note, and every legal image is handed to `check` with the notes made before the crash: once for each different
/// pair of these. `check` never sees the live filesystem; it may change the image it gets. A panic in it counts as an
/// error.
///
/// # Errors
///
/// [`SweepError`]: a check failed, and the error names the state, what was lost in it, and which profiles allow such a
/// state; or the sweep has shown nothing, because no state differed from the live one, or no check saw a note.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, SyncMode};
/// use lsm_fs_mem::{MemFs, Notes, crash_sweep};
/// use std::path::Path;
///
/// let table = Path::new("/table");
/// let report = crash_sweep(
///     |fs: &MemFs| -> lsm_fs::Result<()> {
///         fs.write_new(table, b"rows", SyncMode::Normal)?;
///         let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal)?;
///         fs.note("stored");
///         Ok(())
///     },
///     |image: &MemFs, notes: &Notes| match image.read_to_vec(table, 64) {
///         Ok(bytes) if bytes == b"rows" => Ok(()),
///         _ if !notes.contains("stored") => Ok(()),
///         other => Err(format!("stored, and now {other:?}")),
///     },
/// )?;
/// println!("{report}");
/// # Ok::<(), lsm_fs_mem::SweepError>(())
/// ```
pub fn crash_sweep<E: fmt::Display, C: fmt::Display>(
    workload: impl FnMut(&MemFs) -> Result<(), E>,
    check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
) -> Result<SweepReport, SweepError> {
    CrashSweep::new().run(workload, check)
}

/// Repeats one state of a sweep with the defaults: runs the workload, rebuilds the state, and checks it.
///
/// # Errors
///
/// [`SweepError`]: the workload or the check failed, as in [`crash_sweep`].
pub fn replay<E: fmt::Display, C: fmt::Display>(
    id: &StateId,
    workload: impl FnMut(&MemFs) -> Result<(), E>,
    check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
) -> Result<(), SweepError> {
    CrashSweep::new().replay(id, workload, check)
}

/// A sweep, with everything about it that can be chosen.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, SyncMode};
/// use lsm_fs_mem::{Budget, CrashModel, CrashSweep, MemFs, Notes, Profile};
/// use std::path::Path;
///
/// let prepared = MemFs::new();
/// prepared.create_dir(Path::new("/db"))?;
/// prepared.settle();
/// let report = CrashSweep::new()
///     .start_from(&prepared)
///     .models([CrashModel::new(Profile::Adversarial).torn_sector(true)])
///     .budget(Budget::Quick)
///     .run(
///         |fs: &MemFs| -> lsm_fs::Result<()> {
///             let _ = fs.rewrite_atomic(Path::new("/db/current"), b"v1", SyncMode::Normal)?;
///             fs.note("v1");
///             Ok(())
///         },
///         |image: &MemFs, notes: &Notes| match image.read_to_vec(Path::new("/db/current"), 8) {
///             Ok(bytes) if bytes == b"v1" => Ok(()),
///             _ if notes.is_empty() => Ok(()),
///             other => Err(format!("{other:?}")),
///         },
///     )?;
/// assert!(report.states() > 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct CrashSweep<'a> {
    start: Option<MemFs>,
    settings: Settings<'a>,
}

impl fmt::Debug for CrashSweep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashSweep")
            .field("models", &self.settings.models)
            .field("budget", &self.settings.budget)
            .field("seed", &self.settings.seed)
            .field("foreign", &self.settings.foreign)
            .finish_non_exhaustive()
    }
}

impl<'a> CrashSweep<'a> {
    /// The defaults of [`crash_sweep`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the workload starts from: a fork of this, as it is now. Crashes are taken only in what the workload does.
    #[must_use]
    pub fn start_from(mut self, prepared: &MemFs) -> Self {
        self.start = Some(prepared.fork());
        self
    }

    /// Which rules to try.
    #[must_use]
    pub fn models<M: Into<CrashModel>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.settings.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// How many states to try; otherwise `CRASH_STATES` decides.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = budget;
        self
    }

    /// Chooses the samples where there are too many states for all.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Tries, beside the workload alone, the workload with one such sync by another process after each of its events.
    ///
    /// It makes a difference under the profiles of real filesystems, where a sync forces more than was asked for; under
    /// `Adversarial` anything may reach the disk at any time as it is.
    #[must_use]
    pub fn foreign_syncs(mut self, syncs: impl IntoIterator<Item = ForeignSync>) -> Self {
        self.settings.foreign = syncs.into_iter().collect();
        self
    }

    /// Runs this on states that a crash left, crashes it in turn at every moment, and checks what the second crash
    /// leaves, and what the recovery leaves if nothing stops it.
    #[must_use]
    pub fn recovery<E: fmt::Display>(
        mut self,
        mut recover: impl FnMut(&MemFs) -> Result<(), E> + 'a,
    ) -> Self {
        self.settings.recover = Some(Box::new(move |fs| recover(fs).map_err(|e| e.to_string())));
        self
    }

    /// Runs the sweep: see [`crash_sweep`].
    ///
    /// # Errors
    ///
    /// As [`crash_sweep`].
    pub fn run<E: fmt::Display, C: fmt::Display>(
        mut self,
        workload: impl FnMut(&MemFs) -> Result<(), E>,
        mut check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
    ) -> Result<SweepReport, SweepError> {
        let recording = self.record(workload)?;
        let mut check = |fs: &MemFs, notes: &Notes| guarded(|| check(fs, notes));
        let mut run = Run::new(&mut self.settings, &mut check);
        run.sweep(&recording, None);
        run.finish()
    }

    /// Repeats one state of this sweep: see [`replay`].
    ///
    /// # Errors
    ///
    /// As [`replay`].
    pub fn replay<E: fmt::Display, C: fmt::Display>(
        mut self,
        id: &StateId,
        workload: impl FnMut(&MemFs) -> Result<(), E>,
        mut check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
    ) -> Result<(), SweepError> {
        let recording = self.record(workload)?;
        let mut check = |fs: &MemFs, notes: &Notes| guarded(|| check(fs, notes));
        Run::new(&mut self.settings, &mut check).replay(id, &recording)
    }

    /// Runs two machines in every order of their steps (or in samples of these, where there are too many), and sweeps
    /// each run. `machines` makes them anew for each.
    ///
    /// # Errors
    ///
    /// As [`crash_sweep`]; the error names the schedule.
    pub fn run_interleaved<'m, C: fmt::Display>(
        mut self,
        mut machines: impl FnMut() -> [Vec<Step<'m>>; 2],
        mut check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
    ) -> Result<SweepReport, SweepError> {
        let [first, second] = machines();
        let schedules =
            interleavings(first.len(), second.len(), self.settings.budget.schedules(), self.settings.seed);
        let (tried, of) = (schedules.tried(), schedules.of());
        let start = self.start.take().unwrap_or_default();
        let mut check = |fs: &MemFs, notes: &Notes| guarded(|| check(fs, notes));
        let mut run = Run::new(&mut self.settings, &mut check);
        run.report.schedules = Some((tried, of));
        for schedule in schedules {
            let fs = start.fork();
            fs.record();
            schedule.run(&fs, machines());
            run.sweep(&recorded(&fs)?, Some(&schedule));
            if run.has_failed() {
                break;
            }
        }
        run.finish()
    }

    fn record<E: fmt::Display>(
        &mut self,
        mut workload: impl FnMut(&MemFs) -> Result<(), E>,
    ) -> Result<Recording, SweepError> {
        let fs = self.start.take().unwrap_or_default();
        fs.record();
        workload(&fs).map_err(|e| SweepError::Workload(e.to_string()))?;
        recorded(&fs)
    }
}

fn recorded(fs: &MemFs) -> Result<Recording, SweepError> {
    let violations = fs.lock().violations().join("; ");
    if !violations.is_empty() {
        return Err(SweepError::Workload(violations));
    }
    fs.take_recording().ok_or_else(|| SweepError::Workload("the workload ended its own recording".into()))
}
