//! Micro-operations: the smallest changes that may reach the disk one without the other, and the journal of those that
//! are not known to have.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    ops::Range,
    sync::Arc,
};

use crate::pages::Pages;

/// An inode's number; never used twice.
pub(crate) type Ino = u64;

/// A micro-operation's place in time.
pub(crate) type Seq = u64;

/// One component of a path.
pub(crate) type Name = Arc<OsStr>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Dir,
}

/// The bytes of one write, shared with the file where they fill pages.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Bytes(Arc<[u8]>),
    /// At the offsets of the file itself.
    Pages(Pages),
    Zeros,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// One write; a crash may keep any subset of the sectors it touches.
    Data { ino: Ino, range: Range<u64>, payload: Payload },
    /// A new length. `written`: it came with the write just before it.
    Size { ino: Ino, from: u64, to: u64, written: bool },
    /// A name, and with it the inode: an entry never points nowhere. `creates`: the inode is new.
    Link { dir: Ino, name: Name, ino: Ino, kind: Kind, creates: bool },
    /// The end of a name.
    Unlink { dir: Ino, name: Name, ino: Ino },
}

#[derive(Clone, Debug)]
pub(crate) struct Micro {
    pub(crate) seq: Seq,
    /// The `seq` of the first micro-operation of the group; a group persists whole or not at all.
    pub(crate) group: Seq,
    pub(crate) volume: u32,
    pub(crate) change: Change,
}

impl Micro {
    /// The file whose content changes.
    pub(crate) const fn file(&self) -> Option<Ino> {
        match self.change {
            Change::Data { ino, .. } | Change::Size { ino, .. } => Some(ino),
            Change::Link { .. } | Change::Unlink { .. } => None,
        }
    }

    /// The file whose storage may grow or shrink.
    pub(crate) const fn may_allocate(&self) -> Option<Ino> {
        match self.change {
            Change::Size { from, to, .. } if to > from => None,
            _ => self.file(),
        }
    }

    /// Directory, name and inode of a change of a name.
    pub(crate) const fn binding(&self) -> Option<(Ino, &Name, Ino)> {
        match &self.change {
            Change::Link { dir, name, ino, .. } | Change::Unlink { dir, name, ino } => {
                Some((*dir, name, *ino))
            }
            Change::Data { .. } | Change::Size { .. } => None,
        }
    }

    pub(crate) const fn is_link(&self) -> bool {
        matches!(self.change, Change::Link { .. })
    }

    const fn creates(&self) -> bool {
        matches!(self.change, Change::Link { creates: true, .. })
    }
}

/// The micro-operations that may or may not have reached the disk, in order, with what a sync looks them up by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    micros: BTreeMap<Seq, Micro>,
    /// `(file, seq)` of its data and lengths.
    of_file: BTreeSet<(Ino, Seq)>,
    /// `(directory, seq)` of changes of its names.
    in_dir: BTreeSet<(Ino, Seq)>,
    /// `(inode, seq)` of changes of names bound to it.
    of_child: BTreeSet<(Ino, Seq)>,
    /// Inodes that something has happened to since the last commit of their volume.
    since_commit: BTreeMap<Ino, SinceCommit>,
}

/// What a filesystem with a log of its own for syncs knows of an inode beside what waits.
#[derive(Clone, Copy, Debug, Default)]
struct SinceCommit {
    volume: u32,
    /// It was made since the commit.
    newborn: bool,
    /// Some sync has taken something of it to the disk.
    logged: bool,
    /// It has changed since it was itself synced.
    touched: bool,
}

impl Journal {
    pub(crate) fn insert(&mut self, micro: Micro) {
        if let Some(file) = micro.file() {
            self.of_file.insert((file, micro.seq));
            self.since(file, micro.volume).touched = true;
        }
        if let Some((dir, _, ino)) = micro.binding() {
            self.in_dir.insert((dir, micro.seq));
            self.of_child.insert((ino, micro.seq));
            self.since(dir, micro.volume).touched = true;
            let child = self.since(ino, micro.volume);
            child.touched = true;
            child.newborn |= micro.creates();
        }
        self.micros.insert(micro.seq, micro);
    }

