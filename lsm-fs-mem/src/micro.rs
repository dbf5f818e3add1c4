//! Micro-operations, the smallest changes that can reach the disk independently, and the journal of those that may not
//! have reached it yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    ops::Range,
    sync::Arc,
};

pub(crate) use crate::access::{Access, Permissions};
use crate::pages::Pages;

/// An inode number. Numbers are never reused.
pub(crate) type Ino = u64;

/// The position of a micro-operation in time.
pub(crate) type Seq = u64;

/// One component of a path.
pub(crate) type Name = Arc<OsStr>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Dir,
}

/// The bytes of one write. Where they fill whole pages, the write shares them with the file.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Bytes(Arc<[u8]>),
    /// Pages at the same offsets as in the file.
    Pages(Pages),
    Zeros,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The bytes of a write. A crash may keep some of the sectors that it touches (on btrfs, of its blocks).
    Data { ino: Ino, range: Range<u64>, payload: Payload },
    /// A new length. `written` is set if it belongs to the write just before it.
    Size { ino: Ino, from: u64, to: u64, written: bool },
    /// A new name. If it persists, its inode persists too, because a directory entry never dangles. `creates` is set if
    /// the inode is new. Every name records the `access` with which the inode was created, because a crash may keep
    /// this name and lose the first one.
    Link { dir: Ino, name: Name, ino: Ino, kind: Kind, access: Access, creates: bool },
    /// The removal of a name.
    Unlink { dir: Ino, name: Name, ino: Ino },
    /// New permissions of a file or a directory.
    Permissions { ino: Ino, kind: Kind, to: Permissions },
}

#[derive(Clone, Debug)]
pub(crate) struct Micro {
    pub(crate) seq: Seq,
    /// The `seq` of the first micro-operation of the group. The crash rules decide if a group persists only as a whole
    /// (`CrashRules::coupling`).
    pub(crate) group: Seq,
    pub(crate) volume: u32,
    pub(crate) change: Change,
}

impl Micro {
    /// Returns the file whose content or permissions change.
    pub(crate) const fn file(&self) -> Option<Ino> {
        match self.change {
            Change::Data { ino, .. }
            | Change::Size { ino, .. }
            | Change::Permissions { ino, kind: Kind::File, .. } => Some(ino),
            Change::Link { .. } | Change::Unlink { .. } | Change::Permissions { .. } => None,
        }
    }

    /// Returns the directory whose names or permissions change.
    pub(crate) const fn directory(&self) -> Option<Ino> {
        match self.change {
            Change::Link { dir: ino, .. }
            | Change::Unlink { dir: ino, .. }
            | Change::Permissions { ino, kind: Kind::Dir, .. } => Some(ino),
            Change::Data { .. } | Change::Size { .. } | Change::Permissions { kind: Kind::File, .. } => None,
        }
    }

    /// Returns whether the change belongs to a directory: a name in it, or its permissions.
    pub(crate) const fn is_of_directory(&self) -> bool {
        self.directory().is_some()
    }

    /// Returns the file whose storage may grow or shrink.
    pub(crate) const fn may_allocate(&self) -> Option<Ino> {
        match self.change {
            Change::Size { from, to, .. } if to > from => None,
            Change::Permissions { .. } => None,
            _ => self.file(),
        }
    }

    /// Returns the directory, the name, and the inode of a name change.
    pub(crate) const fn binding(&self) -> Option<(Ino, &Name, Ino)> {
        match &self.change {
            Change::Link { dir, name, ino, .. } | Change::Unlink { dir, name, ino } => {
                Some((*dir, name, *ino))
            }
            Change::Data { .. } | Change::Size { .. } | Change::Permissions { .. } => None,
        }
    }

    pub(crate) const fn is_link(&self) -> bool {
        matches!(self.change, Change::Link { .. })
    }

    const fn creates(&self) -> bool {
        matches!(self.change, Change::Link { creates: true, .. })
    }
}

