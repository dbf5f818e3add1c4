//! [`Case`]: a tree in its directories, and the operations that the checks are written with.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsExt};

use super::{
    Failure,
    history::History,
    live::{LiveTree, chain, contents},
    sandbox::Sandbox,
    steps::{Act, Stepped, Steps, When},
    subject::Subject,
};
use crate::{BoxError, Catalog, Change, Checkpoint, CheckpointDir, Error, VerifyOptions, restore, verify};

/// A tree of the engine, with directories for its checkpoints.
pub(super) struct Case<'s> {
    pub(super) subject: &'s Subject,
    /// Stands before the sandbox, so that the tree is closed before its directory is removed.
    pub(super) live: Arc<LiveTree>,
    pub(super) sandbox: Sandbox<'s>,
}

/// A finished checkpoint.
pub(super) struct TakenCheckpoint {
    pub(super) path: PathBuf,
    /// The sequence number that the checkpoint states.
    pub(super) seqno: Option<u64>,
    /// The least and the greatest number of writes that it may hold.
    pub(super) holds: RangeInclusive<usize>,
}

impl<'s> Case<'s> {
    /// Creates a tree without a write.
    pub(super) fn new(subject: &'s Subject) -> Result<Self, Failure> {
        Self::open(subject, Sandbox::new(subject)?, History::default())
    }

    /// Creates a tree with tables, blobs and deletions.
    pub(super) fn filled(subject: &'s Subject) -> Result<Self, Failure> {
        let case = Self::new(subject)?;
        case.live.fill().map_err(engine("write and flush"))?;
        Ok(case)
    }

    /// Opens an existing tree, which has this history.
    pub(super) fn open(
        subject: &'s Subject,
        sandbox: Sandbox<'s>,
        history: History,
    ) -> Result<Self, Failure> {
        let tree = sandbox.open(&sandbox.db()).map_err(engine("open a tree"))?;
        let live = Arc::new(LiveTree::new(tree, history, subject.long_value));
        Ok(Self { subject, sandbox, live })
    }

    /// Closes the tree.
    pub(super) fn close(self) -> (Sandbox<'s>, History) {
        let history = self.live.history().clone();
        (self.sandbox, history)
    }

    /// Takes a checkpoint of a tree at rest.
    pub(super) fn take(&self, options: &Checkpoint<'_>, target: PathBuf) -> Result<TakenCheckpoint, Failure> {
        let stepped = self.step(options, &target, When::Never, |_| Ok(()));
        self.taken(stepped, target)
    }

    /// Takes a checkpoint while the engine acts between its steps.
    pub(super) fn step(&self, options: &Checkpoint<'_>, target: &Path, when: When, act: Act) -> Stepped {
        Steps::create(&self.live, (when, act), options, (&**self.sandbox.fs(), target))
    }

    /// Returns the checkpoint, or a failure with the reason and the fix.
    pub(super) fn taken(&self, stepped: Stepped, path: PathBuf) -> Result<TakenCheckpoint, Failure> {
        let Stepped { result, acted, failed, captured, before, .. } = stepped;
        let beside = acted.map_or_else(String::new, |step| format!("while the engine acts {step}"));
        if let Some(error) = failed {
            let error = chain(&*error);
            return Err(Failure::Violated(format!(
                "the engine's own work failed during a checkpoint{beside}: {error}"
            )));
        }
        match result {
            Ok(info) => {
                Ok(TakenCheckpoint { path, seqno: info.seqno, holds: before..=captured.unwrap_or(before) })
            }
            Err(error) => {
                let (advice, error) = (advice(&error), chain(&error));
                Err(Failure::Violated(format!("no checkpoint was taken{beside}: {error}; {advice}")))
            }
        }
    }

    /// Verifies a checkpoint, restores it, opens the restored tree and compares it. Returns the number of writes that
    /// it holds.
    pub(super) fn examine(&self, taken: &TakenCheckpoint) -> Result<usize, Failure> {
        let copy = self.sandbox.copy("examined");
        self.restore(taken, &copy)?;
        let len = self.compare(taken, &copy)?;
        self.sandbox.fs().remove_dir_all(&copy)?;
        Ok(len)
    }

    /// Restores a checkpoint into a live directory, after a full verification.
    pub(super) fn restore(&self, taken: &TakenCheckpoint, copy: &Path) -> Result<(), Failure> {
        self.verify(&taken.path)?;
        let dir = CheckpointDir::open(Arc::clone(self.sandbox.fs()), &taken.path)
            .map_err(own("open a checkpoint"))?;
        restore(&dir, &**self.sandbox.fs(), copy).map(drop).map_err(own("restore a checkpoint"))
    }

