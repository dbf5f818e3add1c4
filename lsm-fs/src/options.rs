//! Options and results of calls: [`FsOpenOptions`], [`SyncMode`], [`DirectorySync`], [`FileHint`].

use std::{io, path::Path};

use crate::{Error, Op, Result};

/// Options for opening a file. They are the switches of [`std::fs::OpenOptions`], as data that every backend can read.
///
/// # Examples
///
/// ```
/// use lsm_fs::FsOpenOptions;
///
/// let options = FsOpenOptions::new().write(true).create_new(true);
/// assert!(options.write && !options.read);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FsOpenOptions {
    /// The handle can read.
    pub read: bool,
    /// The handle can write, at its position or at a given offset.
    pub write: bool,
    /// The file is created if the name does not exist. Requires `write` or `append`.
    pub create: bool,
    /// The file is created, and the open fails with `AlreadyExists` if the name exists, even as a dangling symbolic
    /// link. Requires `write` or `append`. `create` and `truncate` then have no effect.
    pub create_new: bool,
    /// The file is truncated to length 0. Requires `write`, or has no effect because of `create_new`.
    pub truncate: bool,
    /// Every write goes to the current end of the file. The handle refuses positional writes.
    pub append: bool,
    /// A hint to bypass the page cache. If the backend can, it transfers data directly when offset, length and memory
    /// address are multiples of 4,096. Any other transfer works, too, and may disable direct transfers for the handle.
    pub direct_io: bool,
    /// A new file gets the mode `0o600` instead of `0o666`, minus the bits of the umask, so that only its owner can use
    /// it. Existing files keep their mode. Backends without permissions ignore this switch.
    pub private: bool,
    /// See [`created_with`](Self::created_with).
    pub(crate) created_with: Option<u32>,
}

/// The unit of direct transfers: their offset, length and address are multiples of it.
pub(crate) const DIRECT_IO_UNIT: usize = 4 << 10;

macro_rules! setters {
    ($($field:ident)+) => {
        $(
            #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
            #[must_use]
            pub const fn $field(mut self, $field: bool) -> Self {
                self.$field = $field;
                self
            }
        )+
    };
}

impl FsOpenOptions {
    /// Creates options with all switches off. At least one of `read`, `write` and `append` must be set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            read: false,
            write: false,
            create: false,
            create_new: false,
            truncate: false,
            append: false,
            direct_io: false,
            private: false,
            created_with: None,
        }
    }

    setters!(read write create create_new truncate append direct_io);

    /// Sets [`private`](Self#structfield.private), and forgets the mode of [`created_with`](Self::created_with).
    #[must_use]
    pub const fn private(mut self, private: bool) -> Self {
        (self.private, self.created_with) = (private, None);
        self
    }

    /// Sets [`private`](Self#structfield.private), and lets [`StdFs`](crate::StdFs) create the file with these bits
    /// below `0o777` instead, minus the bits of the umask. It is for a caller that sets this mode afterwards
    /// ([`FsFile::set_permissions`](crate::FsFile::set_permissions)) and saves the change in this way. Other backends
    /// make the file private.
    ///
    /// The caller is responsible for the owner: files that this process creates in the directory must have the owner
    /// and group that the mode is meant for. Otherwise, another group could use the file until the call.
    #[must_use]
    pub const fn created_with(mut self, mode: u32) -> Self {
        (self.private, self.created_with) = (true, Some(mode));
        self
    }

    /// Refuses meaningless combinations. The rules are the same in every backend.
    ///
    /// # Errors
    ///
    /// `InvalidInput` in these cases:
    ///
    /// - Neither `read`, `write` nor `append` is set.
    /// - `create`, `create_new` or `truncate` is set, but the handle cannot write.
    /// - `truncate` and `append` are both set, and `create_new` is not.
    pub fn validate(&self) -> io::Result<()> {
        let writes = self.write || self.append;
        let problem = if !self.read && !writes {
            "read, write or append must be set"
        } else if (self.create || self.create_new) && !writes {
            "creating a file needs write or append"
        } else if self.truncate && (!self.write || self.append) && !self.create_new {
            "truncate needs write and excludes append"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
    }
}

