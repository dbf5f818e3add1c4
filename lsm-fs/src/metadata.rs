//! Facts that a backend reports of a file, a directory entry and a mount.

use std::{ffi::OsString, time::SystemTime};

/// What a name is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FsFileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe: anything that [`Fs::open`](crate::Fs::open) refuses.
    Other,
}

impl FsFileType {
    /// Whether it is a regular file.
    #[must_use]
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File)
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(self) -> bool {
        matches!(self, Self::Directory)
    }

    /// Tells if it is a symbolic link.
    #[must_use]
    pub const fn is_symlink(self) -> bool {
        matches!(self, Self::Symlink)
    }
}

/// Which inode a name is bound to. Two names with equal ids share their bytes.
///
/// An id is good while something keeps the inode alive, a name or an open handle; afterwards the filesystem may give
/// it to another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The volume, as [`Fs::volume_id`](crate::Fs::volume_id) gives it.
    pub volume: u64,
    /// The inode's number on that volume.
    pub inode: u64,
}

/// What is known of one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FsMetadata {
    /// File, directory, or something else.
    pub file_type: FsFileType,
    /// Length in bytes; of a directory, whatever the filesystem says.
    pub len: u64,
    /// How many names the inode has, where the platform tells. 0: removed, and open still.
    pub link_count: Option<u64>,
    /// Which inode it is, where the platform tells.
    pub file_id: Option<FileId>,
    /// Bytes of storage it takes, where the platform tells: less than `len` where there are holes.
    pub allocated_bytes: Option<u64>,
    /// When its bytes last changed, where the backend keeps time.
    pub modified: Option<SystemTime>,
}

impl FsMetadata {
    /// Of something about which nothing more is known.
    #[must_use]
    pub const fn new(file_type: FsFileType, len: u64) -> Self {
        Self { file_type, len, link_count: None, file_id: None, allocated_bytes: None, modified: None }
    }

    /// Whether it is a regular file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.file_type.is_file()
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.file_type.is_dir()
    }
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct FsDirEntry {
    /// The name: one path component.
    pub name: OsString,
    /// What it is bound to; a symbolic link is not followed.
    pub file_type: FsFileType,
}

impl FsDirEntry {
    /// An entry.
    pub fn new(name: impl Into<OsString>, file_type: FsFileType) -> Self {
        Self { name: name.into(), file_type }
    }
}

/// What a mount can do. The default claims nothing.
///
/// A `true` is a promise that the operation exists, not that each call succeeds: a link can still meet `EMLINK`, a
/// clone `EXDEV`. A `false` may only mean that the backend could not find out; trying is always allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FsCapabilities {
    /// [`Fs::reflink_file`](crate::Fs::reflink_file) works within the volume.
    pub reflink: bool,
    /// [`Fs::hard_link`](crate::Fs::hard_link) works within the volume.
    pub hard_link: bool,
    /// [`Fs::rename_noreplace`](crate::Fs::rename_noreplace) works.
    pub rename_noreplace: bool,
    /// [`Fs::punch_hole`](crate::Fs::punch_hole) frees space.
    pub punch_hole: bool,
    /// [`Fs::sync_directory`](crate::Fs::sync_directory) makes names durable.
    pub directory_sync: bool,
    /// Every block is checked against a checksum when it is read (btrfs, ZFS, bcachefs; btrfs not for `nodatacow`).
    pub per_block_integrity_on_read: bool,
    /// The filesystem can check all blocks in the background.
    pub background_scrub: bool,
    /// Overwrites go to new blocks unless a file opts out.
    pub copy_on_write: bool,
    /// The filesystem can snapshot a whole tree by itself.
    pub native_snapshot: bool,
}
