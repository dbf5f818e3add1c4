//! The log tree of btrfs: the names that a sync forces, and those that it may force.
//!
//! # Sources
//!
//! The rules for btrfs follow its log tree, `fs/btrfs/tree-log.c` in the Linux source:
//!
//! - `btrfs_sync_file` (in `fs/btrfs/file.c`) uses its argument `datasync` only in a trace point, so an fdatasync is an
//!   fsync.
//! - `btrfs_log_inode_parent` logs an inode, its new ancestors (`log_all_new_ancestors`) and, if the inode is a
//!   directory, the new entries below it (`log_new_dir_dentries`). `log_new_dir_dentries` skips an inode that is
//!   already in the log (`need_log_inode`).
//! - The comment "directory trouble cases" in `tree-log.c` requires that new names of logged inodes are logged (case
//!   2), and also new names of inodes that a rename moves out of a logged directory (case 2a). `btrfs_log_new_name`
//!   does both.
//! - `btrfs_del_dir_entries_in_log` deletes the names of a removed file from the log.
//!
//! These details come from recorded crash states of Linux 6.18 and are not documented:
//!
//! - New links to old inodes in old subdirectories of a synced directory are not logged.
//! - The other new names of a logged inode, and other names in a new directory that is logged, may be logged or not.
//!   [`CrashRules::may_log`] returns these names.
//! - A name that a later call replaced is not forced.

use std::collections::{BTreeMap, BTreeSet};

use super::{Forcing, LogState, SyncCall};
use crate::{
    micro::{Change, Ino, Journal, Micro, Name, Seq},
    profile::CrashRules,
};

impl CrashRules {
    /// Returns the changes that the call may force in addition to `forced`, and the inodes that are in the log
    /// afterwards.
    ///
    /// The changes are the names of each logged inode, and the names and permissions of each logged directory. If such
    /// a name leads to another inode, that inode is logged as well. If the names of a synced file have changed, its old
    /// and new directories are logged (`btrfs_log_all_parents`). `home` returns the directory that holds an inode's
    /// name on disk.
    pub(crate) fn may_log(
        &self,
        journal: &Journal,
        home: &dyn Fn(Ino) -> Option<Ino>,
        (log, forced): (&LogState, &BTreeSet<Seq>),
        call: SyncCall,
    ) -> (BTreeSet<Seq>, BTreeSet<Ino>) {
        let (mut may, mut logged) = (BTreeSet::new(), log.logged.clone());
        let Some((ino, volume)) = call.of_inode() else { return (may, logged) };
        logged.insert(ino);
        let names = journal.child(ino).filter_map(Micro::binding).map(|(dir, ..)| dir);
        let parents: BTreeSet<Ino> = names.collect();
        if !parents.is_empty() && !matches!(call, SyncCall::Dir { .. }) {
            logged.extend(parents.into_iter().chain(home(ino)));
        }
        for (dir, _, child) in forced.iter().filter_map(|seq| journal.get(*seq)?.binding()) {
            logged.insert(child);
            if journal.is_newborn(dir, log.commit) {
                logged.insert(dir);
            }
        }
        loop {
            let before = (may.len(), logged.len());
            for micro in journal.iter().filter(|micro| micro.volume == volume) {
                let Some((dir, _, child)) = micro.binding() else {
                    // The log holds the whole inode of a directory, and so its mode and owner.
                    may.extend(micro.directory().filter(|dir| logged.contains(dir)).map(|_| micro.seq));
                    continue;
                };
                if logged.contains(&child) || logged.contains(&dir) {
                    may.insert(micro.seq);
                    logged.insert(child);
                }
            }
            if before == (may.len(), logged.len()) {
                return (may, logged);
            }
        }
    }
}

