//! [`Fs`]: names in directories.

use std::{fmt, num::NonZeroUsize, path::Path};

use crate::{
    DirectorySync, FsAbilities, FsCapabilities, FsDirEntry, FsFile, FsMetadata, FsOpenOptions, Result,
    SyncMode,
};

/// A filesystem as a storage engine needs it. Each method documents the state that it leaves after an error and after
/// a crash.
///
/// The trait is object-safe; engines hold an `Arc<dyn Fs>`. Conveniences built on it are in [`FsExt`](crate::FsExt).
/// [`batch`](crate::batch) and [`copy`](crate::copy) work on many files, over any backend.
///
/// # Contract
///
/// *Paths.* A backend resolves a path as POSIX does: `.` and repeated separators change nothing, a missing component is
/// `NotFound`, a file in the middle is `NotADirectory`, an empty path is `NotFound`, an interior NUL is `InvalidInput`.
/// Whether names that differ in case are two, and whether a name that is no text is taken, is the filesystem's own.
///
/// *Failure.* A call that fails has changed nothing, unless its own `# Errors` says otherwise. Every error names the
/// operation and the path.
///
/// *Durability.* Nothing is durable until a sync returns: a file's bytes and length by [`FsFile::sync_all`], a name by
/// [`sync_directory`](Self::sync_directory) on the directory that holds it. A sync of one gives nothing to the other.
/// **Before** its sync a change may or may not survive a crash, in any order and in any combination with others.
///
/// *The core is required.* A backend writes all methods but one, and returns `Unsupported` where it cannot do what a
/// method is for. [`abilities`](Self::abilities) is the exception. All that is optional lies behind it, so a new
/// ability breaks no backend.
///
/// # Examples
///
/// ```
/// use lsm_fs::{DirectorySync, Fs, FsFile, FsOpenOptions, StdFs, SyncMode};
/// use std::{io::Write, path::Path};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// fn store(fs: &dyn Fs, dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
///     let options = FsOpenOptions::new().write(true).create_new(true);
///     let mut file = fs.open(&dir.join("table"), &options)?;
///     file.write_all(b"rows")?;
///     file.sync_all(SyncMode::Normal)?; // the bytes are durable
///     match fs.sync_directory(dir, SyncMode::Normal)? {
///         DirectorySync::Durable => Ok(()), // now the name is, too
///         DirectorySync::NotSupported => Err("a crash may take the name".into()),
///     }
/// }
/// store(&StdFs, dir)?;
/// # Ok(())
/// # }
/// ```
pub trait Fs: Send + Sync + fmt::Debug {
    /// Returns a view of the same namespace that resolves every path below `root` from one handle on that directory.
    ///
    /// Use it for a directory that somebody else may have filled, or may change during the call: an unpacked archive, a
    /// backup directory. Views compose: `fs.beneath(a)?.beneath(b)?` resolves paths below `a` and below `b` from
    /// handles, and links between the two.
    ///
    /// # Contract
    ///
    /// *Paths below the root.* A path belongs to the view if its components start with the components of `root`, as
    /// they are spelled. The rest of the path is looked up beneath the handle, without `..`, through no symbolic link
    /// and into no other mount. The last component is included: a call that would follow a symbolic link there refuses
    /// it. [`symlink_metadata`](Self::symlink_metadata), removals and renames act on the link itself. A listing shows
    /// it. [`hard_link`](Self::hard_link) links only regular files. Any other path works as it did before.
    ///
    /// *The root itself.* It is resolved once, like any path of the receiver, and may be a symbolic link to a
    /// directory. To refuse a link there, open a view of the parent first and ask that view. The handle follows the
    /// directory through a rename. Calls that bind, remove or check the root's own name (`rename`, `remove_dir`,
    /// `remove_dir_all`, [`FsDirLock::is_at`]) look that name up as the receiver does. If roots are nested, the longest
    /// one that fits decides.
    ///
    /// *Otherwise* the view is the receiver: same [`backend_id`](Self::backend_id), same volumes, same locks. Files and
    /// locks that it opened outlive it.
    ///
    /// # Errors
    ///
    /// `NotFound` and `NotADirectory` of the root. The calls of the view add: `ELOOP` for a symbolic link
    /// (`NotADirectory` where a directory is removed); `CrossesDevices` for another mount; `InvalidInput` for `..`.
    ///
    #[doc = include_str!("fs/beneath_example.md")]
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>>;

