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
    engine::{Engine, Kind},
    oracle::{Compared, Oracle, Plan, State, compare},
};

/// A checkpoint, and what it has to hold.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What the call returned.
    pub info: CheckpointInfo,
    /// The last operation that had returned before the call.
    pub acknowledged: u64,
    /// The last operation that had begun when the version was captured.
    pub issued: u64,
    /// From the call to the captured version.
    pub capture: Duration,
    /// The whole call.
    pub total: Duration,
}

impl Taken {
    /// The last operation that it has to hold: the last that was acknowledged, or a later one that the checkpoint
    /// states itself.
    ///
    /// A lower bound for [`compare`], which returns the smallest number of operations with the outcome that it finds:
    /// an operation that changes nothing leaves no trace.
    #[must_use]
    pub fn promised(&self) -> u64 {
        self.acknowledged.max(self.info.seqno.unwrap_or_default())
    }
}

/// The outcome of an examination.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// What was compared.
    pub compared: Compared,
    /// Files whose every byte was held against a checksum.
    pub checked_files: u64,
    /// Files that have no checksum to be held against.
    pub unchecked_files: u64,
}

/// Examines checkpoints of one tree. What is known of it only ever grows, so each comparison goes on from the last.
pub struct Exam {
    kind: Kind,
    known: State,
}

impl Exam {
    /// Of a tree with these operations.
    #[must_use]
    pub fn new(kind: Kind, plan: Plan) -> Self {
        Self { kind, known: State::new(plan) }
    }

    /// Holds a checkpoint against its catalog and every byte against its checksum, restores it into `scratch`, opens
    /// that with the engine, and compares every key: no less than was acknowledged, or than the checkpoint says it has.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn examine(&mut self, target: &Path, scratch: &Path, taken: &Taken) -> Result<Verdict, BoxError> {
        let _ = verified(target, &VerifyOptions::quick())?;
        let full = verified(target, &VerifyOptions::full())?;
        let compared = self.reopen(target, scratch, taken.promised(), taken.issued)?;
        Ok(Verdict { compared, checked_files: full.checked_files, unchecked_files: full.unchecked_files })
    }

    /// Restores a checkpoint into `scratch`, and compares every key. Opening a checkpoint may change it.
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
        let engine = self.kind.open(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        let compared = self.compare(&*engine, acknowledged, issued)?;
        drop(engine);
        StdFs.remove_dir_all(scratch)?;
        Ok(compared)
    }

    /// Compares every key of an open tree.
    ///
    /// # Errors
    ///
    /// See [`compare`].
    pub fn compare(
        &mut self,
        engine: &dyn Engine,
        acknowledged: u64,
        issued: u64,
    ) -> Result<Compared, BoxError> {
        let compared = compare(engine, &self.known, acknowledged, issued)?;
        // Only as far as every later comparison will ask at least.
        self.known.advance(acknowledged);
        Ok(compared)
    }
}

/// Holds a checkpoint against its catalog.
///
/// # Errors
///
/// What is wrong with it.
pub fn verified(target: &Path, options: &VerifyOptions<'_>) -> Result<VerifyReport, BoxError> {
    let report = verify(&StdFs, target, options)?;
    if report.is_sound() { Ok(report) } else { Err(report.to_string().into()) }
}

/// Takes a checkpoint, and notes what it has to hold.
///
/// # Errors
///
/// Those of [`Checkpoint::create`].
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

/// A source that notes what has begun when the capture returns.
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
}
