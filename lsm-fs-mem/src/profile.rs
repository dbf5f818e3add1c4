//! What a sync forces to the disk and what is ordered without one, per filesystem.

mod forces;

use std::{fmt, str::FromStr};

pub(crate) use forces::SyncCall;

/// Whose rules decide what a crash may leave.
///
/// Every state that a named filesystem allows is allowed by `Adversarial`, too: it forces least and orders nothing. Of
/// a file with many pending writes each profile tries a few classes, and the named ones, which allow less, come closer
/// to all of theirs; so a sweep tries all profiles. They also explain a failure ("only on btrfs") and show how much
/// code leans on its filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The promises of POSIX and nothing else.
    #[default]
    Adversarial,
    /// ext4 with `data=ordered`: an fsync of a directory, or of a file that changed, commits all earlier changes of
    /// names on the volume.
    Ext4,
    /// XFS: the journal is one order of changes; an fsync forces it up to the last change of that inode.
    Xfs,
    /// btrfs: a commit is a prefix of all changes of names, data follows when it is written; an fsync logs an inode,
    /// its names, and new inodes around it, but not new links to old inodes elsewhere.
    Btrfs,
}

impl Profile {
    /// All of them, the strictest for the code under test first.
    pub const ALL: [Self; 4] = [Self::Adversarial, Self::Ext4, Self::Xfs, Self::Btrfs];

    /// The name in state ids.
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

/// A profile, and two ways in which disks are worse than it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CrashModel {
    /// The filesystem.
    pub profile: Profile,
    /// A rename may be split: after a crash both names are there, or neither.
    pub hostile_rename: bool,
    /// The last sector of what a file was being written may hold garbage.
    pub torn_sector: bool,
}

impl CrashModel {
    /// The profile, with renames and sectors atomic.
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

/// The text names no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a profile: adversarial, ext4, xfs or btrfs, with +hostile and +torn behind it")
    }
}

impl std::error::Error for UnknownProfile {}

/// Which changes of names an fsync takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForcedNames {
    /// Of a file: none. Of a directory: its own.
    Own,
    /// All of the volume; with a file, only if anything about it waits. ext4 commits for a directory whatever its
    /// state.
    Volume,
    /// All of the volume, up to the last that is about the inode.
    UpToLast,
    /// Of a file: its names, its new ancestors, and new files beside it there. Of a directory: the same, the names in
    /// it, and new inodes below it.
    Around,
}

/// The changes that are ordered without a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOrder {
    /// Nothing.
    Free,
    /// Changes of names: a prefix of them persists, and what later syncs forced.
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
    /// A sync that has anything to do takes along what has become of the names of inodes that were logged before.
    pub(crate) logged_names: bool,
    pub(crate) clone_source_data: bool,
    pub(crate) syncfs: bool,
    pub(crate) order: NameOrder,
    /// A length that a write set persists only with the last sector of that write.
    pub(crate) size_needs_last_sector: bool,
    /// The writes of a file persist whole and in order, each with its length: old blocks stay until the new ones are
    /// written, and checksums find a torn one.
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
