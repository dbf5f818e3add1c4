//! [`Fs`]: the names in directories.

use std::{fmt, num::NonZeroUsize, path::Path};

use crate::{
    DirectorySync, FsAbilities, FsCapabilities, FsDirEntry, FsFile, FsMetadata, FsOpenOptions, Result,
    SyncMode,
};

/// A filesystem as a storage engine needs it. Each method documents the state that it leaves after an error and after
/// a crash.
///
/// The trait is object-safe, and engines hold an `Arc<dyn Fs>`. [`FsExt`](crate::FsExt) adds conveniences.
/// [`batch`](crate::batch) and [`copy`](crate::copy) process many files over any backend. The page
/// [`backends`](crate::backends) explains how to implement the trait.
///
/// # Contract
///
/// *Paths.* A backend resolves a path as POSIX does. `.` and repeated separators have no effect. A missing component
/// and an empty path give `NotFound`, a file in the middle gives `NotADirectory`, and an interior NUL gives
/// `InvalidInput`. Case sensitivity and support for non-UTF-8 names are filesystem-specific. A filesystem may refuse a
/// name with `"`, `*` or `?` as `InvalidFilename`.
///
/// *Failure.* A call that fails has changed nothing, unless its `# Errors` section says otherwise. Every error names
/// the operation and the path.
///
/// *Durability.* Nothing is durable until a sync returns. The bytes and the length of a file need [`FsFile::sync_all`].
/// A name needs [`sync_directory`](Self::sync_directory) on the directory that holds it. Neither sync covers the other.
/// **Before** its sync, a change may or may not survive a crash, in any order and in any combination with other
/// changes.
///
/// *Required methods.* A backend implements all methods except one, and returns `Unsupported` for an operation that it
/// does not have. The exception is [`abilities`](Self::abilities), which gives access to the optional operations. A new
/// ability therefore breaks no backend.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Fs, FsFile, FsOpenOptions, StdFs, SyncMode};
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
///     fs.sync_directory(dir, SyncMode::Normal)?.require_durable(dir)?; // and so is the name
///     Ok(())
/// }
/// store(&StdFs, dir)?;
/// # Ok(())
/// # }
/// ```
pub trait Fs: Send + Sync + fmt::Debug {
    /// Returns a view of the same namespace that resolves every path below `root` from one open handle on that
    /// directory.
    ///
    /// Use a view for a directory whose contents are not trusted, or may be changed by another process during the call.
    /// Examples are an unpacked archive and a backup directory. Views can be nested: `fs.beneath(a)?.beneath(b)?`
    /// resolves paths below `a` and below `b` from handles, and can link between the two.
    ///
    /// # Contract
    ///
    /// *Paths below the root.* A path belongs to the view if its components start with the components of `root`,
    /// compared as text. The rest of the path is looked up from the handle. It must not contain `..`, and the lookup
    /// follows no symbolic link and enters no other mount. This includes the last component: a call that would follow a
    /// symbolic link there is refused. [`symlink_metadata`](Self::symlink_metadata), removals and renames act on the
    /// link itself, and a listing contains it. [`hard_link`](Self::hard_link) links only regular files. Any other path
    /// works as in the receiver, which is the filesystem on which `beneath` was called.
    ///
    /// *The root itself.* The root is resolved once, like any path of the receiver, and may be a symbolic link to a
    /// directory. To refuse a link there, open a view of the parent and call `beneath` on that view. The handle follows
    /// the directory through a rename. Calls that bind, remove or check the root's own name (`rename`, `remove_dir`,
    /// `remove_dir_all`, [`FsDirLock::is_at`]) look this name up as the receiver does. If roots are nested, the longest
    /// match applies.
    ///
    /// *Everything else* is the same as in the receiver: [`backend_id`](Self::backend_id), volumes and locks. Files and
    /// locks opened through the view outlive it.
    ///
    /// # Errors
    ///
    /// - `NotFound`, `NotADirectory`: the root is missing or not a directory.
    ///
    /// Calls on the view have additional errors:
    ///
    /// - `ELOOP`: the path contains a symbolic link. (`NotADirectory` when removing a directory.)
    /// - `CrossesDevices`: the path leads into another mount.
    /// - `InvalidInput`: the path contains `..`.
    ///
    #[doc = include_str!("fs/beneath_example.md")]
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>>;

    /// Opens a regular file, or creates it if the options say so.
    ///
    /// # Contract
    ///
    /// The handle follows the inode, so it remains usable if the file is renamed or its name is removed. A pipe, a
    /// socket or a device is refused, and the call does not wait for the process at its other end.
    ///
    /// # Crash semantics
    ///
    /// The name of a new file is durable after [`sync_directory`](Self::sync_directory) of its parent.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the file or a parent is missing.
    /// - `AlreadyExists`: `create_new` was set and the name exists, even as a dangling symbolic link.
    /// - `IsADirectory`: the path leads to a directory.
    /// - `InvalidInput`: the options are refused by [`FsOpenOptions::validate`], or the path leads to something that is
    ///   neither a regular file nor a directory.
    /// - `PermissionDenied`, `ReadOnlyFilesystem`, `StorageFull`.
    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>>;

