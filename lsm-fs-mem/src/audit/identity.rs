//! Identities of inodes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use lsm_fs::{FileId, Fs, FsMetadata, Op};

use lsm_fs::intercept::Call;

/// The identity of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Id(FileId),
    /// A number assigned by the audit, if the backend provides no id.
    Serial(u64),
}

/// Finds the identity of the inode at a path.
///
/// If the backend provides no ids, paths are tracked through links, renames, and removals instead.
#[derive(Debug, Default)]
pub(super) struct Keys {
    serials: BTreeMap<PathBuf, u64>,
    last: u64,
}

impl Keys {
    pub(super) fn of(&mut self, path: &Path, metadata: &FsMetadata) -> Key {
        match metadata.file_id {
            Some(id) => Key::Id(id),
            None => Key::Serial(self.serial(path)),
        }
    }

    /// Returns the identity of the inode that the name is bound to.
    pub(super) fn of_name(&mut self, fs: &dyn Fs, path: &Path) -> Option<Key> {
        fs.symlink_metadata(path).ok().map(|metadata| self.of(path, &metadata))
    }

    /// Returns the identity of the inode that the path leads to.
    pub(super) fn of_target(&mut self, fs: &dyn Fs, path: &Path) -> Option<Key> {
        fs.metadata(path).ok().map(|metadata| self.of(path, &metadata))
    }

    fn serial(&mut self, path: &Path) -> u64 {
        let last = &mut self.last;
        *self.serials.entry(normal(path)).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    /// Tracks the paths through a call that has succeeded.
    pub(super) fn follow(&mut self, call: &Call<'_>) {
        if self.serials.is_empty() {
            return;
        }
        match (call.op, call.other_path) {
            (Op::Rename | Op::RenameNoreplace, Some(to)) => {
                let moved = self.take_below(call.path);
                let to = normal(to);
                self.serials.extend(moved.into_iter().map(|(below, serial)| (joined(&to, &below), serial)));
            }
            (Op::HardLink, Some(to)) => {
                let serial = self.serial(call.path);
                self.serials.insert(normal(to), serial);
            }
            (Op::RemoveFile | Op::RemoveDir | Op::RemoveDirAll, None) => drop(self.take_below(call.path)),
            _ => {}
        }
    }

    /// Forgets a path and all paths below it. Returns them relative to it.
    fn take_below(&mut self, path: &Path) -> Vec<(PathBuf, u64)> {
        let path = normal(path);
        let mut taken = Vec::new();
        self.serials.retain(|at, serial| match at.strip_prefix(&path) {
            Ok(below) => {
                taken.push((below.to_path_buf(), *serial));
                false
            }
            Err(_) => true,
        });
        taken
    }
}

/// Removes `.` and repeated separators from a path.
fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Joins two paths. Unlike `Path::join`, it adds no separator if the second path is empty.
pub(super) fn joined(base: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { base.to_path_buf() } else { base.join(below) }
}
