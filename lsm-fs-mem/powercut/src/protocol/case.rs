//! The cases: the preparation and the steps of each.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, Policy, remove, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, Op, StdFs, SyncMode};
use lsm_fs_mem::{Fault, FaultFs};

use crate::db::Db;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// A checkpoint of hard links.
    Link,
    /// A checkpoint of clones. On ext4, of copies.
    Clone,
    /// A checkpoint of copies.
    Copy,
    Restore,
    Remove,
    /// A sweep of the files that a killed creator left.
    Sweep,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "create, links",
            Self::Clone => "create, clones",
            Self::Copy => "create, copies",
            Self::Restore => "restore",
            Self::Remove => "remove",
            Self::Sweep => "sweep",
        })
    }
}

/// The directory of the checkpoints on a mounted disk.
pub(super) fn parent(root: &Path) -> PathBuf {
    root.join("backup")
}

pub(super) fn target(root: &Path) -> PathBuf {
    parent(root).join("daily")
}

pub(super) fn restored(root: &Path) -> PathBuf {
    parent(root).join("restored")
}

pub(super) fn db(root: &Path) -> Db {
    let mut db = Db::open(Arc::new(StdFs), &root.join("db"), &[""]);
    // The extra file is a log, which is always copied. Every case would then contain the sync of a copy.
    db.extras = false;
    db
}

impl Case {
    pub(crate) const ALL: [Self; 6] =
        [Self::Link, Self::Clone, Self::Copy, Self::Restore, Self::Remove, Self::Sweep];

    /// Returns the name of the case on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Clone => "clone",
            Self::Copy => "copy",
            Self::Restore => "restore",
            Self::Remove => "remove",
            Self::Sweep => "sweep",
        }
    }

    pub(super) fn prepare(self, root: &Path) -> anyhow::Result<()> {
        std::fs::create_dir(parent(root))?;
        Db::prepare(&StdFs, &root.join("db"), &[""]);
        match self {
            Self::Link | Self::Clone | Self::Copy => {}
            Self::Restore | Self::Remove => drop(run_checkpoint(&db(root), &StdFs, &target(root))?),
            Self::Sweep => {
                let killed = FaultFs::new(StdFs);
                killed.inject(Fault::on(Op::RenameNoreplace).nth(1).gone());
                if run_checkpoint(&db(root), &killed, &target(root)).is_ok() {
                    bail!("the creator did not die");
                }
            }
        }
        Ok(())
    }

    pub(super) fn act(self, root: &Path, fs: Arc<dyn Fs>) -> anyhow::Result<()> {
        let create =
            |policy| Checkpoint::new().policy(policy).create(&db(root), &fs, &target(root)).map(drop);
        match self {
            Self::Link => create(Policy::LinkOnly)?,
            Self::Clone => create(Policy::PreferReflink)?,
            Self::Copy => create(Policy::Independent)?,
            Self::Restore => {
                let from = CheckpointDir::open(Arc::new(StdFs), target(root))?;
                drop(restore(&from, &fs, &restored(root))?);
            }
            Self::Remove => drop(remove(&fs, &target(root), SyncMode::Normal)?),
            Self::Sweep => drop(sweep(&fs, &parent(root), SyncMode::Normal)?),
        }
        Ok(())
    }

    /// Sweeps and repeats the call, as an operator does after a power cut.
    pub(super) fn repeat(self, root: &Path) -> anyhow::Result<()> {
        drop(sweep(&StdFs, &parent(root), SyncMode::Normal)?);
        let is_done = match self {
            Self::Sweep => true,
            Self::Remove => !target(root).exists(),
            Self::Link | Self::Clone | Self::Copy | Self::Restore => false,
        };
        if is_done {
            return Ok(());
        }
        match self.act(root, Arc::new(StdFs)) {
            Err(error) if matches!(error.downcast_ref(), Some(Error::TargetExists { .. })) => Ok(()),
            acted => acted,
        }
    }
}
