//! [`SpaceCheck`]: the look at the free space of a volume before files are copied to it.

use std::{io, path::Path};

use lsm_fs::Fs;

use crate::{Error, Result};

/// The choice to compare files with the free space before they are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpaceCheck {
    On,
    Off,
}

/// The free space of a volume, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room(u64);

impl SpaceCheck {
    /// Looks at the volume of a directory. `None`: nobody wants to know, or the volume does not tell.
    ///
    /// # Errors
    ///
    /// The errors of [`Fs::available_space`], without `Unsupported`.
    pub(crate) fn room(self, fs: &dyn Fs, dir: &Path) -> Result<Option<Room>> {
        if self == Self::Off {
            return Ok(None);
        }
        match fs.available_space(dir) {
            Ok(available) => Ok(Some(Room(available))),
            Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl Room {
    /// Refuses more bytes than there are.
    ///
    /// # Errors
    ///
    /// [`NoSpace`](Error::NoSpace).
    pub(crate) fn check(self, needed: u64) -> Result<()> {
        let Self(available) = self;
        if available < needed { Err(Error::NoSpace { needed, available }) } else { Ok(()) }
    }
}
