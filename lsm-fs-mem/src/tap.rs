//! What the wrappers share: every call of a filesystem and of its files, as a value, with a place to stand around it.
//!
//! A [`Tap`] sees each call before it happens and each result after. `tap_fs!` makes a wrapper of it. Batches run the
//! plain loops over the wrapper, so a tap sees single calls only.

pub(crate) mod errno_name;
mod file;
mod view;
mod wrap;

use std::{fmt, io::SeekFrom, ops::Range, path::Path};

use lsm_fs::{
    DirectorySync, Error, FileHint, Fs, FsCapabilities, FsDirEntry, FsDirLock, FsFile, FsMetadata,
    FsOpenOptions, Op, Result, SyncMode,
};

pub(crate) use file::{TappedFile, TappedLock};
pub(crate) use view::beneath;
pub(crate) use wrap::tap_fs;

/// One call, before it happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) op: Op,
    pub(crate) path: &'a Path,
    pub(crate) other: Option<&'a Path>,
    pub(crate) detail: Detail<'a>,
}

/// The arguments of a call that are not paths.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detail<'a> {
    None,
    Options(&'a FsOpenOptions),
    Sync(SyncMode),
    /// A transfer or another use of a range, at an offset of its own.
    At {
        offset: u64,
        len: u64,
    },
    /// A transfer at the handle's position.
    Cursor {
        len: u64,
    },
    Len(u64),
    Seek(SeekFrom),
    From(u64),
    Hint(FileHint),
    /// The name itself, not what it leads to.
    OfName,
    /// Whether a lock is that of a path.
    IsAt,
}

impl<'a> Call<'a> {
    pub(crate) fn new(op: Op, path: &'a Path, detail: Detail<'a>) -> Self {
        Self { op, path, other: None, detail }
    }

    pub(crate) fn between(op: Op, from: &'a Path, to: &'a Path) -> Self {
        Self { op, path: from, other: Some(to), detail: Detail::None }
    }

    /// The trait method, which says more than the operation: `write` and `write_at` are one operation.
    pub(crate) fn method(&self) -> &'static str {
        match (self.op, self.detail) {
            (Op::Read, Detail::At { .. }) => "read_at",
            (Op::Write, Detail::At { .. }) => "write_at",
            (Op::Metadata, Detail::OfName) => "symlink_metadata",
            (Op::Seek, Detail::From(_)) => "next_data",
            (Op::LockDirectory, Detail::IsAt) => "is_at",
            (Op::LockDirectory, _) => "try_lock_directory",
            (Op::LockFile, _) => "try_lock_exclusive",
            (Op::DisableCow, _) => "try_disable_cow",
            (op, _) => op.name(),
        }
    }

    /// How many bytes a transfer is to move.
    pub(crate) fn transfer_len(&self) -> Option<u64> {
        match self.detail {
            Detail::At { len, .. } | Detail::Cursor { len } if matches!(self.op, Op::Read | Op::Write) => {
                Some(len)
            }
            _ => None,
        }
    }

    /// Whether it is `Read::read` or `Write::write`, which may do a part and may be interrupted.
    pub(crate) fn is_at_cursor(&self) -> bool {
        matches!(self.detail, Detail::Cursor { .. })
    }

    pub(crate) fn is_file_sync(&self) -> bool {
        matches!(self.op, Op::SyncAll | Op::SyncData)
    }

    /// Whether the call changes names, bytes, lengths or locks, or makes changes durable.
    pub(crate) fn changes(&self) -> bool {
        match self.op {
            Op::Open => match self.detail {
                Detail::Options(options) => options.create || options.create_new || options.truncate,
                _ => false,
            },
            Op::CreateDir
            | Op::RemoveFile
            | Op::RemoveDir
            | Op::RemoveDirAll
            | Op::Rename
            | Op::RenameNoreplace
            | Op::HardLink
            | Op::ReflinkFile
            | Op::SyncDirectory
            | Op::PunchHole
            | Op::TruncateFile
            | Op::DisableCow
            | Op::Write
            | Op::SetLen
            | Op::SyncAll
            | Op::SyncData
            | Op::LockFile => true,
            Op::LockDirectory => !matches!(self.detail, Detail::IsAt),
            _ => false,
        }
    }

    /// Whether a full volume can refuse the call; a sync, because space is often allotted no earlier.
    pub(crate) fn needs_space(&self) -> bool {
        match self.op {
            Op::Open => match self.detail {
                Detail::Options(options) => options.create || options.create_new,
                _ => false,
            },
            Op::CreateDir
            | Op::Rename
            | Op::RenameNoreplace
            | Op::HardLink
            | Op::ReflinkFile
            | Op::TruncateFile
            | Op::Write
            | Op::SetLen
            | Op::SyncAll
            | Op::SyncData => true,
            _ => false,
        }
    }

    pub(crate) fn error(&self, source: std::io::Error) -> Error {
        match self.other {
            Some(other) => Error::with_paths(self.op, self.path, other, source),
            None => Error::new(self.op, self.path, source),
        }
    }
}

/// Stands around every call of a wrapper.
pub(crate) trait Tap: fmt::Debug + Send + Sync + 'static {
    /// What it keeps of each open file.
    type Handle: fmt::Debug + Send + Sync + 'static;

    fn open(
        &self,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<Box<dyn FsFile>>,
    ) -> Result<(Box<dyn FsFile>, Self::Handle)>;

    /// Every other call; `on` is there if it is one of an open file.
    fn around<R: Outcome>(
        &self,
        on: Option<&Self::Handle>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R>;

    /// A call that moves `len` bytes, of which a tap may let through a prefix.
    fn transfer<R: Outcome>(
        &self,
        on: &Self::Handle,
        call: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        self.around(Some(on), call, || run(len))
    }
}

/// What a call returns, as far as a tap wants to know.
pub(crate) trait Outcome {
    /// As a trace shows it; `None` for what is nothing or differs from machine to machine.
    fn shown(&self) -> Option<String> {
        None
    }

    /// `false` for a sync that did nothing.
    fn is_durable(&self) -> bool {
        true
    }
}

impl Outcome for () {}
impl Outcome for FsCapabilities {}
impl Outcome for Box<dyn FsFile> {}
impl Outcome for Box<dyn Fs + '_> {}

/// A number that is a fact of the machine: a volume, its free space.
impl Outcome for u64 {}

/// A number that is a fact of the file: a count of bytes, a position.
pub(crate) struct Bytes(pub(crate) u64);

impl Outcome for Bytes {
    fn shown(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Outcome for bool {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Outcome for Option<Range<u64>> {
    fn shown(&self) -> Option<String> {
        Some(self.as_ref().map_or_else(|| "none".into(), |r| format!("{}..{}", r.start, r.end)))
    }
}

impl Outcome for Vec<FsDirEntry> {
    fn shown(&self) -> Option<String> {
        Some(format!("{} names", self.len()))
    }
}

impl Outcome for FsMetadata {
    fn shown(&self) -> Option<String> {
        Some(if self.is_file() {
            format!("file {}", self.len)
        } else if self.is_dir() {
            "directory".into()
        } else {
            "other".into()
        })
    }
}

impl Outcome for Option<Box<dyn FsDirLock>> {
    fn shown(&self) -> Option<String> {
        Some(self.is_some().to_string())
    }
}

impl Outcome for DirectorySync {
    fn shown(&self) -> Option<String> {
        Some(if self.is_durable() { "durable".into() } else { "not supported".into() })
    }

    fn is_durable(&self) -> bool {
        *self == Self::Durable
    }
}
