//! How a file is opened, synced and read: [`FsOpenOptions`], [`SyncMode`], [`FileHint`].

use std::io;

/// How to open a file; the same switches as [`std::fs::OpenOptions`], as data, so that every backend can read them.
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
    /// The file is made if nothing has the name. Needs `write` or `append`.
    pub create: bool,
    /// The file is made, and `AlreadyExists` if anything has the name, a dangling symlink included. Needs `write` or
    /// `append`; `create` and `truncate` have no effect beside it.
    pub create_new: bool,
    /// The file is cut to length 0. Needs `write`.
    pub truncate: bool,
    /// Every write goes to the end of the file, wherever that is by then. Such a handle refuses positional writes.
    pub append: bool,
    /// A hint to bypass the page cache. Transfers whose offset, length and memory address are multiples of 4,096 go
    /// around it where the backend can. Any other is served all the same, and may make the handle an ordinary one.
    pub direct_io: bool,
}

/// What the offset, the length and the address of a direct transfer are multiples of.
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
    /// Nothing is switched on; at least `read`, `write` or `append` must be.
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
        }
    }

    setters!(read write create create_new truncate append direct_io);

    /// Refuses combinations that have no meaning, the same in every backend.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: no access at all, `create`, `create_new` or `truncate` on a handle that cannot write, or
    /// `truncate` with `append`.
    pub fn validate(&self) -> io::Result<()> {
        let writes = self.write || self.append;
        let problem = if !self.read && !writes {
            "neither read, write nor append was asked for"
        } else if (self.create || self.create_new) && !writes {
            "creating a file needs write or append"
        } else if self.truncate && (!self.write || self.append) && !self.create_new {
            "truncate needs write, and does not go with append"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
    }
}

/// How far a sync must reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SyncMode {
    /// What `fsync(2)` gives: on Linux, the device's cache is flushed too; on macOS, the data has left the kernel but
    /// may sit in the device's cache, so that a power cut may take it though a crash of the system does not. (There
    /// `std`'s `sync_all` is what [`Full`](Self::Full) is.)
    #[default]
    Normal,
    /// To the medium: `F_FULLFSYNC` on macOS, the same as `Normal` elsewhere.
    Full,
}

/// What became of a directory sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a directory that cannot be synced has not been made durable"]
pub enum DirectorySync {
    /// Every name bound, removed or moved in the directory before the call survives a crash, as far as the
    /// [`SyncMode`] reaches.
    Durable,
    /// The platform or the mount has no such operation: nothing was done, and nothing is promised.
    NotSupported,
}

/// How a file is about to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileHint {
    /// From start to end: read far ahead.
    Sequential,
    /// Here and there: do not read ahead.
    Random,
    /// Soon and whole: start reading it in.
    WillNeed,
    /// Not again: its clean pages may go.
    DontNeed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_without_meaning_are_refused() {
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
