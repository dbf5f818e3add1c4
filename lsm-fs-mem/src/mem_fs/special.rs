//! Symbolic links, pipes, sockets, and devices, for tests of code that has to cope with them.

use std::path::{Path, PathBuf};

use lsm_fs::{Op, Result};

use super::MemFs;
use crate::machine::Special;

/// A named object that is neither a file, nor a directory, nor a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpecialFile {
    /// A named pipe, as made by `mkfifo(3)`.
    Pipe,
    /// A socket that is bound to a name.
    Socket,
    /// A device.
    Device,
}

impl MemFs {
    /// Creates a pipe, a socket, or a device. [`Fs::open`](lsm_fs::Fs::open) refuses it, and it cannot be cloned. It
    /// can be listed, described, linked, renamed and removed.
    ///
    /// A crash treats its name like the name of an empty file. The three kinds look alike: their
    /// [`FsFileType`](lsm_fs::FsFileType) is `Other`.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the path exists.
    /// - `NotFound`, `NotADirectory`: the parent does not exist or is not a directory.
    pub fn make_special(&self, path: &Path, kind: SpecialFile) -> Result<()> {
        match kind {
            SpecialFile::Pipe | SpecialFile::Socket | SpecialFile::Device => {}
        }
        self.call(Op::Open, path, |machine| machine.names(self.view()).make_special(path, Special::Other))
    }

    /// Creates a symbolic link. A relative target starts at the directory that holds the link.
    ///
    /// A crash treats its name like the name of an empty file. Unlike on Linux, a file cannot be created through a
    /// dangling link.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the path exists.
    /// - `NotFound`, `NotADirectory`: the parent does not exist or is not a directory.
    pub fn make_symlink(&self, target: impl Into<PathBuf>, path: &Path) -> Result<()> {
        let target = target.into();
        self.call(Op::Open, path, |machine| {
            machine.names(self.view()).make_special(path, Special::Symlink(target))
        })
    }
}
