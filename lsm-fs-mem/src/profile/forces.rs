//! Selects the micro-operations that a sync forces to disk.
//!
//! # Sources
//!
//! The rules for btrfs follow its log tree, `fs/btrfs/tree-log.c` in the Linux source:
//!
//! - `btrfs_sync_file` (in `fs/btrfs/file.c`) uses `datasync` only in a trace point, so an fdatasync is an fsync.
//! - `btrfs_log_inode_parent` logs an inode, then its new ancestors (`log_all_new_ancestors`) and, for a directory, the
//!   new entries below it (`log_new_dir_dentries`). The latter skips an inode that is already in the log.
//! - The comment at the head of the file requires new names of logged inodes to be logged (case 2), and also the new
//!   names of inodes that leave a logged directory (case 2a). `btrfs_log_new_name` does both.
//! - `btrfs_del_dir_entries_in_log` takes the names of a removed file out of the log.
//!
//! Two details come from recorded crash states of Linux 6.18 and are not documented: new files beside a new ancestor
//! are logged along with it, and new links to old inodes below a synced directory are not.
//!
//! For ext4 and XFS see [`ForcedNames`].

use std::collections::{BTreeMap, BTreeSet};

use super::{CrashRules, ForcedNames};
use crate::micro::{Change, Ino, Journal, Kind, Micro, Name, Seq};

/// A call that forces pending changes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncCall {
    /// `fsync` of a file.
    File { ino: Ino, volume: u32 },
    /// `fdatasync` of a file.
    FileData { ino: Ino, volume: u32 },
    /// `fsync` of a directory.
    Dir { ino: Ino, volume: u32 },
    /// A clone that has this file as its source.
    CloneSource { ino: Ino },
    /// `syncfs` of a volume.
    Volume(u32),
    /// `sync` of all volumes.
    Everything,
}

impl CrashRules {
    /// Returns the micro-operations of the journal that the call forces.
    ///
    /// `home` returns the directory that holds an inode's name on disk, if the inode is on disk.
    pub(crate) fn forces(
        &self,
        journal: &Journal,
        home: &dyn Fn(Ino) -> Option<Ino>,
        call: SyncCall,
    ) -> BTreeSet<Seq> {
        let mut force = Forcing { rules: self, journal, home, forced: BTreeSet::new() };
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
            SyncCall::CloneSource { ino } if self.clone_source_data => force.data(ino, false),
            SyncCall::Volume(volume) if self.syncfs => {
                force.add(journal.iter().filter(|micro| micro.volume == volume));
            }
            SyncCall::Everything if self.syncfs => force.add(journal.iter()),
            SyncCall::CloneSource { .. } | SyncCall::Volume(_) | SyncCall::Everything => {}
        }
        if self.logged_names
            && let SyncCall::File { ino, volume }
            | SyncCall::FileData { ino, volume }
            | SyncCall::Dir { ino, volume } = call
            && journal.is_touched(ino)
        {
            force.names_of_logged(volume);
            force.names_of_new();
        }
        if self.whole_renames {
            force.complete_groups();
        }
        force.forced
    }
}

/// A sync in progress.
struct Forcing<'a> {
    rules: &'a CrashRules,
    journal: &'a Journal,
    home: &'a dyn Fn(Ino) -> Option<Ino>,
    forced: BTreeSet<Seq>,
}

impl<'a> Forcing<'a> {
    fn add(&mut self, micros: impl Iterator<Item = &'a Micro>) {
        self.forced.extend(micros.map(|micro| micro.seq));
    }

    /// Forces a file's data and the length changes that the data depends on.
    ///
    /// If `growth` is set, the lengths up to the last growth are forced as well. A cut before a write is always forced,
    /// because applying it later would discard the written data.
    fn data(&mut self, ino: Ino, growth: bool) {
        let (mut sizes, mut cuts, mut needed) = (Vec::new(), 0, 0);
        for micro in self.journal.file(ino) {
            if let Change::Size { from, to, .. } = micro.change {
                sizes.push(micro.seq);
                if to < from {
                    cuts = sizes.len();
                } else if growth {
                    needed = sizes.len();
                }
            } else if !matches!(micro.change, Change::Permissions { .. }) {
                needed = needed.max(cuts);
                self.forced.insert(micro.seq);
            }
        }
        self.forced.extend(sizes.into_iter().take(needed));
    }

    fn names_of_file(&mut self, ino: Ino, volume: u32) {
        match self.rules.fsync_names {
            ForcedNames::Own => {}
            ForcedNames::Volume => self.names_if_dirty(ino, volume),
            ForcedNames::UpToLast => self.names_up_to_last(ino, volume),
            ForcedNames::Around => self.upwards(ino, &mut BTreeSet::new()),
        }
    }

    fn names_of_dir(&mut self, ino: Ino, volume: u32) {
        match self.rules.directory_names {
            ForcedNames::Own => self.add(self.journal.dir(ino)),
            ForcedNames::Volume => self.all_names(volume, Seq::MAX),
            ForcedNames::UpToLast => self.names_up_to_last(ino, volume),
            ForcedNames::Around => {
                self.upwards(ino, &mut BTreeSet::new());
                self.add(self.journal.dir(ino));
                self.new_below(ino, &mut BTreeSet::new());
            }
        }
    }

