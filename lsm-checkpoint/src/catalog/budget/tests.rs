use lsm_fs::{FsExt, SyncMode};
use lsm_fs_mem::MemFs;

use super::*;

/// Returns the number of names of this length that a directory may have in its catalog.
fn names_of(fs: &MemFs, text_len: usize) -> u64 {
    let mut budget = Budget::new(fs, Path::new("/t"));
    (0..).take_while(|_| budget.take(text_len).is_ok()).count() as u64
}

#[test]
fn the_budget_covers_the_entries_of_the_directory_and_a_fixed_amount() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/t")).unwrap();
    let empty = names_of(&fs, 9);
    assert_eq!(empty, FREE_MEMORY / (MEMORY_PER_NAME + 18));
    fs.create_dir(Path::new("/t/a")).unwrap();
    for file in ["/t/123456789", "/t/a/1234567"] {
        fs.write_new(Path::new(file), b"", SyncMode::Normal).unwrap();
    }
    // Two files, and a directory that counts twice. The name of the directory is too short to make a difference.
    assert_eq!(names_of(&fs, 9), empty + 4);
    assert!(names_of(&fs, 1 << 20) < 12, "long names are free");
}

#[test]
fn the_length_of_a_catalog_is_bounded_by_the_entries() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/t")).unwrap();
    let fits = |len: u64| Budget::new(&fs, Path::new("/t")).check_len(len).is_ok();
    assert!(fits(FREE_BYTES) && !fits(FREE_BYTES + 1));
    fs.write_new(Path::new("/t/1"), b"", SyncMode::Normal).unwrap();
    assert!(fits(FREE_BYTES + BYTES_PER_ENTRY) && !fits(FREE_BYTES + BYTES_PER_ENTRY + 1));
}
