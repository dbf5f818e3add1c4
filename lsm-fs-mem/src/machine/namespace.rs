//! The namespace: the tree that callers see across all volumes, and the kinds of inodes that are neither files nor
//! directories.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{FileId, FsFileType, FsMetadata, errno};

use super::{
    errors::os,
    mounts::{Mounts, ROOT},
    volumes::{Volume, Volumes},
};
use crate::{
    micro::{Ino, Kind, Micro},
    tree::{FileNode, Inode, Tree},
    volume::VolumeOptions,
};

/// An inode that is neither a file nor a directory. A crash treats it as an empty file.
#[derive(Clone, Debug)]
pub(crate) enum Special {
    /// A pipe, a socket, or a device.
    Other,
    Symlink(PathBuf),
}

/// The names on all volumes and the inodes that they lead to.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    tree: Tree,
    volumes: Volumes,
    mounts: Mounts,
    /// The special inodes. The table only grows, because inode numbers are never reused.
    special: Arc<BTreeMap<Ino, Special>>,
    next_ino: Ino,
}

impl Namespace {
    /// Creates a namespace with one empty volume.
    pub(super) fn new(options: VolumeOptions) -> Self {
        let mut tree = Tree::default();
        tree.add_root(ROOT, 0);
        Self {
            tree,
            volumes: Volumes::new(options),
            mounts: Mounts::default(),
            special: Arc::default(),
            next_ino: ROOT + 1,
        }
    }

    /// Returns the volumes and mounts with an empty tree.
    pub(super) fn without_tree(&self) -> Self {
        Self {
            tree: Tree::default(),
            volumes: self.volumes.clone(),
            mounts: self.mounts.clone(),
            special: Arc::clone(&self.special),
            next_ino: self.next_ino,
        }
    }

    /// Returns the same volumes with another tree, as after a restart of the machine.
    pub(super) fn restarted(&self, tree: Tree) -> Self {
        Self {
            volumes: self.volumes.restarted(&tree),
            mounts: self.mounts.clone(),
            special: Arc::clone(&self.special),
            next_ino: self.next_ino.max(tree.last_ino() + 1),
            tree,
        }
    }

    /// Covers a directory with a new volume. Returns the root and the number of the volume.
    pub(super) fn mount(
        &mut self,
        covered: Ino,
        path: &Path,
        options: VolumeOptions,
    ) -> io::Result<(Ino, u32)> {
        let volume = self.volumes.add(path, options)?;
        let root = self.take_ino();
        self.tree.add_mount_root(root, volume, self.parent_of(covered));
        self.mounts.cover(covered, root);
        Ok((root, volume))
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) const fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    pub(super) const fn volumes(&self) -> &Volumes {
        &self.volumes
    }

    pub(super) const fn volumes_mut(&mut self) -> &mut Volumes {
        &mut self.volumes
    }

    /// Returns the directory that holds a directory's name.
    pub(super) fn parent_of(&self, dir: Ino) -> Ino {
        self.tree.get(dir).map_or(ROOT, |inode| inode.parent)
    }

    pub(super) const fn take_ino(&mut self) -> Ino {
        self.next_ino += 1;
        self.next_ino - 1
    }

    pub(super) fn set_special(&mut self, ino: Ino, special: Special) {
        Arc::make_mut(&mut self.special).insert(ino, special);
    }

    pub(super) fn special(&self, ino: Ino) -> Option<&Special> {
        self.special.get(&ino)
    }

    pub(crate) fn volume_of(&self, ino: Ino) -> u32 {
        let inode = self.tree.get(ino);
        debug_assert!(inode.is_some(), "inode {ino} is in use and does not exist");
        inode.map_or(0, |inode| inode.volume)
    }

    /// Returns the inode's volume, unless it is shut down.
    pub(crate) fn volume(&self, ino: Ino) -> io::Result<&Volume> {
        self.volumes.working(self.volume_of(ino))
    }

    /// Returns the inode's volume, if it accepts changes.
    pub(super) fn writable(&self, ino: Ino) -> io::Result<&Volume> {
        self.volumes.writable(self.volume_of(ino))
    }

    /// Refuses a new name on a full volume, where the directory could not grow.
    pub(super) fn check_room_for_name(&self, dir: Ino) -> io::Result<()> {
        if self.writable(dir)?.free_bytes() == 0 { Err(os(errno::ENOSPC)) } else { Ok(()) }
    }

    pub(crate) fn file(&self, ino: Ino) -> io::Result<&Arc<FileNode>> {
        self.tree.file(ino).ok_or_else(|| os(errno::EISDIR))
    }

