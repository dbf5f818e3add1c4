//! Properties of files, directory entries and mounts.

use std::{ffi::OsString, time::SystemTime};

use crate::Permissions;

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FsFileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe. [`Fs::open`](crate::Fs::open) refuses it.
    Other,
}

impl FsFileType {
    /// Returns `true` for a regular file.
    #[must_use]
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File)
    }

    /// Returns `true` for a directory.
    #[must_use]
    pub const fn is_dir(self) -> bool {
        matches!(self, Self::Directory)
    }

    /// Returns `true` for a symbolic link.
    #[must_use]
    pub const fn is_symlink(self) -> bool {
        matches!(self, Self::Symlink)
    }
}

/// The identity of an inode. Two names with equal ids share their bytes.
///
/// An id is valid while the inode has a name or an open handle. Afterwards the filesystem may reuse it for another
/// file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The volume, as returned by [`Fs::volume_id`](crate::Fs::volume_id).
    pub volume: u64,
    /// The number of the inode on that volume.
    pub inode: u64,
}

/// Properties of one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FsMetadata {
    /// The type: file, directory, or something else.
    pub file_type: FsFileType,
    /// Length in bytes. For a directory, the value is filesystem-specific.
    pub len: u64,
    /// Number of names of the inode, if the platform provides it. It is 0 for a file that was removed while open.
    pub link_count: Option<u64>,
    /// Identity of the inode, if the platform provides it.
    pub file_id: Option<FileId>,
    /// Allocated storage in bytes, if the platform provides it. If it is less than `len`, the file has holes or is
    /// compressed.
    pub allocated_bytes: Option<u64>,
    /// Time of the last change of the bytes, if the backend records it.
    pub modified: Option<SystemTime>,
    /// Mode, owner and group, if the backend has them.
    pub permissions: Option<Permissions>,
}

impl FsMetadata {
    /// Creates metadata with only the type and the length.
    #[must_use]
    pub const fn new(file_type: FsFileType, len: u64) -> Self {
        let (link_count, file_id, allocated_bytes) = (None, None, None);
        Self { file_type, len, link_count, file_id, allocated_bytes, modified: None, permissions: None }
    }

    /// Returns `true` for a regular file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.file_type.is_file()
    }

    /// Returns `true` for a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.file_type.is_dir()
    }
}

/// An entry in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct FsDirEntry {
    /// The name, a single path component.
    pub name: OsString,
    /// The type of the entry. A symbolic link is not followed.
    pub file_type: FsFileType,
}

impl FsDirEntry {
    /// Creates an entry.
    pub fn new(name: impl Into<OsString>, file_type: FsFileType) -> Self {
        Self { name: name.into(), file_type }
    }
}

/// Capabilities of a mount. The default claims none.
///
/// `true` means that the operation exists, not that every call succeeds: a link may still fail with `EMLINK`, and a
/// clone with `EXDEV`. `false` may only mean that the backend could not find out. Callers may try the operation anyway.
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
    /// [`Fs::rename`](crate::Fs::rename) moves a directory while files in it are open. Windows refuses this.
    pub rename_open_tree: bool,
    /// [`FsFile::try_lock_exclusive`](crate::FsFile::try_lock_exclusive) keeps out other locks and nothing else. On
    /// Windows, the lock of one handle makes the reads and writes of other handles fail.
    pub advisory_locks: bool,
    /// A view follows its root through a rename ([`Fs::beneath`](crate::Fs::beneath)). Without this, it looks its root
    /// up by name for each call.
    pub rooted_views: bool,
    /// Every block is verified against a checksum when it is read (btrfs, ZFS, bcachefs, but not `nodatacow` files on
    /// btrfs).
    pub per_block_integrity_on_read: bool,
    /// The filesystem can verify all blocks in the background.
    pub background_scrub: bool,
    /// Overwrites go to new blocks, unless a file opts out.
    pub copy_on_write: bool,
    /// The filesystem can snapshot a whole tree.
    pub native_snapshot: bool,
}
