//! Inodes and the tree they form. A change is a micro-operation, whether a caller makes it or a crash replays it.

mod dir;
mod slab;

use std::{
    ffi::OsStr,
    sync::{Arc, OnceLock},
};

pub(crate) use dir::DirNode;
use slab::Slab;

use crate::{
    hash::Fingerprint,
    micro::{Ino, Kind, Micro, Payload, What},
    pages::Pages,
};

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileNode {
    pub(crate) len: u64,
    pub(crate) pages: Pages,
    fingerprint: OnceLock<u128>,
}

impl FileNode {
    /// Applies a change of content. Data beyond the length waits for a length that covers it.
    pub(crate) fn apply(&mut self, what: &What) {
        self.fingerprint = OnceLock::new();
        match what {
            What::Data { range, payload: Payload::Bytes(bytes), .. } => self.pages.write(range.start, bytes),
            What::Data { range, payload: Payload::Pages(pages), .. } => {
                self.pages.splice(pages, range.clone());
            }
            What::Data { range, payload: Payload::Zeros, .. } => self.pages.clear(range.clone()),
            What::Size { from, to, .. } => {
                if to < from {
                    self.pages.clear(*to..u64::MAX);
                }
                self.len = *to;
            }
            What::Link { .. } | What::Unlink { .. } => {}
        }
    }

    /// Drops what no length ever covered.
    pub(crate) fn cut(&mut self) {
        self.fingerprint = OnceLock::new();
        self.pages.clear(self.len..u64::MAX);
    }

    pub(crate) fn needs_cut(&self) -> bool {
        self.pages.reach_beyond(self.len)
    }

    /// Of what can be read.
    pub(crate) fn fingerprint(&self) -> u128 {
        *self.fingerprint.get_or_init(|| {
            if self.needs_cut() {
                let mut file = self.clone();
                file.cut();
                return file.fingerprint();
            }
            let mut hash = Fingerprint::new();
            hash.word(self.len);
            self.pages.fingerprint(&mut hash);
            hash.finish()
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(Arc<FileNode>),
    Dir(Arc<DirNode>),
}

/// An inode, and what is known of it beside its content.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) node: Node,
    pub(crate) volume: u32,
    /// How many names it has.
    pub(crate) links: u32,
    /// How many handles hold it.
    pub(crate) opens: u32,
    /// Of a directory: the one that holds its name.
    pub(crate) parent: Ino,
    /// How many of its syncs have failed.
    pub(crate) failed_syncs: u32,
    /// Asked to be overwritten in place.
    pub(crate) in_place: bool,
}

impl Slot {
    pub(crate) fn new(kind: Kind, volume: u32, parent: Ino) -> Self {
        let node = match kind {
            Kind::File => Node::File(Arc::default()),
            Kind::Dir => Node::Dir(Arc::default()),
        };
        Self { node, volume, links: 0, opens: 0, parent, failed_syncs: 0, in_place: false }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self.node {
            Node::File(_) => Kind::File,
            Node::Dir(_) => Kind::Dir,
        }
    }

    pub(crate) fn allocated_bytes(&self) -> u64 {
        match &self.node {
            Node::File(file) => file.pages.allocated_bytes(),
            Node::Dir(_) => 0,
        }
    }
}

/// All inodes of all volumes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    slots: Slab,
}

impl Tree {
    pub(crate) fn add_root(&mut self, ino: Ino, volume: u32) {
        let mut slot = Slot::new(Kind::Dir, volume, ino);
        slot.links = 1;
        self.insert(ino, slot);
    }
    pub(crate) fn get(&self, ino: Ino) -> Option<&Slot> {
        self.slots.get(ino)
    }
    pub(crate) fn get_mut(&mut self, ino: Ino) -> Option<&mut Slot> {
        self.slots.get_mut(ino)
    }

    pub(crate) fn insert(&mut self, ino: Ino, slot: Slot) {
        if let Some(place) = self.slots.place(ino) {
            *place = Some(slot);
        }
    }

    pub(crate) fn remove(&mut self, ino: Ino) -> Option<Slot> {
        self.slots.remove(ino)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ino, &Slot)> {
        self.slots.iter()
    }

    pub(crate) fn last_ino(&self) -> Ino {
        self.slots.iter().next_back().map_or(0, |(ino, _)| ino)
    }
    pub(crate) fn file(&self, ino: Ino) -> Option<&Arc<FileNode>> {
        match &self.slots.get(ino)?.node {
            Node::File(file) => Some(file),
            Node::Dir(_) => None,
        }
    }
    pub(crate) fn dir(&self, ino: Ino) -> Option<&Arc<DirNode>> {
        match &self.slots.get(ino)?.node {
            Node::Dir(dir) => Some(dir),
            Node::File(_) => None,
        }
    }
    pub(crate) fn lookup(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.dir(dir)?.get(name)
    }

    /// Applies a change; returns the inode that lost a name by it.
    pub(crate) fn apply(&mut self, micro: &Micro) -> Option<Ino> {
        match &micro.what {
            what @ (What::Data { ino, .. } | What::Size { ino, .. }) => {
                self.change_file(*ino, micro.volume, |file| file.apply(what));
                None
            }
            What::Link { dir, name, ino, kind, .. } => {
                if let Some(slot) = self.slot(*ino, micro.volume, *kind) {
                    slot.links += 1;
                    slot.parent = *dir;
                }
                let replaced = self.change_dir(*dir, micro.volume, |dir| dir.insert(Arc::clone(name), *ino));
                self.unname(replaced)
            }
            What::Unlink { dir, name, .. } => {
                let removed = self.change_dir(*dir, micro.volume, |dir| dir.remove(name));
                self.unname(removed)
            }
        }
    }

    /// Replaces a file's content, and makes the inode if there is none.
    pub(crate) fn set_file(&mut self, ino: Ino, volume: u32, file: &Arc<FileNode>) {
        if let Some(slot) = self.slot(ino, volume, Kind::File) {
            slot.node = Node::File(Arc::clone(file));
        }
    }

    fn unname(&mut self, ino: Option<Ino>) -> Option<Ino> {
        let slot = self.slots.get_mut(ino?)?;
        slot.links = slot.links.saturating_sub(1);
        ino
    }

    /// Changes a file, which comes to be here if replay meets its bytes before its name.
    fn change_file(&mut self, ino: Ino, volume: u32, change: impl FnOnce(&mut FileNode)) {
        if let Some(Slot { node: Node::File(file), .. }) = self.slot(ino, volume, Kind::File) {
            change(Arc::make_mut(file));
        }
    }

    /// The same for a directory.
    fn change_dir(
        &mut self,
        ino: Ino,
        volume: u32,
        change: impl FnOnce(&mut DirNode) -> Option<Ino>,
    ) -> Option<Ino> {
        match self.slot(ino, volume, Kind::Dir) {
            Some(Slot { node: Node::Dir(dir), .. }) => change(Arc::make_mut(dir)),
            _ => None,
        }
    }

    /// The inode, which is made if there is none.
    fn slot(&mut self, ino: Ino, volume: u32, kind: Kind) -> Option<&mut Slot> {
        self.slots.get_or_insert_with(ino, || Slot::new(kind, volume, 0))
    }
}

#[cfg(test)]
mod tests;