    pub(crate) fn remove(&mut self, seq: Seq) -> Option<Micro> {
        let micro = self.micros.remove(&seq)?;
        if let Some(file) = micro.file() {
            self.of_file.remove(&(file, seq));
        }
        if let Some((dir, _, ino)) = micro.binding() {
            self.in_dir.remove(&(dir, seq));
            self.of_child.remove(&(ino, seq));
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

    /// Files with changes of content, in order of their numbers, each with the first of its changes.
    pub(crate) fn dirty_files(&self) -> impl Iterator<Item = (Ino, &Micro)> {
        let mut last = None;
        let first = self.of_file.iter().filter(move |(ino, _)| last.replace(*ino) != Some(*ino));
        first.filter_map(|(ino, seq)| Some((*ino, self.micros.get(seq)?)))
    }

    /// Data and lengths of a file, in order.
    pub(crate) fn file(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.of_file, ino)
    }

    /// Changes of a directory's names, in order.
    pub(crate) fn dir(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.in_dir, ino)
    }

    /// Changes of the names bound to an inode, in order.
    pub(crate) fn child(&self, ino: Ino) -> impl DoubleEndedIterator<Item = &Micro> {
        self.find(&self.of_child, ino)
    }

    /// Whether the inode was made since the last commit.
    pub(crate) fn is_newborn(&self, ino: Ino) -> bool {
        self.since_commit.get(&ino).is_some_and(|since| since.newborn)
    }

    /// Whether a sync since the last commit has taken something of the inode to the disk.
    pub(crate) fn is_logged(&self, ino: Ino) -> bool {
        self.since_commit.get(&ino).is_some_and(|since| since.logged)
    }

    /// Whether the inode has changed since it was synced itself.
    pub(crate) fn is_touched(&self, ino: Ino) -> bool {
        self.since_commit.get(&ino).is_some_and(|since| since.touched)
    }

    /// Inodes that were made since the last commit.
    pub(crate) fn newborn(&self) -> impl Iterator<Item = Ino> {
        self.since_commit.iter().filter(|(_, since)| since.newborn).map(|(ino, _)| *ino)
    }

    /// A sync has taken something of the inode to the disk.
    pub(crate) fn log(&mut self, ino: Ino, volume: u32) {
        self.since(ino, volume).logged = true;
    }

    /// The inode was synced itself.
    pub(crate) fn synced(&mut self, ino: Ino, volume: u32) {
        let since = self.since(ino, volume);
        since.logged |= since.touched;
        since.touched = false;
    }

    /// All volumes, or one, were written out whole.
    pub(crate) fn commit(&mut self, volume: Option<u32>) {
        self.since_commit.retain(|_, since| volume.is_some_and(|volume| volume != since.volume));
    }

    /// The inode is gone for good.
    pub(crate) fn forget(&mut self, ino: Ino) {
        self.since_commit.remove(&ino);
    }

    fn since(&mut self, ino: Ino, volume: u32) -> &mut SinceCommit {
        self.since_commit.entry(ino).or_insert(SinceCommit { volume, ..SinceCommit::default() })
    }

    /// Changes of one name before `end`, in order.
    pub(crate) fn of_name(&self, dir: Ino, name: &Name, end: Seq) -> impl DoubleEndedIterator<Item = &Micro> {
        let seqs = self.in_dir.range((dir, 0)..(dir, end));
        seqs.filter_map(|(_, seq)| self.micros.get(seq))
            .filter(move |micro| micro.binding().is_some_and(|(_, n, _)| n == name))
    }

    /// The members of the group that still wait.
    pub(crate) fn group(&self, group: Seq) -> impl Iterator<Item = &Micro> {
        // A rename is two neighbours; nothing is grouped wider.
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
