//! [`Method`] and [`Policy`]: the ways in which a file comes into a checkpoint, and the choice among them.

use std::fmt;

/// The way in which a file came into a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A second name of the source's inode.
    HardLink,
    /// A second name of the inode in the base checkpoint.
    BaseLink,
    /// An inode of its own that shares extents with the source's.
    Reflink,
    /// A copy.
    Copy,
    /// Written from memory: manifests, pointers, bytes that the engine supplied.
    Written,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::HardLink, Self::BaseLink, Self::Reflink, Self::Copy, Self::Written];

    /// The name in messages.
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

/// The choice among the methods for a file that may be shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Hard links and nothing else: it takes no space, or it fails.
    LinkOnly,
    /// A hard link. If it is refused, a reflink. If that is refused as well, a copy.
    #[default]
    PreferLink,
    /// A reflink. If it is refused, a hard link. If that is refused as well, a copy.
    PreferReflink,
    /// A reflink or a copy: no inode is shared with the source. A reflink still shares its blocks, and what happens to
    /// a block on the medium happens to both.
    Independent,
}