    /// Opens a regular file, and creates it if the options say so.
    ///
    /// # Contract
    ///
    /// The handle follows the inode: a rename of the file or the removal of its name leaves it usable. The call never
    /// waits for another process: a pipe, a socket or a device is refused, for reading and for writing.
    ///
    /// # Crash semantics
    ///
    /// A new file's name is durable after [`sync_directory`](Self::sync_directory) of its parent.
    ///
    /// # Errors
    ///
    /// `NotFound`; `AlreadyExists` (`create_new`, also for a dangling symlink); `IsADirectory`; `InvalidInput`
    /// ([`FsOpenOptions::validate`], and anything that is neither a regular file nor a directory); `PermissionDenied`;
    /// `ReadOnlyFilesystem`; `StorageFull`.
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>>;

    /// Creates one directory. Exactly one of several concurrent callers succeeds: this is the atomic claim of a name.
    ///
    /// # Crash semantics
    ///
    /// As for a new file. A crash that loses the directory's name loses all that was synced inside it.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if anything has the name, a symlink included; `NotFound` if the parent is missing.
    fn create_dir(&self, path: &Path) -> Result<()>;

    /// Lists a directory, sorted by the names' bytes, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// `NotFound`; `NotADirectory`.
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>>;

    /// Describes what the path leads to; symlinks are followed.
    ///
    /// # Errors
    ///
    /// `NotFound`, also for a dangling symlink; `ELOOP` for symlinks that go round.
    fn metadata(&self, path: &Path) -> Result<FsMetadata>;

    /// Describes what the name itself is bound to; a symlink in the last component is not followed.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata>;

    /// Removes a file's name. The inode lives while it has other names or open handles. A symlink is removed itself.
    ///
    /// # Crash semantics
    ///
    /// Until the parent is synced the name may come back, or be gone while later changes are lost.
    ///
    /// # Errors
    ///
    /// `NotFound`; for a directory `IsADirectory` (Linux) or `PermissionDenied` (POSIX).
    fn remove_file(&self, path: &Path) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// `NotFound`; `DirectoryNotEmpty`; `NotADirectory`.
    fn remove_dir(&self, path: &Path) -> Result<()>;

    /// Removes a directory and all below it. Symlinks are removed, never followed.
    ///
    /// # Crash semantics
    ///
    /// Any part of the tree may survive: take away first what makes it look whole.
    ///
    /// # Errors
    ///
    /// `NotFound`; `NotADirectory`. On an error part of the tree may be gone.
    fn remove_dir_all(&self, path: &Path) -> Result<()>;

    /// Renames a file or directory; a file, or an empty directory, at `to` is replaced.
    ///
    /// # Contract
    ///
    /// Atomic: a concurrent lookup of `to` finds the old inode or the new one, never neither. Open handles stay valid.
    /// If both names are links to one inode, nothing happens and both stay.
    ///
    /// # Crash semantics
    ///
    /// Not durable until both parents are synced; a crash before may leave either binding. Contents are not covered:
    /// sync the file first.
    ///
    /// # Errors
    ///
    /// `NotFound`; `CrossesDevices`; `IsADirectory` (a file onto a directory); `NotADirectory` (a directory onto a
    /// file); `DirectoryNotEmpty`, or `AlreadyExists` on XFS; `InvalidInput` (a directory into itself). Both names
    /// stay as they were.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Renames a file or directory to a name that nothing has, as one atomic step.
    ///
    /// # Crash semantics
    ///
    /// As [`rename`](Self::rename).
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `Unsupported` where the mount has no such step (it is never put together from two); otherwise
    /// as [`rename`](Self::rename).
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()>;

    /// Gives the inode at `from` a second name. Never copies, never follows a symlink.
    ///
    /// # Crash semantics
    ///
    /// The new name is durable after a sync of *its* directory. No sync of the file, of the old directory or of a
    /// directory further up gives that. The bytes belong to the inode: a sync through any name covers them all.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound`; `EXDEV`, `EMLINK` and `EPERM` (a directory, or a mount without links) as they are:
    /// see [`Error::allows_fallback`](crate::Error::allows_fallback).
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()>;