    pub(super) fn kind(&self, ino: Ino) -> Kind {
        let inode = self.tree.get(ino);
        debug_assert!(inode.is_some(), "inode {ino} is in use and does not exist");
        inode.map_or(Kind::File, Inode::kind)
    }

    pub(super) fn file_type(&self, ino: Ino) -> FsFileType {
        match (self.special(ino), self.kind(ino)) {
            (Some(Special::Symlink(_)), _) => FsFileType::Symlink,
            (Some(Special::Other), _) => FsFileType::Other,
            (None, Kind::File) => FsFileType::File,
            (None, Kind::Dir) => FsFileType::Directory,
        }
    }

    /// Refuses an inode that cannot be opened, linked in a view, or cloned.
    pub(super) fn check_regular(&self, ino: Ino) -> io::Result<()> {
        match self.file_type(ino) {
            FsFileType::Symlink => Err(os(errno::ELOOP)),
            FsFileType::File | FsFileType::Directory => Ok(()),
            _ => {
                let why = "a pipe, a socket or a device, not a regular file";
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    }

    pub(crate) fn metadata(&self, ino: Ino) -> io::Result<FsMetadata> {
        self.volume(ino)?;
        let inode = self.tree.get(ino).ok_or_else(|| os(errno::ENOENT))?;
        let len = self.tree.file(ino).map_or(0, |file| file.len);
        let mut metadata = FsMetadata::new(self.file_type(ino), len);
        metadata.link_count = Some(u64::from(inode.links));
        metadata.file_id = Some(FileId { volume: u64::from(inode.volume) + 1, inode: ino });
        metadata.allocated_bytes = Some(inode.allocated_bytes());
        metadata.permissions = Some(inode.permissions());
        Ok(metadata)
    }

    /// Returns whether `ino` is `dir` or lies below it.
    pub(super) fn is_within(&self, ino: Ino, dir: Ino) -> bool {
        let mut at = ino;
        loop {
            if at == dir {
                return true;
            }
            match self.tree.get(at) {
                Some(inode) if inode.parent != at => at = inode.parent,
                _ => return false,
            }
        }
    }

    /// Applies a change. Returns the inode that lost a name by it.
    pub(super) fn apply(&mut self, micro: &Micro) -> Option<Ino> {
        let before = micro.may_allocate().map(|ino| (ino, self.allocated(ino)));
        let unnamed = self.tree.apply(micro);
        if let Some((ino, before)) = before {
            self.volumes.charge(micro.volume, before, self.allocated(ino));
        }
        unnamed
    }

    /// Replaces the content of a file.
    pub(super) fn replace_content(&mut self, ino: Ino, content: &Arc<FileNode>) {
        let (volume, before) = (self.volume_of(ino), self.allocated(ino));
        self.tree.set_file(ino, volume, content);
        self.volumes.charge(volume, before, self.allocated(ino));
    }

    /// Adds a handle to the inode, which then outlives its names.
    pub(super) fn hold(&mut self, ino: Ino) {
        self.change(ino, |inode| inode.opens += 1);
    }

    pub(super) fn release(&mut self, ino: Ino) {
        self.change(ino, |inode| {
            debug_assert!(inode.opens > 0, "inode {ino} is released more often than held");
            inode.opens = inode.opens.saturating_sub(1);
        });
        self.reap(ino);
    }

    /// Removes all handles.
    pub(super) fn release_all(&mut self) {
        let held: Vec<Ino> =
            self.tree.iter().filter(|(_, inode)| inode.opens > 0).map(|(ino, _)| ino).collect();
        for ino in held {
            self.change(ino, |inode| inode.opens = 0);
            self.reap(ino);
        }
    }

    /// Frees an inode that neither a name nor a handle leads to.
    pub(super) fn reap(&mut self, ino: Ino) {
        let is_gone = |inode: &&Inode| inode.links == 0 && inode.opens == 0;
        let Some(inode) = self.tree.get(ino).filter(is_gone) else { return };
        let (volume, allocated) = (inode.volume, inode.allocated_bytes());
        self.tree.remove(ino);
        self.volumes.charge(volume, allocated, 0);
    }

    /// Changes attributes of an inode other than its content.
    pub(super) fn change(&mut self, ino: Ino, change: impl FnOnce(&mut Inode)) {
        let inode = self.tree.get_mut(ino);
        debug_assert!(inode.is_some(), "inode {ino} is in use and does not exist");
        if let Some(inode) = inode {
            change(inode);
        }
    }

    fn allocated(&self, ino: Ino) -> u64 {
        self.tree.get(ino).map_or(0, Inode::allocated_bytes)
    }
}