/// The micro-operations that may not have reached the disk yet, in order, with the indexes that a sync needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    micros: BTreeMap<Seq, Micro>,
    /// `(file, seq)` of changes to the data, the length and the permissions of a file.
    of_file: BTreeSet<(Ino, Seq)>,
    /// `(directory, seq)` of changes to the names and the permissions of a directory.
    in_dir: BTreeSet<(Ino, Seq)>,
    /// `(inode, seq)` of changes to the names of an inode.
    of_child: BTreeSet<(Ino, Seq)>,
    /// `(group, directory)` of each rename whose new name is pending: the directory that the inode has left. Once a
    /// later change of the old name is durable, no other index leads from that directory to the rename.
    left: BTreeMap<Seq, Ino>,
    /// Inodes that have changed since the last commit of their volume.
    since_commit: BTreeMap<Ino, SinceCommit>,
    /// The position of the last change, whether or not it is pending.
    last: Seq,
}

/// The history of an inode since the last commit that a call asked for, as positions in time. 0 is before that commit.
#[derive(Clone, Copy, Debug, Default)]
struct SinceCommit {
    volume: u32,
    created: Seq,
    changed: Seq,
    /// The last change of its names, its length, or its permissions (but not of its bytes).
    metadata_changed: Seq,
    /// Its own last sync.
    synced: Seq,
}

impl Journal {
    pub(crate) fn insert(&mut self, micro: Micro) {
        self.last = micro.seq;
        if let Some(file) = micro.file() {
            self.of_file.insert((file, micro.seq));
            let since = self.since(file, micro.volume);
            since.changed = micro.seq;
            if !matches!(micro.change, Change::Data { .. }) {
                since.metadata_changed = micro.seq;
            }
        }
        if let Some(dir) = micro.directory() {
            self.in_dir.insert((dir, micro.seq));
            self.since(dir, micro.volume).changed = micro.seq;
        }
        if let Some((_, _, ino)) = micro.binding() {
            self.of_child.insert((ino, micro.seq));
            let child = self.since(ino, micro.volume);
            child.changed = micro.seq;
            child.metadata_changed = micro.seq;
            if micro.creates() {
                child.created = micro.seq;
            }
        }
        if micro.is_link() && micro.group < micro.seq {
            let old = self.micros.get(&micro.group).and_then(Micro::binding);
            self.left.extend(old.map(|(dir, ..)| (micro.group, dir)));
        }
        self.micros.insert(micro.seq, micro);
    }

    pub(crate) fn remove(&mut self, seq: Seq) -> Option<Micro> {
        let micro = self.micros.remove(&seq)?;
        if let Some(file) = micro.file() {
            self.of_file.remove(&(file, seq));
        }
        if let Some(dir) = micro.directory() {
            self.in_dir.remove(&(dir, seq));
        }
        if let Some((_, _, ino)) = micro.binding() {
            self.of_child.remove(&(ino, seq));
        }
        if micro.is_link() {
            self.left.remove(&micro.group);
        }
        Some(micro)
    }

    pub(crate) fn len(&self) -> usize {
        self.micros.len()
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Micro> {
        self.micros.get(&seq)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Micro> {
        self.micros.values()
    }

    /// Iterates over the files whose content or permissions change, in inode order, each with its first change.
    pub(crate) fn dirty_files(&self) -> impl Iterator<Item = (Ino, &Micro)> {
        let mut last = None;
        let first = self.of_file.iter().filter(move |(ino, _)| last.replace(*ino) != Some(*ino));
        first.filter_map(|(ino, seq)| Some((*ino, self.micros.get(seq)?)))
    }

    /// Iterates over the changes to the data, the length and the permissions of a file, in order.
    pub(crate) fn file(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.of_file, ino)
    }

    /// Iterates over the changes to the names and the permissions of a directory, in order.
    pub(crate) fn dir(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.in_dir, ino)
    }

