//! [`Op`]: the name of an operation.

use std::fmt;

/// The operation that failed, named after the method or function that performs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Op {
    /// `Fs::beneath`
    Beneath,
    /// `Fs::open`
    Open,
    /// `Fs::create_dir`
    CreateDir,
    /// `Fs::read_dir`
    ReadDir,
    /// `Fs::metadata` and `FsFile::metadata`
    Metadata,
    /// `Fs::symlink_metadata`
    SymlinkMetadata,
    /// `Fs::remove_file`
    RemoveFile,
    /// `Fs::remove_dir`
    RemoveDir,
    /// `Fs::remove_dir_all`
    RemoveDirAll,
    /// `Fs::rename`
    Rename,
    /// `Fs::rename_noreplace`
    RenameNoreplace,
    /// `Fs::hard_link`
    HardLink,
    /// `Fs::reflink_file`
    ReflinkFile,
    /// `Fs::sync_directory`
    SyncDirectory,
    /// `Fs::try_lock_directory`
    TryLockDirectory,
    /// `FsDirLock::is_at`
    IsAt,
    /// `Fs::volume_id`
    VolumeId,
    /// `Fs::capabilities`
    Capabilities,
    /// `Fs::available_space`
    AvailableSpace,
    /// `Fs::punch_hole`
    PunchHole,
    /// `Fs::truncate_file`
    TruncateFile,
    /// `FsAttributes::try_disable_cow`
    TryDisableCow,
    /// `FsFile::set_permissions` and `FsPermissions::set_directory_permissions`
    SetPermissions,
    /// `copy::copy_batch`: the copy was stopped, the source was too short, or `copy_file_range` failed. No method makes
    /// a single copy, so these errors have no other name. A method that fails in a batch keeps its own.
    CopyBatch,
    /// `Read::read`
    Read,
    /// `FsFile::read_at`
    ReadAt,
    /// `Write::write`
    Write,
    /// `FsFile::write_at`
    WriteAt,
    /// `Seek::seek`
    Seek,
    /// `FsFile::next_data`
    NextData,
    /// `FsFile::set_len`
    SetLen,
    /// `FsFile::sync_all`
    SyncAll,
    /// `FsFile::sync_data`
    SyncData,
    /// `FsFile::start_writeback`
    StartWriteback,
    /// `FsFile::hint`
    Hint,
    /// `FsFile::try_lock_exclusive`
    TryLockExclusive,
}

impl Op {
    /// Returns the name in messages and traces, such as `hard_link`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beneath => "beneath",
            Self::Open => "open",
            Self::CreateDir => "create_dir",
            Self::ReadDir => "read_dir",
            Self::Metadata => "metadata",
            Self::SymlinkMetadata => "symlink_metadata",
            Self::RemoveFile => "remove_file",
            Self::RemoveDir => "remove_dir",
            Self::RemoveDirAll => "remove_dir_all",
            Self::Rename => "rename",
            Self::RenameNoreplace => "rename_noreplace",
            Self::HardLink => "hard_link",
            Self::ReflinkFile => "reflink_file",
            Self::SyncDirectory => "sync_directory",
            Self::TryLockDirectory => "try_lock_directory",
            Self::IsAt => "is_at",
            Self::VolumeId => "volume_id",
            Self::Capabilities => "capabilities",
            Self::AvailableSpace => "available_space",
            Self::PunchHole => "punch_hole",
            Self::TruncateFile => "truncate_file",
            Self::TryDisableCow => "try_disable_cow",
            Self::SetPermissions => "set_permissions",
            Self::CopyBatch => "copy_batch",
            Self::Read => "read",
            Self::ReadAt => "read_at",
            Self::Write => "write",
            Self::WriteAt => "write_at",
            Self::Seek => "seek",
            Self::NextData => "next_data",
            Self::SetLen => "set_len",
            Self::SyncAll => "sync_all",
            Self::SyncData => "sync_data",
            Self::StartWriteback => "start_writeback",
            Self::Hint => "hint",
            Self::TryLockExclusive => "try_lock_exclusive",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
