//! What a name can be bound to beside files and directories, for tests of code that meets them: symbolic links, pipes,
//! sockets, devices.

use std::path::{Path, PathBuf};

use lsm_fs::{Op, Result};

use super::MemFs;
use crate::machine::Special;

/// Something that has a name and is neither a file, nor a directory, nor a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpecialFile {
    /// A named pipe: `mkfifo(3)`.
    Pipe,
    /// A socket that is bound to a name.
    Socket,
    /// A device.
    Device,
}

impl MemFs {
    /// Makes a pipe, a socket or a device. [`Fs::open`](lsm_fs::Fs::open) refuses it, every other call treats it as
    /// Linux does.
    ///
    /// A crash treats its name like the name of an empty file. The three kinds look alike: their
    /// [`FsFileType`](lsm_fs::FsFileType) is `Other`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound` and `NotADirectory` of the parent.
    pub fn make_special(&self, path: &Path, kind: SpecialFile) -> Result<()> {
        match kind {
            SpecialFile::Pipe | SpecialFile::Socket | SpecialFile::Device => {}
        }
        self.call(Op::Open, path, |machine| machine.names(self.view()).make_special(path, Special::Other))
    }

    /// Makes a symbolic link. A relative target starts at the directory that holds the link.
    ///
    /// A crash treats its name like the name of an empty file. A file cannot be created through a link that leads
    /// nowhere; Linux allows it.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound` and `NotADirectory` of the parent.
    pub fn make_symlink(&self, target: impl Into<PathBuf>, path: &Path) -> Result<()> {
        let target = target.into();
        self.call(Op::Open, path, |machine| {
            machine.names(self.view()).make_special(path, Special::Symlink(target))
        })
    }
}