    /// Iterates over the changes to the names of an inode, in order.
    pub(crate) fn child(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.of_child, ino)
    }

    /// Iterates over the pending new names of inodes that a rename has moved out of a directory.
    pub(crate) fn moved_out_of(&self, dir: Ino) -> impl Iterator<Item = &Micro> {
        let of_dir = self.left.iter().filter(move |(_, left)| **left == dir);
        of_dir.flat_map(|(group, _)| self.group(*group)).filter(|micro| micro.is_link())
    }

    /// Returns the position of the last change.
    pub(crate) const fn last(&self) -> Seq {
        self.last
    }

    /// Returns whether the inode was created after a commit at this time.
    pub(crate) fn is_newborn(&self, ino: Ino, commit: Seq) -> bool {
        self.since_commit.get(&ino).is_some_and(|since| since.created > commit)
    }

    /// Returns whether the inode has changed since both a commit at this time and its own last sync.
    pub(crate) fn is_touched(&self, ino: Ino, commit: Seq) -> bool {
        self.since_commit.get(&ino).is_some_and(|since| since.changed > since.synced.max(commit))
    }

    /// Returns the last change of the inode's names, length, or permissions since the last commit that a call asked
    /// for.
    pub(crate) fn last_change(&self, ino: Ino) -> Option<Seq> {
        self.since_commit.get(&ino).map(|since| since.metadata_changed)
    }

    /// Iterates over the inodes that were created after a commit at this time.
    pub(crate) fn newborn(&self, commit: Seq) -> impl Iterator<Item = Ino> {
        self.since_commit.iter().filter(move |(_, since)| since.created > commit).map(|(ino, _)| *ino)
    }

    /// Records a sync of the inode itself.
    pub(crate) fn synced(&mut self, ino: Ino, volume: u32) {
        let last = self.last;
        self.since(ino, volume).synced = last;
    }

    /// Records that one volume, or all of them if `volume` is `None`, has been written out completely by a call.
    pub(crate) fn commit(&mut self, volume: Option<u32>) {
        self.since_commit.retain(|_, since| volume.is_some_and(|volume| volume != since.volume));
    }

    /// Forgets an inode that has been freed.
    pub(crate) fn forget(&mut self, ino: Ino) {
        self.since_commit.remove(&ino);
    }

    fn since(&mut self, ino: Ino, volume: u32) -> &mut SinceCommit {
        self.since_commit.entry(ino).or_insert(SinceCommit { volume, ..SinceCommit::default() })
    }

    /// Iterates over the changes to one name before `end`, in order.
    pub(crate) fn of_name(&self, dir: Ino, name: &Name, end: Seq) -> impl DoubleEndedIterator<Item = &Micro> {
        let seqs = self.in_dir.range((dir, 0)..(dir, end));
        seqs.filter_map(|(_, seq)| self.micros.get(seq))
            .filter(move |micro| micro.binding().is_some_and(|(_, n, _)| n == name))
    }

    /// Returns whether a change to the names or directories on the volume lies after `from` and not after `to`.
    pub(crate) fn has_name_between(&self, volume: u32, from: Seq, to: Seq) -> bool {
        let mut between = self.micros.range(from + 1..to.max(from) + 1).map(|(_, micro)| micro);
        between.any(|micro| micro.volume == volume && micro.is_of_directory())
    }

    /// Iterates over the pending members of a group.
    pub(crate) fn group(&self, group: Seq) -> impl Iterator<Item = &Micro> {
        // A group is one micro-operation, or the two neighbours of a rename.
        self.micros.range(group..=group + 1).map(|(_, micro)| micro).filter(move |m| m.group == group)
    }

    fn find<'a>(
        &'a self,
        index: &'a BTreeSet<(Ino, Seq)>,
        ino: Ino,
    ) -> impl DoubleEndedIterator<Item = &'a Micro> {
        index.range((ino, 0)..=(ino, Seq::MAX)).filter_map(|(_, seq)| self.micros.get(seq))
    }
}

#[cfg(test)]
mod tests;
