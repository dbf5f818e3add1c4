//! The amount of a catalog that is believed.
//!
//! A catalog may come from anybody, and a few sparse kilobytes of it can stand for gigabytes. So beyond an amount that
//! any reader can afford, it may list as much as its directory really holds, and no more: the memory and the time that
//! a directory costs are in proportion to what its owner has put there.

use std::path::{Path, PathBuf};

use lsm_fs::Fs;

use crate::{CatalogDefect, layout};

/// A catalog file of this length is read in any case.
const FREE_BYTES: u64 = 16 << 20;
/// Each entry of the directory adds this: several times as much as a record takes.
const BYTES_PER_ENTRY: u64 = 2 << 10;

/// So much memory may be taken by what the directory does not hold.
const FREE_MEMORY: u64 = 24 << 20;
/// The memory of a name, besides its text: in the catalog, among the names that are compared, and as a problem.
const MEMORY_PER_NAME: u64 = 400;

/// Deeper folders hold nothing that a catalog can list: a tree, and in it a folder, are as deep as a folder's path.
const DEPTH_MAX: usize = 2 * layout::DEPTH_MAX;

/// The rest of the memory that a catalog may take.
pub(super) struct Budget<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    memory: u64,
    /// Counted when it is first needed: to look at each folder costs more than to read an ordinary catalog.
    held: Option<Held>,
}

/// The entries that a directory really holds.
#[derive(Clone, Copy, Default)]
struct Held {
    entries: u64,
    memory: u64,
}

impl<'a> Budget<'a> {
    pub(super) fn new(fs: &'a dyn Fs, dir: &'a Path) -> Self {
        Self { fs, dir, memory: FREE_MEMORY, held: None }
    }

    /// Refuses a catalog file that is longer than the directory explains.
    pub(super) fn check_len(&mut self, len: u64) -> Result<(), CatalogDefect> {
        if len <= FREE_BYTES
            || len <= FREE_BYTES.saturating_add(self.held().entries.saturating_mul(BYTES_PER_ENTRY))
        {
            Ok(())
        } else {
            Err(CatalogDefect::Excess)
        }
    }

    /// Takes the memory of one name: of a file, a folder or a tree.
    pub(super) fn take(&mut self, text_len: usize) -> Result<(), CatalogDefect> {
        let wanted = memory_of(text_len);
        if wanted > self.memory && self.held.is_none() {
            self.memory = self.memory.saturating_add(self.held().memory);
        }
        self.memory = self.memory.checked_sub(wanted).ok_or(CatalogDefect::Excess)?;
        Ok(())
    }

    fn held(&mut self) -> Held {
        let (fs, dir) = (self.fs, self.dir);
        *self.held.get_or_insert_with(|| count(fs, dir))
    }
}

fn memory_of(text_len: usize) -> u64 {
    (text_len as u64).saturating_mul(2).saturating_add(MEMORY_PER_NAME)
}

/// Counts the entries of a directory. One that cannot be read holds nothing that can be restored.
fn count(fs: &dyn Fs, dir: &Path) -> Held {
    let mut held = Held::default();
    let mut left = vec![(PathBuf::new(), 0)];
    while let Some((below, depth)) = left.pop() {
        for entry in fs.read_dir(&dir.join(&below)).into_iter().flatten() {
            held.entries += 1;
            let path = below.join(&entry.name);
            let memory = memory_of(path.as_os_str().len());
            held.memory = held.memory.saturating_add(memory);
            if entry.file_type.is_dir() && depth < DEPTH_MAX {
                // It may have a second record, of its attributes.
                held.memory = held.memory.saturating_add(memory);
                left.push((path, depth + 1));
            }
        }
    }
    held
}

#[cfg(test)]
mod tests;