impl Forcing<'_> {
    fn is_newborn(&self, ino: Ino) -> bool {
        self.journal.is_newborn(ino, self.log.commit)
    }

    fn is_logged(&self, ino: Ino) -> bool {
        self.log.logged.contains(&ino)
    }

    /// Forces the current names of an inode, and the names of the new directories above it.
    ///
    /// A list of the open inodes takes the place of a recursion, because a tree may be deeper than the stack.
    pub(super) fn upwards(&mut self, ino: Ino) {
        let (mut seen, mut open) = (BTreeSet::from([ino]), vec![ino]);
        while let Some(ino) = open.pop() {
            for dir in self.current_names(ino) {
                if self.is_newborn(dir) && seen.insert(dir) {
                    open.push(dir);
                }
            }
        }
    }

    /// Forces the current names of an inode. Returns the directories that hold them.
    fn current_names(&mut self, ino: Ino) -> BTreeSet<Ino> {
        let journal = self.journal;
        let mut dirs: BTreeSet<Ino> = (self.home)(ino).into_iter().collect();
        for (dir, name, _) in journal.child(ino).filter_map(Micro::binding) {
            let last = journal.of_name(dir, name, Seq::MAX).next_back();
            if let Some(bound) = last.filter(|m| m.is_link() && m.binding().is_some_and(|b| b.2 == ino)) {
                self.forced.insert(bound.seq);
                dirs.insert(dir);
            }
        }
        dirs
    }

    /// Forces the names that an fsync of a directory adds to the log of btrfs: the names of new files and directories
    /// in it, and in the new directories below. A new link to an old inode is not forced.
    pub(super) fn new_below(&mut self, dir: Ino) {
        let on_disk = self.new_inodes_on_disk();
        let (mut seen, mut open) = (BTreeSet::from([dir]), vec![dir]);
        while let Some(dir) = open.pop() {
            let of_dir = on_disk.range((dir, Ino::MIN)..=(dir, Ino::MAX));
            let mut below: Vec<Ino> = of_dir.map(|(_, ino)| *ino).collect();
            for (seq, ino) in self.new_inodes(dir) {
                self.forced.insert(seq);
                below.push(ino);
            }
            // `log_new_dir_dentries` skips inodes that are already in the log.
            below.retain(|ino| !self.is_logged(*ino) && seen.insert(*ino));
            open.append(&mut below);
        }
    }

    /// Returns the new inodes whose own name is already on disk, each after the directory that holds the name. The
    /// names below such an inode may still be pending.
    fn new_inodes_on_disk(&self) -> BTreeSet<(Ino, Ino)> {
        let new = self.journal.newborn(self.log.commit).filter(|ino| !self.is_logged(*ino));
        new.filter_map(|ino| Some(((self.home)(ino)?, ino))).collect()
    }

    /// Forces links and renames of logged inodes, renames out of a logged directory (cases 2 and 2a of the sources
    /// above), and removals of names that exist only in the log.
    pub(super) fn names_of_logged(&mut self, volume: u32) {
        let journal = self.journal;
        let of_volume = journal.iter().filter(|micro| micro.volume == volume);
        for (micro, (dir, _, ino)) in of_volume.filter_map(|micro| Some((micro, micro.binding()?))) {
            if self.is_logged(ino) && (micro.is_link() || self.is_newborn(ino)) {
                self.forced.insert(micro.seq);
            }
            let leaves = !micro.is_link() && self.is_logged(dir);
            if let Some(new) = self.other_half(micro).filter(|_| leaves) {
                self.forced.insert(new.seq);
            }
        }
    }

    /// Returns the names in a directory that are currently bound to new inodes.
    fn new_inodes(&self, dir: Ino) -> Vec<(Seq, Ino)> {
        let mut bound: BTreeMap<&Name, &Micro> = BTreeMap::new();
        for micro in self.journal.dir(dir) {
            if let Some((_, name, _)) = micro.binding() {
                bound.insert(name, micro);
            }
        }
        let new = bound.into_values().filter_map(|micro| match micro.change {
            Change::Link { ino, .. } if self.is_newborn(ino) => Some((micro.seq, ino)),
            _ => None,
        });
        new.collect()
    }
}
