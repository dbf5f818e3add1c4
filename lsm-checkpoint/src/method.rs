//! [`Method`] and [`Policy`]: the ways to bring a file into a checkpoint, and the order in which they are tried.

use std::fmt;

/// The way in which a file was brought into a checkpoint.
///
/// # Attributes that a file keeps
///
/// | | mode | owner and group | times, ACLs, extended attributes |
/// |---|---|---|---|
/// | `HardLink`, `BaseLink` | unchanged, because the inode is shared | unchanged | unchanged |
/// | `Reflink`, `Copy` | the source's | the source's, where the process may set them | not kept |
/// | `Written` | as the source's first directory, without execute | as the source's first directory | not kept |
///
/// A clone, a copy or a written file does not keep setuid, setgid and sticky bits. A directory takes the mode and the
/// owner of the source directory that its files come from, or else of the source's first directory. The owner of a
/// directory can always use it. [`CheckpointInfo`](crate::CheckpointInfo) counts the modes and owners that could not be
/// kept.
///
/// New files and directories are made so that their owner alone can use them. They get their owner first and then their
/// mode, so at no moment do group or others have rights beyond the source's mode.
///
/// A clone or a copy does not keep an ACL. If the engine's user needs it, copy it by other means. The group bits in the
/// mode of a file with a POSIX ACL are the mask of the ACL (`acl(5)`). A clone or a copy gives these bits to the owning
/// group, which may be more than the ACL grants to this group. In that case, put the checkpoint into a directory that
/// the group cannot enter, or remove the bits from these files (`chmod g=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A second name of the inode in the source.
    HardLink,
    /// A second name of the inode in the base checkpoint.
    BaseLink,
    /// A new inode that shares extents with the inode in the source.
    Reflink,
    /// A copy.
    Copy,
    /// Written from memory: manifests, pointers, bytes that the engine supplied.
    Written,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] = [Self::HardLink, Self::BaseLink, Self::Reflink, Self::Copy, Self::Written];

    /// Returns the name that messages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardLink => "hard link",
            Self::BaseLink => "link to the base",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
            Self::Written => "written",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The methods to try for a file that may be shared, in order.
///
/// A link to the base is tried only if [`Checkpoint::base`](crate::Checkpoint::base) is set and the base holds the
/// file. A file that may change or grow is always copied, and bytes from memory are always written.
///
/// If the filesystem refuses a method, the next one is tried. An I/O error (`EIO`) ends the checkpoint. A mount of
/// rclone answers every link with `EIO`, so use [`Independent`](Self::Independent) without a base there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Only links: a hard link to the source, or else to the base. If both are refused, the checkpoint fails.
    LinkOnly,
    /// A hard link to the source, a link to the base, a reflink, a copy.
    #[default]
    PreferLink,
    /// A reflink, a hard link to the source, a link to the base, a copy.
    PreferReflink,
    /// A link to the base, a reflink, a copy. No inode is shared with the source. A reflink still shares its blocks, so
    /// a defect of the medium affects both files.
    Independent,
}
