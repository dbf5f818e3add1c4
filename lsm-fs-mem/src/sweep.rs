//! [`crash_sweep`]: crashes a workload at every moment, and checks images that the crash may leave.

mod foreign;
mod kills;
mod notes;
mod recovery;
mod report;
mod run;
mod sample;
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

/// Crashes a workload at every moment and checks the images that each crash may leave, or a sample of them.
///
/// This is a sweep with the defaults: an empty filesystem, all four profiles, and the budget from `CRASH_STATES`.
///
/// # Contract
///
/// `workload` runs once, on a new [`MemFs`]. The crash points are the start and the moments after each change, sync,
/// and note. The bytes of one write are one change, and so are a length and a name. A rename is one change, unless the
/// model splits renames. At each crash point, `check` receives the legal images together with the notes made before the
/// crash, once for each distinct pair of image and notes. If the [budget](Budget) does not cover all legal states of a
/// crash point, a sample is checked and the report says so.
///
/// `check` never sees the live filesystem, and it may change the image that it receives. A panic in `check` counts as
/// an error.
///
/// # Errors
///
/// [`SweepError`] in one of these cases:
///
/// - The workload failed.
/// - A check failed. The error names the state, the changes that were lost in it, and the profiles under which a check
///   failed.
/// - No state differed from the live filesystem, or no check saw a note. The sweep then shows nothing about the code.
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
/// [`SweepError`]: the workload or the check failed, as in [`crash_sweep`], or the workload has no such state.
pub fn replay<E: fmt::Display, C: fmt::Display>(
    id: &StateId,
    workload: impl FnMut(&MemFs) -> Result<(), E>,
    check: impl FnMut(&MemFs, &Notes) -> Result<(), C>,
) -> Result<(), SweepError> {
    CrashSweep::new().replay(id, workload, check)
}

