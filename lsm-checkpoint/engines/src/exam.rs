//! [`Exam`]: takes checkpoints of a tree, reopens each with the engine, and compares every key.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointDir, CheckpointInfo, CheckpointSource, DeletionPause,
    SourceRoot, VerifyOptions, VerifyReport, restore, verify,
};
use lsm_fs::{Fs, StdFs};

use crate::{
    engine::Engine,
    key_value::KeyValue,
    kind::Kind,
    oracle::{Compared, Oracle, Plan, State, compare},
};

/// A checkpoint, and the bounds on its contents.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The result of the call.
    pub info: CheckpointInfo,
    /// The last operation that had returned before the call.
    pub acknowledged: u64,
    /// The last operation that had begun when the version was captured.
    pub issued: u64,
    /// The time from the call to the captured version.
    pub capture: Duration,
    /// The time of the whole call.
    pub total: Duration,
}

impl Taken {
    /// Returns the last operation that the checkpoint must hold. This is the last acknowledged operation, or a later
    /// one that the checkpoint itself names.
    ///
    /// It is a lower bound for [`compare`]. An operation that changes nothing leaves no trace, so `compare` returns the
    /// smallest matching number of operations.
    #[must_use]
    pub fn promised(&self) -> u64 {
        self.acknowledged.max(self.info.seqno.unwrap_or_default())
    }
}

/// The outcome of an examination.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// The result of the comparison.
    pub compared: Compared,
    /// The number of files whose bytes match a checksum.
    pub checked_files: u64,
    /// The number of files without a checksum.
    pub unchecked_files: u64,
}

/// Opens a restored tree or database.
type Open = Box<dyn Fn(&Path) -> Result<Arc<dyn KeyValue>, BoxError> + Send + Sync>;

/// Examines checkpoints of one tree or database. Each comparison starts from the state at the lower bound of the last
/// comparison.
pub struct Exam {
    open: Open,
    known: State,
}

impl Exam {
    /// Creates an exam for a tree with these operations.
    #[must_use]
    pub fn new(kind: Kind, plan: Plan) -> Self {
        Self::of(plan, move |dir| {
            let engine: Arc<dyn KeyValue> = kind.open(dir)?;
            Ok(engine)
        })
    }

    /// Creates an exam for trees or databases that `open` opens.
    #[must_use]
    pub fn of(
        plan: Plan,
        open: impl Fn(&Path) -> Result<Arc<dyn KeyValue>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Box::new(open), known: State::new(plan) }
    }

    /// Verifies every byte of a checkpoint, restores it into `scratch`, opens the restored tree with the engine, and
    /// compares every key. The tree must hold at least the acknowledged operations, and at least those that the
    /// checkpoint claims.
    ///
    /// # Errors
    ///
    /// The defects of the checkpoint, or the first mismatch.
    pub fn examine(&mut self, target: &Path, scratch: &Path, taken: &Taken) -> Result<Verdict, BoxError> {
        let _ = verified(target, &VerifyOptions::quick())?;
        let full = verified(target, &VerifyOptions::full())?;
        let compared = self.reopen(target, scratch, taken.promised(), taken.issued)?;
        Ok(Verdict { compared, checked_files: full.checked_files, unchecked_files: full.unchecked_files })
    }

    /// Restores a checkpoint into `scratch`, and compares every key of the restored tree. The checkpoint itself is not
    /// opened, because opening may change it.
    ///
    /// # Errors
    ///
    /// See [`compare`].
    pub fn reopen(
        &mut self,
        target: &Path,
        scratch: &Path,
        acknowledged: u64,
        issued: u64,
    ) -> Result<Compared, BoxError> {
        restore(&CheckpointDir::open(Arc::new(StdFs), target)?, &StdFs, scratch)?;
        let engine = (self.open)(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        let compared = self.compare(&*engine, acknowledged, issued)?;
        drop(engine);
        StdFs.remove_dir_all(scratch)?;
        Ok(compared)
    }

    /// Compares every key of an open tree or database.
    ///
    /// # Errors
    ///
    /// See [`compare`].
    pub fn compare(
        &mut self,
        engine: &dyn KeyValue,
        acknowledged: u64,
        issued: u64,
    ) -> Result<Compared, BoxError> {
        let compared = compare(engine, &self.known, acknowledged, issued)?;
        // Advance only this far, because this is a lower bound of every later comparison.
        self.known.advance(acknowledged);
        Ok(compared)
    }
}

/// Verifies a checkpoint.
///
/// # Errors
///
/// The error of [`verify`], or the report of a checkpoint that is not sound.
pub fn verified(target: &Path, options: &VerifyOptions<'_>) -> Result<VerifyReport, BoxError> {
    let report = verify(&StdFs, target, options)?;
    if report.is_sound() { Ok(report) } else { Err(report.to_string().into()) }
}

/// Takes a checkpoint, and records the bounds on its contents.
///
/// # Errors
///
/// The errors of [`Checkpoint::create`].
pub fn take(
    engine: &dyn Engine,
    oracle: &Oracle,
    options: &Checkpoint<'_>,
    target: &Path,
) -> Result<Taken, lsm_checkpoint::Error> {
    let inner = engine.source();
    let start = Instant::now();
    let acknowledged = oracle.acknowledged();
    let observed = Observed {
        inner: &*inner,
        oracle,
        start,
        issued: AtomicU64::new(0),
        capture_nanos: AtomicU64::new(0),
    };
    let info = options.create(&observed, &StdFs, target)?;
    Ok(Taken {
        info,
        acknowledged,
        issued: observed.issued.load(Ordering::SeqCst),
        capture: Duration::from_nanos(observed.capture_nanos.load(Ordering::SeqCst)),
        total: start.elapsed(),
    })
}

/// A source that records the last operation begun when the capture returns.
struct Observed<'a> {
    inner: &'a dyn CheckpointSource,
    oracle: &'a Oracle,
    start: Instant,
    issued: AtomicU64,
    capture_nanos: AtomicU64,
}

impl CheckpointSource for Observed<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.inner.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.inner.deletion_pause()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.inner.visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.inner.flush()
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let capture = self.inner.capture()?;
        self.issued.store(self.oracle.issued(), Ordering::SeqCst);
        let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.capture_nanos.store(nanos, Ordering::SeqCst);
        Ok(capture)
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.inner.check()
    }
}
