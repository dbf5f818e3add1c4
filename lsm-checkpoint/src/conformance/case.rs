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
    ground::Ground,
    history::History,
    live::{Live, chain, contents},
    steps::{Act, Stepped, Steps, When},
    subject::Subject,
};
use crate::{BoxError, Catalog, Change, Checkpoint, CheckpointDir, Error, VerifyOptions, restore, verify};

/// A tree of the engine, with directories for its checkpoints.
pub(super) struct Case<'s> {
    pub(super) subject: &'s Subject,
    pub(super) ground: Ground<'s>,
    pub(super) live: Arc<Live>,
}

/// A finished checkpoint.
pub(super) struct Taken {
    pub(super) path: PathBuf,
    /// The sequence number that the checkpoint states.
    pub(super) seqno: Option<u64>,
    /// The least and the greatest number of writes that it may hold.
    pub(super) holds: RangeInclusive<usize>,
}

impl<'s> Case<'s> {
    /// Creates a tree without a write.
    pub(super) fn new(subject: &'s Subject) -> Result<Self, Failure> {
        Self::open(subject, Ground::new(subject)?, History::default())
    }

    /// Creates a tree with tables, blobs and deletions.
    pub(super) fn filled(subject: &'s Subject) -> Result<Self, Failure> {
        let case = Self::new(subject)?;
        case.live.fill().map_err(engine("write and flush"))?;
        Ok(case)
    }

    /// Opens the tree on a ground. It has this history.
    pub(super) fn open(subject: &'s Subject, ground: Ground<'s>, history: History) -> Result<Self, Failure> {
        let tree = ground.open(&ground.db()).map_err(engine("open a tree"))?;
        let live = Arc::new(Live::new(tree, history, subject.long_value));
        Ok(Self { subject, ground, live })
    }

    /// Closes the tree.
    pub(super) fn close(self) -> (Ground<'s>, History) {
        let history = self.live.history().clone();
        (self.ground, history)
    }

    /// Takes a checkpoint of a tree at rest.
    pub(super) fn take(&self, options: &Checkpoint<'_>, target: PathBuf) -> Result<Taken, Failure> {
        let stepped = self.step(options, &target, When::Never, |_| Ok(()));
        self.taken(stepped, target)
    }

    /// Takes a checkpoint while the engine acts between its steps.
    pub(super) fn step(&self, options: &Checkpoint<'_>, target: &Path, when: When, act: Act) -> Stepped {
        Steps::create(&self.live, (when, act), options, (&**self.ground.fs(), target))
    }

    /// Returns the checkpoint, or a failure with the reason and the fix.
    pub(super) fn taken(&self, stepped: Stepped, path: PathBuf) -> Result<Taken, Failure> {
        let Stepped { result, acted, failed, captured, before, .. } = stepped;
        let beside = acted.map_or_else(String::new, |step| format!(", with the engine at work {step}"));
        if let Some(error) = failed {
            let error = chain(&*error);
            return Err(Failure::Violated(format!("the engine failed beside a checkpoint{beside}: {error}")));
        }
        match result {
            Ok(info) => Ok(Taken { path, seqno: info.seqno, holds: before..=captured.unwrap_or(before) }),
            Err(error) => {
                let (advice, error) = (advice(&error), chain(&error));
                Err(Failure::Violated(format!("no checkpoint was taken{beside}: {error}; {advice}")))
            }
        }
    }

    /// Verifies a checkpoint, restores it, opens the copy and compares it. Returns the number of writes that it holds.
    pub(super) fn examine(&self, taken: &Taken) -> Result<usize, Failure> {
        let copy = self.ground.copy("examined");
        self.restore(taken, &copy)?;
        let len = self.compare(taken, &copy)?;
        self.ground.fs().remove_dir_all(&copy)?;
        Ok(len)
    }

