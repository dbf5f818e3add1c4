//! Selects the micro-operations that a sync forces to disk.
//!
//! For ext4 and XFS see [`ForcedNames`], and for btrfs the module `log_tree`.

mod log_tree;

use std::{collections::BTreeSet, ops::Range};

use super::{Coupling, CrashRules, ForcedNames};
use crate::micro::{Change, Ino, Journal, Micro, Payload, Seq};

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
            ForcedNames::Around => self.upwards(ino),
        }
    }

    fn names_of_dir(&mut self, ino: Ino, volume: u32) {
        match self.rules.directory_names {
            ForcedNames::Own => self.add(self.journal.dir(ino)),
            ForcedNames::UpToLast => self.names_up_to_last(ino, volume, None),
            ForcedNames::Around => {
                self.upwards(ino);
                self.add(self.journal.dir(ino));
                // The rename has marked the directory, so its sync commits (`btrfs_record_unlink_dir`).
                self.add(self.journal.moved_out_of(ino));
                self.new_below(ino);
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
}