/// A crash sweep with all its settings.
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
    /// Creates a sweep with the defaults of [`crash_sweep`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts the workload from a fork of this filesystem in its current state. Crash points lie only in the workload.
    #[must_use]
    pub fn start_from(mut self, prepared: &MemFs) -> Self {
        self.start = Some(prepared.fork());
        self
    }

    /// Sets the crash models to try.
    #[must_use]
    pub fn models<M: Into<CrashModel>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.settings.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the number of states to try. By default, `CRASH_STATES` decides.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = budget;
        self
    }

    /// Sets the seed of the samples, which are taken if there are too many states to try them all.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Tries the workload alone, and then again with each of these syncs, made by another process at each moment.
    ///
    /// Foreign syncs matter only under the profiles of real filesystems, where a sync forces more than was asked for.
    /// Under `Adversarial`, where any change may reach the disk at any time, they are skipped.
    #[must_use]
    pub fn foreign_syncs(mut self, syncs: impl IntoIterator<Item = ForeignSync>) -> Self {
        self.settings.foreign = syncs.into_iter().collect();
        self
    }

    /// Sets the recovery. It runs on the states that a crash left, or on a sample of them, and is crashed in turn at
    /// every moment. The check sees images of these second crashes, including the image in which everything survives.
    /// The [budget](Budget) limits the number of first crashes.
    #[must_use]
    pub fn recovery<E: fmt::Display>(
        mut self,
        mut recover: impl FnMut(&MemFs) -> Result<(), E> + 'a,
    ) -> Self {
        self.settings.recover = Some(Box::new(move |fs| recover(fs).map_err(|e| e.to_string())));
        self
    }

    /// Kills the process at every moment of the workload, or at a sample of them. Runs `next` as the next process, and
    /// crashes the machine at every moment of `next`.
    ///
    /// A kill loses nothing: the next process finds every name and every byte in the page cache, whether or not a sync
    /// has forced it. If it acknowledges work that depends on an unsynced change, and the power then fails, the
    /// acknowledged work is lost. Neither a crash nor a [`recovery`](Self::recovery) can reveal this bug, because
    /// everything that a crash leaves is durable.
    ///
    /// # Contract
    ///
    /// The workload runs once. `next` runs once for each kill, on a filesystem of its own:
    ///
    /// - Names and bytes are as they were at the kill.
    /// - There are no handles, no locks, and no files that only a handle kept alive.
    /// - Volumes behave as they did at the start.
    ///
    /// A kill comes before the first call, between two calls, after the last one, or between the steps of a call that
    /// has steps, such as the removal of a tree or a clone. It never splits a rename, a write or a truncation.
    ///
    /// Every crash point of `next` is then tried, as [`crash_sweep`] tries the crash points of a workload. The check
    /// receives the notes of the first process before the kill and the notes of the next process before the crash. A
    /// crash before the first event of `next` is a crash of the workload. An error or a panic in `next` is a failure.
    ///
    /// A sweep kills at up to 16 moments under [`Budget::Quick`], 200 under `Ci`, and 4,000 under `Full`. If there are
    /// more, it takes a sample by seed, and [`ProfileReport::kills`] reports both numbers. Kills are combined neither
    /// with foreign syncs nor with recoveries. The id of such a state contains the number of events before the kill:
    /// `adversarial@5!14=0`.
    ///
    /// # Examples
    ///
    /// An engine publishes a version and writes its log beside it. When it opens, it assumes that the pointer it finds
    /// is durable:
    ///
    /// ```
    /// use lsm_fs::{Fs, FsExt, FsOpenOptions, Result, SyncMode};
    /// use lsm_fs_mem::{CrashSweep, MemFs, Notes};
    /// use std::path::Path;
    ///
    /// # let prepared = MemFs::new();
    /// # for log in ["/log-0", "/log-1"] {
    /// #     prepared.open(Path::new(log), &FsOpenOptions::new().write(true).create(true))?;
    /// # }
    /// # prepared.settle();
    /// fn version(fs: &dyn Fs) -> Result<String> {
    ///     let bytes = fs.read_to_vec(Path::new("/current"), 8);
    ///     Ok(bytes.map_or("0".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned()))
    /// }
    ///
    /// fn publish(fs: &MemFs) -> Result<()> {
    ///     fs.write_new(Path::new("/new"), b"1", SyncMode::Normal)?;
    ///     fs.rename(Path::new("/new"), Path::new("/current"))?; // and here it is killed
    ///     fs.sync_directory(Path::new("/"), SyncMode::Normal).map(drop)
    /// }
    ///
    /// fn write(fs: &MemFs) -> Result<()> {
    ///     let log = format!("/log-{}", version(fs)?);
    ///     let log = fs.open(Path::new(&log), &FsOpenOptions::new().write(true))?;
    ///     log.write_at(b"rows", 0)?;
    ///     log.sync_all(SyncMode::Normal)?;
    ///     fs.note("rows");
    ///     Ok(())
    /// }
    ///
    /// fn check(image: &MemFs, notes: &Notes) -> std::result::Result<(), String> {
    ///     let log = version(image).map_err(|e| e.to_string())?;
    ///     let rows = image.read_to_vec(Path::new(&format!("/log-{log}")), 8).map_err(|e| e.to_string())?;
    ///     if rows == b"rows" || notes.is_empty() { Ok(()) } else { Err(format!("log {log} has no rows")) }
    /// }
    ///
    /// let both = |fs: &MemFs| publish(fs).and_then(|()| write(fs));
    /// let sweep = || CrashSweep::new().start_from(&prepared);
    /// sweep().recovery(write).run(both, check)?; // every crash, and every recovery from one: nothing is wrong
    ///
    /// let error = sweep().after_kill(write).run(both, check).unwrap_err();
    /// assert_eq!(error.failure().unwrap().message, "log 0 has no rows");
    ///
    /// // The fix: make the name durable before building on it.
    /// let careful = |fs: &MemFs| {
    ///     let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal)?;
    ///     write(fs)
    /// };
    /// sweep().after_kill(careful).run(both, check)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn after_kill<E: fmt::Display>(mut self, mut next: impl FnMut(&MemFs) -> Result<(), E> + 'a) -> Self {
        self.settings.after_kill = Some(Box::new(move |fs| next(fs).map_err(|e| e.to_string())));
        self
    }

    /// Runs the sweep, as described at [`crash_sweep`].
    ///
    /// # Errors
    ///
    /// The errors of [`crash_sweep`].
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

    /// Repeats one state of this sweep, as described at [`replay`].
    ///
    /// # Errors
    ///
    /// The errors of [`replay`].
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

    /// Runs two machines in every order of their steps, and sweeps each run. If there are too many orders, a sample is
    /// run. `machines` creates the machines. It is called once to count their steps, and then once for each run.
    ///
    /// # Errors
    ///
    /// The errors of [`crash_sweep`]. The error names the schedule.
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
