//! Every fault of a workload, one run each.

use std::{
    any::Any,
    error, fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lsm_fs::Fs;

use super::{FaultFs, FaultId, FaultReport, InjectedFault};

/// Why a check is not content: a text, or any error.
pub type FaultCheckError = Box<dyn error::Error + Send + Sync>;

/// Runs a workload once for every way in which one of its calls can fail, and has each outcome checked.
///
/// # Contract
///
/// A first run, without faults, lists the calls; its result must be `Ok`. Then every call of it fails in every way that
/// applies to its kind, in a run of its own on what `make_fs` returns then:
///
/// | way | calls |
/// |---|---|
/// | `before-EIO`, `gone` | all |
/// | `after-EIO` | those that change or sync something |
/// | `before-ENOSPC`, `full` | those that need space, file syncs among them |
/// | `before-EXDEV`, `-EMLINK`, … | links, clones and renames that do not replace |
/// | `short-byte`, `short-sector`, `short-all-but-byte` | writes that are long enough, `Read::read` |
/// | `interrupted` | `Read::read`, `Write::write` |
///
/// [`FaultEffect`](crate::FaultEffect) says what each means. `check` gets the fault, what the workload returned, and
/// the filesystem itself, on which nothing fails any more. A panic in the workload or in the check is a failure of the
/// check, so assertions can be used.
///
/// `make_fs` returns equal filesystems every time, with what the workload needs already there. The workload makes the
/// same calls every time until the fault strikes: no clocks, and threads only where the order of their calls is fixed.
///
/// # Errors
///
/// The first failure ends the sweep; its text begins with the id of the fault, and [`fault_replay`] runs that one
/// alone. A workload that makes no calls fails: nothing was tested.
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

/// Runs a workload with one fault of [`fault_sweep`], and has the outcome checked.
///
/// # Errors
///
/// As [`fault_sweep`]; [`FaultSweepError::NotReached`] if the workload does not make that call.
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

/// A panic becomes its message. What it has left half-done is not looked at again: the run ends there.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| format!("panicked: {}", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Why a sweep failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultSweepError {
    /// The run without faults failed, with this message. Mend the workload or what `make_fs` prepares.
    Probe(String),
    /// The workload makes no calls, so nothing was tested. Does it use the filesystem that it is given?
    NothingInjected,
    /// A run did not come to the call that the probe saw: the workload is not the same every time, or the id is that of
    /// another one.
    NotReached(FaultId),
    /// A check was not content, or something panicked. The fault's id replays the run.
    Check {
        /// What was struck, and how.
        fault: InjectedFault,
        /// What the check said.
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
