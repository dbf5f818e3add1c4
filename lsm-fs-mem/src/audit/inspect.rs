//! Walks names and trees to find changes that are not durable.

use std::{collections::BTreeSet, path::Path};

use lsm_fs::{Fs, Result, parent_of};

use super::{
    account::{Account, NameState},
    identity::Key,
    undurable::{Undurable, UndurablePart},
};

/// One inspection of the account, with its findings.
pub(super) struct Inspection<'a> {
    pub(super) fs: &'a dyn Fs,
    root: &'a Path,
    pub(super) account: &'a mut Account,
    found: BTreeSet<Undurable>,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(fs: &'a dyn Fs, root: &'a Path, account: &'a mut Account) -> Self {
        Self { fs, root, account, found: BTreeSet::new() }
    }

    /// Takes the findings, sorted by path.
    pub(super) fn finish(&mut self) -> Vec<Undurable> {
        std::mem::take(&mut self.found).into_iter().collect()
    }

    pub(super) fn note(&mut self, path: &Path, part: UndurablePart) {
        self.found.insert(Undurable { path: path.to_path_buf(), part });
    }

    /// Inspects the path's own name and the names of the directories above it, up to the root.
    pub(super) fn names_from_root(&mut self, path: &Path) {
        self.names_from(self.root, path);
    }

    /// Inspects the path's own name and the names of the directories above it, below `top`.
    pub(super) fn names_from(&mut self, top: &Path, path: &Path) {
        let mut at = path;
        while at != top {
            self.name(at);
            let parent = parent_of(at);
            if parent == at || parent == Path::new(".") {
                return;
            }
            at = parent;
        }
    }

    fn name(&mut self, path: &Path) {
        if self.root.starts_with(path) {
            return;
        }
        match self.name_state(path) {
            Some(NameState::Changed) => self.note(path, UndurablePart::Name),
            Some(NameState::Lost) => self.note(path, UndurablePart::LostName),
            None => {}
        }
    }

    /// Returns the state of a name that has changed since it was last durable.
    pub(super) fn name_state(&mut self, path: &Path) -> Option<NameState> {
        let directory = self.account.keys.of_target(self.fs, parent_of(path))?;
        self.account.inode(directory)?.names.get(path.file_name()?).copied()
    }

    /// Inspects a file's bytes, or everything below a directory. The path's own name is left out.
    pub(super) fn tree(&mut self, path: &Path) -> Result<()> {
        let metadata = self.fs.symlink_metadata(path)?;
        let key = self.account.keys.of(path, &metadata);
        if metadata.is_dir() {
            self.removals(path, key);
            for entry in self.fs.read_dir(path)? {
                let path = path.join(entry.name);
                self.name(&path);
                self.tree(&path)?;
            }
        } else if metadata.is_file() {
            self.content(path, key);
        }
        Ok(())
    }

    pub(super) fn content(&mut self, path: &Path, key: Key) {
        let (is_lost, is_dirty) = self.account.inode(key).map_or((false, false), |i| (i.is_lost, i.is_dirty));
        if is_lost {
            self.note(path, UndurablePart::LostContent);
        } else if is_dirty {
            self.note(path, UndurablePart::Content);
        }
    }

    /// Inspects the changed names that are not bound.
    fn removals(&mut self, dir: &Path, key: Key) {
        let Some(inode) = self.account.inode(key) else { return };
        for (name, state) in inode.names.clone() {
            let path = dir.join(name);
            if self.fs.symlink_metadata(&path).is_err() {
                let is_lost = state == NameState::Lost;
                self.note(&path, if is_lost { UndurablePart::LostRemoval } else { UndurablePart::Removal });
            }
        }
    }
}
