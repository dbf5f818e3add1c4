//! Which micro-operations a sync takes to the disk.

use std::collections::{BTreeMap, BTreeSet};

use super::{CrashRules, ForcedNames};
use crate::micro::{Change, Ino, Journal, Kind, Micro, Name, Seq};

/// A call that forces something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncCall {
    /// fsync of a file.
    File { ino: Ino, volume: u32 },
    /// fdatasync of a file.
    FileData { ino: Ino, volume: u32 },
    /// fsync of a directory.
    Dir { ino: Ino, volume: u32 },
    /// The file was the source of a clone.
    CloneSource { ino: Ino },
    /// syncfs.
    Volume(u32),
    /// sync.
    Everything,
}

impl CrashRules {
    /// What of the journal the call forces. `home` knows, of what is on disk, which directory holds an inode's name.
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

/// A sync under way.
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

    /// Data, and lengths as far as it is worth nothing without them: up to the last that grew, if `growth` counts, and
    /// up to the last cut before it, which would take it away if it came later.
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
            } else {
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
        self.add(before.filter(|micro| micro.volume == volume && micro.binding().is_some()));
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

    /// The names an inode has now, and those of the new directories above it with the new files in them.
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

    /// New files and new directories in a directory, with what is new in those. Not new links to old inodes.
    fn new_below(&mut self, dir: Ino, seen: &mut BTreeSet<Ino>) {
        if !seen.insert(dir) {
            return;
        }
        let mut below: Vec<Ino> = Vec::new();
        for (seq, ino, _) in new_inodes(self.journal, dir) {
            self.forced.insert(seq);
            below.push(ino);
        }
        // The names of some may be on disk already, and theirs not.
        below.extend(self.journal.newborn().filter(|ino| (self.home)(*ino) == Some(dir)));
        // A directory that was logged before is not looked into again.
        for ino in below.into_iter().filter(|ino| !self.journal.is_logged(*ino)) {
            self.new_below(ino, seen);
        }
    }

    /// Links and renames of logged inodes, and of what leaves a logged directory; removals of names that only the log
    /// has.
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

    /// A new inode is logged as it is now: whatever forces one of its names forces what has become of it since.
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

    /// The inode that a change of a name is about, if it still has the name or was renamed away from it.
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

/// The names of a directory that are bound to new inodes now.
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