    /// Creates one directory. If several callers do so concurrently, exactly one succeeds, so this is an atomic claim
    /// of a name.
    ///
    /// # Crash semantics
    ///
    /// The same as for a new file. If a crash loses the name of the directory, everything inside it is lost, even if it
    /// was synced.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the name exists, even as a symbolic link.
    /// - `NotFound`: the parent is missing.
    fn create_dir(&self, path: &Path) -> Result<()>;

    /// Lists a directory, sorted by the bytes of the names, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotADirectory`.
    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>>;

    /// Describes the file or directory that the path leads to. Symbolic links are followed.
    ///
    /// # Errors
    ///
    /// - `NotFound`: nothing exists there, or a symbolic link is dangling.
    /// - `ELOOP`: symbolic links form a loop.
    fn metadata(&self, path: &Path) -> Result<FsMetadata>;

    /// Describes the entry with this name. A symbolic link in the last component is not followed.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata>;

    /// Removes the name of a file. The inode exists until its last name and its last open handle are gone. If the name
    /// is a symbolic link, the link itself is removed.
    ///
    /// # Crash semantics
    ///
    /// Until the parent is synced, a crash may bring the name back. It may also keep the removal and lose later
    /// changes.
    ///
    /// # Errors
    ///
    /// - `NotFound`.
    /// - `IsADirectory` (Linux) or `PermissionDenied` (POSIX): the name is a directory.
    fn remove_file(&self, path: &Path) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// `NotFound`, `DirectoryNotEmpty`, `NotADirectory`.
    fn remove_dir(&self, path: &Path) -> Result<()>;

    /// Removes a directory and everything in it. Symbolic links are removed and never followed.
    ///
    /// # Crash semantics
    ///
    /// Any subset of the tree may survive. Before calling this, remove the file that makes the directory look complete,
    /// and sync the removal.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotADirectory`. After any error, a part of the tree may be gone.
    fn remove_dir_all(&self, path: &Path) -> Result<()>;

    /// Renames a file or directory. An existing file, or an empty directory, at `to` is replaced.
    ///
    /// # Contract
    ///
    /// The rename is atomic: a concurrent lookup of `to` finds either the old inode or the new one. Open handles stay
    /// valid. If both names are links to the same inode, nothing happens and both names stay (`rename(2)`).
    ///
    /// # Crash semantics
    ///
    /// The rename is not durable until both parents are synced. Until then a crash can leave the old name, the new
    /// name, or, if a file has moved to another directory, both. A sync of the new parent alone still allows both. The
    /// inode never loses both names. The contents are not covered, so sync the file first.
    ///
    /// # Errors
    ///
    /// - `NotFound`, `CrossesDevices`.
    /// - `IsADirectory`: a file was to replace a directory.
    /// - `NotADirectory`: a directory was to replace a file.
    /// - `DirectoryNotEmpty` (`AlreadyExists` on XFS): the directory at `to` is not empty.
    /// - `InvalidInput`: a directory was to be moved into itself.
    ///
    /// After any error, both names are bound as before.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Atomically renames a file or directory to a name that does not exist.
    ///
    /// # Crash semantics
    ///
    /// The same as for [`rename`](Self::rename).
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the new name exists.
    /// - `Unsupported`: the mount has no such operation. It is never emulated with two steps.
    /// - The errors of [`rename`](Self::rename).
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()>;

    /// Gives the inode at `from` a second name. Never copies the file and never follows a symbolic link.
    ///
    /// # Crash semantics
    ///
    /// The new name is durable after a sync of *its* directory. Syncing the file, the old directory or a parent
    /// directory is not enough. The bytes belong to the inode, so a sync through either name covers them.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`, `NotFound`.
    /// - `EXDEV`: the paths are on different mounts.
    /// - `EMLINK`: the inode has the maximum number of names.
    /// - `EPERM`: `from` is a directory, or the mount has no hard links.
    ///
    /// [`Error::allows_fallback`](crate::Error::allows_fallback) returns `true` if a copy is worth trying instead.
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()>;

    /// Creates the file `to` as a clone of `from`: a new inode that shares its extents until one of them is
    /// overwritten. Never falls back to a copy.
    ///
    /// # Contract
    ///
    /// If the backend has permissions, the clone is [`private`](FsOpenOptions::private): only its owner can use it
    /// until [`FsFile::set_permissions`] grants more. On Apple systems, it gets the mode of `from` immediately, because
    /// `fclonefileat` copies the mode.
    ///
    /// # Crash semantics
    ///
    /// The same as for a new file: the bytes and length of the clone need a sync of the clone, and its name needs a
    /// sync of the directory.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`, `NotFound`, `IsADirectory`.
    /// - `Unsupported`, `EXDEV`, or another error for which [`Error::allows_fallback`](crate::Error::allows_fallback)
    ///   is `true`: this pair of files cannot share extents.
    ///
    /// After any error, `to` does not exist, unless it existed before or its removal failed. In the last case,
    /// [`Error::cleanup_failure`](crate::Error::cleanup_failure) is set.
    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()>;

