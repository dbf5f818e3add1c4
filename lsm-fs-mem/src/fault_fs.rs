//! [`FaultFs`]: makes chosen calls fail in chosen ways.

mod effect;
mod fault;
mod id;
mod plan;
mod report;
mod sweep;

use std::{
    collections::BTreeMap,
    io,
    num::NonZeroUsize,
    ops::Deref,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use lsm_fs::{
    Error, Op, Result, errno,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

pub use effect::{FaultEffect, ParseFaultEffectError, ShortTransfer};
pub use fault::Fault;
pub use id::{FaultId, InjectedFault, ParseFaultIdError};
pub use report::FaultReport;
pub use sweep::{FaultCheckError, FaultSweepError, fault_replay, fault_sweep};

use fault::is_at_cursor;
use plan::Plan;

/// A wrapper around any filesystem that makes calls fail as its [`Fault`]s demand. This includes the calls of its
/// files, locks, and views.
///
/// # Contract
///
/// Without faults, the wrapper changes nothing. A failed call reports the operation, the paths, and the errno as the
/// backend would. The same sequence of calls meets the same faults, because nothing depends on time or chance.
///
/// *Poison.* A failed sync, whether injected or real, poisons the wrapper's handle. Later syncs and writes through it
/// fail with that first error. They are not counted and do not reach the inner file. `EINTR` does not poison.
///
/// *Batches* run on the wrapper as single calls, one after the other. Each link, clone, copy, and sync is a call of its
/// own. `FsFile::read_many` is one read per request.
///
/// Clones share the plan, the counts, and the log.
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
/// fs.inject(Fault::on(Op::WriteAt).nth(2).before(errno::ENOSPC));
///
/// fs.write_new(&dir.join("a"), b"first", SyncMode::Normal)?;
/// let error = fs.write_new(&dir.join("b"), b"second", SyncMode::Normal).unwrap_err();
/// assert_eq!((error.op(), error.raw_os_error()), (Op::WriteAt, Some(errno::ENOSPC)));
/// assert!(!fs.exists(&dir.join("b"))?);
/// assert_eq!(fs.injected()[0].id().to_string(), "write_at#2:before-ENOSPC");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultFs<F> {
    fs: InterceptFs<F, Injector>,
}

impl<F> FaultFs<F> {
    /// Wraps a filesystem, without any faults yet.
    pub fn new(inner: F) -> Self {
        Self { fs: InterceptFs::new(inner, Injector::default()) }
    }

    /// Adds a fault, which counts the matching calls from here on. If several faults would strike the same call, the
    /// one that was added first does. A device that is gone or full ([`FaultEffect`]) comes before all of them.
    pub fn inject(&self, fault: Fault) {
        self.plan().inject(fault);
    }

    /// Removes all faults and ends the effects of [`FaultEffect::Gone`] and [`FaultEffect::Full`]. Counts, log, and
    /// poisoned handles stay.
    pub fn heal(&self) {
        self.plan().heal();
    }

    /// Returns the number of calls of each kind so far, including the failed ones.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Op, u64> {
        self.plan().counts().clone()
    }

    /// Returns the number of calls of one kind so far.
    #[must_use]
    pub fn count(&self, op: Op) -> u64 {
        self.plan().counts().get(&op).copied().unwrap_or(0)
    }

    /// Returns every call that a fault struck, in order.
    #[must_use]
    pub fn injected(&self) -> Vec<InjectedFault> {
        self.plan().injected().to_vec()
    }

    /// Returns the wrapped filesystem. Calls made through it meet no faults.
    pub fn inner(&self) -> &F {
        self.fs.inner()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.fs.interceptor().plan()
    }
}

/// Dereferences to the wrapped [`Fs`](lsm_fs::Fs).
impl<F> Deref for FaultFs<F> {
    type Target = InterceptFs<F, Injector>;

    fn deref(&self) -> &Self::Target {
        &self.fs
    }
}

/// The interceptor that makes calls fail.
#[derive(Debug, Default)]
pub struct Injector {
    plan: Mutex<Plan>,
}

impl Injector {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Injector {
    type File = Poison;

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

    /// Returns one, because the n-th call must be the same call in every run.
    fn concurrency(&self, _: NonZeroUsize) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

impl Injector {
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
        // The lock is released before the inner filesystem is called, so that a plan never makes calls wait for each
        // other.
        let effect = self.plan().strike(call);
        let failed = |code| Err(call.error(io::Error::from_raw_os_error(code)));
        let result = match effect {
            None => run(len),
            Some(FaultEffect::Before(code)) => failed(code),
            Some(FaultEffect::After(code)) => run(len).and_then(|_| failed(code)),
            Some(FaultEffect::Short(short)) => {
                let part = run(short.cut(len).unwrap_or(len));
                if is_at_cursor(call) { part } else { part.and_then(|_| failed(errno::ENOSPC)) }
            }
            Some(FaultEffect::Interrupted) => failed(errno::EINTR),
            Some(FaultEffect::Gone) => failed(errno::EIO),
            Some(FaultEffect::Full) => failed(errno::ENOSPC),
        };
        if let (Err(error), Some(poison)) = (&result, on.filter(|_| is_file_sync(call))) {
            // An interrupted sync has consumed no device error and may be retried.
            if error.kind() != io::ErrorKind::Interrupted {
                poison.set(error);
            }
        }
        result
    }
}

fn is_file_sync(call: &Call<'_>) -> bool {
    matches!(call.op, Op::SyncAll | Op::SyncData)
}

/// The first sync failure of a handle.
#[derive(Debug, Default)]
pub struct Poison(OnceLock<(Op, Option<i32>, io::ErrorKind)>);

impl Poison {
    /// Records a failed sync. If two syncs fail concurrently, the first to arrive here is kept.
    fn set(&self, error: &Error) {
        let _ = self.0.set((error.op(), error.raw_os_error(), error.kind()));
    }

    fn check(&self, call: &Call<'_>) -> Result<()> {
        let refused = is_file_sync(call) || matches!(call.op, Op::Write | Op::WriteAt | Op::SetLen);
        let Some((op, code, kind)) = self.0.get().filter(|_| refused) else { return Ok(()) };
        let first = code.map_or_else(|| io::Error::from(*kind), io::Error::from_raw_os_error);
        let first = io::Error::from(Error::new(*op, call.path, first));
        Err(call.error(first).poisoned())
    }
}
