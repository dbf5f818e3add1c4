//! Selects the micro-operations that a sync forces to disk.
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
//!
//! For ext4 and XFS see [`ForcedNames`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Coupling, CrashRules, ForcedNames};
use crate::micro::{Change, Ino, Journal, Micro, Name, Payload, Seq};

/// A call that forces pending changes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncCall {
    /// `fsync` of a file.
    File { ino: Ino, volume: u32 },
    /// `fdatasync` of a file.
    FileData { ino: Ino, volume: u32 },
    /// `fsync` of a directory.
    Dir { ino: Ino, volume: u32 },
    /// `syncfs` of a volume.
    Volume(u32),
    /// `sync` of all volumes.
    Everything,
}

impl SyncCall {
    /// Returns the inode and the volume of an fsync or an fdatasync.
    pub(crate) const fn of_inode(self) -> Option<(Ino, u32)> {
        match self {
            Self::File { ino, volume } | Self::FileData { ino, volume } | Self::Dir { ino, volume } => {
                Some((ino, volume))
            }
            Self::Volume(_) | Self::Everything => None,
        }
    }
}

/// The log tree of a filesystem: the time of the last commit, which emptied it, and the inodes that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) commit: Seq,
    pub(crate) logged: BTreeSet<Ino>,
}

impl CrashRules {
    /// Returns the micro-operations of the journal that the call forces.
    ///
    /// `home` returns the directory that holds an inode's name on disk, if the inode is on disk.
    pub(crate) fn forces(
        &self,
        journal: &Journal,
        home: &dyn Fn(Ino) -> Option<Ino>,
        log: &LogState,
        call: SyncCall,
    ) -> BTreeSet<Seq> {
        let mut force = Forcing { rules: self, journal, home, log, forced: BTreeSet::new() };
        match call {
            SyncCall::FileData { ino, .. } if !self.fdatasync_is_fsync => {
                if self.fdatasync_data {
                    force.data(ino, self.fdatasync_growth);
                }
            }
            SyncCall::File { ino, volume } | SyncCall::FileData { ino, volume } => {
                if self.fsync_content {
                    force.forced.extend(journal.file(ino).map(|micro| micro.seq));
                }
                force.names_of_file(ino, volume);
            }
            SyncCall::Dir { ino, volume } => force.names_of_dir(ino, volume),
            SyncCall::Volume(volume) if self.syncfs => {
                force.add(journal.iter().filter(|micro| micro.volume == volume));
            }
            SyncCall::Everything if self.syncfs => force.add(journal.iter()),
            SyncCall::Volume(_) | SyncCall::Everything => {}
        }
        if self.logged_names
            && let Some((ino, volume)) = call.of_inode()
            && journal.is_touched(ino, log.commit)
        {
            force.names_of_logged(volume);
        }
        force.complete_groups();
        force.forced
    }

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

/// A sync in progress.
struct Forcing<'a> {
    rules: &'a CrashRules,
    journal: &'a Journal,
    home: &'a dyn Fn(Ino) -> Option<Ino>,
    log: &'a LogState,
    forced: BTreeSet<Seq>,
}

impl<'a> Forcing<'a> {
    fn add(&mut self, micros: impl Iterator<Item = &'a Micro>) {
        self.forced.extend(micros.map(|micro| micro.seq));
    }

    fn is_newborn(&self, ino: Ino) -> bool {
        self.journal.is_newborn(ino, self.log.commit)
    }

    fn is_logged(&self, ino: Ino) -> bool {
        self.log.logged.contains(&ino)
    }

    /// Forces a file's data and the length changes that the data depends on.
    ///
    /// If `growth` is set, the lengths up to the last growth are forced as well. A truncation is also forced if later
    /// data lies beyond it, because applying the truncation afterwards would discard that data. Data below the
    /// truncated length does not need the truncation. The zeros that a truncation writes up to the end of its block do
    /// not count as data. They are forced only if later data overwrites them.
    fn data(&mut self, ino: Ino, growth: bool) {
        let (mut sizes, mut cuts, mut needed) = (Vec::new(), Vec::new(), 0);
        let mut tails: Vec<(Seq, &Range<u64>)> = Vec::new();
        for micro in self.journal.file(ino) {
            if let Some(tail) = self.tail_of_cut(micro) {
                tails.push((micro.seq, tail));
                continue;
            }
            match &micro.change {
                Change::Size { from, to, .. } => {
                    sizes.push(micro.seq);
                    if to < from {
                        cuts.push((*to, sizes.len()));
                    } else if growth {
                        needed = sizes.len();
                    }
                }
                Change::Data { range, .. } => {
                    let behind = cuts.iter().filter(|(cut, _)| *cut < range.end);
                    needed = behind.map(|(_, sizes)| *sizes).fold(needed, usize::max);
                    let replaced =
                        tails.iter().filter(|(_, tail)| tail.start < range.end && range.start < tail.end);
                    self.forced.extend(replaced.map(|(seq, _)| *seq));
                    self.forced.insert(micro.seq);
                }
                Change::Link { .. } | Change::Unlink { .. } | Change::Permissions { .. } => {}
            }
        }
        self.forced.extend(sizes.into_iter().take(needed));
    }

