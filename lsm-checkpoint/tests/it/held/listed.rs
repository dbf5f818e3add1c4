//! A checkpoint is complete only if each of its files is a regular file.

use std::path::Path;

use lsm_checkpoint::{CheckpointState, FileKind, SourceFile, list, run_checkpoint};
use lsm_fs::Fs;
use lsm_fs_mem::MemFs;

use crate::{create::TARGET, foreign::Foreign};

/// On this filesystem, a directory has the length 0, as an empty file has.
#[test]
fn a_checkpoint_with_a_directory_in_place_of_a_file_is_incomplete() {
    let fs = MemFs::new();
    let engine = Foreign::new(vec![SourceFile::bytes(FileKind::Table, "empty", *b"")], |target| {
        Ok(target.write("CURRENT", b"1")?)
    });
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    let state = || list(&fs, Path::new("/")).unwrap().remove(0).state;
    assert!(matches!(state(), CheckpointState::Complete));
    fs.remove_file(Path::new("/checkpoint/tables/empty")).unwrap();
    fs.create_dir(Path::new("/checkpoint/tables/empty")).unwrap();
    assert!(matches!(state(), CheckpointState::Incomplete));
}
