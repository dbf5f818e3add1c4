//! Runs a workload once for each possible fault.

use std::{
    any::Any,
    error, fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lsm_fs::Fs;

use super::{FaultFs, FaultId, FaultReport, InjectedFault};

/// The error of a check: a text or any error.
pub type FaultCheckError = Box<dyn error::Error + Send + Sync>;

/// Runs a workload once for every way in which one of its calls can fail, and checks each outcome.
///
/// # Contract
///
/// A first run, without faults, lists the calls. Its result must be `Ok`. Then each of these calls fails in every way
/// that applies to its kind. Every failure gets a run of its own, on a new filesystem from `make_fs`:
///
/// | effect | calls |
/// |---|---|
/// | `before-EIO`, `gone` | all |
/// | `after-EIO` | calls that change, lock or sync something |
/// | `before-ENOSPC`, `full` | calls that need space, including file syncs |
/// | `before-EXDEV`, `-EMLINK`, … | links, clones and renames that do not replace |
/// | `short-byte`, `short-sector`, `short-all-but-byte` | `Read::read`, and writes, if they are long enough |
/// | `interrupted` | `Read::read`, `Write::write` |
///
/// [`FaultEffect`](crate::FaultEffect) describes the effects. `check` receives the fault, the result of the workload,
/// and the wrapped filesystem, where no more faults strike. A panic in the workload or in the check counts as a failed
/// check, so assertions can be used.
///
/// `make_fs` must return an equal filesystem each time, with everything that the workload needs. The workload must make
/// the same calls each time until the fault strikes. It must not depend on clocks, and it may use threads only if the
/// order of their calls is fixed.
///
/// # Errors
///
/// The first failure ends the sweep. Its text begins with the id of the fault, and [`fault_replay`] runs that fault
/// alone. A workload that makes no calls is an error, because nothing was tested.
///
/// # Examples
///
/// ```
/// use lsm_fs::{FsExt, StdFs, SyncMode};
/// use lsm_fs_mem::fault_sweep;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let current = dir.path().join("current");
/// let report = fault_sweep(
///     || {
///         StdFs.rewrite_atomic(&current, b"old", SyncMode::Normal).unwrap();
///         StdFs
///     },
///     |fs| fs.rewrite_atomic(&current, b"new", SyncMode::Normal),
///     |fault, result, fs| {
///         let now = fs.read_to_vec(&current, 100)?;
///         let expected: &[&[u8]] = if result.is_ok() { &[b"new"] } else { &[b"old", b"new"] };
///         assert!(expected.contains(&&*now), "{fault} left {now:?}");
///         Ok(())
///     },
/// )?;
/// assert!(report.faults() > 20);
/// # Ok(())
/// # }
/// ```
pub fn fault_sweep<F: Fs, T, E: fmt::Display>(
    mut make_fs: impl FnMut() -> F,
    mut workload: impl FnMut(&FaultFs<F>) -> Result<T, E>,
    mut check: impl FnMut(&InjectedFault, Result<T, E>, &F) -> Result<(), FaultCheckError>,
) -> Result<FaultReport, FaultSweepError> {
    let probe = FaultFs::new(make_fs());
    probe.plan().collect_candidates();
    match guarded(|| workload(&probe)) {
        Ok(Ok(_)) => {}
        Ok(Err(e)) => return Err(FaultSweepError::Probe(e.to_string())),
        Err(panic) => return Err(FaultSweepError::Probe(panic)),
    }
    let candidates = probe.plan().take_candidates();
    if candidates.is_empty() {
        return Err(FaultSweepError::NothingInjected);
    }
    let mut report = FaultReport::new(probe.counts());
    drop(probe);
    for id in candidates {
        fault_replay(id, &mut make_fs, &mut workload, &mut check)?;
        report.count(id);
    }
    Ok(report)
}

/// Runs a workload with one fault of [`fault_sweep`], and checks the outcome.
///
/// # Errors
///
/// The errors of [`fault_sweep`], and [`FaultSweepError::NotReached`] if the workload does not make that call.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsExt, Op, StdFs, SyncMode};
/// use lsm_fs_mem::fault_replay;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = &dir.path().join("current");
/// let fault = fault_replay(
///     "rename#1:after-EIO".parse()?,
///     || StdFs,
///     |fs| fs.rewrite_atomic(path, b"new", SyncMode::Normal),
///     |_, result, fs| Ok(assert!(result.is_err() && fs.exists(path)?)),
/// )?;
/// assert_eq!(fault.other_path(), Some(path.as_path()));
/// # Ok(())
/// # }
/// ```
pub fn fault_replay<F: Fs, T, E: fmt::Display>(
    id: FaultId,
    mut make_fs: impl FnMut() -> F,
    mut workload: impl FnMut(&FaultFs<F>) -> Result<T, E>,
    mut check: impl FnMut(&InjectedFault, Result<T, E>, &F) -> Result<(), FaultCheckError>,
) -> Result<InjectedFault, FaultSweepError> {
    let fs = FaultFs::new(make_fs());
    fs.inject(id.into());
    let outcome = guarded(|| workload(&fs));
    let Some(fault) = fs.injected().into_iter().next() else {
        return Err(FaultSweepError::NotReached(id));
    };
    let checked = outcome.and_then(|result| match guarded(|| check(&fault, result, fs.inner())) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(e.to_string()),
        Err(panic) => Err(panic),
    });
    match checked {
        Ok(()) => Ok(fault),
        Err(cause) => Err(FaultSweepError::Check { fault, cause }),
    }
}

/// Runs code and turns a panic into an error with its message. A panic ends the run, so state that it left inconsistent
/// is not used again.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| format!("panicked: {}", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// The reason for which a fault sweep failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultSweepError {
    /// The run without faults failed with this message. Fix the workload, or the filesystem that `make_fs` prepares.
    Probe(String),
    /// The workload made no calls, so nothing was tested. Check that it uses the filesystem that it receives.
    NothingInjected,
    /// A run did not reach the call that the fault names. Either the workload differs between runs, or the id belongs
    /// to another workload.
    NotReached(FaultId),
    /// A check failed, or something panicked. The id of the fault replays the run.
    Check {
        /// The fault and the call that it struck.
        fault: InjectedFault,
        /// The error of the check.
        cause: String,
    },
}

impl fmt::Display for FaultSweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe(cause) => write!(f, "the workload fails without faults: {cause}"),
            Self::NothingInjected => f.write_str("the workload made no calls, so no fault was tried"),
            Self::NotReached(id) => write!(f, "{id}: the workload did not make this call"),
            Self::Check { fault, cause } => write!(f, "{fault}: {cause}"),
        }
    }
}

impl error::Error for FaultSweepError {}