    /// Makes `to` a new inode that shares the extents of `from` until one is written. Never a silent copy.
    ///
    /// # Crash semantics
    ///
    /// As a new file: the clone's bytes and length need a sync of the clone, its name one of its directory.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `NotFound`; `IsADirectory`; `Unsupported`, `EXDEV` or another code that
    /// [`Error::allows_fallback`](crate::Error::allows_fallback) where the pair of paths cannot. `to` is not left.
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()>;

    /// Makes durable which names the directory holds: all links, removals and renames in it before the call.
    ///
    /// # Contract
    ///
    /// Covers that one directory: not the bytes of its files, not what lies in its sub-directories, not its own name in
    /// its parent.
    ///
    /// # Errors
    ///
    /// `NotFound`; `NotADirectory`; `EIO` and the like: then nothing is known of any change since the last sync, and a
    /// second call that succeeds proves nothing. Do not retry.
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync>;

    /// Takes the exclusive owner lock of a directory, or `None` if another holds it, in this process or any other.
    ///
    /// # Contract
    ///
    /// Advisory. The lock belongs to the inode, so it follows a rename; it ends when the value is dropped or the
    /// process dies, however it dies. It holds among the processes of one host: on Linux the directories of NFS and SMB
    /// have no locks of their own, and the kernel keeps one that other hosts do not see.
    ///
    /// # Errors
    ///
    /// `NotFound`; `NotADirectory`; `Unsupported` where the platform cannot lock directories.
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>>;

    /// Which namespace the paths belong to. Paths of two backends may meet in one call (a link, a clone) only where
    /// both say `Some` and the same number: a path in memory must never be looked up on the host.
    fn backend_id(&self) -> Option<u64>;

    /// Which volume the path lies on: links and renames stay within one, and its files share one pool of free space.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    fn volume_id(&self, path: &Path) -> Result<u64>;

    /// What the mount under an existing directory can do. May probe with short-lived temporary files; ask once a
    /// volume.
    ///
    /// # Errors
    ///
    /// `NotFound`. What could not be found out is `false`, not an error; that what was made to find it out cannot be
    /// removed again is one.
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities>;

    /// Bytes that an unprivileged process can still write on the path's volume.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unsupported`.
    fn available_space(&self, path: &Path) -> Result<u64>;

    /// Frees the storage of a range, which then reads as zeros. The length stays.
    ///
    /// # Contract
    ///
    /// The number of names is looked at, not locked: the caller keeps others from linking the file meanwhile.
    ///
    /// # Errors
    ///
    /// `TooManyLinks` and nothing changed if the inode has another name (a checkpoint may share it); `Unsupported`;
    /// `NotFound`; `InvalidInput` (`len` is 0, or the end overflows).
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()>;

    /// Sets a file's length: cuts it, or extends it with zeros.
    ///
    /// # Contract
    ///
    /// The number of names is looked at, not locked: the caller keeps others from linking the file meanwhile.
    ///
    /// # Crash semantics
    ///
    /// Durable after a sync of the file.
    ///
    /// # Errors
    ///
    /// `TooManyLinks` and nothing changed if the inode has another name (a checkpoint may share it), for the present
    /// length, too; `NotFound`; `IsADirectory`.
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()>;

    /// Returns how many calls on this backend are useful at once. Batches run as many threads, and with 1 they make all
    /// calls in order, from the caller's thread.
    fn concurrency(&self) -> NonZeroUsize;

    /// Returns the optional abilities of this backend.
    fn abilities(&self) -> Option<&dyn FsAbilities> {
        None
    }
}

/// The owner lock of a directory; dropping it releases the lock.
pub trait FsDirLock: Send + Sync + fmt::Debug {
    /// Whether `path` leads to the very directory that is locked.
    ///
    /// A name can be re-bound between `create_dir` and the lock; who has taken the lock asks this before it trusts it.
    ///
    /// # Errors
    ///
    /// Those of a metadata lookup, except `NotFound`, which is `Ok(false)`.
    fn is_at(&self, path: &Path) -> Result<bool>;
}
