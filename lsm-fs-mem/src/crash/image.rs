//! Turns a replayed tree into the tree that a mount shows: unreachable inodes vanish, and bytes beyond the length are
//! dropped.
//!
//! The walks keep the open directories in a list, because a tree may be deeper than the stack.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    hash::Fingerprint,
    micro::{Ino, Kind, Name},
    tree::{DirNode, FileNode, Inode, Node, Tree},
};

/// Returns a fingerprint that is equal for two images with the same names, contents, permissions, and shared inodes.
pub(crate) fn fingerprint(tree: &Tree, roots: &[Ino]) -> u128 {
    let mut walk = Walk { tree, above: BTreeSet::new(), files: BTreeMap::new(), hash: Fingerprint::new() };
    for root in roots {
        walk.dir(*root);
    }
    walk.hash.finish()
}

struct Walk<'t> {
    tree: &'t Tree,
    above: BTreeSet<Ino>,
    /// The index of each file in the order of the walk. It replaces the inode number, which may differ between equal
    /// images.
    files: BTreeMap<Ino, u64>,
    hash: Fingerprint,
}

impl<'t> Walk<'t> {
    fn dir(&mut self, root: Ino) {
        let mut open: Vec<_> = self.open(root).into_iter().collect();
        while let Some((ino, names)) = open.last_mut() {
            match names.next() {
                Some((name, child)) => {
                    if self.name(name, child) {
                        open.extend(self.open(child));
                    }
                }
                None => {
                    self.hash.word(u64::MAX - 1);
                    self.above.remove(ino);
                    open.pop();
                }
            }
        }
    }

    fn open(&mut self, ino: Ino) -> Option<(Ino, impl Iterator<Item = (&'t Name, Ino)> + use<'t>)> {
        let Some(inode @ Inode { node: Node::Dir(dir), .. }) = self.tree.get(ino) else { return None };
        self.above.insert(ino);
        self.hash.permissions(&inode.permissions());
        Some((ino, dir.iter()))
    }

    /// Returns whether the name leads to a directory to walk next.
    fn name(&mut self, name: &Name, child: Ino) -> bool {
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
                false
            }
            Some(Inode { node: Node::Dir(_), .. }) if !self.above.contains(&child) => {
                self.hash.bytes(name.as_encoded_bytes());
                self.hash.word(u64::MAX);
                true
            }
            _ => false,
        }
    }
}

/// Returns the tree that a mount shows.
///
/// A split rename can leave a directory with two names. It becomes two directories, as a repair of the filesystem would
/// leave it.
pub(crate) fn assemble(tree: &Tree, roots: &[Ino]) -> Tree {
    let mut assembly =
        Assembly { from: tree, to: Tree::default(), above: BTreeSet::new(), next: tree.last_ino() + 1 };
    for root in roots {
        debug_assert!(tree.get(*root).is_some(), "a volume whose root {root} is not in the tree");
        assembly.dirs(*root);
    }
    assembly.to
}

struct Assembly<'t> {
    from: &'t Tree,
    to: Tree,
    above: BTreeSet<Ino>,
    next: Ino,
}

/// A directory whose entries are being assembled.
struct Open<'t, I> {
    from: Ino,
    /// Its number in the new tree, which is also the parent of its children.
    ino: Ino,
    parent: Ino,
    inode: &'t Inode,
    dir: &'t Arc<DirNode>,
    names: I,
    entries: DirNode,
    changed: bool,
}

impl<'t> Assembly<'t> {
    /// Adds a root and everything below it.
    fn dirs(&mut self, root: Ino) {
        let Some(inode) = self.from.get(root) else { return };
        let mut open: Vec<_> = self.open(root, root, inode.parent).into_iter().collect();
        while let Some(dir) = open.last_mut() {
            let Some((name, child)) = dir.names.next() else {
                let Some(done) = open.pop() else { return };
                self.above.remove(&done.from);
                let entries = if done.changed { Arc::new(done.entries) } else { Arc::clone(done.dir) };
                let node = Node::Dir(entries);
                self.to
                    .insert(done.ino, Inode { node, links: 1, parent: done.parent, ..done.inode.unheld() });
                continue;
            };
            let kept = self.entry(child, dir.ino);
            dir.changed |= kept != Some(child);
            if let Some(kept) = kept {
                dir.entries.insert(Arc::clone(name), kept);
                let parent = dir.ino;
                open.extend(self.open(child, kept, parent));
            }
        }
    }

    /// Begins with the directory `from`, which gets the number `ino`. Returns `None` for a file.
    fn open(
        &mut self,
        from: Ino,
        ino: Ino,
        parent: Ino,
    ) -> Option<Open<'t, impl Iterator<Item = (&'t Name, Ino)> + use<'t>>> {
        let tree = self.from;
        let (inode, dir) = (tree.get(from)?, tree.dir(from)?);
        self.above.insert(from);
        let (names, entries) = (dir.iter(), dir.without_names());
        Some(Open { from, ino, parent, inode, dir, names, entries, changed: false })
    }

    /// Returns the number that an entry gets, if it stays. Adds it to the tree if it is a file.
    fn entry(&mut self, child: Ino, parent: Ino) -> Option<Ino> {
        let inode = self.from.get(child)?;
        let known = self.to.get_mut(child);
        match &inode.node {
            Node::File(file) => {
                if let Some(known) = known.filter(|known| known.kind() == Kind::File) {
                    known.links += 1;
                    return Some(child);
                }
                let node = Node::File(cut(file));
                self.to.insert(child, Inode { node, links: 1, parent, ..inode.unheld() });
                Some(child)
            }
            Node::Dir(_) if self.above.contains(&child) => None,
            Node::Dir(_) if known.is_some() => Some(self.take_ino()),
            Node::Dir(_) => Some(child),
        }
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
