//! [`Call`]: one call as a value.

use std::{io, io::SeekFrom, path::Path};

use crate::{Error, FileHint, FsOpenOptions, Op, SyncMode};

/// One call, before it happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The method that is called.
    pub op: Op,
    /// The path of the call. A call of a file has the path that the file was opened by.
    pub path: &'a Path,
    /// The second path of a call that takes two.
    pub other_path: Option<&'a Path>,
    /// The arguments that are no paths.
    pub arguments: Arguments<'a>,
}

/// The arguments of a call that are no paths.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Arguments<'a> {
    /// None.
    None,
    /// Those of an open.
    Open(&'a FsOpenOptions),
    /// The reach of a sync.
    Sync(SyncMode),
    /// A range of a file: of `read_at`, `write_at`, `start_writeback` and `punch_hole`.
    Range {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        len: u64,
    },
    /// The length of a transfer at the handle's position: of `read` and `write`.
    Transfer(u64),
    /// The new length of a file: of `set_len` and `truncate_file`.
    Len(u64),
    /// The new position of a handle.
    Seek(SeekFrom),
    /// Where `next_data` begins to look.
    Offset(u64),
    /// A hint.
    Hint(FileHint),
}

impl<'a> Call<'a> {
    /// A call on one path.
    #[must_use]
    pub const fn new(op: Op, path: &'a Path, arguments: Arguments<'a>) -> Self {
        Self { op, path, other_path: None, arguments }
    }

    /// A call from one path to another.
    #[must_use]
    pub const fn between(op: Op, from: &'a Path, to: &'a Path) -> Self {
        Self { op, path: from, other_path: Some(to), arguments: Arguments::None }
    }

    /// Tells if the call changes names, bytes, lengths or locks, or makes changes durable.
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

    /// Returns how many bytes a read or a write is to move.
    #[must_use]
    pub const fn transfer_len(&self) -> Option<u64> {
        match (self.op, self.arguments) {
            (Op::ReadAt | Op::WriteAt, Arguments::Range { len, .. }) | (_, Arguments::Transfer(len)) => {
                Some(len)
            }
            _ => None,
        }
    }

    /// Makes the error that a backend would report of this call, with this cause.
    #[must_use]
    pub fn error(&self, cause: io::Error) -> Error {
        match self.other_path {
            Some(other) => Error::with_paths(self.op, self.path, other, cause),
            None => Error::new(self.op, self.path, cause),
        }
    }
}