    /// Makes the set of names in the directory durable: all names that were created, linked, removed or renamed in it
    /// before the call.
    ///
    /// # Contract
    ///
    /// A sync covers only this directory. It covers neither the bytes of the files, nor the contents of
    /// sub-directories, nor the name of the directory in its parent.
    ///
    /// # Errors
    ///
    /// - `NotFound`, `NotADirectory`.
    /// - `EIO` and similar errors: every change since the last sync may or may not be durable. Do not retry, because a
    ///   second call can succeed without making them durable.
    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync>;

    /// Takes the exclusive owner lock of a directory. Returns `None` if another owner holds it, in this process or any
    /// other.
    ///
    /// # Contract
    ///
    /// The lock is advisory. It belongs to the inode, so it follows a rename. It ends when the value is dropped or when
    /// the process dies for any reason. It is shared by the processes of one host. On Linux, directories on NFS and SMB
    /// have no lock operation of their own, so the kernel locks them locally and other hosts do not see it
    /// (`nfs_dir_operations` in `fs/nfs/dir.c` has no `flock`).
    ///
    /// # Errors
    ///
    /// - `NotFound`, `NotADirectory`.
    /// - `Unsupported`: the platform cannot lock directories.
    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>>;

    /// Identifies the namespace of the paths. A path of one backend may be passed to a link or clone of another backend
    /// only if both return `Some` with the same number. Otherwise a path in memory might be looked up on the host.
    fn backend_id(&self) -> Option<u64>;

    /// Identifies the volume of the path. Links and renames work only within a volume, and its files share one pool of
    /// free space.
    ///
    /// # Errors
    ///
    /// `NotFound`. `Unsupported` if the platform does not identify volumes.
    fn volume_id(&self, path: &Path) -> Result<u64>;

    /// Returns the capabilities of the mount at an existing directory. The call may probe with temporary files, so call
    /// it once per volume.
    ///
    /// # Errors
    ///
    /// `NotFound`. A capability that cannot be determined is reported as `false`. Failing to remove a probe file is an
    /// error.
    fn capabilities(&self, path: &Path) -> Result<FsCapabilities>;

    /// Returns the number of bytes that an unprivileged process can still write on the volume of the path. 0 means that
    /// the volume is full.
    ///
    /// # Errors
    ///
    /// - `NotFound`.
    /// - `Unsupported`: the volume does not count its space.
    fn available_space(&self, path: &Path) -> Result<u64>;

    /// Frees the storage of a range. The range then reads as zeros, and the length of the file does not change.
    ///
    /// # Contract
    ///
    /// The number of names is checked but not locked, so the caller must prevent concurrent links to the file.
    ///
    /// # Errors
    ///
    /// - `TooManyLinks`: the inode has another name, for example in a checkpoint. Nothing was changed.
    /// - `Unsupported`, `NotFound`.
    /// - `InvalidInput`: `len` is 0, or the end overflows.
    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()>;

    /// Truncates or extends a file to this length. Added bytes are zeros.
    ///
    /// # Contract
    ///
    /// The number of names is checked but not locked, so the caller must prevent concurrent links to the file.
    ///
    /// # Crash semantics
    ///
    /// The change is durable after a sync of the file.
    ///
    /// # Errors
    ///
    /// - `TooManyLinks`: the inode has another name, for example in a checkpoint. Nothing was changed. The call fails
    ///   even if the file already has this length.
    /// - `Unsupported`: the platform does not report the number of names.
    /// - `NotFound`, `IsADirectory`.
    fn truncate_file(&self, path: &Path, len: u64) -> Result<()>;

    /// Returns the maximum number of concurrent calls that are useful on this backend. Batches use at most as many
    /// threads. If it is 1, they make all calls in order, from the caller's thread.
    fn concurrency(&self) -> NonZeroUsize;

    /// Returns the optional abilities of this backend.
    fn abilities(&self) -> Option<&dyn FsAbilities> {
        None
    }
}

/// The owner lock of a directory. Dropping it releases the lock.
pub trait FsDirLock: Send + Sync + fmt::Debug {
    /// Checks if `path` leads to the locked directory.
    ///
    /// A name can be bound to another directory between `create_dir` and the lock. Call this after taking the lock,
    /// before relying on the name.
    ///
    /// # Errors
    ///
    /// The errors of a metadata lookup, except `NotFound`, which gives `Ok(false)`.
    fn is_at(&self, path: &Path) -> Result<bool>;
}