/// The guarantee of a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SyncMode {
    /// The guarantee of `fsync(2)`. On Linux, the cache of the device is flushed, too. On macOS, the data has left the
    /// kernel but may still be in the device's cache. It then survives a crash of the system, but not a power cut. (On
    /// macOS, `sync_all` in `std` corresponds to [`Full`](Self::Full).)
    #[default]
    Normal,
    /// Written to the medium: `F_FULLFSYNC` on macOS, the same as `Normal` on other platforms.
    Full,
}

/// The result of a directory sync. [`require_durable`](Self::require_durable) turns `NotSupported` into an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a directory that cannot be synced has not been made durable"]
pub enum DirectorySync {
    /// Every name that was bound, removed or moved in the directory before the call survives a crash, within the limits
    /// of the [`SyncMode`].
    Durable,
    /// The platform or the mount has no such operation. Nothing was done, and nothing is guaranteed.
    NotSupported,
}

impl DirectorySync {
    /// Turns [`NotSupported`](Self::NotSupported) into an error, for callers that must not continue without durable
    /// names.
    ///
    /// `dir` is the directory that the error names: the directory that was synced, or the parent of the file that was
    /// replaced.
    ///
    /// # Errors
    ///
    /// `Unsupported`, with the operation [`Op::SyncDirectory`], the directory and the remedy. New names in the
    /// directory stay until a crash, which may remove them. Report the error to the operator, who can move the
    /// directory to another filesystem.
    ///
    /// # Examples
    ///
    /// ```
    /// use lsm_fs::{Fs, FsExt, Result, StdFs, SyncMode};
    /// use std::path::Path;
    ///
    /// fn make(fs: &dyn Fs, base: &Path) -> Result<()> {
    ///     fs.create_dir_all_durable(base, "db/tables".as_ref(), SyncMode::Normal)?.require_durable(base)
    /// }
    /// # let dir = tempfile::tempdir().unwrap();
    /// # make(&StdFs, dir.path())?;
    ///
    /// let synced = lsm_fs::DirectorySync::NotSupported; // as FUSE, SMB and Windows return it
    /// let refused = synced.require_durable("/mnt/share".as_ref()).unwrap_err();
    /// assert!(refused.to_string().starts_with("sync_directory /mnt/share: "));
    /// # Ok::<(), lsm_fs::Error>(())
    /// ```
    pub fn require_durable(self, dir: &Path) -> Result<()> {
        match self {
            Self::Durable => Ok(()),
            Self::NotSupported => Err(Error::new(
                Op::SyncDirectory,
                dir,
                io::Error::new(
                    io::ErrorKind::Unsupported,
                    "this filesystem does not sync directories, so a crash may remove new names; use a directory on \
                     another filesystem",
                ),
            )),
        }
    }
}

/// An announcement of how a file will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileHint {
    /// From start to end. The system may read far ahead.
    Sequential,
    /// At random offsets. The system should not read ahead.
    Random,
    /// Soon, and completely. The system may start reading now.
    WillNeed,
    /// Not again. The system may drop the file's clean pages.
    DontNeed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_sync_becomes_an_error_with_the_remedy() {
        let dir = Path::new("/mnt/share");
        assert!(DirectorySync::Durable.require_durable(dir).is_ok());
        let error = DirectorySync::NotSupported.require_durable(dir).unwrap_err();
        assert_eq!(
            (error.kind(), error.op(), error.path()),
            (io::ErrorKind::Unsupported, Op::SyncDirectory, dir)
        );
        assert_eq!(
            error.to_string(),
            "sync_directory /mnt/share: this filesystem does not sync directories, so a crash may remove new names; \
             use a directory on another filesystem"
        );
    }

    #[test]
    fn meaningless_combinations_are_refused() {
        let new = FsOpenOptions::new;
        for bad in [
            new(),
            new().create(true),
            new().read(true).create(true),
            new().read(true).create_new(true),
            new().read(true).truncate(true),
            new().append(true).truncate(true),
            new().write(true).append(true).truncate(true),
        ] {
            assert_eq!(bad.validate().map_err(|e| e.kind()), Err(io::ErrorKind::InvalidInput), "{bad:?}");
        }
    }

    #[test]
    fn useful_combinations_pass() {
        let new = FsOpenOptions::new;
        for good in [
            new().read(true),
            new().write(true).create(true).truncate(true),
            new().append(true).create(true),
            new().read(true).write(true).create_new(true),
            new().write(true).create_new(true).truncate(true),
        ] {
            assert!(good.validate().is_ok(), "{good:?}");
        }
    }
}
