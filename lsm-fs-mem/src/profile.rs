//! Crash rules per filesystem: the changes that each sync forces to disk, and the order of the changes that no sync
//! forced.

mod forces;

use std::{fmt, str::FromStr};

pub(crate) use forces::{LogState, SyncCall};

use crate::micro::{Change, Kind, Micro};

/// A filesystem whose rules decide which states a crash may leave.
///
/// A crash state that a named filesystem allows is also legal under `Adversarial`, which forces the least and allows
/// the other changes to survive in any order. When a file has many pending writes, a sweep tries a few representative
/// outcomes under each profile. Stricter filesystems have fewer legal outcomes and so cover a larger share of them,
/// which is why a sweep runs every profile. The named profiles also explain a failure ("only on btrfs") and show how
/// much code relies on its filesystem.
///
/// Every filesystem also commits by itself, so a change may reach the disk between any two calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Forces the promise of each sync, and nothing more.
    #[default]
    Adversarial,
    /// ext4 with `data=ordered`. An fsync commits all name changes on the volume up to the last change of the file or
    /// directory, and later ones as well unless a commit in the background came first.
    Ext4,
    /// XFS. The journal is a single sequence of changes, and an fsync forces it up to the last change of that inode.
    Xfs,
    /// btrfs. A commit persists a prefix of all name changes, and data follows when it is written. An fsync logs an
    /// inode, its names, the new directories above it, and for a directory the new inodes below it, but not new links
    /// to old inodes. An inode is new only until the next commit, which may happen at any time.
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

/// A profile, with two switches that let a disk behave worse than the profile says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CrashModel {
    /// The filesystem whose rules apply.
    pub profile: Profile,
    /// Allows every rename to be split: a crash may leave both names, or neither. Without it, only `Adversarial` and
    /// `Btrfs` can leave both names, and only of a file that moved to another directory.
    pub hostile_rename: bool,
    /// Allows garbage in the last sector of a file's pending writes. Has no effect under `Btrfs`, whose checksums
    /// detect it.
    pub torn_sector: bool,
}

impl CrashModel {
    /// Creates a model of the profile alone, in which sectors are atomic.
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
    /// All name changes on the volume up to the last change of the inode. XFS forces its journal up to that change
    /// (`xfs_file_fsync` and `xfs_dir_fsync` in `fs/xfs/xfs_file.c`). ext4 commits the whole running transaction
    /// (`ext4_fsync_journal` in `fs/ext4/fsync.c`), but only if that transaction holds the change. A commit by the
    /// timer may have ended the transaction right after the change.
    UpToLast,
    /// For a file: its names and its new ancestors. For a directory: the same, the names in it, and new inodes below
    /// it. See `forces/log_tree.rs` for the sources.
    Around,
}

/// The order of name changes that no sync has forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOrder {
    /// No order.
    Free,
    /// The order of the calls: a prefix of the changes persists, along with the changes that later syncs forced.
    AsMade,
    /// A commit persists a prefix of the changes, and later syncs add to it. The commit may happen at any time, and a
    /// later sync knows only the changes since then. See `crash/history.rs`.
    Logged,
}

/// The crash states of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RenameHalves {
    /// Both halves persist or neither does.
    Together,
    /// A file that moved to another directory may keep both names. A sync of the new directory promises the new name,
    /// and nothing about the old one. Within a directory and for directories, both halves persist or neither does.
    NewBeforeOld,
    /// Each half persists by itself.
    Apart,
}

/// The relation between the two halves of one rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coupling {
    Together,
    /// The removal of the old name needs the new name.
    NewBeforeOld,
    Apart,
}

/// The two tables of the [guide](crate::guide#the-profiles), as one value per filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrashRules {
    pub(crate) fsync_content: bool,
    pub(crate) fsync_names: ForcedNames,
    /// A new length of a file counts as its last change, too, because ext4 writes the inode. A write that leaves the
    /// length does not count: it changes only the modification time, and not even that if the last change was within
    /// the same tick of the clock (`inode_needs_update_time` in `fs/inode.c`). A new mode or owner always counts.
    pub(crate) lengths_count: bool,
    pub(crate) fdatasync_data: bool,
    pub(crate) fdatasync_growth: bool,
    pub(crate) fdatasync_is_fsync: bool,
    pub(crate) directory_names: ForcedNames,
    /// A sync of an inode that has changed also forces the later name changes of inodes that are already in the log.
    pub(crate) logged_names: bool,
    pub(crate) syncfs: bool,
    pub(crate) order: NameOrder,
    /// The lengths of a file persist in the order of the calls. Data written beyond a truncated length lies in new
    /// blocks, so it persists only if the truncation does.
    pub(crate) lengths_in_order: bool,
    /// A length that a write set persists only together with the last sector of that write. XFS updates the length on
    /// disk after the data has been written (`xfs_setfilesize` in `fs/xfs/xfs_aops.c`).
    pub(crate) size_needs_last_sector: bool,
    /// The writes to one block persist atomically and in order. Different blocks persist in no order. btrfs writes a
    /// block to a new place, and a checksum detects a torn block (btrfs(5)).
    pub(crate) whole_blocks: bool,
    pub(crate) renames: RenameHalves,
    pub(crate) torn_sector: bool,
}

impl CrashRules {
    /// Returns the relation between the halves of a rename.
    pub(crate) fn coupling(&self, old: &Micro, new: &Micro) -> Coupling {
        debug_assert!(new.is_link(), "the second half of a rename is a new name");
        let Change::Link { dir: new_dir, kind, .. } = &new.change else { return Coupling::Apart };
        let moves_file =
            *kind == Kind::File && old.binding().is_some_and(|(old_dir, ..)| old_dir != *new_dir);
        match self.renames {
            RenameHalves::NewBeforeOld if moves_file => Coupling::NewBeforeOld,
            RenameHalves::Together | RenameHalves::NewBeforeOld => Coupling::Together,
            RenameHalves::Apart => Coupling::Apart,
        }
    }
}

impl CrashModel {
    pub(crate) const fn rules(self) -> CrashRules {
        let posix = CrashRules {
            fsync_content: true,
            fsync_names: ForcedNames::Own,
            lengths_count: false,
            fdatasync_data: true,
            fdatasync_growth: true,
            fdatasync_is_fsync: false,
            directory_names: ForcedNames::Own,
            logged_names: false,
            syncfs: true,
            order: NameOrder::Free,
            lengths_in_order: false,
            size_needs_last_sector: false,
            whole_blocks: false,
            renames: if self.hostile_rename { RenameHalves::Apart } else { RenameHalves::NewBeforeOld },
            torn_sector: self.torn_sector,
        };
        let journaled = CrashRules {
            fsync_names: ForcedNames::UpToLast,
            directory_names: ForcedNames::UpToLast,
            order: NameOrder::AsMade,
            lengths_in_order: true,
            renames: if self.hostile_rename { RenameHalves::Apart } else { RenameHalves::Together },
            ..posix
        };
        match self.profile {
            Profile::Adversarial => posix,
            Profile::Ext4 => CrashRules { lengths_count: true, ..journaled },
            Profile::Xfs => CrashRules { size_needs_last_sector: true, ..journaled },
            Profile::Btrfs => CrashRules {
                fsync_names: ForcedNames::Around,
                fdatasync_is_fsync: true,
                directory_names: ForcedNames::Around,
                logged_names: true,
                order: NameOrder::Logged,
                lengths_in_order: true,
                whole_blocks: true,
                ..posix
            },
        }
    }
}

#[cfg(test)]
mod tests;
