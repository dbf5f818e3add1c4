//! [`FsFile`]: bytes of one file, and the sync that makes them durable.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, Write},
    ops::Range,
};

use crate::{FileHint, FsMetadata, Result, SyncMode};

/// An open file.
///
/// # Contract
///
/// *Positions.* [`Read`], [`Write`] and [`Seek`] share one position; the `_at` methods neither use nor move it, and
/// many threads may call them at once.
///
/// *Poison.* Once a sync through this handle has failed, every later sync and write through it fails with that first
/// error ([`Error::is_poisoned`](crate::Error::is_poisoned)); reads go on. Linux marks the pages clean when it reports
/// the failure, so a second `fsync` returns success with the data gone (Rebello et al., *Can Applications Recover from
/// fsync Failures?*, USENIX ATC 2020). What to do: give the file up, and write its contents anew to another one.
///
/// Syncs of one handle run one after the other, so that none of two concurrent ones can miss the failure.
///
/// *Which handle.* The kernel reports a failed write-back once to each handle that was open then, and never to one
/// opened after it was seen. Sync the handle that wrote.
///
/// *Length zero.* A read or write of no bytes fails where one of a byte would: on a handle that was not opened for it,
/// at an offset that no file can have, at an offset of an append handle, after a failed sync. Otherwise it returns zero
/// and changes neither the bytes, nor the length, nor the position. Setting the present length follows the same rule.
/// POSIX lets an empty call skip the checks. The kernels make them, and so the wrong handle shows whatever the data is.
///
/// # Crash semantics
///
/// Before a sync, each sector written and each change of the length may or may not survive, independently: old bytes,
/// new bytes, or zeros at full length.
pub trait FsFile: Read + Write + Seek + Send + Sync + fmt::Debug {
    /// Makes the file's bytes, length and metadata durable. Not its name: see
    /// [`Fs::sync_directory`](crate::Fs::sync_directory).
    ///
    /// # Errors
    ///
    /// `EIO`, `StorageFull`, `EDQUOT`: any part of what was written since the last sync may be lost. The handle is
    /// poisoned.
    fn sync_all(&self, mode: SyncMode) -> Result<()>;

    /// Makes the file's bytes durable, and its length if it changed; timestamps may lag.
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    fn sync_data(&self, mode: SyncMode) -> Result<()>;

    /// Asks that the dirty bytes of a range start on their way to the device, and does not wait for them to arrive;
    /// pages of the range that are clean may leave the cache. A `len` of 0 is an empty range. A hint, never durability:
    /// it consumes no error that a sync would report.
    ///
    /// # Errors
    ///
    /// None that says anything about the bytes; a backend without such a thing returns `Ok`.
    fn start_writeback(&self, offset: u64, len: u64) -> Result<()>;

    /// Reads at an offset until `buf` is full or the file ends, and returns how many bytes that were. Less than
    /// `buf.len()` means end of file; interruptions are retried.
    ///
    /// # Errors
    ///
    /// `EBADF` if the handle cannot read. `InvalidInput` or `FileTooLarge` if the offset is beyond every length that a
    /// file can have. `EIO`: `buf` may be partly overwritten.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize>;

    /// Writes all of `buf` at an offset; a gap between the old end and the offset reads as zeros.
    ///
    /// # Errors
    ///
    /// `StorageFull`, `EDQUOT`, `EIO`: a prefix of `buf` may have been written. `EBADF` if the handle cannot write.
    /// `InvalidInput` or `FileTooLarge` if the end would lie beyond what a file can have. `InvalidInput` on a handle
    /// opened for append, whose writes all go to the end.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()>;

    /// Sets the length: cuts the file, or extends it with zeros. Unlike [`Fs::truncate_file`](crate::Fs::truncate_file)
    /// it does not look whether the inode is shared.
    ///
    /// # Errors
    ///
    /// `InvalidInput` or `EBADF` if the handle cannot write; `FileTooLarge`; `StorageFull`.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Describes the open inode, whatever its names are by now. A removed file has `link_count` 0.
    ///
    /// # Errors
    ///
    /// `EIO`.
    fn metadata(&self) -> Result<FsMetadata>;

    /// The first range at or after `offset` that may hold data, never an empty one; all before it, from `offset`,
    /// reads as zeros. `None`: no data from there to the end. A backend that cannot tell holes from data answers with
    /// the rest of the file.
    ///
    /// The handle's position is as before.
    ///
    /// # Errors
    ///
    /// `EIO`.
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>>;

    /// Says how the file is about to be read.
    ///
    /// # Errors
    ///
    /// None that matters to the contents; a backend without such a thing returns `Ok`.
    fn hint(&self, hint: FileHint) -> Result<()>;

    /// Takes the exclusive lock of this file. `false`: another handle holds it, in this process or any other.
    ///
    /// # Contract
    ///
    /// Advisory, with the semantics of `flock(2)`: it belongs to the open handle and to the inode, follows a rename,
    /// and ends when the handle is dropped or its process dies.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the mount has no locks.
    fn try_lock_exclusive(&self) -> Result<bool>;

    /// The host's open file behind this handle, for calls that only the operating system has: mapping, an in-kernel
    /// copy. `None` where there is none, and from a wrapper that has to see every call.
    ///
    /// What is written through it passes by the poison of this handle. Never sync through it: the kernel would report a
    /// failure there, and not to this handle.
    fn host_file(&self) -> Option<&File> {
        None
    }

    /// Fills each request as [`read_at`](Self::read_at) does, an empty one included. A backend may serve them in any
    /// order or together. Without requests it returns `Ok` on every handle.
    ///
    /// # Errors
    ///
    /// The first failure, of whichever request; no request's buffer or `filled` is to be trusted then.
    fn read_many(&self, requests: &mut [ReadRequest<'_>]) -> Result<()> {
        for request in requests {
            request.filled = self.read_at(request.buf, request.offset)?;
        }
        Ok(())
    }
}

/// One positional read of [`FsFile::read_many`].
#[derive(Debug)]
pub struct ReadRequest<'a> {
    /// Where in the file.
    pub offset: u64,
    /// What to fill.
    pub buf: &'a mut [u8],
    /// How many bytes were read: less than `buf.len()` only at the end of the file.
    pub filled: usize,
}

impl<'a> ReadRequest<'a> {
    /// A request that nothing has been read for.
    #[must_use]
    pub fn new(offset: u64, buf: &'a mut [u8]) -> Self {
        Self { offset, buf, filled: 0 }
    }
}
