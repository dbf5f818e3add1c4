//! Crash rules per filesystem: the changes that each sync forces to disk, and the order of the changes that no sync
//! forced.

mod forces;

use std::{fmt, str::FromStr};

pub(crate) use forces::SyncCall;

/// A filesystem whose rules decide which states a crash may leave.
///
/// A crash state that a named filesystem allows is also legal under `Adversarial`, which forces the least and orders
/// nothing. When a file has many pending writes, each profile samples a few representative outcomes. Stricter
/// filesystems have fewer legal outcomes and so cover a larger share of them, which is why a sweep runs every profile.
/// The named profiles also explain a failure ("only on btrfs") and show how much code relies on its filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The guarantees of POSIX and nothing more.
    #[default]
    Adversarial,
    /// ext4 with `data=ordered`. An fsync of a directory, or of a file that changed, commits all earlier name changes
    /// on the volume.
    Ext4,
    /// XFS. The journal is a single sequence of changes, and an fsync forces it up to the last change of that inode.
    Xfs,
    /// btrfs. A commit persists a prefix of all name changes, and data follows when it is written. An fsync logs an
    /// inode, its names, and new inodes around it, but not new links to old inodes elsewhere.
    Btrfs,
}

impl Profile {
    /// All profiles. `Adversarial`, which demands the most of the code under test, comes first.
    pub const ALL: [Self; 4] = [Self::Adversarial, Self::Ext4, Self::Xfs, Self::Btrfs];

    /// Returns the name that state ids use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adversarial => "adversarial",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A profile, with two optional ways in which a disk may behave worse than the profile says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CrashModel {
    /// The filesystem whose rules apply.
    pub profile: Profile,
    /// Allows a rename to be split: a crash may leave both names, or neither.
    pub hostile_rename: bool,
    /// Allows garbage in the last sector of a file's pending writes.
    pub torn_sector: bool,
}

impl CrashModel {
    /// Creates a model of the profile in which renames and sectors are atomic.
    #[must_use]
    pub const fn new(profile: Profile) -> Self {
        Self { profile, hostile_rename: false, torn_sector: false }
    }

    /// Sets [`hostile_rename`](Self#structfield.hostile_rename).
    #[must_use]
    pub const fn hostile_rename(mut self, split: bool) -> Self {
        self.hostile_rename = split;
        self
    }

    /// Sets [`torn_sector`](Self#structfield.torn_sector).
    #[must_use]
    pub const fn torn_sector(mut self, torn: bool) -> Self {
        self.torn_sector = torn;
        self
    }
}

impl From<Profile> for CrashModel {
    fn from(profile: Profile) -> Self {
        Self::new(profile)
    }
}

impl fmt::Display for CrashModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hostile = if self.hostile_rename { "+hostile" } else { "" };
        let torn = if self.torn_sector { "+torn" } else { "" };
        write!(f, "{}{hostile}{torn}", self.profile)
    }
}

impl FromStr for CrashModel {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let (name, flags) = text.split_once('+').map_or((text, None), |(name, flags)| (name, Some(flags)));
        let profile = Profile::ALL.into_iter().find(|p| p.name() == name).ok_or(UnknownProfile)?;
        let mut model = Self::new(profile);
        for flag in flags.into_iter().flat_map(|flags| flags.split('+')) {
            match flag {
                "hostile" => model.hostile_rename = true,
                "torn" => model.torn_sector = true,
                _ => return Err(UnknownProfile),
            }
        }
        Ok(model)
    }
}

/// An error: the text does not name a crash model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a crash model: expected adversarial, ext4, xfs or btrfs, then optionally +hostile and +torn",
        )
    }
}

impl std::error::Error for UnknownProfile {}

/// The name changes that an fsync forces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForcedNames {
    /// For a file, none. For a directory, the names in it.
    Own,
    /// All name changes on the volume. A file's fsync forces them only if the file or its names have pending changes.
    /// For a directory, ext4 commits in any case (`ext4_fsync_journal` in `fs/ext4/fsync.c`).
    Volume,
    /// All name changes on the volume up to the last one that concerns the inode (`xfs_file_fsync` and `xfs_dir_fsync`
    /// in `fs/xfs/xfs_file.c`).
    UpToLast,
    /// For a file: its names, its new ancestors, and new files beside it there. For a directory: the same, the names in
    /// it, and new inodes below it. See `forces.rs` for the sources.
    Around,
}

/// The order of name changes that no sync has forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOrder {
    /// No order.
    Free,
    /// The order of the calls: a prefix of the changes persists, along with the changes that later syncs forced.
    AsMade,
}

/// The two tables of the model, as one row per filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrashRules {
    pub(crate) fsync_content: bool,
    pub(crate) fsync_names: ForcedNames,
    pub(crate) fdatasync_data: bool,
    pub(crate) fdatasync_growth: bool,
    pub(crate) fdatasync_is_fsync: bool,
    pub(crate) directory_names: ForcedNames,
    /// A sync of an inode that has changed also forces the later name changes of inodes that are already in the log.
    pub(crate) logged_names: bool,
    pub(crate) clone_source_data: bool,
    pub(crate) syncfs: bool,
    pub(crate) order: NameOrder,
    /// A length that a write set persists only together with the last sector of that write. XFS updates the length on
    /// disk after the data has been written (`xfs_setfilesize` in `fs/xfs/xfs_aops.c`).
    pub(crate) size_needs_last_sector: bool,
    /// The writes of a file persist whole and in order, each with its length. btrfs keeps the old blocks until the new
    /// ones are written, and checksums detect a torn block.
    pub(crate) whole_writes: bool,
    pub(crate) whole_renames: bool,
    pub(crate) torn_sector: bool,
}

impl CrashModel {
    pub(crate) const fn rules(self) -> CrashRules {
        let posix = CrashRules {
            fsync_content: true,
            fsync_names: ForcedNames::Own,
            fdatasync_data: true,
            fdatasync_growth: true,
            fdatasync_is_fsync: false,
            directory_names: ForcedNames::Own,
            logged_names: false,
            clone_source_data: true,
            syncfs: true,
            order: NameOrder::Free,
            size_needs_last_sector: false,
            whole_writes: false,
            whole_renames: !self.hostile_rename,
            torn_sector: self.torn_sector,
        };
        match self.profile {
            Profile::Adversarial => posix,
            Profile::Ext4 => CrashRules {
                fsync_names: ForcedNames::Volume,
                directory_names: ForcedNames::Volume,
                order: NameOrder::AsMade,
                ..posix
            },
            Profile::Xfs => CrashRules {
                fsync_names: ForcedNames::UpToLast,
                directory_names: ForcedNames::UpToLast,
                order: NameOrder::AsMade,
                size_needs_last_sector: true,
                ..posix
            },
            Profile::Btrfs => CrashRules {
                fsync_names: ForcedNames::Around,
                fdatasync_is_fsync: true,
                directory_names: ForcedNames::Around,
                logged_names: true,
                order: NameOrder::AsMade,
                whole_writes: true,
                ..posix
            },
        }
    }
}

#[cfg(test)]
mod tests;
