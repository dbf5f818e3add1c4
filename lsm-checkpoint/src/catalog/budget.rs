//! How much of a catalog is believed.
//!
//! A catalog may come from anybody, and a few sparse kilobytes of it can stand for gigabytes. So beyond an amount that
//! any reader can afford, it may list as much as its directory really holds, and no more: the memory and the time that
//! a directory costs are in proportion to what its owner has put there.

use std::path::{Path, PathBuf};

use lsm_fs::Fs;

use crate::CatalogDefect;

/// A catalog file of this length is read in any case.
const FREE_BYTES: u64 = 16 << 20;
/// What each entry of the directory adds to that: several times as much as a record takes.
const BYTES_PER_ENTRY: u64 = 2 << 10;

/// So much memory may be taken by what the directory does not hold.
const FREE_MEMORY: u64 = 24 << 20;
/// What a name takes, besides its text: in the catalog, among the names that are compared, and as a problem.
const MEMORY_PER_NAME: u64 = 400;

/// Deeper folders hold nothing that a catalog can list.
const DEPTH_MAX: usize = 8;

/// What is left of the memory that a catalog may take.
pub(super) struct Budget<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    memory: u64,
    /// Counted when it is first needed: to look at each folder costs more than to read an ordinary catalog.
    held: Option<Held>,
}

/// What a directory really holds.
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
    let mut left = vec![(dir.to_path_buf(), 0)];
    while let Some((dir, depth)) = left.pop() {
        for entry in fs.read_dir(&dir).unwrap_or_default() {
            held.entries += 1;
            held.memory = held.memory.saturating_add(memory_of(entry.name.len()));
            if entry.file_type.is_dir() && depth < DEPTH_MAX {
                left.push((PathBuf::from(&dir).join(&entry.name), depth + 1));
            }
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use lsm_fs::{FsExt, SyncMode};
    use lsm_fs_mem::MemFs;

    use super::*;

    /// How many names of a length a directory may have in its catalog.
    fn names_of(fs: &MemFs, text_len: usize) -> u64 {
        let mut budget = Budget::new(fs, Path::new("/t"));
        (0..).take_while(|_| budget.take(text_len).is_ok()).count() as u64
    }

    #[test]
    fn what_the_directory_holds_can_be_listed_besides_what_is_free() {
        let fs = MemFs::new();
        fs.create_dir(Path::new("/t")).unwrap();
        let empty = names_of(&fs, 9);
        assert_eq!(empty, FREE_MEMORY / (MEMORY_PER_NAME + 18));
        fs.create_dir(Path::new("/t/abcdefghi")).unwrap();
        for file in ["/t/123456789", "/t/abcdefghi/123456789"] {
            fs.write_new(Path::new(file), b"", SyncMode::Normal).unwrap();
        }
        assert_eq!(names_of(&fs, 9), empty + 3);
        assert!(names_of(&fs, 1 << 20) < 12, "long names are free");
    }

    #[test]
    fn a_catalog_is_as_long_as_its_directory_explains() {
        let fs = MemFs::new();
        fs.create_dir(Path::new("/t")).unwrap();
        let fits = |len: u64| Budget::new(&fs, Path::new("/t")).check_len(len).is_ok();
        assert!(fits(FREE_BYTES) && !fits(FREE_BYTES + 1));
        fs.write_new(Path::new("/t/1"), b"", SyncMode::Normal).unwrap();
        assert!(fits(FREE_BYTES + BYTES_PER_ENTRY) && !fits(FREE_BYTES + BYTES_PER_ENTRY + 1));
    }
}
