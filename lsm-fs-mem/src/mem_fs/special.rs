//! What a name can be bound to beside files and directories, for tests of code that meets them: symbolic links, pipes,
//! sockets, devices.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{FsFileType, Op, Result, errno};

use super::{
    MemFs,
    resolve::Last,
    state::{State, os},
};
use crate::micro::{Ino, Kind};

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

/// To a crash they are empty files. Inodes are never used twice, so the table only grows.
#[derive(Clone, Debug)]
pub(crate) enum Special {
    Other,
    Symlink(PathBuf),
}

impl MemFs {
    /// Makes a pipe, a socket or a device. [`Fs::open`](lsm_fs::Fs::open) refuses it, every other call treats it as
    /// Linux does.
    ///
    /// A crash treats its name like the name of an empty file. The three kinds look alike: their
    /// [`FsFileType`] is `Other`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound` and `NotADirectory` of the parent.
    pub fn make_special(&self, path: &Path, kind: SpecialFile) -> Result<()> {
        match kind {
            SpecialFile::Pipe | SpecialFile::Socket | SpecialFile::Device => {}
        }
        self.call(Op::Open, path, |state| state.make_special(path, Special::Other))
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
        self.call(Op::Open, path, |state| state.make_special(path, Special::Symlink(target)))
    }
}

impl State {
    fn make_special(&mut self, path: &Path, special: Special) -> io::Result<()> {
        let place = self.place(path)?;
        let Last::Name(name) = place.last else { return Err(os(errno::EEXIST)) };
        if self.bound(&place)?.is_some() {
            return Err(os(errno::EEXIST));
        }
        if place.wants_dir {
            return Err(os(errno::ENOENT));
        }
        let ino = self.create(place.dir, name, Kind::File)?;
        Arc::make_mut(&mut self.special).insert(ino, special);
        Ok(())
    }

    pub(crate) fn file_type(&self, ino: Ino) -> FsFileType {
        match (self.special.get(&ino), self.kind(ino)) {
            (Some(Special::Symlink(_)), _) => FsFileType::Symlink,
            (Some(Special::Other), _) => FsFileType::Other,
            (None, Kind::File) => FsFileType::File,
            (None, Kind::Dir) => FsFileType::Directory,
        }
    }

    /// Refuses what cannot be opened, linked in a view or cloned.
    pub(crate) fn check_regular(&self, ino: Ino) -> io::Result<()> {
        match self.file_type(ino) {
            FsFileType::Symlink => Err(os(errno::ELOOP)),
            FsFileType::File | FsFileType::Directory => Ok(()),
            _ => {
                let why = "a pipe, a socket or a device, not a regular file";
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    }
}