    /// Restores a checkpoint into a live directory, after a full verification.
    pub(super) fn restore(&self, taken: &Taken, copy: &Path) -> Result<(), Failure> {
        self.verify(&taken.path)?;
        let dir = CheckpointDir::open(Arc::clone(self.ground.fs()), &taken.path)
            .map_err(own("open a checkpoint"))?;
        restore(&dir, &**self.ground.fs(), copy).map(drop).map_err(own("restore a checkpoint"))
    }

    /// Opens a restored copy and compares it. Returns the number of writes that it holds.
    pub(super) fn compare(&self, taken: &Taken, copy: &Path) -> Result<usize, Failure> {
        let tree = self.ground.open(copy).map_err(|error| {
            Failure::Violated(format!(
                "a restored checkpoint does not open: {}; Snapshot::files must list every kind of file that the \
                 manifest names, and write_manifest must describe these files and no others",
                chain(&*error)
            ))
        })?;
        let found = contents(&*tree, "of a restored checkpoint")?;
        self.live.history().find(&found, taken.holds.clone()).map_err(|wrong| {
            Failure::Violated(format!(
                "a checkpoint is wrong: {wrong}; flush must bring all visible writes into a version, and capture must \
                 take one version, whose files and manifest the snapshot then lists"
            ))
        })
    }

    /// Verifies every byte of a checkpoint.
    pub(super) fn verify(&self, target: &Path) -> Result<(), Failure> {
        let report = verify(&**self.ground.fs(), target, &VerifyOptions::full())
            .map_err(own("verify a checkpoint"))?;
        if report.is_sound() {
            return Ok(());
        }
        Err(Failure::Violated(format!(
            "a finished checkpoint is not sound: {report}; a file given as SourceFile::immutable must be finished, \
             have the length and the XXH3-128 that are given with it, and never be written to again"
        )))
    }

    /// Reads every file of a checkpoint. Returns the contents by path.
    pub(super) fn bytes(&self, target: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
        let fs = &**self.ground.fs();
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
                "after the checkpoint the pause holds {deferred} deletions (paused: {paused}); deletion_pause must \
                 return the pause that the engine asks, and no adapter may keep a guard of it"
            )));
        }
        match pause.take_failed().into_iter().next() {
            None => Ok(()),
            Some(failed) => Err(Failure::Violated(format!(
                "{failed}; after Enqueue::Deferred the engine must leave the file alone"
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

/// Converts an error of this crate that follows from the adapter's data.
pub(super) fn own(call: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure::Violated(format!("cannot {call}: {}; {}", chain(&error), advice(&error)))
}

/// The failure if an engine does not reach a step or a call that it reached in an equal run. Nothing was tested then.
pub(super) fn not_repeated(unit: &str, number: u64) -> Failure {
    Failure::Violated(format!(
        "{unit} {number} of an equal run did not come; for equal calls the engine must do equal work, without \
         threads, clocks and chance"
    ))
}

/// Describes the adapter's part in an error, and the fix.
fn advice(error: &Error) -> &'static str {
    match error.first() {
        Error::SourceChanged { what: Change::Gone, .. } => {
            "a file of the captured version is gone: every unlink must ask DeletionPause::try_enqueue, after the file \
             has left the current version, or the snapshot must pin its files"
        }
        Error::SourceChanged { .. } => {
            "the file is not what Snapshot::files says: give its true length, and give a file that still grows as \
             SourceFile::prefix"
        }
        Error::SourceCorrupt { .. } => {
            "the checksum given with SourceFile::checksum must be the XXH3-128 of all bytes of the file"
        }
        Error::WrongVersion { .. } => {
            "write_manifest must write the version that was captured, not the one that is live by now"
        }
        Error::InvalidSnapshot { .. } | Error::StagedMismatch { .. } => {
            "each file of a snapshot must be listed once, under a name that is one path component"
        }
        Error::NestedTarget { .. } => "roots must return the directories of this tree and nothing above them",
        Error::InvalidIdentity { .. } => "identity must return an id that the database keeps",
        _ => "the adapter must answer every call of an engine at rest without an error",
    }
}
