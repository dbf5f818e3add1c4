//! [`FaultFs`]: chosen calls fail, in chosen ways.

mod effect;
mod fault;
mod id;
mod plan;
mod report;
mod sweep;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use lsm_fs::{Error, FsFile, Op, Result, errno};

pub use effect::{FaultEffect, ParseFaultEffectError, ShortTransfer};
pub use fault::Fault;
pub use id::{FaultId, InjectedFault, ParseFaultIdError};
pub use report::FaultReport;
pub use sweep::{FaultCheckError, FaultSweepError, fault_replay, fault_sweep};

use crate::tap::{Call, Outcome, Tap, tap_fs};
use plan::Plan;

/// Any filesystem, with calls that fail when a [`Fault`] says so; the calls of its files and directory locks included.
///
/// # Contract
///
/// Without faults it changes nothing. A call that fails reports the operation, the paths and the errno as the backend
/// would. Same calls, same faults: nothing depends on time or chance.
///
/// *Poison.* A sync that fails, by a fault or by itself, poisons the wrapper's handle: later syncs and writes through
/// it fail with that first error and reach neither the plan nor the inner file. `EINTR` alone does not poison.
///
/// *Batches* are the plain loops over the wrapper: each link, clone, copy and sync is a call of its own.
/// `FsFile::read_many` is one read a request.
///
/// Clones share the plan, the counts and the log.
///
/// # Examples
///
/// The second write finds the disk full:
///
/// ```
/// use lsm_fs::{Fs, FsExt, Op, StdFs, SyncMode, errno};
/// use lsm_fs_mem::{Fault, FaultFs};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let fs = FaultFs::new(StdFs);
/// fs.inject(Fault::on(Op::Write).nth(2).before(errno::ENOSPC));
///
/// fs.write_new(&dir.join("a"), b"first", SyncMode::Normal)?;
/// let error = fs.write_new(&dir.join("b"), b"second", SyncMode::Normal).unwrap_err();
/// assert_eq!((error.op(), error.raw_os_error()), (Op::Write, Some(errno::ENOSPC)));
/// assert!(!fs.exists(&dir.join("b"))?);
/// assert_eq!(fs.injected()[0].id().to_string(), "write#2:before-ENOSPC");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultFs<F> {
    inner: F,
    tap: Arc<FaultTap>,
}

impl<F> FaultFs<F> {
    /// Nothing fails yet.
    pub fn new(inner: F) -> Self {
        Self { inner, tap: Arc::new(FaultTap::default()) }
    }

    /// Adds a fault. It counts the calls that match it from here on. If several would strike one call, the first that
    /// was added does.
    pub fn inject(&self, fault: Fault) {
        self.tap.plan().inject(fault);
    }

    /// Takes all faults away, and ends what a [`FaultEffect::Gone`] or [`FaultEffect::Full`] began. Counts, log and
    /// poisoned handles stay.
    pub fn heal(&self) {
        self.tap.plan().heal();
    }

    /// How many calls of each kind have come so far, the failed ones included.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Op, u64> {
        self.tap.plan().counts().clone()
    }

    /// How many calls of one kind have come so far.
    #[must_use]
    pub fn count(&self, op: Op) -> u64 {
        self.tap.plan().counts().get(&op).copied().unwrap_or(0)
    }

    /// Every call that a fault struck, in order.
    #[must_use]
    pub fn injected(&self) -> Vec<InjectedFault> {
        self.tap.plan().injected().to_vec()
    }

    /// The filesystem itself, on which nothing fails.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    fn tap(&self) -> &Arc<FaultTap> {
        &self.tap
    }
}

tap_fs!(impl<F: Fs> Fs for FaultFs<F>);

#[derive(Debug, Default)]
struct FaultTap {
    plan: Mutex<Plan>,
}

impl FaultTap {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for FaultTap {
    type Handle = Poison;

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Poison)> {
        Ok((self.around(None, call, run)?, Poison::default()))
    }

    fn around<R: Outcome>(
        &self,
        on: Option<&Poison>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        self.run(on, call, 0, |_| run())
    }

    fn transfer<R: Outcome>(
        &self,
        on: &Poison,
        call: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        self.run(Some(on), call, len, run)
    }
}

impl FaultTap {
    fn run<R>(
        &self,
        on: Option<&Poison>,
        call: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        if let Some(poison) = on {
            poison.check(call)?;
        }
        // The lock is not held while the inner filesystem works: a plan never makes calls wait for each other.
        let effect = self.plan().strike(call);
        let failed = |code| Err(call.error(io::Error::from_raw_os_error(code)));
        let result = match effect {
            None => run(len),
            Some(FaultEffect::Before(code)) => failed(code),
            Some(FaultEffect::After(code)) => run(len).and_then(|_| failed(code)),
            Some(FaultEffect::Short(short)) => {
                let part = run(short.cut(len).unwrap_or(len));
                if call.is_at_cursor() { part } else { part.and_then(|_| failed(errno::ENOSPC)) }
            }
            Some(FaultEffect::Interrupted) => failed(errno::EINTR),
            Some(FaultEffect::Gone) => failed(errno::EIO),
            Some(FaultEffect::Full) => failed(errno::ENOSPC),
        };
        if let (Err(error), Some(poison)) = (&result, on.filter(|_| call.is_file_sync())) {
            // An interrupted sync has consumed no error of the device's and may be made again.
            if error.kind() != io::ErrorKind::Interrupted {
                poison.set(error);
            }
        }
        result
    }
}

/// What the first failed sync of a handle said.
#[derive(Debug, Default)]
struct Poison(OnceLock<(Op, Option<i32>, io::ErrorKind)>);

impl Poison {
    /// Of two syncs that fail at once, the first to get here is the first error.
    fn set(&self, error: &Error) {
        let _ = self.0.set((error.op(), error.raw_os_error(), error.kind()));
    }

    fn check(&self, call: &Call<'_>) -> Result<()> {
        let refused = call.is_file_sync() || matches!(call.op, Op::Write | Op::SetLen);
        let Some((op, code, kind)) = self.0.get().filter(|_| refused) else { return Ok(()) };
        let first = code.map_or_else(|| io::Error::from(*kind), io::Error::from_raw_os_error);
        let first = io::Error::from(Error::new(*op, call.path, first));
        Err(call.error(first).poisoned())
    }
}
