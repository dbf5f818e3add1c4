//! [`Call`]: a call as a value.

use std::{io, io::SeekFrom, path::Path};

use crate::{Error, FileHint, FsOpenOptions, Op, Permissions, SyncMode};

/// A call, before it is made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The method.
    pub op: Op,
    /// The path of the call. For a call of a file, it is the path with which the file was opened.
    pub path: &'a Path,
    /// The second path, if the call takes two.
    pub other_path: Option<&'a Path>,
    /// The arguments other than paths.
    pub arguments: Arguments<'a>,
}

/// The arguments of a call, other than paths.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Arguments<'a> {
    /// None.
    None,
    /// The options of an open.
    Open(&'a FsOpenOptions),
    /// The mode of a sync.
    Sync(SyncMode),
    /// The range of `read_at`, `write_at`, `start_writeback` or `punch_hole`.
    Range {
        /// The start of the range.
        offset: u64,
        /// The length of the range.
        len: u64,
    },
    /// The length of a `read` or `write` at the handle's position.
    Transfer(u64),
    /// The new length of a file, in `set_len` or `truncate_file`.
    Len(u64),
    /// The new position of a handle.
    Seek(SeekFrom),
    /// The offset at which `next_data` starts.
    Offset(u64),
    /// A hint.
    Hint(FileHint),
    /// The argument of [`FsPermissions::create_private_dir`](crate::FsPermissions::create_private_dir), whose operation
    /// is `create_dir`.
    Private,
    /// The new permissions of a file or a directory.
    Permissions(Permissions),
}

impl<'a> Call<'a> {
    /// Creates a call on one path.
    #[must_use]
    pub const fn new(op: Op, path: &'a Path, arguments: Arguments<'a>) -> Self {
        Self { op, path, other_path: None, arguments }
    }

    /// Creates a call from one path to another.
    #[must_use]
    pub const fn between(op: Op, from: &'a Path, to: &'a Path) -> Self {
        Self { op, path: from, other_path: Some(to), arguments: Arguments::None }
    }

    /// Returns `true` if the call changes names, bytes, lengths, permissions, attributes or locks, or makes changes
    /// durable.
    #[must_use]
    pub const fn changes(&self) -> bool {
        match (self.op, self.arguments) {
            (Op::Open, Arguments::Open(options)) => options.create || options.create_new || options.truncate,
            (
                Op::CreateDir
                | Op::RemoveFile
                | Op::RemoveDir
                | Op::RemoveDirAll
                | Op::Rename
                | Op::RenameNoreplace
                | Op::HardLink
                | Op::ReflinkFile
                | Op::SyncDirectory
                | Op::TryLockDirectory
                | Op::PunchHole
                | Op::TruncateFile
                | Op::TryDisableCow
                | Op::SetPermissions
                | Op::Write
                | Op::WriteAt
                | Op::SetLen
                | Op::SyncAll
                | Op::SyncData
                | Op::TryLockExclusive,
                _,
            ) => true,
            _ => false,
        }
    }

    /// Returns the number of bytes that a read or a write should transfer, and `None` for other calls.
    #[must_use]
    pub const fn transfer_len(&self) -> Option<u64> {
        match (self.op, self.arguments) {
            (Op::ReadAt | Op::WriteAt, Arguments::Range { len, .. }) | (_, Arguments::Transfer(len)) => {
                Some(len)
            }
            _ => None,
        }
    }

    /// Creates the error that a backend would return for this call with this cause.
    #[must_use]
    pub fn error(&self, cause: io::Error) -> Error {
        match self.other_path {
            Some(other) => Error::with_paths(self.op, self.path, other, cause),
            None => Error::new(self.op, self.path, cause),
        }
    }
}
