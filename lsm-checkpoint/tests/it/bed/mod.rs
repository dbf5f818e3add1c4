//! The reference engine of `examples/engine` as a test bed: its sources, the check of its files, and its history.

mod oracle;
mod pinned;
pub(crate) mod stress;
mod tests;

#[path = "../../../examples/engine/main.rs"]
#[allow(dead_code, reason = "the example has a `main` of its own")]
mod example;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use lsm_checkpoint::{CheckpointSource, FileKind, PinnedSnapshot};
use lsm_fs::{Fs, FsExt};
use lsm_manifest::WriteOptions;

pub(crate) use example::{Engine, Result, View};
pub(crate) use oracle::{Oracle, Workload};
use pinned::Pinned;

/// The folders of the engine's files.
const FOLDERS: [&str; 3] = ["blobs", "tables", "wal"];

/// The protection of a captured file from its deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// The engine unlinks a file at once, unless the deletion pause holds it back.
    Eager,
    /// A snapshot keeps its files alive by itself.
    Pinned,
}

impl Deletion {
    /// Returns an engine as a source whose files are protected in this way.
    pub(crate) fn source(self, engine: &Engine) -> Box<dyn CheckpointSource + '_> {
        match self {
            Self::Eager => Box::new(engine),
            Self::Pinned => Box::new(Pinned(engine)),
        }
    }
}

pub(crate) fn each_deletion(run: impl Fn(Deletion)) {
    [Deletion::Eager, Deletion::Pinned].into_iter().for_each(run);
}

pub(crate) fn open(fs: &Arc<dyn Fs>, dir: &Path) -> Result<Engine> {
    Engine::open(fs, dir, "a test")
}

/// Returns the number of the last write.
pub(crate) fn seqno(engine: &Engine) -> u64 {
    engine.state().view.seqno
}

/// Captures the version of a view, with a pin that keeps its files.
pub(crate) fn snapshot<P>(view: &View, fs: &Arc<dyn Fs>, dir: &Path, pin: P) -> PinnedSnapshot<P> {
    let mut version = view.version.clone();
    version.log = None;
    PinnedSnapshot::new(version.id, pin)
        .files(version.source_files(fs, dir))
        .folders([FileKind::Blob])
        .archive(WriteOptions::new(), version.sections())
}

/// Checks that every file of a tree or a checkpoint is intact and that there are no other files. The tree must be idle.
/// Returns its contents.
pub(crate) fn check_files(fs: &dyn Fs, dir: &Path) -> Result<View> {
    let view = View::open(fs, dir)?.ok_or("there is no tree")?;
    let mut found = BTreeSet::new();
    for folder in FOLDERS.map(|folder| dir.join(folder)) {
        // A checkpoint has no log.
        if fs.exists(&folder)? {
            found.extend(fs.read_dir(&folder)?.into_iter().map(|entry| folder.join(entry.name)));
        }
    }
    let named: BTreeSet<_> = view.version.files(dir).into_iter().collect();
    let (id, archives) = (view.version.id, lsm_manifest::versions(fs, dir)?);
    if found == named && archives == [id] {
        return Ok(view);
    }
    Err(format!("version {id} names {named:?}, there are {found:?} and archives {archives:?}").into())
}