    fn all_names(&mut self, volume: u32, last: Seq) {
        let before = self.journal.iter().take_while(|micro| micro.seq <= last);
        self.add(before.filter(|micro| micro.volume == volume && micro.is_of_directory()));
    }

    fn names_if_dirty(&mut self, ino: Ino, volume: u32) {
        let journal = self.journal;
        if journal.file(ino).chain(journal.child(ino)).next().is_some() {
            self.all_names(volume, Seq::MAX);
        }
    }

    fn names_up_to_last(&mut self, ino: Ino, volume: u32) {
        let about = self.journal.dir(ino).next_back().into_iter().chain(self.journal.child(ino).next_back());
        if let Some(last) = about.map(|micro| micro.seq).max() {
            self.all_names(volume, last);
        }
    }

    /// Forces the current names of an inode, the names of the new directories above it, and the new files in those.
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
        for dir in dirs.into_iter().filter(|dir| journal.is_newborn(*dir)) {
            let files = new_inodes(journal, dir).filter(|(_, _, kind)| *kind == Kind::File);
            self.forced.extend(files.map(|(seq, ..)| seq));
            self.upwards(dir, seen);
        }
    }

    /// Forces the names of new files and directories in a directory, and recurses into the new ones. New links to old
    /// inodes are left out.
    fn new_below(&mut self, dir: Ino, seen: &mut BTreeSet<Ino>) {
        if !seen.insert(dir) {
            return;
        }
        let mut below: Vec<Ino> = Vec::new();
        for (seq, ino, _) in new_inodes(self.journal, dir) {
            self.forced.insert(seq);
            below.push(ino);
        }
        // An inode's own name may already be on disk while the names below it are not.
        below.extend(self.journal.newborn().filter(|ino| (self.home)(*ino) == Some(dir)));
        // `log_new_dir_dentries` skips inodes that are already in the log.
        for ino in below.into_iter().filter(|ino| !self.journal.is_logged(*ino)) {
            self.new_below(ino, seen);
        }
    }

    /// Forces links and renames of logged inodes, renames out of a logged directory, and removals of names that exist
    /// only in the log.
    fn names_of_logged(&mut self, volume: u32) {
        let of_volume = self.journal.iter().filter(|micro| micro.volume == volume);
        for (micro, (dir, _, ino)) in of_volume.filter_map(|micro| Some((micro, micro.binding()?))) {
            let renamed = micro.seq == micro.group && self.is_rename(micro);
            let known = if micro.is_link() {
                self.journal.is_logged(ino)
            } else {
                self.journal.is_logged(ino) && self.journal.is_newborn(ino)
            };
            if known || (renamed && self.journal.is_logged(dir)) {
                self.forced.insert(micro.seq);
            }
        }
    }

    /// Forces the later name changes of each new inode that has a forced name: the log copies the items of an inode as
    /// they are now.
    fn names_of_new(&mut self) {
        let mut done = BTreeSet::new();
        loop {
            self.complete_groups();
            let children = self.forced.iter().filter_map(|seq| self.child_of_current(*seq));
            let new = children.filter(|ino| self.journal.is_newborn(*ino) && !done.contains(ino));
            let new: Vec<Ino> = new.collect();
            if new.is_empty() {
                return;
            }
            for ino in new {
                done.insert(ino);
                self.add(self.journal.child(ino));
            }
        }
    }

    /// Returns the inode that a name change concerns, if the inode still has the name or was renamed away from it.
    fn child_of_current(&self, seq: Seq) -> Option<Ino> {
        let (dir, name, ino) = self.journal.get(seq)?.binding()?;
        let last = self.journal.of_name(dir, name, Seq::MAX).next_back()?;
        let kept = last.is_link() || self.is_rename(last);
        (kept && last.binding()?.2 == ino).then_some(ino)
    }

    fn is_rename(&self, micro: &Micro) -> bool {
        self.journal.group(micro.group).count() > 1
    }

    fn complete_groups(&mut self) {
        let groups: BTreeSet<Seq> =
            self.forced.iter().filter_map(|seq| Some(self.journal.get(*seq)?.group)).collect();
        for group in groups {
            self.add(self.journal.group(group));
        }
    }
}

/// Returns the names in a directory that are currently bound to new inodes.
fn new_inodes(journal: &Journal, dir: Ino) -> impl Iterator<Item = (Seq, Ino, Kind)> {
    let mut bound: BTreeMap<&Name, &Micro> = BTreeMap::new();
    for micro in journal.dir(dir) {
        if let Some((_, name, _)) = micro.binding() {
            bound.insert(name, micro);
        }
    }
    bound.into_values().filter_map(|micro| match micro.change {
        Change::Link { ino, kind, .. } if journal.is_newborn(ino) => Some((micro.seq, ino, kind)),
        _ => None,
    })
}
