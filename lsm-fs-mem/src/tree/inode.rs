//! An inode: a file or a directory, with its attributes.

use std::sync::Arc;

use lsm_fs::Permissions;

use super::{dir::DirNode, file::FileNode};
use crate::micro::{Access, Ino, Kind};

/// The content of an inode.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(Arc<FileNode>),
    Dir(Arc<DirNode>),
}

/// An inode with its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) node: Node,
    pub(crate) volume: u32,
    /// The number of names.
    pub(crate) links: u32,
    /// The number of handles that hold it.
    pub(crate) opens: u32,
    /// For a directory, the directory that holds its name.
    pub(crate) parent: Ino,
    /// The number of syncs that have failed.
    pub(crate) failed_syncs: u32,
    /// Set if copy-on-write was disabled for it.
    pub(crate) in_place: bool,
    /// The access with which it was created.
    pub(crate) access: Access,
}

impl Inode {
    #[inline]
    pub(crate) fn new(kind: Kind, volume: u32, parent: Ino) -> Self {
        let node = match kind {
            Kind::File => Node::File(Arc::default()),
            Kind::Dir => Node::Dir(Arc::default()),
        };
        Self {
            node,
            volume,
            links: 0,
            opens: 0,
            parent,
            failed_syncs: 0,
            in_place: false,
            access: Access::Ordinary,
        }
    }

    #[inline]
    pub(crate) const fn kind(&self) -> Kind {
        match self.node {
            Node::File(_) => Kind::File,
            Node::Dir(_) => Kind::Dir,
        }
    }

    pub(crate) fn permissions(&self) -> Permissions {
        let set = match &self.node {
            Node::File(file) => file.permissions,
            Node::Dir(dir) => dir.permissions,
        };
        set.unwrap_or(self.access.permissions(self.kind() == Kind::Dir))
    }

    pub(crate) fn allocated_bytes(&self) -> u64 {
        match &self.node {
            Node::File(file) => file.pages.allocated_bytes(),
            Node::Dir(_) => 0,
        }
    }

    /// Returns the inode as a crash leaves it, without handles and failed syncs.
    #[inline]
    pub(crate) fn unheld(&self) -> Self {
        Self { opens: 0, failed_syncs: 0, ..self.clone() }
    }
}
