//! [`SpaceCheck`]: compares the files to copy with the free space of a volume.

use std::{io, path::Path};

use lsm_fs::Fs;

use crate::{Error, Result};

/// The caller's choice to check the free space before files are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpaceCheck {
    On,
    Off,
}

/// The free space of a volume, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeSpace(u64);

impl SpaceCheck {
    /// Returns the free space of the volume of a directory. `None` if the check is off, or if the volume does not
    /// report its free space.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::available_space`], without `Unsupported`.
    pub(crate) fn free_space(self, fs: &dyn Fs, dir: &Path) -> Result<Option<FreeSpace>> {
        if self == Self::Off {
            return Ok(None);
        }
        match fs.available_space(dir) {
            Ok(available) => Ok(Some(FreeSpace(available))),
            Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl FreeSpace {
    /// Refuses more bytes than are free.
    ///
    /// # Errors
    ///
    /// [`NoSpace`](Error::NoSpace).
    pub(crate) fn check(self, needed: u64) -> Result<()> {
        let Self(available) = self;
        if available < needed { Err(Error::NoSpace { needed, available }) } else { Ok(()) }
    }
}
