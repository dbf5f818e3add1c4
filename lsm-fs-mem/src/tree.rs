//! Inodes and the tree they form. Calls and the replay after a crash apply the same micro-operations to it.

mod dir;
mod file;
mod inode;
mod slab;

use std::{ffi::OsStr, sync::Arc};

pub(crate) use dir::DirNode;
pub(crate) use file::FileNode;
pub(crate) use inode::{Inode, Node};
use slab::Slab;

use crate::micro::{Change, Ino, Kind, Micro};

/// All inodes of all volumes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    inodes: Slab,
}

impl Tree {
    pub(crate) fn add_root(&mut self, ino: Ino, volume: u32) {
        self.add_mount_root(ino, volume, ino);
    }

    /// Adds the root of a volume that is mounted on a directory with this parent.
    pub(crate) fn add_mount_root(&mut self, ino: Ino, volume: u32, parent: Ino) {
        let mut root = Inode::new(Kind::Dir, volume, parent);
        root.links = 1;
        self.insert(ino, root);
    }

    pub(crate) fn get(&self, ino: Ino) -> Option<&Inode> {
        self.inodes.get(ino)
    }
    pub(crate) fn get_mut(&mut self, ino: Ino) -> Option<&mut Inode> {
        self.inodes.get_mut(ino)
    }

    pub(crate) fn insert(&mut self, ino: Ino, inode: Inode) {
        if let Some(place) = self.inodes.place(ino) {
            *place = Some(inode);
        }
    }

    pub(crate) fn remove(&mut self, ino: Ino) -> Option<Inode> {
        self.inodes.remove(ino)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ino, &Inode)> {
        self.inodes.iter()
    }

    pub(crate) fn last_ino(&self) -> Ino {
        self.inodes.iter().next_back().map_or(0, |(ino, _)| ino)
    }
    pub(crate) fn file(&self, ino: Ino) -> Option<&Arc<FileNode>> {
        match &self.inodes.get(ino)?.node {
            Node::File(file) => Some(file),
            Node::Dir(_) => None,
        }
    }

    /// Returns the content of a file, or an empty file if the tree does not have it.
    pub(crate) fn content(&self, ino: Ino) -> FileNode {
        debug_assert!(self.dir(ino).is_none(), "inode {ino} is a directory and has no content");
        self.file(ino).map(|file| FileNode::clone(file)).unwrap_or_default()
    }

    pub(crate) fn dir(&self, ino: Ino) -> Option<&Arc<DirNode>> {
        match &self.inodes.get(ino)?.node {
            Node::Dir(dir) => Some(dir),
            Node::File(_) => None,
        }
    }
    pub(crate) fn lookup(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.dir(dir)?.get(name)
    }

    /// Applies a change. Returns the inode that lost a name by it.
    pub(crate) fn apply(&mut self, micro: &Micro) -> Option<Ino> {
        match &micro.change {
            change @ (Change::Data { ino, .. } | Change::Size { ino, .. }) => {
                self.change_file(*ino, micro.volume, |file| file.apply(change));
                None
            }
            Change::Permissions { ino, kind: Kind::File, .. } => {
                self.change_file(*ino, micro.volume, |file| file.apply(&micro.change));
                None
            }
            Change::Permissions { ino, kind: Kind::Dir, to } => self.change_dir(*ino, micro.volume, |dir| {
                dir.permissions = Some(*to);
                None
            }),
            Change::Link { dir, name, ino, kind, access, .. } => {
                if let Some(inode) = self.inode(*ino, micro.volume, *kind) {
                    inode.access = *access;
                    inode.links += 1;
                    inode.parent = *dir;
                }
                let replaced = self.change_dir(*dir, micro.volume, |dir| dir.insert(Arc::clone(name), *ino));
                self.unname(replaced)
            }
            Change::Unlink { dir, name, .. } => {
                let removed = self.change_dir(*dir, micro.volume, |dir| dir.remove(name));
                self.unname(removed)
            }
        }
    }

    /// Replaces the content of a file. Creates the inode if necessary.
    pub(crate) fn set_file(&mut self, ino: Ino, volume: u32, file: &Arc<FileNode>) {
        if let Some(inode) = self.inode(ino, volume, Kind::File) {
            debug_assert!(inode.kind() == Kind::File, "inode {ino} is a directory and gets a content");
            inode.node = Node::File(Arc::clone(file));
        }
    }

    fn unname(&mut self, ino: Option<Ino>) -> Option<Ino> {
        let inode = self.inodes.get_mut(ino?);
        debug_assert!(inode.is_some(), "a name led to inode {ino:?}, which does not exist");
        let inode = inode?;
        inode.links = inode.links.saturating_sub(1);
        ino
    }

    /// Changes a file. Creates it if replay reaches its bytes before its name.
    fn change_file(&mut self, ino: Ino, volume: u32, change: impl FnOnce(&mut FileNode)) {
        match self.inode(ino, volume, Kind::File) {
            Some(Inode { node: Node::File(file), .. }) => change(Arc::make_mut(file)),
            _ => debug_assert!(false, "inode {ino} is no file and its content changes"),
        }
    }

    /// Changes a directory. Creates it if replay reaches its entries before its name.
    fn change_dir(
        &mut self,
        ino: Ino,
        volume: u32,
        change: impl FnOnce(&mut DirNode) -> Option<Ino>,
    ) -> Option<Ino> {
        match self.inode(ino, volume, Kind::Dir) {
            Some(Inode { node: Node::Dir(dir), .. }) => change(Arc::make_mut(dir)),
            _ => {
                debug_assert!(false, "inode {ino} is no directory and its names change");
                None
            }
        }
    }

    /// Returns the inode. Creates it if necessary.
    fn inode(&mut self, ino: Ino, volume: u32, kind: Kind) -> Option<&mut Inode> {
        self.inodes.get_or_insert_with(ino, || Inode::new(kind, volume, 0))
    }
}

#[cfg(test)]
mod tests;
