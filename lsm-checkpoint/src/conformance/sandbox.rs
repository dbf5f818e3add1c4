//! [`Sandbox`]: a filesystem with the directories of one run.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Fs, FsExt, StdFs};
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};

use super::{
    Failure,
    subject::{Opener, Subject, Tree},
};
use crate::BoxError;

/// The directories in which an engine runs. On the host they are removed at the end.
pub(super) struct Sandbox<'s> {
    subject: &'s Subject,
    fs: Arc<dyn Fs>,
    mem: Option<MemFs>,
    home: PathBuf,
}

/// The mount point of a second volume in memory.
const OTHER_VOLUME: &str = "/elsewhere";

impl<'s> Sandbox<'s> {
    /// Creates empty directories for an engine and for its checkpoints.
    pub(super) fn new(subject: &'s Subject) -> Result<Self, Failure> {
        let sandbox = match &subject.opener {
            Opener::Fs(_) => {
                let volumes = MemFsOptions::new().volume(OTHER_VOLUME, VolumeOptions::new());
                Self::on(subject, &volumes.build()?)
            }
            Opener::Host { scratch, .. } => {
                Self { subject, fs: Arc::new(StdFs), mem: None, home: new_home(subject, scratch)? }
            }
        };
        for dir in ["data", "backups"] {
            sandbox.fs.create_dir_all(&sandbox.home.join(dir))?;
        }
        if let Some(mem) = &sandbox.mem {
            mem.settle();
        }
        Ok(sandbox)
    }

    /// Uses a filesystem in memory that already has the directories.
    pub(super) fn on(subject: &'s Subject, mem: &MemFs) -> Self {
        Self { subject, fs: Arc::new(mem.clone()), mem: Some(mem.clone()), home: PathBuf::from("/") }
    }

    pub(super) fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    /// Returns the filesystem in memory, for the checks that crash it.
    pub(super) fn mem(&self) -> Result<&MemFs, Failure> {
        let missing = || {
            let why = "the engine does its own input and output, so it cannot be crashed or killed";
            Failure::NotApplicable(why.into())
        };
        self.mem.as_ref().ok_or_else(missing)
    }

    /// Returns the directory in which the engine was told to work.
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn db(&self) -> PathBuf {
        self.home.join("data/db")
    }

    /// Returns a path for a checkpoint on the engine's volume.
    pub(super) fn target(&self, name: &str) -> PathBuf {
        self.home.join("backups").join(name)
    }

    /// Returns a path for a checkpoint on another volume, where hard links are impossible, if there is such a volume.
    pub(super) fn far_target(&self, name: &str) -> PathBuf {
        if self.mem.is_some() { Path::new(OTHER_VOLUME).join(name) } else { self.target(name) }
    }

    /// Returns a path for a restored tree.
    pub(super) fn copy(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Opens a tree.
    pub(super) fn open(&self, dir: &Path) -> Result<Box<dyn Tree>, BoxError> {
        self.open_on(&self.fs, dir)
    }

    /// Opens a tree through a wrapper of the filesystem. An engine on the host ignores the wrapper.
    pub(super) fn open_on(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<Box<dyn Tree>, BoxError> {
        match &self.subject.opener {
            Opener::Fs(open) => open(fs, dir),
            Opener::Host { open, .. } => open(dir),
        }
    }
}

/// Creates a directory with a name that is free, because an earlier run may have left some behind.
fn new_home(subject: &Subject, scratch: &Path) -> Result<PathBuf, Failure> {
    loop {
        let home = scratch.join(format!("conformance-{}", subject.next_sandbox()));
        match StdFs.create_dir(&home) {
            Ok(()) => return Ok(home),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        if self.mem.is_none() {
            // Ignore a failure. The caller removes the scratch directory with everything in it.
            let _ = self.fs.remove_dir_all(&self.home);
        }
    }
}
