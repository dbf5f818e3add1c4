use std::{path::PathBuf, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile,
    SourceRoot,
};
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::MemFs;
use lsm_manifest::{WriteOptions, encode_archive};

use super::*;
use crate::{format::StoredFolder, id::RepositoryId};

/// An engine with this number of trees, each with two tables and an empty folder.
struct Engine {
    fs: Arc<MemFs>,
    trees: usize,
    pause: Arc<DeletionPause>,
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::clone(&self.fs) as Arc<dyn Fs>, "/db")]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        "engine".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok((0..self.trees).fold(Capture::new(), |capture, tree| {
            let table = |name: &str| SourceFile::bytes(FileKind::Table, name, name.as_bytes().to_vec());
            let pinned = PinnedSnapshot::new(1, ()).files(["1", "2"].map(table));
            capture.tree(format!("tree{tree}"), pinned.folders([FileKind::Blob]).metadata("CURRENT", *b""))
        }))
    }
}

/// Returns the catalog of a backup of a new checkpoint. Its files have no objects.
fn catalog_of(trees: usize) -> BackupCatalog {
    let fs = Arc::new(MemFs::new());
    fs.create_dir_all(Path::new("/db")).unwrap();
    let engine = Engine { fs: Arc::clone(&fs), trees, pause: Arc::new(DeletionPause::new()) };
    let dir = Path::new("/checkpoint");
    Checkpoint::new().create(&engine, &*fs, dir).unwrap();
    let catalog = Catalog::read(&*fs, dir).unwrap();
    let files = catalog.files.iter().map(|file| StoredFile {
        path: path_text(&catalog.path_of(file)),
        len: file.len,
        object: None,
        checksum: file.checksum,
        pieces: Vec::new(),
        permissions: None,
    });
    let checkpoint = fs.read_to_vec(&dir.join(CATALOG_FILE), 1 << 24).unwrap();
    BackupCatalog {
        repository: RepositoryId([0; 16]),
        backup: BackupId::of_checkpoint(&checkpoint),
        checkpoint,
        refs: Vec::new(),
        files: files.collect(),
        folders: folders_below(&fs, dir),
    }
}

/// Lists the directory and all directories below it, as a push does.
fn folders_below(fs: &MemFs, dir: &Path) -> Vec<StoredFolder> {
    let mut left = vec![PathBuf::new()];
    let mut folders = Vec::new();
    while let Some(below) = left.pop() {
        let entries = fs.read_dir(&dir.join(&below)).unwrap();
        left.extend(
            entries.iter().filter(|entry| entry.file_type.is_dir()).map(|entry| below.join(&entry.name)),
        );
        folders.push(StoredFolder { path: path_text(&below), permissions: None });
    }
    folders
}

fn message(checkpoint: Vec<u8>) -> String {
    let mut catalog = catalog_of(1);
    catalog.checkpoint = checkpoint;
    compare(catalog).err().unwrap().to_string()
}

/// An archive whose only section has this format and these required features.
fn checkpoint_of(format: u32, features: u64) -> Vec<u8> {
    let head = [&format.to_le_bytes()[..], &features.to_le_bytes()].concat();
    let sections = [("checkpoint", head.as_slice())];
    encode_archive(Path::new(CATALOG_FILE), &WriteOptions::new(), sections).unwrap()
}

#[test]
fn the_lists_of_a_checkpoint_agree() {
    let catalog = catalog_of(3);
    assert_eq!(catalog.files.len(), 9);
    assert_eq!(compare(catalog.clone()).unwrap(), catalog);
}

#[test]
fn the_order_of_the_files_is_that_of_the_checkpoint() {
    let mut catalog = catalog_of(1);
    catalog.files.swap(0, 1);
    assert!(matches!(compare(catalog), Err(Defect::OtherFiles)));
}

/// Each tree has three directories. With the fixed amount of memory alone, a database of 10,000 trees would have a
/// backup that nobody can restore.
#[test]
fn the_names_of_all_directories_have_their_memory() {
    let catalog = catalog_of(200);
    let memory = memory_of(&catalog) - FREE_MEMORY;
    Catalog::from_bytes(Path::new(CATALOG_FILE), catalog.checkpoint, memory).unwrap();
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_damage_with_its_reason() {
    let cannot = "its CHECKPOINT cannot be read: ";
    assert!(message(b"junk".to_vec()).starts_with(cannot));
    let mut cut = catalog_of(1).checkpoint;
    // The footer at the front is whole, and the sections are gone.
    cut.truncate(4 << 10);
    assert!(message(cut).starts_with(cannot));
    assert!(message(checkpoint_of(2, 0)).starts_with(cannot), "no fields after the features");
    assert_eq!(message(checkpoint_of(99, 0)), Defect::Format(99).to_string());
    assert_eq!(message(checkpoint_of(2, 1 << 63)), Defect::Features(1 << 63).to_string());
}