    /// Opens a restored tree and compares it. Returns the number of writes that it holds.
    pub(super) fn compare(&self, taken: &TakenCheckpoint, copy: &Path) -> Result<usize, Failure> {
        let tree = self.sandbox.open(copy).map_err(|error| {
            Failure::Violated(format!(
                "a restored checkpoint cannot be opened: {}; Snapshot::files must list every kind of file that the \
                 manifest names, and write_manifest must name exactly these files",
                chain(&*error)
            ))
        })?;
        let found = contents(&*tree, "of a restored checkpoint")?;
        self.live.history().find(&found, taken.holds.clone()).map_err(|wrong| {
            Failure::Violated(format!(
                "a checkpoint has the wrong contents: {wrong}; flush must bring all visible writes into a version, \
                 and a snapshot must list the files and write the manifest of the one version that capture has taken"
            ))
        })
    }

    /// Verifies every byte of a checkpoint.
    pub(super) fn verify(&self, target: &Path) -> Result<(), Failure> {
        let report = verify(&**self.sandbox.fs(), target, &VerifyOptions::full())
            .map_err(own("verify a checkpoint"))?;
        if report.is_sound() {
            return Ok(());
        }
        Err(Failure::Violated(format!(
            "a finished checkpoint is not sound: {report}; a file listed as SourceFile::immutable must be finished, \
             must have the listed length and XXH3-128, and must never be written to again"
        )))
    }

    /// Reads every file of a checkpoint. Returns the contents by path.
    pub(super) fn bytes(&self, target: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
        let fs = &**self.sandbox.fs();
        let catalog = Catalog::read(fs, target).map_err(own("read a catalog"))?;
        let mut bytes = BTreeMap::new();
        for file in &catalog.files {
            let path = catalog.path_of(file);
            bytes.insert(path.clone(), read(fs, &target.join(&path))?);
        }
        Ok(bytes)
    }

    /// Checks that no deletion of the engine is deferred.
    pub(super) fn deletions_go_on(&self) -> Result<(), Failure> {
        let source = self.live.tree().source();
        let Some(pause) = source.deletion_pause() else { return Ok(()) };
        let (paused, deferred) = (pause.is_paused(), pause.deferred());
        if paused || deferred > 0 {
            return Err(Failure::Violated(format!(
                "the pause still holds {deferred} deletions after the checkpoint (paused: {paused}); deletion_pause \
                 must return the pause that the engine asks, and an adapter must not keep a guard of it"
            )));
        }
        match pause.take_failed().into_iter().next() {
            None => Ok(()),
            Some(failed) => Err(Failure::Violated(format!(
                "{failed}; after Enqueue::Deferred, the engine must not touch the file"
            ))),
        }
    }
}

/// No file of the suite is larger.
const FILE_MAX: u64 = 64 << 20;

pub(super) fn read(fs: &dyn Fs, path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(fs.read_to_vec(path, FILE_MAX)?)
}

/// Converts an error of the engine itself, outside of a checkpoint.
pub(super) fn engine(call: &'static str) -> impl Fn(BoxError) -> Failure {
    move |error| Failure::Violated(format!("the engine cannot {call}: {}", chain(&*error)))
}

/// Converts an error of this crate that the adapter has caused.
pub(super) fn own(call: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure::Violated(format!("cannot {call}: {}; {}", chain(&error), advice(&error)))
}

/// Returns the failure for a step or a call that the engine reached in one run and not in an equal run. The check has
/// tested nothing in that case.
pub(super) fn not_repeated(unit: &str, number: u64) -> Failure {
    Failure::Violated(format!(
        "{unit} {number} of an equal run did not come; the engine must do the same work for the same calls, \
         independent of threads, clocks and chance"
    ))
}

/// Describes the adapter's part in an error, and the fix.
fn advice(error: &Error) -> &'static str {
    match error.first() {
        Error::SourceChanged { what: Change::Gone, .. } => {
            "a file of the captured version is gone: every unlink must ask DeletionPause::try_enqueue after the file \
             has left the current version, or the snapshot must pin its files"
        }
        Error::SourceChanged { .. } => {
            "the file differs from Snapshot::files: list its true length, and list a file that still grows as \
             SourceFile::prefix"
        }
        Error::SourceCorrupt { .. } => "SourceFile::checksum must get the XXH3-128 of all bytes of the file",
        Error::WrongVersion { .. } => {
            "write_manifest must write the captured version, not the version that is live by now"
        }
        Error::InvalidSnapshot { .. } | Error::StagedMismatch { .. } => {
            "a snapshot must list each file once, under a name that is a single path component"
        }
        Error::NestedTarget { .. } => "roots must return the directories of this tree and nothing above them",
        Error::InvalidIdentity { .. } => "identity must return an id that the database stores",
        _ => "no call of the adapter may fail while the engine is at rest",
    }
}