    /// Returns the range of the zeros that a truncation writes up to the end of its block. They are the change before
    /// the truncation. Returns `None` for any other change.
    fn tail_of_cut(&self, micro: &'a Micro) -> Option<&'a Range<u64>> {
        let Change::Data { ino, range, payload: Payload::Zeros } = &micro.change else { return None };
        match self.journal.get(micro.seq + 1)?.change {
            Change::Size { ino: cut, from, to, .. } if cut == *ino && to == range.start && to < from => {
                Some(range)
            }
            _ => None,
        }
    }

    fn names_of_file(&mut self, ino: Ino, volume: u32) {
        match self.rules.fsync_names {
            ForcedNames::Own => {}
            ForcedNames::UpToLast => {
                let written = self.journal.last_change(ino).filter(|_| self.rules.lengths_count);
                let is_mode = |micro: &&Micro| matches!(micro.change, Change::Permissions { .. });
                let mode = self.journal.file(ino).rfind(is_mode).map(|micro| micro.seq);
                self.names_up_to_last(ino, volume, written.max(mode));
            }
            ForcedNames::Around => self.upwards(ino, &mut BTreeSet::new()),
        }
    }

    fn names_of_dir(&mut self, ino: Ino, volume: u32) {
        match self.rules.directory_names {
            ForcedNames::Own => self.add(self.journal.dir(ino)),
            ForcedNames::UpToLast => self.names_up_to_last(ino, volume, None),
            ForcedNames::Around => {
                self.upwards(ino, &mut BTreeSet::new());
                self.add(self.journal.dir(ino));
                // The rename has marked the directory, so its sync commits (`btrfs_record_unlink_dir`).
                self.add(self.journal.moved_out_of(ino));
                self.new_below(ino, &mut BTreeSet::new());
            }
        }
    }

    fn names_up_to_last(&mut self, ino: Ino, volume: u32, of_content: Option<Seq>) {
        let journal = self.journal;
        let names = journal.dir(ino).next_back().into_iter().chain(journal.child(ino).next_back());
        if let Some(last) = names.map(|micro| micro.seq).chain(of_content).max() {
            let before = journal.iter().take_while(|micro| micro.seq <= last);
            self.add(before.filter(|micro| micro.volume == volume && micro.is_of_directory()));
        }
    }

    /// Forces the current names of an inode, and the names of the new directories above it.
    fn upwards(&mut self, ino: Ino, seen: &mut BTreeSet<Ino>) {
        if !seen.insert(ino) {
            return;
        }
        let journal = self.journal;
        let mut dirs: BTreeSet<Ino> = (self.home)(ino).into_iter().collect();
        for (dir, name, _) in journal.child(ino).filter_map(Micro::binding) {
            let last = journal.of_name(dir, name, Seq::MAX).next_back();
            if let Some(bound) = last.filter(|m| m.is_link() && m.binding().is_some_and(|b| b.2 == ino)) {
                self.forced.insert(bound.seq);
                dirs.insert(dir);
            }
        }
        for dir in dirs {
            if self.is_newborn(dir) {
                self.upwards(dir, seen);
            }
        }
    }

    /// Forces the names that an fsync of a directory adds to the log of btrfs: the names of new files and directories
    /// in it, and in the new directories below. A new link to an old inode is not forced.
    fn new_below(&mut self, dir: Ino, seen: &mut BTreeSet<Ino>) {
        if !seen.insert(dir) {
            return;
        }
        let mut below: Vec<Ino> = Vec::new();
        for (seq, ino) in self.new_inodes(dir) {
            self.forced.insert(seq);
            below.push(ino);
        }
        // An inode's own name may already be on disk while the names below it are not.
        below.extend(self.journal.newborn(self.log.commit).filter(|ino| (self.home)(*ino) == Some(dir)));
        // `log_new_dir_dentries` skips inodes that are already in the log.
        for ino in below {
            if !self.is_logged(ino) {
                self.new_below(ino, seen);
            }
        }
    }

    /// Forces links and renames of logged inodes, renames out of a logged directory (cases 2 and 2a of the sources
    /// above), and removals of names that exist only in the log.
    fn names_of_logged(&mut self, volume: u32) {
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

    /// Returns the other half of a rename.
    fn other_half(&self, micro: &Micro) -> Option<&'a Micro> {
        self.journal.group(micro.group).find(|other| other.seq != micro.seq)
    }

    /// Adds the other half of each forced rename, if the coupling of the halves requires it.
    fn complete_groups(&mut self) {
        let half = |seq: &Seq| {
            let micro = self.journal.get(*seq)?;
            let other = self.other_half(micro)?;
            let (old, new) = if micro.seq < other.seq { (micro, other) } else { (other, micro) };
            let needed = match self.rules.coupling(old, new) {
                Coupling::Together => true,
                Coupling::NewBeforeOld => micro.seq == old.seq,
                Coupling::Apart => false,
            };
            needed.then_some(other.seq)
        };
        let needed: Vec<Seq> = self.forced.iter().filter_map(half).collect();
        self.forced.extend(needed);
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
