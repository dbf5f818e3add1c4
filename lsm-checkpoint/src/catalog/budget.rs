//! The bounds on the memory and time that a catalog may cost.
//!
//! A catalog may come from an attacker, and a sparse file of a few kilobytes on disk can have a length of gigabytes. A
//! catalog may therefore use a fixed amount of memory that any reader can afford. Beyond that amount, it may list only
//! as much as its directory really holds. The cost of reading a directory is then proportional to its real contents.

use std::path::{Path, PathBuf};

use lsm_fs::Fs;

use crate::{CatalogDefect, layout};

/// A catalog file of up to this length is always read.
const FREE_BYTES: u64 = 16 << 20;
/// The length that each entry of the directory adds to the limit. It is several times the size of a record.
const BYTES_PER_ENTRY: u64 = 2 << 10;

/// The memory that a catalog may take for names that the directory does not hold.
const FREE_MEMORY: u64 = 24 << 20;
/// The memory of a name without its text: in the catalog, in the set of compared names, and in a reported problem.
const MEMORY_PER_NAME: u64 = 400;

/// The depth up to which entries are counted. A catalog cannot list deeper folders, because the path of a tree and the
/// path of a folder in it are each limited.
const DEPTH_MAX: usize = 2 * layout::DEPTH_MAX;

/// The memory that a catalog may still take.
pub(super) struct Budget<'a> {
    /// The directory, if the catalog lies in one.
    dir: Option<(&'a dyn Fs, &'a Path)>,
    memory: u64,
    /// The entries of the directory. They are counted on demand, because walking all folders costs more than reading an
    /// ordinary catalog.
    held: Option<RealEntries>,
}

/// The entries that a directory really holds.
#[derive(Clone, Copy, Default)]
struct RealEntries {
    entries: u64,
    memory: u64,
}

impl<'a> Budget<'a> {
    pub(super) fn new(fs: &'a dyn Fs, dir: &'a Path) -> Self {
        Self { dir: Some((fs, dir)), memory: FREE_MEMORY, held: None }
    }

    /// The budget of a catalog outside of a directory.
    pub(super) fn of_memory(bytes: u64) -> Self {
        Self { dir: None, memory: bytes, held: None }
    }

    /// Refuses a catalog file that is too long for the number of entries in the directory.
    pub(super) fn check_len(&mut self, len: u64) -> Result<(), CatalogDefect> {
        if len <= FREE_BYTES
            || len <= FREE_BYTES.saturating_add(self.held().entries.saturating_mul(BYTES_PER_ENTRY))
        {
            Ok(())
        } else {
            Err(CatalogDefect::Excess)
        }
    }

    /// Takes the memory for the name of one file, folder or tree.
    pub(super) fn take(&mut self, text_len: usize) -> Result<(), CatalogDefect> {
        let wanted = memory_of(text_len);
        if wanted > self.memory && self.held.is_none() {
            self.memory = self.memory.saturating_add(self.held().memory);
        }
        self.memory = self.memory.checked_sub(wanted).ok_or(CatalogDefect::Excess)?;
        Ok(())
    }

    fn held(&mut self) -> RealEntries {
        let dir = self.dir;
        *self.held.get_or_insert_with(|| dir.map_or_else(RealEntries::default, |(fs, dir)| count(fs, dir)))
    }
}

fn memory_of(text_len: usize) -> u64 {
    (text_len as u64).saturating_mul(2).saturating_add(MEMORY_PER_NAME)
}

/// Counts the entries of a directory. An unreadable folder counts as empty, because nothing in it can be restored.
fn count(fs: &dyn Fs, dir: &Path) -> RealEntries {
    let mut held = RealEntries::default();
    let mut left = vec![(PathBuf::new(), 0)];
    while let Some((below, depth)) = left.pop() {
        for entry in fs.read_dir(&dir.join(&below)).into_iter().flatten() {
            held.entries += 1;
            let path = below.join(&entry.name);
            let memory = memory_of(path.as_os_str().len());
            held.memory = held.memory.saturating_add(memory);
            if entry.file_type.is_dir() && depth < DEPTH_MAX {
                // A directory may have a second record, with its attributes.
                held.memory = held.memory.saturating_add(memory);
                left.push((path, depth + 1));
            }
        }
    }
    held
}

#[cfg(test)]
mod tests;
