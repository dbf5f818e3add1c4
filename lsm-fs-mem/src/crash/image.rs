//! Turns a replayed tree into the tree that a mount shows: unreachable inodes vanish, and bytes beyond the length are
//! dropped.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    hash::Fingerprint,
    micro::{Ino, Kind},
    tree::{DirNode, FileNode, Inode, Node, Tree},
};

/// Returns a fingerprint that is equal for two images with the same names, contents, permissions, and shared inodes.
pub(crate) fn fingerprint(tree: &Tree, roots: &[Ino]) -> u128 {
    let mut walk = Walk { tree, above: Vec::new(), files: BTreeMap::new(), hash: Fingerprint::new() };
    for root in roots {
        walk.dir(*root);
    }
    walk.hash.finish()
}

struct Walk<'t> {
    tree: &'t Tree,
    above: Vec<Ino>,
    /// The index of each file in the order of the walk. It replaces the inode number, which may differ between equal
    /// images.
    files: BTreeMap<Ino, u64>,
    hash: Fingerprint,
}

impl Walk<'_> {
    fn dir(&mut self, ino: Ino) {
        let Some(inode @ Inode { node: Node::Dir(dir), .. }) = self.tree.get(ino) else { return };
        self.above.push(ino);
        self.hash.permissions(&inode.permissions());
        for (name, child) in dir.iter() {
            match self.tree.get(child) {
                Some(inode @ Inode { node: Node::File(file), .. }) => {
                    self.hash.bytes(name.as_encoded_bytes());
                    let next = self.files.len() as u64;
                    let index = *self.files.entry(child).or_insert(next);
                    self.hash.word(index);
                    if index == next {
                        self.hash.permissions(&inode.permissions());
                        self.hash.wide(file.fingerprint());
                    }
                }
                Some(Inode { node: Node::Dir(_), .. }) if !self.above.contains(&child) => {
                    self.hash.bytes(name.as_encoded_bytes());
                    self.hash.word(u64::MAX);
                    self.dir(child);
                }
                _ => {}
            }
        }
        self.hash.word(u64::MAX - 1);
        self.above.pop();
    }
}

/// Returns the tree that a mount shows.
///
/// A split rename can leave a directory with two names. It becomes two directories, as a repair of the filesystem would
/// leave it.
pub(crate) fn assemble(tree: &Tree, roots: &[Ino]) -> Tree {
    let mut assembly =
        Assembly { from: tree, to: Tree::default(), above: Vec::new(), next: tree.last_ino() + 1 };
    for root in roots {
        debug_assert!(tree.get(*root).is_some(), "a volume whose root {root} is not in the tree");
        let Some(inode) = tree.get(*root) else { continue };
        let entries = assembly.dir(*root, *root);
        let root_inode = Inode { node: Node::Dir(entries), links: 1, ..inode.unheld() };
        assembly.to.insert(*root, root_inode);
    }
    assembly.to
}

struct Assembly<'t> {
    from: &'t Tree,
    to: Tree,
    above: Vec<Ino>,
    next: Ino,
}

impl Assembly<'_> {
    /// Returns the entries of the directory `from`, whose children get `parent` as their parent.
    fn dir(&mut self, from: Ino, parent: Ino) -> Arc<DirNode> {
        let Some(dir) = self.from.dir(from) else { return Arc::default() };
        self.above.push(from);
        let mut changed = false;
        let mut entries = dir.without_names();
        for (name, child) in dir.iter() {
            let kept = self.entry(child, parent);
            changed |= kept != Some(child);
            if let Some(kept) = kept {
                entries.insert(Arc::clone(name), kept);
            }
        }
        self.above.pop();
        if changed { Arc::new(entries) } else { Arc::clone(dir) }
    }

    fn entry(&mut self, child: Ino, parent: Ino) -> Option<Ino> {
        let inode = self.from.get(child)?;
        if let Some(known) = self.to.get_mut(child)
            && known.kind() == Kind::File
        {
            known.links += 1;
            return Some(child);
        }
        let (ino, node) = match &inode.node {
            Node::File(file) => (child, Node::File(cut(file))),
            Node::Dir(_) if self.above.contains(&child) => return None,
            Node::Dir(_) => {
                let ino = if self.to.get(child).is_some() { self.take_ino() } else { child };
                (ino, Node::Dir(self.dir(child, ino)))
            }
        };
        self.to.insert(ino, Inode { node, links: 1, parent, ..inode.unheld() });
        Some(ino)
    }

    fn take_ino(&mut self) -> Ino {
        self.next += 1;
        self.next - 1
    }
}

fn cut(file: &Arc<FileNode>) -> Arc<FileNode> {
    if !file.needs_cut() {
        return Arc::clone(file);
    }
    let mut file = FileNode::clone(file);
    file.cut();
    Arc::new(file)
}
