//! [`Steps`]: the moments of a checkpoint at which the engine can act.

use std::{
    fmt,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::Fs;
use lsm_fs_mem::{Fault, FaultFs};

use super::live::LiveTree;
use crate::{
    BoxError, Capture, Checkpoint, CheckpointInfo, CheckpointSource, DeletionPause, FileKind, ManifestTarget,
    Progress, Result, Snapshot, SourceFile, SourceRoot,
};

/// The steps at which the engine acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Never,
    /// The first step is 1.
    At(u64),
    Always,
}

/// An action of the engine between two steps.
pub(super) type Act = fn(&LiveTree) -> Result<(), BoxError>;

/// Counts the steps of one checkpoint, and lets the engine act at some of them.
///
/// The steps are the calls of the source and of its snapshots, the calls of the target's filesystem, and the calls of
/// the progress callback.
pub(super) struct Steps {
    live: Arc<LiveTree>,
    when: When,
    act: Act,
    state: Mutex<StepsTaken>,
}

#[derive(Default)]
struct StepsTaken {
    count: u64,
    /// `true` while the engine acts. The engine's own calls are not steps.
    is_acting: bool,
    /// The first step at which the engine acted.
    acted: Option<String>,
    failed: Option<BoxError>,
    /// The number of writes when the version had been captured.
    captured: Option<usize>,
}

/// The result of a checkpoint with steps.
pub(super) struct Stepped {
    pub(super) result: Result<CheckpointInfo>,
    pub(super) steps: u64,
    /// A description of the first step at which the engine acted.
    pub(super) acted: Option<String>,
    /// An error of the engine's action.
    pub(super) failed: Option<BoxError>,
    /// The number of writes before the call.
    pub(super) before: usize,
    /// The number of writes when the version had been captured.
    pub(super) captured: Option<usize>,
}

impl Steps {
    /// Takes a checkpoint while the engine acts between its steps.
    pub(super) fn create(
        live: &Arc<LiveTree>,
        (when, act): (When, Act),
        options: &Checkpoint<'_>,
        (fs, target): (&dyn Fs, &Path),
    ) -> Stepped {
        let before = live.history().len();
        let steps = Arc::new(Self { live: Arc::clone(live), when, act, state: Mutex::default() });
        let source = SteppedSource { inner: live.tree().source(), steps: &steps };
        let progress = |progress: &Progress| {
            steps.step(format_args!("after {} of {} files", progress.files_done, progress.files_total));
            ControlFlow::Continue(())
        };
        let watched = FaultFs::new(fs);
        // This fault never strikes. Its predicate sees the path of every call, just before the call.
        let on_call = Arc::clone(&steps);
        watched.inject(Fault::on_any().where_path(move |path| {
            on_call.step(format_args!("before a call for {}", path.display()));
            false
        }));
        let result = options.progress(&progress).create(&source, &watched, target);
        let state = std::mem::take(&mut *steps.state());
        let StepsTaken { count: steps, acted, failed, captured, .. } = state;
        Stepped { result, steps, acted, failed, before, captured }
    }

    fn step(&self, name: impl fmt::Display) {
        let mut state = self.state();
        if state.is_acting {
            return;
        }
        state.count += 1;
        if !(self.when == When::Always || self.when == When::At(state.count)) {
            return;
        }
        state.is_acting = true;
        state.acted.get_or_insert_with(|| name.to_string());
        drop(state);
        let acted = (self.act)(&self.live);
        let mut state = self.state();
        state.is_acting = false;
        if let (Err(error), None) = (acted, &state.failed) {
            state.failed = Some(error);
        }
    }

    fn state(&self) -> MutexGuard<'_, StepsTaken> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source whose calls are steps.
struct SteppedSource<'a> {
    inner: Box<dyn CheckpointSource + 'a>,
    steps: &'a Steps,
}

impl CheckpointSource for SteppedSource<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.inner.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.inner.deletion_pause()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.steps.step("before visible_seqno");
        let seqno = self.inner.visible_seqno();
        self.steps.step("between visible_seqno and flush");
        seqno
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.inner.flush()?;
        self.steps.step("between flush and capture");
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let capture = self.inner.capture()?;
        self.steps.state().captured = Some(self.steps.live.history().len());
        self.steps.step("after capture");
        let trees = capture.trees.into_iter();
        Ok(trees.fold(Capture::new(), |stepped, (folder, inner)| {
            stepped.tree(folder, SteppedSnapshot { inner, steps: self.steps })
        }))
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.inner.check()
    }
}

/// A snapshot whose calls are steps.
struct SteppedSnapshot<'a> {
    inner: Box<dyn Snapshot + 'a>,
    steps: &'a Steps,
}

impl Snapshot for SteppedSnapshot<'_> {
    fn version_id(&self) -> u64 {
        self.inner.version_id()
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let files = self.inner.files()?;
        self.steps.step("after Snapshot::files");
        Ok(files)
    }

    fn folders(&self) -> Vec<FileKind> {
        self.inner.folders()
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        self.steps.step("before write_manifest");
        self.inner.write_manifest(target)?;
        self.steps.step("after write_manifest");
        Ok(())
    }
}
