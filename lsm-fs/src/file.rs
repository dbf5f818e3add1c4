//! [`FsFile`]: the bytes of one file, and the syncs that make them durable.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, Write},
    ops::Range,
};

use crate::{FileHint, FsMetadata, Permissions, PermissionsSet, Result, SyncMode};

/// An open file.
///
/// # Contract
///
/// *Positions.* [`Read`], [`Write`] and [`Seek`] share one position. The `_at` methods neither use nor move it, and
/// several threads may call them concurrently.
///
/// *Poison.* Once a sync through this handle has failed, every later sync, write and [`set_len`](Self::set_len) through
/// it fails with that first error ([`Error::is_poisoned`](crate::Error::is_poisoned)). Reads still work. The reason is
/// that Linux marks the pages clean when it reports the failure, so a second `fsync` succeeds although the data is lost
/// (Rebello et al., *Can Applications Recover from fsync Failures?*, USENIX ATC 2020). Abandon such a file and write
/// its contents again, to another one.
///
/// *Concurrent syncs.* Syncs of one handle run one after the other. If two ran at once, only one of them would get the
/// error.
///
/// *Which handle.* Sync the handle that wrote. The kernel reports a failed write-back once to each handle that was open
/// at that time, and never to a handle that was opened after the error was reported (Linux,
/// `Documentation/filesystems/vfs.rst`, "Handling errors during writeback").
///
/// *Length zero.* A read or write of no bytes fails whenever a longer one would fail: if the handle was not opened for
/// it, if the offset is impossible, if an offset is given for an append handle, or after a failed sync. Otherwise it
/// returns zero and changes nothing. The same holds for setting the length that a file already has. POSIX allows an
/// empty call to skip these checks. Kernels make them, so a wrong handle is detected with any data.
///
/// # Crash semantics
///
/// Until a sync, every written sector and every change of the length may or may not survive a crash, independently of
/// the others. The file may contain old bytes, new bytes, or zeros at its full length.
pub trait FsFile: Read + Write + Seek + Send + Sync + fmt::Debug {
    /// Makes the bytes, the length and the metadata of the file durable. The name is not covered, see
    /// [`Fs::sync_directory`](crate::Fs::sync_directory).
    ///
    /// # Errors
    ///
    /// `EIO`, `StorageFull`, `EDQUOT`: any of the bytes written since the last sync may be lost. The handle is
    /// poisoned.
    fn sync_all(&self, mode: SyncMode) -> Result<()>;

    /// Makes the bytes of the file durable, and its length if it has changed. Timestamps may stay old (fdatasync(2)).
    ///
    /// # Errors
    ///
    /// The errors of [`sync_all`](Self::sync_all).
    fn sync_data(&self, mode: SyncMode) -> Result<()>;

    /// Requests that the dirty bytes of a range be written to the device, without waiting for it. Clean pages of the
    /// range may be dropped from the cache. If `len` is 0, the range is empty. This is only a hint and never makes
    /// anything durable. It does not consume an error that a sync would report.
    ///
    /// # Errors
    ///
    /// No error of this call concerns the bytes. A backend without write-back returns `Ok`.
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()>;

    /// Reads at an offset until `buf` is full or the file ends. Returns the number of bytes, which is less than
    /// `buf.len()` only at the end of the file. Interrupted reads are retried.
    ///
    /// # Errors
    ///
    /// - `EBADF`: the handle cannot read.
    /// - `InvalidInput` or `FileTooLarge`: no file can be long enough for this offset.
    /// - `EIO`: the device failed. `buf` may be partly overwritten.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize>;

    /// Writes all of `buf` at an offset. A gap between the old end and the offset reads as zeros.
    ///
    /// # Errors
    ///
    /// - `StorageFull`, `EDQUOT`, `EIO`: a prefix of `buf` may have been written.
    /// - `EBADF`: the handle cannot write.
    /// - `InvalidInput` or `FileTooLarge`: the file would be longer than a file can be.
    /// - `InvalidInput`: the handle was opened for append, so all writes go to the end.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()>;

    /// Truncates or extends the file to this length. Added bytes are zeros. Unlike
    /// [`Fs::truncate_file`](crate::Fs::truncate_file), this method also changes an inode with several names.
    ///
    /// # Errors
    ///
    /// - `InvalidInput` or `EBADF`: the handle cannot write.
    /// - `FileTooLarge`, `StorageFull`.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Describes the open inode, even if its names have changed. A removed file has a `link_count` of 0.
    ///
    /// # Errors
    ///
    /// `EIO`.
    fn metadata(&self) -> Result<FsMetadata>;

    /// Returns the first range at or after `offset` that may hold data. The range is never empty. The bytes between
    /// `offset` and the range read as zeros. Returns `None` if there is no data between `offset` and the end. A backend
    /// that cannot distinguish holes from data returns the rest of the file.
    ///
    /// The position of the handle does not change.
    ///
    /// # Errors
    ///
    /// `EIO`.
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>>;

    /// Announces how the file will be read.
    ///
    /// # Errors
    ///
    /// No error affects the contents. A backend that ignores hints returns `Ok`.
    fn hint(&self, hint: FileHint) -> Result<()>;

    /// Takes the exclusive lock of this file. Returns `false` if another handle holds it, in this process or any other.
    ///
    /// # Contract
    ///
    /// The lock has the semantics of `flock(2)`. It is advisory, except on platforms without the capability
    /// [`advisory_locks`](crate::FsCapabilities#structfield.advisory_locks). It belongs to the open handle and to the
    /// inode, follows a rename, and ends when the handle is dropped or the process dies.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the mount has no locks.
    fn try_lock_exclusive(&self) -> Result<bool>;

    /// Sets the owner and group of the open inode, and then its mode without the setuid, setgid and sticky bits. If the
    /// inode was private before, the call never grants a right, not even briefly, that the new mode does not grant.
    ///
    /// # Contract
    ///
    /// - If the owner is refused, the group is still set if the process may set it.
    /// - If the group is refused, the inode keeps its old group, and the mode is set without rights for it. The
    ///   requested rights were meant for another group. If there were any, the mode counts as refused.
    /// - An owner or a mode that the process may not set, or that the mount cannot store, is reported in the result.
    /// - A backend without permissions changes nothing and reports both as refused. This is the default.
    /// - All names of the inode are affected, so call this only on a file that the caller has created.
    ///
    /// # Crash semantics
    ///
    /// The change is durable after [`sync_all`](Self::sync_all). Before that, a crash may leave the old permissions or
    /// the new ones.
    ///
    /// # Errors
    ///
    /// `EIO`, `ReadOnlyFilesystem`: each of owner, group and mode may be the old one or the new one.
    fn set_permissions(&self, permissions: &Permissions) -> Result<PermissionsSet> {
        let _ = permissions;
        Ok(PermissionsSet::default())
    }

    /// Returns the host's open file behind this handle, for operations that only the operating system has, such as
    /// mapping or an in-kernel copy. Returns `None` if there is no such file, or if a wrapper has to observe every
    /// call.
    ///
    /// Writes through this file ignore the poison of the handle. Never sync through it: the kernel would report a
    /// failure there and not to the handle.
    fn host_file(&self) -> Option<&File> {
        None
    }

    /// Fills every request as [`read_at`](Self::read_at) does, including empty requests. A backend may serve them in
    /// any order or concurrently. Without requests, the call returns `Ok` on every handle.
    ///
    /// # Errors
    ///
    /// The first failure of any request. The buffers and `filled` of all requests are then unspecified.
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        for request in requests {
            request.filled = self.read_at(request.buf, request.offset)?;
        }
        Ok(())
    }
}

/// A positional read, as used by [`FsFile::read_many`].
#[derive(Debug)]
pub struct ReadRequest<'a> {
    /// The offset in the file.
    pub offset: u64,
    /// The buffer to fill.
    pub buf: &'a mut [u8],
    /// The number of bytes that were read. It is less than `buf.len()` only at the end of the file.
    pub filled: usize,
}

impl<'a> ReadRequest<'a> {
    /// Creates a request for which nothing has been read yet.
    #[must_use]
    pub fn new(offset: u64, buf: &'a mut [u8]) -> Self {
        Self { offset, buf, filled: 0 }
    }
}
